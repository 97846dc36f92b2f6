"""What `fenli replay` prints: tables and a chart, JSON, or CSV. Unknown is said and never shown as zero."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, tzinfo
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple

import msgspec

from fenli.cli.charts import Curve, Step, legend, step_chart
from fenli.cli.language import say
from fenli.cli.output import aligned, as_json, console, line, table
from fenli.cli.rates import rate_data, rate_line
from fenli.errors import ConfigError
from fenli.planner.report import Doubted, DoubtfulAttempt, DoubtSums, Replay, Served, Sums
from fenli.planner.scenario import Scenario
from fenli.planner.selection import Selection
from fenli.planner.timetable import DAY
from fenli.prices.rates import Rate
from fenli.values import PICO, format_instant
from fenli.values.instants import moment_of
from fenli.values.money import decimal_of
from fenli.values.rounding import divided, rounded

_SERVED: Final = Served._fields
_COUNTS: Final = ("calls", "attempts", "estimated", "prompt", "completion", "rated")
CHARTED: Final = 2  # days at least


class Told(NamedTuple):
    """A replay and what was asked of it. ``rates``: what it was converted by."""

    replay: Replay
    scenario: Scenario
    selection: Selection
    prices: list[Path]
    rates: list[Rate]
    zone: tzinfo


def print_report(told: Told) -> None:
    replay = told.replay
    totals = sorted(replay.totals().items())
    if replay.first is None or replay.last is None:
        line(say("replay.none"))
        return
    attempts = sum(sums.attempts for _, sums in totals)
    first, last = (format_instant(instant, told.zone) for instant in (replay.first, replay.last))
    line(say("replay.head", attempts=f"{attempts:,}", first=first, last=last, prices=_prices(told)))
    line()
    models = sorted(replay.by_model().items())
    rows = [(_named(served), served.paid_currency, served.currency, sums) for served, sums in models]
    ends = [(say("usage.total"), *pair, sums) for pair, sums in totals]
    _amounts(say("column.model"), [*rows, *ends] if len(rows) > 1 else rows, lengths=True)
    _left_out(sums for _, sums in totals)
    days = dict(sorted(replay.by_day().items()))
    if len({day for day, _, _ in days}) > 1:
        line()
        _amounts(say("replay.day"), [(day.isoformat(), paid, now, sums) for (day, paid, now), sums in days.items()])
    _charts(days)
    _doubts(replay.doubts())
    for rate in told.rates:
        line(rate_line(rate))


def print_json(told: Told) -> None:
    replay, scenario = told.replay, told.scenario
    models = sorted(replay.by_model().items())
    asked = {name: value for name, value in msgspec.structs.asdict(told.selection).items() if value is not None}
    asked |= {name: format_instant(asked[name]) for name in ("since", "until") if name in asked}
    as_json(
        {
            "asked": asked,
            "as_of": None if scenario.as_of is None else format_instant(scenario.as_of),
            "prices": list(map(str, told.prices)),
            "swaps": [{"served": swap.source, "as": swap.target} for swap in scenario.swaps],
            "zone": str(told.zone),
            "first": None if replay.first is None else format_instant(replay.first),
            "last": None if replay.last is None else format_instant(replay.last),
            "rates": list(map(rate_data, told.rates)),
            "totals": [_pair(*pair) | _data(sums, *pair) for pair, sums in sorted(replay.totals().items())],
            "models": [served._asdict() | _data(sums, *served[-2:]) for served, sums in models],
            "days": [
                {"day": day.isoformat()} | _pair(*pair) | _data(sums, *pair)
                for (day, *pair), sums in replay.by_day().items()
            ],
            "doubts": [_doubt_data(doubted, sums) for doubted, sums in sorted(replay.doubts().items())],
        }
    )


def print_csv(told: Told) -> None:
    """A line for each day and model."""
    lines = [
        {"day": slice.day.isoformat()} | served._asdict() | _data(sums, *served[-2:])
        for slice, models in sorted(told.replay.slices.items())
        for served, sums in sorted(models.items())
    ]
    head = ["day", *_SERVED, *_data(Sums(), "", "")]
    writer = csv.DictWriter(sys.stdout, head, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)


class DoubtfulFile:
    """A CSV file with a line for each attempt in doubt; raises ConfigError where it cannot be written."""

    HEAD: Final = (
        "reason", "call", "attempt", "opened_at", *_SERVED[:4], "currency", "cost", "otherwise",
    )  # fmt: skip

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> DoubtfulFile:
        try:
            self._file = self._path.open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise ConfigError(say("replay.no_file", file=self._path, reason=error.strerror)) from None
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(self.HEAD)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._file.close()

    def __call__(self, found: DoubtfulAttempt) -> None:
        amounts = (None if picos is None else decimal_of(int(picos)) for picos in (found.picos, found.otherwise))
        call = found.reason, found.call, found.attempt, format_instant(found.opened_at)
        self._writer.writerow((*call, *found.served[:4], found.served.currency, *amounts))


def _amounts(heading: str, rows: list[tuple[str, str, str, Sums]], *, lengths: bool = False) -> None:
    columns = {
        heading: [name for name, _, _, _ in rows],
        say("column.calls"): [f"{sums.calls:,}" for *_, sums in rows],
        say("column.in"): [f"{sums.prompt:,}" for *_, sums in rows],
        say("column.out"): [f"{sums.completion:,}" for *_, sums in rows],
        say("replay.paid"): aligned([_amount(sums.paid, sums.known) for *_, sums in rows]),
        say("replay.now"): aligned([_amount(sums.picos, sums.rated) for *_, sums in rows]),
        say("replay.difference"): aligned([_difference(sums, paid, now) for _, paid, now, sums in rows]),
        "%": [_percent(sums, paid, now) for _, paid, now, sums in rows],
        "": [paid if paid == now else f"{paid} > {now}" for _, paid, now, _ in rows],
    }
    if not lengths:
        del columns[say("column.in")], columns[say("column.out")]
    percent = list(columns).index("%")
    table(list(columns), list(zip(*columns.values(), strict=True)), right=(*range(1, percent - 3), percent))


def _left_out(totals: Iterable[Sums]) -> None:
    """What has no amount on either side: the difference leaves it out."""
    whole = Sums()
    for sums in totals:
        whole.add(sums)
    unrated, unpaid = whole.attempts - whole.rated, whole.attempts - whole.known
    if unrated or unpaid:
        line(say("replay.left_out", unrated=f"{unrated:,}", unpaid=f"{unpaid:,}"))


def _charts(days: Mapping[tuple[date, str, str], Sums]) -> None:
    for pair in sorted({(paid, now) for _, paid, now in days}):
        of_pair = {day: sums for (day, *currencies), sums in days.items() if tuple(currencies) == pair}
        if len(of_pair) < CHARTED or pair[0] != pair[1]:
            continue
        curves = [
            Curve(say("replay.paid"), list(_steps(of_pair, "both_paid"))),
            Curve(say("replay.now"), list(_steps(of_pair, "both_picos"))),
        ]
        line()
        line(say("replay.chart", legend=legend(curves), currency=pair[0]))
        for text in step_chart(curves, console().width, _label, lambda instant: moment_of(instant).date().isoformat()):
            line(text)


def _steps(days: Mapping[date, Sums], amount: str) -> Iterator[Step]:
    """Of each day; a day stands for the 24 hours that its date has in UTC."""
    for day, sums in days.items():
        start = (day - date(1970, 1, 1)).days * DAY
        yield Step(start, start + DAY, Fraction(getattr(sums, amount), PICO))


def _label(value: Fraction) -> str:
    return decimal_of(rounded(int(value * PICO), 4))


def _doubts(doubts: Mapping[Doubted, DoubtSums]) -> None:
    if not doubts:
        return
    line()
    line(say("replay.doubts"))
    found = sorted(doubts.items())
    columns = [
        [say(f"replay.reason.{doubted.reason}") for doubted, _ in found],
        [_named(doubted.served) for doubted, _ in found],
        [f"{sums.attempts:,}" for _, sums in found],
        aligned([decimal_of(sums.picos) if sums.rated else "" for _, sums in found]),
        aligned([decimal_of(sums.otherwise) if sums.rated else "" for _, sums in found]),
        [doubted.served.currency if sums.rated else "" for doubted, sums in found],
        [sums.examples[0] for _, sums in found],
    ]
    headings = [say(f"replay.{name}") for name in ("why", "model", "attempts", "counted", "otherwise")]
    table([*headings, "", say("replay.example")], list(zip(*columns, strict=True)), right=(2,))
    line(say("replay.list_them"))


def _prices(told: Told) -> str:
    scenario = told.scenario
    parts = []
    if told.prices:
        parts.append(say("replay.by_files", files=", ".join(map(str, told.prices))))
    parts += [say("replay.by_swap", served=swap.source, target=swap.target) for swap in scenario.swaps]
    parts.append(
        say("replay.by_book")
        if scenario.as_of is None
        else say("replay.by_date", at=format_instant(scenario.as_of, told.zone))
    )
    return say("replay.and").join(parts)


def _named(served: Served) -> str:
    name, other = f"{served.vendor}/{served.model}", f"{served.as_vendor}/{served.as_model}"
    return name if name == other else f"{name} > {other}"


def _amount(picos: int, count: int) -> str:
    return decimal_of(picos) if count else say("unknown")


def _difference(sums: Sums, paid: str, now: str) -> str:
    difference = sums.difference
    if difference is None or paid != now:
        return ""
    return f"+{decimal_of(difference)}" if difference > 0 else decimal_of(difference)


def _percent(sums: Sums, paid: str, now: str) -> str:
    """To a tenth; empty where there is nothing to compare with."""
    difference = sums.difference
    if difference is None or paid != now or not sums.both_paid:
        return ""
    tenths = divided(difference * 1000, sums.both_paid)
    return f"{'-' if tenths < 0 else '+' if tenths else ''}{abs(tenths) // 10:,}.{abs(tenths) % 10}"


def _pair(paid: str, now: str) -> dict[str, Any]:
    return {"paid_currency": paid, "currency": now}


def _data(sums: Sums, paid: str, now: str) -> dict[str, Any]:
    """Amounts as decimal text, null where none is known. ``both``: attempts with a cost then and now."""
    one_currency = paid == now
    return {
        **{name: getattr(sums, name) for name in _COUNTS},
        "paid_known": sums.known,
        "paid": decimal_of(sums.paid) if sums.known else None,
        "cost": decimal_of(sums.picos) if sums.rated else None,
        "both": sums.both,
        "both_paid": decimal_of(sums.both_paid) if sums.both else None,
        "both_cost": decimal_of(sums.both_picos) if sums.both else None,
        "difference": decimal_of(sums.both_picos - sums.both_paid) if sums.both and one_currency else None,
    }


def _doubt_data(doubted: Doubted, sums: DoubtSums) -> dict[str, Any]:
    return {
        "reason": doubted.reason,
        **doubted.served._asdict(),
        "attempts": sums.attempts,
        "rated_both_ways": sums.rated,
        "cost": decimal_of(sums.picos) if sums.rated else None,
        "otherwise": decimal_of(sums.otherwise) if sums.rated else None,
        "examples": list(sums.examples),
    }
