"""DuckDB and `Tariff.rate` agree on every call: the amount, or that there is none."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from priced_calls import DAY, HOUR, book, offer, row

from fenli.errors import AmbiguousOffer, NoOffer
from fenli.planner.archive import USAGE
from fenli.planner.parquet import engine, stage
from fenli.planner.rerate import Rerating
from fenli.planner.scenario import Scenario
from fenli.planner.selection import Selection
from fenli.planner.timetable import Verdict
from fenli.prices import Facts, Offer, PriceBook, TokenRange, Window
from fenli.prices.calendars import Calendar
from fenli.values import METERS, parse_instant

FIRST = parse_instant("2026-09-25T00:00:00+08:00")
HOLIDAYS = Calendar(
    name="cn",
    zone="Asia/Shanghai",
    makeup_days_count_as="weekend",
    years=frozenset({2026}),
    holidays=frozenset({date(2026, 10, 1), date(2026, 10, 2)}),
    makeup_days=frozenset({date(2026, 10, 10)}),
)
MIDDLE = FIRST + 12 * DAY + 5 * HOUR
DAYTIME = Window(("09:00-12:00", "14:00-18:00"), "Asia/Shanghai", ("Mon", "Tue", "Wed", "Thu", "Fri"), HOLIDAYS)
UNCERTAIN = msgspec.structs.replace(DAYTIME, calendar=msgspec.structs.replace(HOLIDAYS, years=frozenset({2025})))
NIGHT, SUMMER = Window(("22:00-06:00",), "Asia/Shanghai"), Window(("00:30-08:30",), "America/New_York")


def hours(window: Window) -> tuple[dict[str, Window], dict[str, Window]]:
    return {"window": window}, {"window": msgspec.structs.replace(window, outside=True)}


# Each divides all requests into parts that do not overlap.
SPLITS = [
    ({"prompt_tokens": TokenRange(le=32_000)}, {"prompt_tokens": TokenRange(gt=32_000)}),
    (
        {"prompt_tokens": TokenRange(lt=32_000)},
        {"prompt_tokens": TokenRange(ge=32_000, lt=128_000)},
        {"prompt_tokens": TokenRange(ge=128_000, lt=256_000, context_limit=True)},
    ),
    ({"completion_tokens": TokenRange(lt=200)}, {"completion_tokens": TokenRange(ge=200)}),
    ({"completion_tokens": TokenRange(le=200)}, {"completion_tokens": TokenRange(gt=200)}),
    hours(DAYTIME),
    hours(UNCERTAIN),
    hours(NIGHT),
    hours(SUMMER),
    ({"end": MIDDLE}, {"start": MIDDLE}),
    ({"thinking": False}, {"thinking": True}),
    ({"cache_scheme": "implicit"}, {"cache_scheme": "explicit"}),
    ({}, {"batch": True}),
    ({}, {"service_tier": "flex"}),
]
EDGES = [parse_instant(f"2026-10-{day:02}T{hour}+08:00") for day in (1, 5, 7, 10) for hour in ("09:00:00", "22:00:00")]
LENGTHS = [0, 1, 199, 200, 201, 31_999, 32_000, 32_001, 128_000, 255_999]
FACTS = [None, None, None, {"thinking": True}, {"batch": True}, {"service_tier": "flex"}, {"cache_scheme": "explicit"}]
QUIRKS = {"per": (3, 60, 3600), "included": (1, 250), "minimum": (1, 250)}


@st.composite
def price_lists(draw: st.DrawFn) -> list[Offer]:
    """A division of all requests, with a row missing here and one too many there."""
    parts: list[dict[str, Any]] = [{}]
    for split in draw(st.lists(st.sampled_from(SPLITS), max_size=3, unique_by=lambda split: next(iter(split[-1])))):
        parts = [part | piece for part in parts for piece in split]
    chance = draw(st.randoms(use_true_random=True))
    priced = []
    for part in parts:
        for _ in range(chance.choice([1] * 12 + [0, 2])):
            given = {"input": chance.randrange(10**9), "output": chance.randrange(10**9)}
            given |= {meter: chance.randrange(10**9) for meter in chance.sample(METERS, 3)}
            quirks = {name: {chance.choice(METERS): chance.choice(values)} for name, values in QUIRKS.items()}
            priced.append(offer(**given, **(quirks if chance.random() < 0.3 else {}), **part))
    return list({each.id: each for each in priced}.values())


def some_call(number: int, chance: Random) -> dict[str, Any]:
    usage = {"input": chance.choice(LENGTHS), "output": chance.choice(LENGTHS[:6])}
    for meter in chance.sample(METERS, chance.choice([0, 0, 1, 3])):
        usage[meter] = chance.choice([0, 1, 300, 10**6, 2**64 - 1])
    at = chance.choice([*EDGES, MIDDLE, chance.randrange(FIRST, FIRST + 26 * DAY)]) - chance.choice([0, 0, 1, HOUR])
    return row(number, usage, at, chance.randrange(12 * HOUR), facts=chance.choice(FACTS))


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with tempfile.TemporaryDirectory() as folder, engine(Path(folder) / "spill", threads=1) as opened:
        yield opened


def rated(connection: duckdb.DuckDBPyConnection, prices: PriceBook, rows: list[dict[str, Any]]) -> dict[int, Any]:
    """What DuckDB makes of each entry: its cost, or the verdict that there is none."""
    with tempfile.TemporaryDirectory() as folder:
        table = stage(connection, Path(folder) / "rows.jsonl", rows)
    rerating = Rerating(connection, Scenario(prices), Selection())
    batch = rerating.prepare(table, METERS, rerating.extents(table))
    groups = batch.groups("sequence")
    assert sum(group.attempts for group in groups) == len(rows) == len(groups)
    return {group.day: Verdict(group.verdict) if group.picos is None else group.picos for group in groups}


def expected(prices: PriceBook, entry: dict[str, Any]) -> Any:
    tariff = prices.tariff(entry["vendor"], entry["model"], entry["currency"])
    if tariff is None:
        return "none"
    usage = {meter: entry[USAGE + meter] for meter in METERS if entry.get(USAGE + meter) is not None}
    given = {} if entry["facts"] is None else msgspec.json.decode(entry["facts"])
    at = entry["closed_at"] if prices.basis(entry["vendor"]) == "end" else entry["opened_at"]
    try:
        return tariff.rate(usage, at, Facts(**given)).picos
    except AmbiguousOffer:
        return Verdict.TWO_ROWS
    except NoOffer:
        return "none"


@settings(max_examples=60, deadline=None)
@given(price_lists(), st.randoms(use_true_random=True), st.sampled_from(["start", "end"]))
def test_any_rows_rate_any_calls_as_the_tariff_does(connection, offers, chance, basis):
    prices = book(*offers, basis=basis)
    rows = [some_call(number, chance) for number in range(1, 101)]
    found = rated(connection, prices, rows)
    agree(found, prices, rows)


def test_every_row_of_the_price_book_rates_as_its_tariff_does(connection):
    """A few calls of every model there is, around one of the instants at which its prices changed."""
    prices, chance, rows = PriceBook.load(), Random(20261123), []
    for vendor in prices.vendors():
        for model in prices.models(vendor):
            for sold in prices.offers(vendor, model):
                at = sold.effective_from + chance.randrange(-DAY, DAY)
                name = {"vendor": vendor, "model": model, "currency": sold.currency}
                made = some_call(len(rows) + 1, chance)
                meters = {USAGE + meter: chance.choice(LENGTHS) for meter in sold.prices}
                rows.append(made | meters | name | {"opened_at": at, "closed_at": at + chance.randrange(HOUR)})
    assert len(rows) > 1_000
    found = rated(connection, prices, rows)
    agree(found, prices, rows)
    assert sum(not isinstance(answer, Verdict) for answer in found.values()) > 250


def agree(found: dict[int, Any], prices: PriceBook, rows: list[dict[str, Any]]) -> None:
    for entry in rows:
        answer, wanted = found[entry["sequence"]], expected(prices, entry)
        if wanted == "none":
            assert isinstance(answer, Verdict), entry
            assert answer not in (Verdict.RATED, Verdict.TWO_ROWS), entry
        else:
            assert answer == wanted, entry
