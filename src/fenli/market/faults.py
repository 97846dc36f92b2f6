"""What can go wrong with a vendor, by name, and when it does.

A fault is written ``name`` or ``name@number``: ``cut@120`` resets the connection behind byte 120 of the body. It comes
by probability, by schedule, from a queue, or because a request asks for it (``x-market-fault: cut@120``, or the model
``deepseek-chat!cut@120``).
"""

from __future__ import annotations

import enum
from collections import deque
from typing import Final

import msgspec

from fenli.errors import ConfigError, Kind
from fenli.sim.random import Stream


class Trouble(enum.StrEnum):
    """The number behind the ``@``, where there is one, is named in the comment."""

    SLOW = "slow"  # milliseconds before the head
    SLOW_FIRST_BYTE = "slow_first_byte"  # milliseconds between head and body
    UNREACHABLE = "unreachable"  # the connection is refused
    UNRESOLVED = "unresolved"  # the name is gone from the DNS
    UNCONNECTED = "unconnected"  # no answer to the connection attempt
    CUT_HEAD = "cut_head"  # reset before the head
    CUT = "cut"  # bytes of body before the reset
    STALL_HEAD = "stall_head"
    STALL = "stall"  # bytes of body before nothing more comes
    HTML = "html"  # status of an HTML page (502)
    EMPTY = "empty"  # a 200 without a body
    GARBAGE = "garbage"  # bytes that are no JSON
    ERROR_INSIDE = "error_inside"  # events before an error inside a 200
    NO_DONE = "no_done"  # a stream that closes without [DONE]
    FILTERED_INSIDE = "filtered_inside"  # tokens before a filter ends the answer
    USAGE_NULL = "usage_null"
    USAGE_LARGER = "usage_larger"  # three times the completion tokens
    USAGE_INCONSISTENT = "usage_inconsistent"  # a total that is no sum


CONNECTING: Final = frozenset((Trouble.UNREACHABLE, Trouble.UNRESOLVED, Trouble.UNCONNECTED))
CONNECTING_NAMES: Final = frozenset(trouble.value for trouble in CONNECTING)

_NAMES: Final[dict[str, Trouble | Kind]] = {what.value: what for group in (Trouble, Kind) for what in group}


FAULT_NAMES: Final = tuple(_NAMES)


class Fault(msgspec.Struct, frozen=True):
    """A trouble, or a refusal of that kind (``number``: its Retry-After in seconds)."""

    what: Trouble | Kind
    number: int | None = None

    def __str__(self) -> str:
        return self.what.value if self.number is None else f"{self.what.value}@{self.number}"


def parse_fault(text: str) -> Fault:
    """Raises ConfigError with the names that exist."""
    name, mark, number = text.strip().partition("@")
    what = _NAMES.get(name)
    if what is None or (mark and not number.isdecimal()):
        raise ConfigError(f"{text!r} is not a fault: write NAME or NAME@NUMBER, with one of {', '.join(_NAMES)}")
    return Fault(what, int(number) if mark else None)


class FaultRule(msgspec.Struct, frozen=True):
    """``fault`` strikes with ``probability`` from ``since`` (included) to ``until`` (not included)."""

    fault: Fault
    probability: float = 1.0
    since: int | None = None
    until: int | None = None

    def holds(self, instant: int) -> bool:
        return (self.since is None or instant >= self.since) and (self.until is None or instant < self.until)


class Faults:
    """One vendor's. ``queue`` strikes first, one request each (None spares one); then the rules, in order."""

    __slots__ = ("queue", "rules")

    def __init__(self, rules: tuple[FaultRule, ...] = ()) -> None:
        self.rules = rules
        self.queue: deque[Fault | None] = deque()

    def draw(self, instant: int, chance: Stream) -> Fault | None:
        if self.queue:
            return self.queue.popleft()
        for rule in self.rules:
            if rule.holds(instant) and (rule.probability >= 1 or chance.probability(rule.probability)):
                return rule.fault
        return None


def parse_rule(text: str) -> FaultRule:
    """``0.01*cut`` strikes one request in a hundred, ``cut`` every one."""
    share, mark, name = text.partition("*")
    if not mark:
        return FaultRule(parse_fault(text))
    try:
        probability = float(share)
    except ValueError:
        probability = -1.0
    if not 0 <= probability <= 1:
        raise ConfigError(f"{share!r} is not a probability: write a number from 0 to 1, as in 0.01*cut")
    return FaultRule(parse_fault(name), probability)
