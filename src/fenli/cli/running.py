"""One data folder, one `fenli serve`: the lock, and the file that says which processes run."""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path
from typing import Final

import msgspec

from fenli.cli.language import say
from fenli.errors import FenliError

SERVE_FILE: Final = "serve.json"
LOCK_FILE: Final = "lock"
REHEARSAL_FILE: Final = "rehearsal.toml"
LOCAL_KEY_FILE: Final = "local-key"


class Running(msgspec.Struct, frozen=True):
    """What runs on a data folder, or ran last. ``pids`` by role: ``supervisor``, ``office``, ``gateway``, ``local``,
    and ``market`` in a rehearsal.
    ``config`` is the configuration file, so that the commands beside it read the same."""

    base_url: str
    host: str
    port: int
    office_port: int
    ready: bool
    started_at: str
    pids: dict[str, list[int]]
    config: str | None = None

    @property
    def supervisor(self) -> int | None:
        return next(iter(self.pids.get("supervisor", ())), None)


def make_folder(folder: Path) -> None:
    """Raises FenliError where nothing can be written."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise FenliError(say("serve.no_folder", data=folder, reason=error.strerror)) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise FenliError(say("serve.no_folder", data=folder, reason=os.strerror(13)))


def lock(data: Path) -> int:
    """Takes the folder for this process; held until it ends. Raises FenliError when another has it."""
    descriptor = os.open(data / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        other = read_running(data)
        pid = (other and other.supervisor) or "?"
        raise FenliError(say("serve.locked", data=data, pid=pid)) from None
    return descriptor


def is_rehearsal(data: Path) -> bool:
    """Whether the books there are of a rehearsal."""
    return (data / REHEARSAL_FILE).exists()


def is_locked(data: Path) -> bool:
    """Whether a `fenli serve` runs on the folder."""
    try:
        descriptor = os.open(data / LOCK_FILE, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def write_running(data: Path, running: Running) -> None:
    _write(data / SERVE_FILE, msgspec.json.format(msgspec.json.encode(running), indent=1) + b"\n")


def read_running(data: Path) -> Running | None:
    """What the last `fenli serve` wrote; whether it still runs is `is_locked`."""
    try:
        return msgspec.json.decode((data / SERVE_FILE).read_bytes(), type=Running)
    except (OSError, msgspec.DecodeError):
        return None


def make_local_key(data: Path) -> str:
    """A new key for the on-device model, which answers nobody else; the gateways read it where `local_key_reference`
    says."""
    key = secrets.token_urlsafe(32)
    _write(data / LOCAL_KEY_FILE, key.encode() + b"\n")
    return key


def local_key_reference(data: Path) -> str:
    return f"file:{data / LOCAL_KEY_FILE}"


def _write(path: Path, content: bytes) -> None:
    """Replaces the file in one step; only its owner can read it."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    os.replace(fresh, path)


def forget_running(data: Path) -> None:
    """Nothing runs any more."""
    running = read_running(data)
    if running is not None:
        write_running(data, msgspec.structs.replace(running, ready=False, pids={}))
