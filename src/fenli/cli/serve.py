"""`fenli serve`: checks what it was asked for, then hands over to the supervisor."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer

from fenli.cli.language import say
from fenli.cli.options import ConfigFile, Data, configuration, data_folder
from fenli.cli.orders import OfficeStart
from fenli.cli.running import lock, make_folder, make_local_key
from fenli.cli.supervisor import Plan, Supervisor
from fenli.config.load import Config
from fenli.config.on_device import OnDevice, on_device
from fenli.config.vendors import VendorState, vendor_states
from fenli.errors import ConfigError, FenliError
from fenli.gateway.worker import WorkerOptions
from fenli.http.limits import Limits
from fenli.vendors.catalog import VENDORS
from fenli.vendors.local.process import LocalModel

Host = Annotated[str | None, typer.Option("--host", help=say("option.host"))]
Port = Annotated[int | None, typer.Option("--port", min=0, max=65535, help=say("option.port"))]
OfficePort = Annotated[int | None, typer.Option("--office-port", min=0, max=65535, help=say("option.office_port"))]
Workers = Annotated[int | None, typer.Option("--workers", min=1, max=256, help=say("option.workers"))]


def serve(
    host: Host = None,
    port: Port = None,
    office_port: OfficePort = None,
    data: Data = None,
    config: ConfigFile = None,
    workers: Workers = None,
) -> None:
    """One process for each worker, one for the office, one for the on-device model; this one keeps them alive."""
    loaded = configuration(config)
    folder = data_folder(data)
    make_folder(folder)
    held = lock(folder)
    gateway, office = loaded.document.gateway, loaded.document.office
    host = host or gateway.host
    port = free_port(host, gateway.port if port is None else port, "--port")
    office_port = free_port("127.0.0.1", office.port if office_port is None else office_port, "--office-port")
    model = on_device(loaded)
    local = local_model(model, folder)
    options = worker_options(loaded, folder, host, port, workers or gateway.workers)
    plan = Plan(
        folder,
        base_url(host, port, gateway.tls is not None),
        OfficeStart(folder, office_port, loaded.file, local.base_url if local else None),
        options,
        gateway.drain / 1e9,
    )
    banner = Banner(plan, loaded, vendor_states(loaded, os.environ), model)
    banner.starting()
    code = asyncio.run(Supervisor(plan, local, tell, banner.ready).run())
    os.close(held)
    raise typer.Exit(code)


def free_port(host: str, port: int, option: str) -> int:
    """``port``, or any free one for 0. Raises FenliError where somebody listens already."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise ConfigError(say("serve.bad_host", host=host, reason=error.strerror)) from None
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise FenliError(
                say("serve.port_taken", host=host, port=port, reason=error.strerror, option=option)
            ) from None
        bound: int = probe.getsockname()[1]
        return bound


def local_model(model: OnDevice, folder: Path) -> LocalModel | None:
    if model.weights is None:
        return None
    stated = {name: value for name in ("threads", "context") if (value := getattr(model, name)) is not None}
    key = make_local_key(folder)
    return LocalModel(model.weights, alias=model.model, key=key, log=folder / "local.log", **stated)


def worker_options(config: Config, folder: Path, host: str, port: int, workers: int) -> tuple[WorkerOptions, ...]:
    gateway = config.document.gateway
    limits = Limits(header_bytes=gateway.limits.header_bytes, body_bytes=gateway.limits.body_bytes)
    return tuple(
        WorkerOptions(
            host=host,
            port=port,
            data=folder,
            index=index,
            durability=gateway.durability,
            limits=limits,
            tls_cert=config.resolve(gateway.tls.cert) if gateway.tls else None,
            tls_key=config.resolve(gateway.tls.key) if gateway.tls else None,
            drain_s=gateway.drain / 1e9,
        )
        for index in range(workers)
    )


def base_url(host: str, port: int, tls: bool) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  compared, not bound
    return f"{'https' if tls else 'http'}://{f'[{shown}]' if ':' in shown else shown}:{port}/v1"


def tell(text: str) -> None:
    """A line at once, also into a pipe."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Banner:
    """What the user sees at the start: where things are, what can be called, and how."""

    def __init__(self, plan: Plan, config: Config, vendors: list[VendorState], model: OnDevice) -> None:
        self._plan = plan
        self._config = config
        self._on = [vendor for vendor in vendors if vendor.on]
        self._model = model

    def starting(self) -> None:
        tell(say("serve.starting", data=self._plan.data, config=self._config.file or say("serve.no_config")))
        for vendor in self._on:
            tell(say("serve.vendor_on", vendor=vendor.id, why=vendor.why))
        if self._model.weights is not None:
            tell(say("serve.local_on", model=self._model.model, megabytes=self._model.weights.bytes // 1_000_000))
        else:
            tell(say("serve.local_off", why=self._model.why))
        if not self._on and self._model.weights is None:
            tell(say("serve.nothing_on"))

    def ready(self, first_key: str | None) -> None:
        tell("")
        tell(say("serve.ready", url=self._plan.base_url))
        if first_key is None:
            tell(say("serve.make_key"))
            return
        tell(say("serve.first_key", key=first_key))
        model = self._example()
        if model is not None:
            tell("")
            tell(say("serve.try"))
            tell(curl(self._plan.base_url, first_key, model))

    def _example(self) -> str | None:
        """A model that can be called now: the one on this machine, else the first of the first vendor."""
        if self._model.weights is not None:
            return "local"
        for vendor in self._on:
            models = vendor.models or tuple(model.id for model in VENDORS[vendor.adapter].models)
            if models:
                return f"{vendor.id}/{models[0]}"
        return None


def curl(url: str, key: str, model: str) -> str:
    return "\n".join(
        (
            f"  curl {'-k ' if url.startswith('https') else ''}{url}/chat/completions \\",
            f"    -H 'Authorization: Bearer {key}' \\",
            "    -H 'Content-Type: application/json' \\",
            f'    -d \'{{"model": "{model}",',
            f'         "messages": [{{"role": "user", "content": "{say("serve.hello")}"}}]}}\'',
        )
    )
