"""The child's side of `fenli serve`: its options come on standard input, and it ends when its parent does."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_PR_SET_PDEATHSIG = 1


def begin(role: str, kind: type[T]) -> T:
    """Reads the first line of standard input as ``kind``, and ties this process's life to the pipe and the parent."""
    logging.basicConfig(level=logging.WARNING, format=f"%(asctime)s {role}: %(message)s", stream=sys.stderr)
    options = decode(sys.stdin.buffer.readline(), kind)
    _die_with_parent()
    threading.Thread(target=_watch, name="parent", daemon=True).start()
    return options


def decode(line: bytes, kind: type[T]) -> T:
    if not line:
        sys.exit("started by `fenli serve`, not by hand")
    return msgspec.json.decode(line, type=kind, dec_hook=_read)


def encode(options: Any) -> bytes:
    """What `begin` and `decode` read."""
    return msgspec.json.encode(options, enc_hook=_written) + b"\n"


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _watch() -> None:
    """The pipe closes when the parent is gone, however it went."""
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _written(value: object) -> str:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(type(value))


def _read(kind: type[Any], value: object) -> Any:
    if issubclass(kind, Path):
        return kind(value)  # type: ignore[arg-type]
    raise NotImplementedError(kind)
