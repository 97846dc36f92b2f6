"""The checks of `fenli doctor`: each says how it is and, where it is not well, the next step."""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import msgspec

from fenli import __version__
from fenli.cli.configuration import warnings
from fenli.cli.language import say
from fenli.cli.running import is_locked, read_running
from fenli.cli.serve import free_port
from fenli.cli.supervisor import answers
from fenli.config.load import Config, load_config
from fenli.config.on_device import on_device
from fenli.config.settings import try_out
from fenli.config.vendors import VendorState, vendor_states
from fenli.errors import ConfigError, FenliError
from fenli.routing.credentials import resolve_secret
from fenli.values import format_instant, parse_instant
from fenli.vendors.catalog import VENDORS

BUILT: Final = "2026-11-01T00:00:00Z"  # a clock before it is wrong
FREE_BYTES: Final = 1_000_000_000
FILES: Final = 40_000
_TIME_ERROR: Final = 5  # what adjtimex answers for a clock that nobody keeps right


class Check(msgspec.Struct, frozen=True):
    name: str
    state: Literal["ok", "warn", "fail"]
    what: str
    next_step: str | None = None


def ok(name: str, what: str) -> Check:
    return Check(name, "ok", what)


def warn(name: str, what: str, next_step: str) -> Check:
    return Check(name, "warn", what, next_step)


def fail(name: str, what: str, next_step: str) -> Check:
    return Check(name, "fail", what, next_step)


def installation() -> Iterator[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield ok("fenli", f"{__version__}, Python {version}")


def data(folder: Path) -> Iterator[Check]:
    if not folder.exists():
        yield warn("data", say("doctor.no_data", data=folder), say("doctor.no_data.next"))
        return
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield fail("data", say("doctor.not_ours", data=folder), say("doctor.not_ours.next", data=folder))
        return
    mode = folder.stat().st_mode & 0o777
    if mode & 0o077:
        yield warn("data", say("doctor.open", data=folder, mode=f"{mode:o}"), f"chmod 700 {folder}")
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES:
        yield warn("data", say("doctor.full", megabytes=free // 1_000_000), say("doctor.full.next"))
    if not mode & 0o077 and free >= FREE_BYTES:
        yield ok("data", str(folder))


def config(path: Path | None) -> tuple[Config | None, list[Check]]:
    """The configuration, for the checks that need one; None where it does not load."""
    try:
        loaded = load_config(path)
        try_out(loaded, on_device(loaded))
    except FenliError as error:
        return None, [fail("config", text, say("doctor.config.next")) for text in str(error).splitlines()]
    if path is None:
        return loaded, [ok("config", say("serve.no_config"))]
    found = [warn("config", text, say("doctor.warning.next")) for text in warnings(loaded)]
    return loaded, found or [ok("config", str(path))]


def clock() -> Iterator[Check]:
    now = time.time_ns()
    if now < parse_instant(BUILT):
        yield fail("clock", say("doctor.clock_behind", now=format_instant(now)), say("doctor.clock.next"))
    elif not _synchronised():
        yield warn("clock", say("doctor.clock_alone", now=format_instant(now)), say("doctor.clock.next"))
    else:
        yield ok("clock", format_instant(now))


def ports(loaded: Config, folder: Path) -> Iterator[Check]:
    running = read_running(folder)
    if is_locked(folder) and running is not None:
        if answers(running.host, running.port, running.base_url.startswith("https")):
            yield ok("ports", say("doctor.running", url=running.base_url, pid=running.supervisor))
        else:
            yield fail("ports", say("doctor.no_answer", url=running.base_url), say("doctor.no_answer.next"))
        return
    gateway, office = loaded.document.gateway, loaded.document.office
    for host, port, option in ((gateway.host, gateway.port, "--port"), ("127.0.0.1", office.port, "--office-port")):
        try:
            free_port(host, port, option)
            yield ok("ports", say("doctor.port_free", host=host, port=port))
        except FenliError as error:
            yield fail("ports", *_halves(str(error)))


def vendors(loaded: Config) -> Iterator[Check]:
    states = vendor_states(loaded, os.environ)
    for state in states:
        named = state.id in loaded.document.vendors
        unusable = _unusable(state) if state.on else None
        if unusable is not None:
            what = say("doctor.vendor_off", vendor=state.id, why=unusable)
            yield warn("vendor", what, say("doctor.vendor_unusable.next"))
        elif state.on:
            yield ok("vendor", say("doctor.vendor_on", vendor=state.id, why=state.why))
        elif named and loaded.document.vendors[state.id].enabled:
            what = say("doctor.vendor_off", vendor=state.id, why=state.why)
            yield warn("vendor", what, say("doctor.vendor_off.next"))
        else:
            yield ok("vendor", say("doctor.vendor_off", vendor=state.id, why=state.why))


def _unusable(state: VendorState) -> str | None:
    """Why a key that is there, or an address, is none for this vendor."""
    try:
        VENDORS[state.adapter].address(state.base_url, resolve_secret(state.credential), "check")
    except ConfigError as error:
        return str(error)
    return None


def local(loaded: Config) -> Iterator[Check]:
    try:
        model = on_device(loaded)
    except ConfigError as error:
        yield fail("local", str(error), say("doctor.local.next"))
        return
    any_on = any(state.on for state in vendor_states(loaded, os.environ))
    if model.weights is not None:
        size = model.weights.bytes // 1_000_000
        yield ok("local", say("doctor.local_on", model=model.model, file=model.weights.path.name, megabytes=size))
    elif any_on:
        yield ok("local", say("doctor.local_off", why=model.why))
    else:
        yield warn("local", say("doctor.local_off", why=model.why), say("serve.nothing_on"))


def limits() -> Iterator[Check]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FILES:
        yield warn("limits", say("doctor.files", files=hard), say("doctor.files.next", files=FILES))
    else:
        shown = say("doctor.unlimited") if hard == resource.RLIM_INFINITY else hard
        yield ok("limits", say("doctor.files", files=shown))


def _synchronised() -> bool:
    """Whether the kernel's clock is kept right; True where nobody can say."""
    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (OSError, AttributeError):
        return True
    return bool(adjtimex(ctypes.create_string_buffer(512)) != _TIME_ERROR)


def _halves(message: str) -> tuple[str, str]:
    """A message that ends with its next step, as two."""
    what, _, step = message.partition(": ")
    return what, step or what
