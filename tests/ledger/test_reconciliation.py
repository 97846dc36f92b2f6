"""Each difference gets the cause that the two sides show, and what is booked makes them agree to the pico."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.ledger.bills import REQUESTS, BillLine
from fenli.ledger.reconciliation import (
    Cause,
    Compared,
    Ours,
    Place,
    allot,
    by_place,
    compare,
    elsewhere,
    settlement,
    shifted,
)
from fenli.values.money import picos_of

DAY = Place("2026-10-01", "qwen-max", "CNY")
CENT = picos_of("0.01")
USAGE = {"input": 900, "output": 80, "reasoning": 20}


def bill(amount: str = "0.01", **changed: Any) -> BillLine:
    fields = {"line": 2, "day": DAY.day, "model": DAY.model, "currency": "CNY", "decimals": 8}
    return BillLine(**{**fields, "picos": picos_of(amount), **changed})


def ours(**changed: Any) -> Ours:
    return Ours(**{"known": CENT, "attempts": 3, "usage": USAGE, **changed})


def one(mine: Ours, *lines: BillLine) -> Compared:
    [found] = compare({DAY: mine}, by_place(lines))
    return found


INPUT = {"meters": ("input",), "units": 900}
OUTPUT = {"meters": ("output", "reasoning"), "units": 100}


def test_what_agrees_has_no_cause() -> None:
    assert one(ours(), bill()).causes == ()
    assert one(ours(), bill("0.004", **INPUT), bill("0.006", **OUTPUT)).causes == ()
    assert one(ours(), bill(), bill("0", meters=(REQUESTS,), units=3)).causes == ()


@pytest.mark.parametrize(
    ("mine", "lines", "causes"),
    [
        ({"known": CENT + 9_999}, [bill()], [Cause.ROUNDING]),
        ({"known": CENT + 19_000}, [bill("0.004"), bill("0.006")], [Cause.ROUNDING]),
        ({}, [bill("0", **INPUT), bill("0", **OUTPUT)], [Cause.FREE_QUOTA]),
        ({}, [bill("0")], [Cause.FREE_QUOTA]),
        ({}, [bill("0.002", **INPUT), bill("0.003", **OUTPUT)], [Cause.PRICE]),
        ({}, [bill("0.02", meters=("input",), units=1800)], [Cause.USAGE]),
        ({}, [bill("0.01", meters=("input",), units=901)], [Cause.USAGE]),
        ({"estimated": 1}, [bill("0.02")], [Cause.ESTIMATED]),
        ({"estimated": 1}, [bill("0.02", meters=("input",), units=950)], [Cause.ESTIMATED, Cause.USAGE]),
        ({}, [bill("0.02")], [Cause.UNEXPLAINED]),
        ({"unknown": 1, "unknown_held": CENT}, [bill("0.015")], [Cause.UNKNOWN_CALLS]),
        ({"unknown": 1, "unknown_held": CENT}, [bill("0.01")], [Cause.UNKNOWN_CALLS]),
        ({"unknown": 1, "unknown_held": CENT}, [bill("0.03")], [Cause.UNKNOWN_CALLS, Cause.MORE_THAN_HELD]),
        ({"unknown": 1, "unheld": 1}, [bill("9")], [Cause.UNKNOWN_CALLS]),
        ({"unknown": 1, "unknown_held": CENT}, [bill("0.001")], [Cause.UNKNOWN_CALLS, Cause.UNEXPLAINED]),
    ],
)
def test_the_cause_of_a_difference(mine: dict[str, Any], lines: list[BillLine], causes: list[Cause]) -> None:
    found = one(ours(**mine), *lines)
    assert list(found.causes) == causes
    assert found.picos == sum(line.picos for line in lines) - found.ours.known if found.ours else False


def test_what_only_one_side_has() -> None:
    [there] = compare({}, by_place([bill()]))
    [here] = compare({DAY: ours()}, {})
    [unknown] = compare({DAY: Ours(attempts=1, unknown=1)}, {})
    assert [there.causes, here.causes, unknown.causes] == [(Cause.NOT_HERE,), (Cause.NOT_THERE,), (Cause.NOT_THERE,)]
    assert [settlement(each) for each in (there, here, unknown)] == [None, None, None]
    [free] = compare({DAY: Ours(attempts=1)}, {})
    assert free.causes == ()


def test_entries_without_a_currency_are_where_the_bill_names_one() -> None:
    found = compare(
        {DAY: ours(), DAY._replace(currency=""): Ours(attempts=1, unknown=1, unheld=1)}, by_place([bill("0.5")])
    )
    assert [each.place for each in found] == [DAY]
    assert found[0].ours is not None
    assert (found[0].ours.attempts, found[0].ours.unknown, found[0].ours.known) == (4, 1, CENT)


def test_a_bill_by_request_is_taken_request_by_request() -> None:
    lines = [bill(request_id="a"), bill("0.02", request_id="a"), bill(request_id="b", day="2026-10-02")]
    assert {place.request_id: each.picos for place, each in by_place(lines).items()} == {"a": 3 * CENT, "b": CENT}
    assert [place.request_id for place in by_place([*lines, bill()])] == ["", ""]


def test_days_that_begin_in_another_zone_are_seen_and_not_booked() -> None:
    days = [DAY._replace(day=f"2026-10-0{number}") for number in range(1, 7)]
    theirs = by_place([bill(f"0.0{number}", day=day.day) for number, day in enumerate(days, start=1)])
    right = compare({day: ours(known=number * CENT) for number, day in enumerate(days, start=1)}, theirs)
    wrong = compare({day: ours(known=(number + 1) * CENT) for number, day in enumerate(days, start=1)}, theirs)
    assert elsewhere({"UTC": wrong, "Asia/Shanghai": right}, "UTC") == "Asia/Shanghai"
    assert elsewhere({"UTC": wrong, "Asia/Shanghai": right}, "Asia/Shanghai") is None
    assert elsewhere({"UTC": wrong, "Asia/Shanghai": wrong}, "UTC") is None
    assert all(each.causes[0] is Cause.DAY_SHIFT and settlement(each) is None for each in shifted(wrong))
    assert shifted(right) == right


amounts = st.integers(0, 10**15)


@given(st.integers(-(10**15), 10**15), amounts, st.integers(0, 3), amounts, st.integers(0, 3))
def test_what_is_booked_makes_the_books_say_what_the_bill_says(
    asked: int, known: int, unknown: int, held: int, unheld: int
) -> None:
    mine = ours(known=known, unknown=unknown, unknown_held=held if unknown else 0, unheld=min(unheld, unknown))
    found = one(mine, bill(picos=asked))
    booked = settlement(found)
    if booked is None:
        assert found.picos < -10_000 if unknown else found.picos == 0
    else:
        assert known + (booked.unknown or 0) + booked.residue == asked
        assert booked.unknown is None or (booked.unknown >= 0 and unknown)


@given(st.integers(0, 10**18), st.lists(st.none() | st.integers(0, 10**15), min_size=1, max_size=20))
def test_the_parts_of_unknown_calls_add_up_and_follow_their_holds(total: int, held: list[int | None]) -> None:
    parts = allot(total, held)
    assert sum(parts) == total
    assert all(part >= 0 for part in parts)
    known = [(amount, part) for amount, part in zip(held, parts, strict=True) if amount]
    for amount, part in known:
        assert all(part + 1 >= other_part for other, other_part in known if other <= amount)
