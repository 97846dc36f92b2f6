"""Lots: who is drawn on first, what a part of a lot stands for, and that every pico is somewhere."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.ledger.lots import Lot, LotKind, Need, draw, in_order

YUAN = 10**12


def lot(id: int = 1, *, face: int, **more: Any) -> Lot:
    values: dict[str, Any] = {"owner": "acme", "kind": LotKind.CREDIT, "unit": "money", "currency": "CNY", **more}
    return Lot(id=id, face=face, **values)


def need(picos: int, *, at: int = 50, tokens: int = 0, name: str | None = None, currency: str = "CNY") -> Need:
    return Need(at, currency, picos, tokens, name)


def test_what_expires_first_is_taken_first_and_what_never_does_last() -> None:
    lots = in_order([lot(1, face=5), lot(2, face=5, expires_at=200), lot(3, face=5, expires_at=100)])
    assert [each.id for each in lots] == [3, 2, 1]
    drawn = draw(lots, need(12))
    assert [(each.lot.id, each.picos) for each in drawn] == [(3, 5), (2, 5), (1, 2)]
    assert lots[2].left == 3


def test_an_owners_order_counts_before_expiry() -> None:
    topped_up = lot(1, face=5, kind=LotKind.TOPPED_UP, expires_at=60)
    granted, pack = lot(2, face=5, kind=LotKind.GRANTED), lot(3, face=5, kind=LotKind.PACK)
    lots = in_order([pack, topped_up, granted], ("granted", "topped_up"))
    assert [each.kind for each in lots] == [LotKind.GRANTED, LotKind.TOPPED_UP, LotKind.PACK]


@pytest.mark.parametrize(
    ("changed", "covers"),
    [
        ({}, True),
        ({"at": 10}, True),
        ({"at": 9}, False),
        ({"at": 99}, True),
        ({"at": 100}, False),
        ({"currency": "USD"}, False),
        ({"name": "qwen-max"}, False),
    ],
)
def test_a_lot_covers_its_time_its_currency_and_its_scope(changed: dict[str, Any], covers: bool) -> None:
    one = lot(face=5, opens_at=10, expires_at=100, scope=frozenset({"web"}))
    wanted = need(1, **{"name": "web"} | changed)
    assert one.covers(wanted) is covers
    assert bool(draw([one], wanted)) is covers


def test_ten_million_tokens_for_63_yuan() -> None:
    """List price 70 CNY for a million-token call of a tenth of it: the pack saves 0.7 CNY of its 7."""
    pack = lot(face=10_000_000, unit="tokens", kind=LotKind.PACK, cash=63 * YUAN)
    (drawn,) = draw([pack], need(7 * YUAN, tokens=1_000_000))
    assert (drawn.units, drawn.picos, drawn.cash) == (1_000_000, 7 * YUAN, 63 * YUAN // 10)
    assert pack.cash_left == 63 * YUAN * 9 // 10


def test_what_a_pack_does_not_cover_is_left_over() -> None:
    """A quarter of the call's tokens is left in the pack: a quarter of its list price is covered."""
    pack = lot(face=250, unit="tokens", kind=LotKind.PACK, cash=99)
    (drawn,) = draw([pack], need(1001, tokens=1000))
    assert (drawn.units, drawn.picos, drawn.cash) == (250, 250, 99)
    assert pack.left == 0


def test_a_call_is_covered_whole_or_not_at_all() -> None:
    calls = lot(face=1, unit="calls", kind=LotKind.FREE)
    assert [(each.units, each.picos) for each in draw([calls], need(500, tokens=9))] == [(1, 500)]
    assert draw([calls], need(500, tokens=9)) == []


def test_what_costs_nothing_draws_on_nothing() -> None:
    one = lot(face=5)
    assert draw([one], need(0, tokens=100)) == []
    assert one.left == 5


LOTS = st.builds(
    lambda unit, face, cash: {"unit": unit, "face": face, "cash": cash},
    st.sampled_from(["money", "tokens", "calls"]),
    st.integers(1, 10**15),
    st.integers(0, 10**15),
)
NEEDS = st.tuples(st.integers(0, 10**14), st.integers(0, 10**6))


@given(st.lists(LOTS, max_size=4), st.lists(NEEDS, max_size=12))
def test_no_unit_and_no_pico_is_drawn_twice_or_lost(lots: list[dict[str, Any]], needs: list[tuple[int, int]]) -> None:
    own = [lot(number, **values) for number, values in enumerate(lots, start=1)]
    used, cash = dict.fromkeys(range(1, 5), 0), dict.fromkeys(range(1, 5), 0)
    for picos, tokens in needs:
        drawn = draw(own, need(picos, tokens=tokens))
        assert 0 <= sum(each.picos for each in drawn) <= picos
        assert all(each.units > 0 and each.picos >= 0 and each.cash >= 0 for each in drawn)
        for each in drawn:
            used[each.lot.id] += each.units
            cash[each.lot.id] += each.cash
    for each in own:
        assert used[each.id] == each.used <= each.face
        assert cash[each.id] == each.cash - each.cash_left == each.cash_of(each.used)
        assert each.left or not each.cash_left
