"""Scenario files: read whole and sound, or refused with all that is wrong; and those that come with fenli."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import msgspec

from fenli.errors import ConfigError
from fenli.market.flavours import FLAVOURS
from fenli.market.offsets import format_offset
from fenli.market.scenario import Back, BrownOut, Errors, Event, Exit, Latency, Price, Retired, Scenario, Spell
from fenli.market.scenario_events import EventReader
from fenli.market.timeline import parse_speed
from fenli.prices.book import PriceBook
from fenli.prices.problems import nearest
from fenli.values.toml_lines import line_of, locate
from fenli.vendors.catalog import VENDORS

HEADER: Final = ("title", "opens", "seed", "speed", "events")
_AXES: Final[dict[type[object], frozenset[str]]] = {
    Latency: frozenset({"pace"}),
    Errors: frozenset({"errors"}),
    BrownOut: frozenset({"pace", "errors"}),
}


class Problem(msgspec.Struct, frozen=True):
    """``line`` is None where no line is at fault. ``field`` is dotted, and empty for an event as a whole."""

    file: str
    line: int | None
    number: int | None
    field: str
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        event = "" if self.number is None else f"event {self.number}: "
        return f"{place}: {event}{self.field + ' ' if self.field else ''}{self.message}"


def shipped() -> dict[str, str]:
    """The text of every scenario that comes with fenli, by name."""
    folder = files("fenli.market").joinpath("scenarios")
    entries = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".toml")), key=lambda each: each.name)
    return {entry.name.removesuffix(".toml"): entry.read_text("utf-8") for entry in entries}


def load_scenario(asked: str, book: PriceBook) -> Scenario:
    """The scenario of that name, else of that file. Raises ConfigError with every problem: file, line, event, field."""
    known = shipped()
    if asked in known:
        return read_scenario(asked, known[asked], book)
    file = Path(asked)
    if not file.suffix and not file.is_file():
        raise ConfigError(f"there is no scenario {asked!r}{nearest(asked, known)}: name one of them, or a .toml file")
    try:
        text = file.read_text("utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: is not UTF-8: save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror}): mend its path, or name one of "
                          f"{', '.join(known)}") from None  # fmt: skip
    return read_scenario(str(file), text, book)


def read_scenario(name: str, text: str, book: PriceBook) -> Scenario:
    """``name`` is the scenario's, or its file. Raises ConfigError like `load_scenario`."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name}: is not TOML: {error}: mend it there") from None
    reading = _Reading(name, text, table)
    scenario = reading.scenario(book)
    if reading.problems:
        raise ConfigError("\n".join(map(str, sorted(reading.problems, key=lambda problem: problem.line or 0))))
    return scenario


def models_of(book: PriceBook) -> dict[str, frozenset[str]]:
    """What each emulated vendor has: its catalogue, and every model that it ever had a price for."""
    return {
        name: frozenset((*(model.id for model in VENDORS[name].models), *book.models(name)))
        | {alias.name for alias in book.aliases(name)}
        for name in FLAVOURS
    }


