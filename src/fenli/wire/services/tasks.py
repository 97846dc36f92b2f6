"""What is asked for now and there later, at vendors that take a task on: how it is asked after, and what is made of it.

Videos are asked after by callers (`fenli.wire.services.videos`); what is `Awaited` is asked after here, while its
caller waits for the answer.
"""

from __future__ import annotations

import re
from typing import Any, Final, Protocol, runtime_checkable

import msgspec

from fenli.clock import SECOND
from fenli.wire.services.answer import Codec, Delivered, Reply
from fenli.wire.services.request import ServiceRequest
from fenli.wire.services.usage import came_to

# How long to wait before a task is asked after for the first time; then half as long again each time.
FIRST: Final = SECOND // 2
LONGEST: Final = 5 * SECOND
_TASK: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}")


class Errand(msgspec.Struct, frozen=True):
    """A further request about a task. ``path`` stands behind the base URL, as the endpoint's own does; ``lines`` are
    header lines beside the vendor's."""

    path: str
    method: bytes = b"GET"
    body: bytes = b""
    lines: bytes = b""


class Failed(msgspec.Struct, frozen=True):
    """The task came to nothing; ``body`` says so as the vendor's own errors would, so that it is read as one."""

    body: bytes


@runtime_checkable
class Awaited(Codec, Protocol):
    """A codec whose `Codec.read` finds a task alone (`taken_on`)."""

    def asked(self, task: str, model: bytes) -> Errand:
        """How to ask how far it is; ``model`` is the vendor's name for it, as JSON."""

    def outcome(self, ask: ServiceRequest, reply: Reply) -> Delivered | Failed | None:
        """What that said; None: not yet. Raises ValueError, or `NO_ANSWER`."""


def is_task(name: str) -> bool:
    """Whether a task can be called so."""
    return _TASK.fullmatch(name) is not None


def named_task(task: str | None) -> str:
    """Raises ValueError for what is no task's name."""
    if task is None or not is_task(task):
        raise ValueError("it names no task")
    return task


def taken_on(task: str | None) -> Delivered:
    """There is nothing to show of it yet. Raises ValueError."""
    name = named_task(task)
    return Delivered(body=b"", usage=None, id=name, task=name)


def drawn(data: list[dict[str, Any]], at: int, name: str | None) -> Delivered:
    """Images, each paid for, as callers read them; ``at`` is the instant of the request. Raises ValueError."""
    if not data:
        raise ValueError("it has no image")
    named = {} if name is None else {"id": name}
    body = msgspec.json.encode({**named, "created": at // SECOND, "data": data})
    return Delivered(body=body, usage=came_to("images", len(data)), id=name)
