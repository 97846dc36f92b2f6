"""A scenario laid out in time: the same for virtual time and real time, since every question names its instant.

Offsets become instants once, by where the scenario begins and how much faster than the clock it goes.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

import msgspec

from fenli.clock import MICROSECOND
from fenli.errors import ConfigError
from fenli.market.offsets import format_offset
from fenli.market.scenario import Event, Scenario, Spell

_SPEED: Final = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")


def parse_speed(text: str) -> Fraction:
    """How many seconds of the scenario pass in one of the clock. Raises ConfigError."""
    if _SPEED.fullmatch(text) is None or not Fraction(text):
        raise ConfigError(f"{text!r} is no speed: write a number above 0, such as 60 for an hour in a minute")
    return Fraction(text)


class Span(msgspec.Struct, frozen=True):
    """A spell between instants; ``end`` None: it has none."""

    spell: Spell
    start: int
    end: int | None

    def holds(self, instant: int) -> bool:
        return self.start <= instant and (self.end is None or instant < self.end)


class Happening(msgspec.Struct, frozen=True):
    """``ends`` is False at the beginning of an event and True at its end."""

    scenario: Scenario
    instant: int
    offset: int
    event: Event
    ends: bool

    def __str__(self) -> str:
        words = (",".join(self.event.vendors), *self.event.models, self.event.kind, "ends" if self.ends else "begins")
        return f"+{format_offset(self.offset)} {' '.join(words)}"


class Timeline:
    """``begin`` is the instant of offset 0, ``speed`` how many times faster than the clock the scenario goes."""

    def __init__(self, scenario: Scenario, begin: int, speed: Fraction | None = None) -> None:
        self.scenario = scenario
        self.begin = begin
        self.speed = parse_speed(scenario.speed) if speed is None else speed

    def instant(self, offset: int) -> int:
        """To the microsecond, as a price file can say it."""
        exact = self.begin + int(offset / self.speed)
        return exact - exact % MICROSECOND

    def offset(self, instant: int) -> int:
        """Where the scenario is; below 0 before it begins."""
        return int((instant - self.begin) * self.speed)

    def spans(self, vendor: str) -> tuple[Span, ...]:
        """What that vendor lives through, by when it begins."""
        return tuple(
            Span(spell, self.instant(spell.at), None if spell.until is None else self.instant(spell.until))
            for spell in self.scenario.spells()
            if spell.vendor == vendor
        )

    def happenings(self) -> list[Happening]:
        """Everything that can be told of, in order. What merely ends because its vendor came back is not told twice."""
        found = []
        for event in self.scenario.events:
            found.append(Happening(self.scenario, self.instant(event.at), event.at, event, False))
            if event.until is not None:
                found.append(Happening(self.scenario, self.instant(event.until), event.until, event, True))
        return sorted(found, key=lambda each: each.instant)