class _Reading:
    def __init__(self, name: str, text: str, table: dict[str, Any]) -> None:
        self.problems: list[Problem] = []
        self._name = name
        self._table = table
        self._lines = locate(text)

    def scenario(self, book: PriceBook) -> Scenario:
        for field in self._table:
            if field not in HEADER:
                self._refuse(None, field, f"is not known{nearest(field, HEADER)}")
        reader = EventReader(self._table, 0, {}, book)
        titles, opens = reader.words("title"), reader.instant("opens")
        self.problems += [self._problem(None, *problem) for problem in reader.problems]
        if "title" not in self._table:
            self._refuse(None, "title", 'is missing: write title = "…", or title = { en = "…", zh = "…" }')
        seed, speed = self._table.get("seed"), self._table.get("speed", 1)
        if seed is not None and type(seed) is not int:
            self._refuse(None, "seed", f"is {seed!r}: write a whole number")
        try:
            parse_speed(str(speed))
        except ConfigError as error:
            self._refuse(None, "speed", f"is refused: {error}")
        events = self._events(book)
        seed = seed if type(seed) is int else None
        scenario = Scenario(self._name, titles, tuple(events), seed, str(speed), opens)
        if not self.problems:
            self._contradictions(scenario)
        return scenario

    def _events(self, book: PriceBook) -> list[Event]:
        tables = self._table.get("events", [])
        if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
            self._refuse(None, "events", "is not a list of tables: head each event with [[events]]")
            return []
        if not tables:
            self._refuse(None, "events", "is missing: a scenario in which nothing happens is none; write [[events]]")
        models = models_of(book)
        found = []
        for number, table in enumerate(tables, start=1):
            reader = EventReader(table, number, models, book)
            event = reader.event()
            self.problems += [self._problem(number, *problem) for problem in reader.problems]
            if event is not None:
                found.append(event)
        return sorted(found, key=lambda event: event.at)

    def _contradictions(self, scenario: Scenario) -> None:
        spells = list(scenario.spells())
        for place, spell in enumerate(spells):
            for earlier in spells[:place]:
                if earlier.vendor == spell.vendor:
                    self._compare(earlier, spell)
        for event in scenario.events:
            if isinstance(event.what, Back):
                self._needs_an_absence(event, spells)

    def _compare(self, earlier: Spell, later: Spell) -> None:
        """``earlier`` begins first, or stands first where both begin at once."""
        number, event = later.event.number, later.event
        which = f"event {earlier.event.number} (line {self._line(earlier.event.number)})"
        shared = _shared(earlier.event, event)
        if isinstance(event.what, Price):
            if isinstance(earlier.event.what, Price) and shared and (earlier.at == later.at or
                    (earlier.until is not None and earlier.until > later.at)):  # fmt: skip
                self._refuse(number, "at", f"is within {which}, which sets a price for {_named(shared)} too: "
                             "end that one first")  # fmt: skip
            return
        if not earlier.holds(later.at):
            return
        if isinstance(earlier.event.what, Exit):
            self._refuse(number, "at", f"is after {later.vendor} has left ({which}): nothing can be seen of it; "
                         "let it come back first")  # fmt: skip
        elif isinstance(earlier.event.what, Retired):
            if event.models and set(event.models) <= set(earlier.event.models):
                self._refuse(number, "at", f"is after {_named(event.models)} was retired ({which}): drop it")
        elif _axes(earlier.event) & _axes(event) and shared is not None:
            also = f" for {_named(shared)}" if shared else ""
            self._refuse(number, "at", f"is within {which}, which settles the same{also} at {later.vendor} until "
                         f"{'the end' if earlier.until is None else format_offset(earlier.until)}: end that one first, "
                         "or put both into one")  # fmt: skip

    def _needs_an_absence(self, back: Event, spells: list[Spell]) -> None:
        """Something without an end of its own must hold until then."""
        open_ended = [
            spell for spell in spells if spell.event.until is None and not isinstance(spell.event.what, Price)
        ]
        for vendor in back.vendors:
            if not any(spell.vendor == vendor and spell.until == back.at for spell in open_ended):
                message = (
                    f"{vendor} has nothing to come back from at {format_offset(back.at)}: before it, something must "
                )
                self._refuse(back.number, "vendor", f"{message}befall it that has neither for nor until")

    def _problem(self, number: int | None, field: str, message: str) -> Problem:
        path = tuple(field.split(".")) if field else ()
        line = line_of(self._lines, path if number is None else ("events", number - 1, *path))
        return Problem(self._name, line, number, field, message)

    def _refuse(self, number: int | None, field: str, message: str) -> None:
        self.problems.append(self._problem(number, field, message))

    def _line(self, number: int) -> int | None:
        return line_of(self._lines, ("events", number - 1))


def _axes(event: Event) -> frozenset[str]:
    """What an event settles; two that settle the same cannot hold at once."""
    return _AXES.get(type(event.what), frozenset({event.kind}))


def _shared(one: Event, other: Event) -> tuple[str, ...] | None:
    """The models that both are about: empty for all of them, None for none."""
    if not one.models or not other.models:
        return one.models or other.models
    both = tuple(model for model in one.models if model in other.models)
    return both or None


def _named(models: tuple[str, ...]) -> str:
    return ", ".join(models)
