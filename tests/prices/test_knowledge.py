"""What was known when, whatever came later."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from fenli.prices import Conditions, Offer
from fenli.prices.knowledge import known_at, known_since
from fenli.prices.overlaps import overlaps


def row(number: int, start: int, end: int | None, known: int | None, withdrawn: int | None) -> Offer:
    prices = {"input": number + 1}
    return Offer(
        f"{number:016x}", "acme", "one", "CNY", start, end, "1M_tokens", prices, Conditions(), known_from=known,
        withdrawn_at=withdrawn,
    )  # fmt: skip


@st.composite
def histories(draw: st.DrawFn) -> list[Offer]:
    """Rows that follow each other, known early or late; between them announcements that were taken back."""
    starts = sorted(draw(st.sets(st.integers(0, 50), min_size=1, max_size=5)))
    rows = []
    for number, start in enumerate(starts):
        following = starts[number + 1 :]
        end = following[0] if following else draw(st.none() | st.integers(start + 1, 60))
        rows.append(row(number, start, end, draw(st.none() | st.integers(0, start)), None))
    for number, start in enumerate(sorted(draw(st.sets(st.integers(0, 50), max_size=3)) - set(starts))):
        known = draw(st.integers(0, start))
        rows.append(row(100 + number, start, None, known, draw(st.integers(known + 1, 60))))
    return rows


@given(histories(), st.integers(-1, 70))
def test_at_no_time_were_two_prices_known_for_one_instant(rows, instant):
    known = known_at(rows, instant)

    assert list(overlaps(known)) == []
    assert all(known_since(offer) <= instant for offer in known)
    assert all(offer.withdrawn_at is None for offer in known)


@given(histories())
def test_in_the_end_what_stands_is_known_as_it_stands(rows):
    standing = [offer for offer in rows if offer.withdrawn_at is None]

    assert known_at(rows, 1000) == standing


@given(histories(), st.integers(0, 70))
def test_what_held_at_the_time_was_known_unless_an_announcement_said_otherwise(rows, instant):
    held = [o for o in rows if o.withdrawn_at is None and o.effective_from <= instant < (o.effective_to or instant + 1)]
    announced = [o for o in rows if o.withdrawn_at is not None and o.effective_from <= instant < o.withdrawn_at]
    known = [o for o in known_at(rows, instant) if o.effective_from <= instant < (o.effective_to or instant + 1)]

    if not announced:
        assert [offer.id for offer in held] == [offer.id for offer in known] or not held


def test_an_end_is_known_with_the_row_that_follows():
    rows = [row(0, 0, 10, None, None), row(1, 10, None, 5, None)]

    assert [offer.effective_to for offer in known_at(rows, 4)] == [None]
    assert [offer.effective_to for offer in known_at(rows, 5)] == [10, None]
    assert known_at([msgspec.structs.replace(rows[0], effective_to=10)], 10)[0].effective_to == 10
