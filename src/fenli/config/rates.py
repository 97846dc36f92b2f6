"""The files of rates of exchange that `fenli.toml` names: each whole and sound, or none of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from fenli.config.document import Words
from fenli.config.load import Config, parse_toml, read_text
from fenli.config.problems import ConfigRefused, Located, Problem, dotted
from fenli.config.problems import Path as Place
from fenli.config.shape import Rule, shape
from fenli.errors import MoneyError, RateRefused
from fenli.prices.rates import Rate, Rates, parse_pair, parse_value
from fenli.values.instants import format_instant, instant_of
from fenli.values.toml_lines import line_of, locate


class RateRow(Struct, frozen=True, forbid_unknown_fields=True):
    """``rate`` of the second currency for one of the first, from ``effective_from`` until the pair's next rate."""

    pair: Words
    rate: Any
    effective_from: Any
    source: Words


class RateFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole file."""

    rates: list[RateRow] = field(default_factory=list)


def load_rates(config: Config) -> tuple[Rate, ...]:
    """The rates of all the files. Raises ConfigRefused with every problem of every file."""
    found: list[Rate] = []
    problems: list[Located] = []
    for name in config.document.rates.files:
        path = config.resolve(name)
        try:
            found += _read(path)
        except ConfigRefused as error:
            problems += error.problems
    if problems:
        raise ConfigRefused(problems)
    try:
        Rates(found)
    except RateRefused as error:
        raise ConfigRefused([Located(str(config.file), None, "rates.files", str(error))]) from None
    return tuple(found)


def _read(path: Path) -> tuple[Rate, ...]:
    text = read_text(path)
    rows = _Rows()
    document, problems = shape(parse_toml(path, text), RateFile, rows.by_type())
    if document is None or problems:
        lines = locate(text)
        raise ConfigRefused(
            Located(str(path), line_of(lines, problem.path), dotted(problem.path) or None, problem.message)
            for problem in problems
        )
    return tuple(rows.rates)


class _Rows:
    """Judges the rows of one file, and keeps those that are sound."""

    def __init__(self) -> None:
        self.rates: list[Rate] = []

    def by_type(self) -> dict[type[Any], Rule]:
        return {RateRow: self.row}

    def row(self, row: RateRow, path: Place) -> Iterator[Problem]:
        base = quote = ""
        value = instant = None
        try:
            base, quote = parse_pair(row.pair)
        except (RateRefused, MoneyError) as error:
            yield Problem((*path, "pair"), str(error))
        try:
            value = parse_value(row.rate)
        except RateRefused as error:
            yield Problem((*path, "rate"), str(error))
        if isinstance(row.effective_from, datetime) and row.effective_from.tzinfo is not None:
            instant = instant_of(row.effective_from)
        else:
            message = f"is {row.effective_from}: write a date-time with its offset, such as 2026-11-01T00:00:00+08:00"
            yield Problem((*path, "effective_from"), message)
        if not base or value is None or instant is None:
            return
        rate = Rate(base, quote, value, instant, row.source)
        if any((one.pair, one.effective_from) == (rate.pair, instant) for one in self.rates):
            message = f"{rate.pair} has a rate from {format_instant(instant)} already: keep one of them"
            yield Problem((*path, "effective_from"), message)
        elif any((one.base, one.quote) == (quote, base) for one in self.rates):
            message = f"is stated as {quote}/{base} above: write it that way round here, too"
            yield Problem((*path, "pair"), message)
        else:
            self.rates.append(rate)
