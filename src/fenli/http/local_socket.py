"""A Unix-domain socket in a directory, however long the directory's name is: an address holds about 100 bytes."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path


def listening(path: Path) -> socket.socket:
    """A socket at ``path`` that only its owner can connect to, in place of one that a process left behind.

    Raises OSError.
    """
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISSOCK(path.lstat().st_mode):
                path.unlink()
        with _address(path) as address:
            made.bind(address)
        path.chmod(0o600)
        made.listen()
    except BaseException:
        made.close()
        raise
    return made


def connected(path: Path) -> socket.socket:
    """A non-blocking socket, connected: on one machine that takes no time. Raises OSError where nobody listens."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        with _address(path) as address:
            made.connect(address)
    except BaseException:
        made.close()
        raise
    return made


@contextlib.contextmanager
def _address(path: Path) -> Iterator[str]:
    """A short name for ``path`` while the block runs: by way of its directory's descriptor."""
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        short = f"/proc/self/fd/{directory}"
        yield f"{short}/{path.name}" if os.path.isdir(short) else str(path)
    finally:
        os.close(directory)
