"""Opening and movements are the closing balance: exact, rounded and converted."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.errors import BooksError
from fenli.ledger.chart import Move
from fenli.ledger.rounding import POLICIES, Policy
from fenli.ledger.statements import (
    Conversion,
    Line,
    Period,
    Statement,
    Subject,
    Unknown,
    checked,
    converted,
    grouped,
    in_order,
    rounded,
)
from fenli.values.money import picos_of
from fenli.values.rounding import divided

ACME = Subject("customer", "acme", "Acme", "charge")
OCTOBER = Period(0, 1, "2026-10-01", "2026-10-31", "Asia/Shanghai")
amounts = st.integers(-(10**24), 10**24)
movements = st.lists(amounts, max_size=30)
policies = st.sampled_from(list(POLICIES.values()))


def statement(opening: int, moved: list[int], **changed: object) -> Statement:
    lines = tuple(Line(kind=Move.CHARGE, day="2026-10-02", what="openai/o3", picos=picos) for picos in moved)
    fields = {"subject": ACME, "period": OCTOBER, "currency": "CNY", "opening": opening, "lines": lines}
    return Statement(**{**fields, "closing": opening + sum(moved), **changed})  # type: ignore[arg-type]


def test_what_does_not_add_up_is_no_statement() -> None:
    assert checked(statement(5, [1, 2])).closing == 8
    with pytest.raises(BooksError, match=r"customer acme does not add up: .* to 0\.000000000008 CNY, the books"):
        checked(statement(5, [1, 2], closing=9))


@given(amounts, movements, policies)
def test_rounding_keeps_it_adding_up_and_is_off_by_little(opening: int, moved: list[int], policy: Policy) -> None:
    exact = statement(opening, moved)
    shown = rounded(exact, policy)
    assert shown.opening + shown.movements + shown.difference == shown.closing
    half_line, half_total = 10 ** (12 - policy.line_decimals) // 2, 10 ** (12 - policy.total_decimals) // 2
    assert abs(shown.closing - exact.closing) <= half_total
    assert abs(shown.difference) <= 2 * half_total + len(moved) * half_line
    if policy.name == "none":
        assert shown == exact


@given(amounts, movements, movements, policies)
def test_each_statement_opens_with_what_the_one_before_closed_with(
    opening: int, first: list[int], second: list[int], policy: Policy
) -> None:
    october = rounded(statement(opening, first), policy)
    november = rounded(statement(opening + sum(first), second), policy)
    assert october.closing == november.opening


@given(amounts, movements, policies, st.fractions("0.0001", 1000, max_denominator=10**8))
def test_a_whole_statement_is_converted_and_still_adds_up(
    opening: int, moved: list[int], policy: Policy, rate: Fraction
) -> None:
    def convert(picos: int) -> int:
        return divided(picos * rate.numerator, rate.denominator)

    conversion = Conversion("CNY", "CNY/USD", "0.14", 0, "bank")
    exact = converted(statement(opening, moved), "USD", convert, conversion)
    assert (exact.currency, exact.closing) == ("USD", convert(opening + sum(moved)))
    assert abs(exact.difference) <= (len(moved) + 2) // 2 + 1
    shown = rounded(exact, policy)
    assert shown.opening + shown.movements + shown.difference == shown.closing


def test_what_is_unknown_is_converted_apart_and_counts_nowhere() -> None:
    unknown = (Unknown(day="2026-10-02", what="openai/o3", calls=2, held_picos=picos_of("3")),)
    shown = converted(statement(0, [1], unknown=unknown), "USD", lambda picos: 2 * picos, None)
    assert shown.unknown[0].held_picos == picos_of("6")
    assert shown.closing == 2


def test_calls_are_summed_up_by_day_or_by_model_and_nothing_else_is() -> None:
    def call(day: str, model: str) -> Line:
        return Line(kind=Move.CHARGE, day=day, what=model, picos=-1, calls=2, usage={"input": 3})

    lines = (call("2026-10-01", "a"), call("2026-10-01", "b"), call("2026-10-02", "a"))
    paid = Line(kind=Move.TOP_UP, day="2026-10-02", what="bank", picos=9)
    exact = statement(0, [], lines=(*lines, paid), closing=6)
    by_day, by_model = grouped(exact, "day"), grouped(exact, "model")
    assert [(one.day, one.what, one.picos, one.calls, one.usage) for one in by_day.lines if one.calls] == [
        ("2026-10-01", "", -2, 4, {"input": 6}), ("2026-10-02", "", -1, 2, {"input": 3}),
    ]  # fmt: skip
    assert [(one.day, one.what, one.picos) for one in by_model.lines if one.calls] == [("", "a", -2), ("", "b", -1)]
    assert paid in by_day.lines
    assert paid in by_model.lines


def test_lines_are_in_the_order_in_which_a_day_goes() -> None:
    kinds = [Move.CORRECTION, Move.CHARGE, Move.TOP_UP, Move.EXPIRY]
    lines = [Line(kind=kind, day="2026-10-02", what="", picos=1) for kind in kinds]
    lines.append(Line(kind=Move.CORRECTION, day="2026-10-01", what="", picos=1))
    assert [line.kind for line in sorted(lines, key=in_order)] == [
        Move.CORRECTION, Move.TOP_UP, Move.CHARGE, Move.EXPIRY, Move.CORRECTION,
    ]  # fmt: skip
