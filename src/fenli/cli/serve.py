"""`fenli serve`: checks what it was asked for, then hands over to the supervisor."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from fenli.cli.banner import Banner, RehearsalBanner, tell
from fenli.cli.child import decode, encode
from fenli.cli.language import say, spoken
from fenli.cli.options import ConfigFile, Data, configuration, data_folder
from fenli.cli.orders import MarketStart, OfficeStart, Rehearse, Rehearsed
from fenli.cli.running import is_rehearsal, lock, make_folder, make_local_key
from fenli.cli.supervisor import Plan, Supervisor
from fenli.config.load import Config, load_config
from fenli.config.on_device import OnDevice, on_device
from fenli.config.vendors import vendor_states
from fenli.errors import ConfigError, FenliError
from fenli.gateway.worker import WorkerOptions
from fenli.http.limits import Limits
from fenli.vendors.local.process import LocalModel

Host = Annotated[str | None, typer.Option("--host", help=say("option.host"))]
Port = Annotated[int | None, typer.Option("--port", min=0, max=65535, help=say("option.port"))]
OfficePort = Annotated[int | None, typer.Option("--office-port", min=0, max=65535, help=say("option.office_port"))]
Market = Annotated[bool, typer.Option("--market", help=say("option.market"))]
Scenario = Annotated[str | None, typer.Option("--scenario", metavar="NAME|FILE", help=say("option.scenario"))]
Speed = Annotated[str | None, typer.Option("--speed", metavar="N", help=say("option.speed"))]
Workers = Annotated[int | None, typer.Option("--workers", min=1, max=256, help=say("option.workers"))]


def serve(
    host: Host = None,
    port: Port = None,
    office_port: OfficePort = None,
    data: Data = None,
    config: ConfigFile = None,
    workers: Workers = None,
    market: Market = False,
    scenario: Scenario = None,
    speed: Speed = None,
) -> None:
    """One process for each worker, one for the office, one for the on-device model; this one keeps them alive."""
    loaded, folder, stage = _what_for(configuration(config), data, market, scenario, speed)
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
        stage,
    )
    shown = Banner if stage is None else RehearsalBanner
    banner = shown(plan, loaded, vendor_states(loaded, os.environ), model)
    banner.starting()
    code = asyncio.run(Supervisor(plan, local, tell, banner.ready).run())
    os.close(held)
    raise typer.Exit(code)


def _what_for(
    loaded: Config, data: Path | None, market: bool, scenario: str | None, speed: str | None
) -> tuple[Config, Path, MarketStart | None]:
    """The configuration and the folder to serve by, and the market that is rehearsed with, if it is a rehearsal."""
    if market:
        made = _rehearsed(Rehearse(loaded.file, data, scenario, speed, spoken()))
        if made.cleared:
            tell(say("rehearse.cleared", count=made.cleared, folder=made.folder.parent))
        return load_config(made.config), made.folder, made.market
    if scenario is not None or speed is not None:
        raise ConfigError(say("rehearse.only_with_market"))
    folder = data_folder(data)
    if is_rehearsal(folder):
        raise FenliError(say("rehearse.books_of_one", data=folder))
    make_folder(folder)
    return loaded, folder, None


def _rehearsed(order: Rehearse) -> Rehearsed:
    """Made ready in a process of its own: what knows the whole market is not kept."""
    command = [sys.executable, "-P", "-m", "fenli.cli.rehearse_process"]
    done = subprocess.run(command, input=encode(order), capture_output=True, check=False)  # noqa: S603  our own module
    if done.returncode:
        kind = ConfigError if done.returncode == 2 else FenliError
        raise kind(done.stderr.decode(errors="replace").strip())
    return decode(done.stdout, Rehearsed)


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
