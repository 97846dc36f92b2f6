"""The poster: whatever order calls run in, each attempt gives one entry and each call one last one."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.errors import BooksError
from fenli.ledger.entries import LOST, Entry, OpenHold, Poster
from fenli.ledger.records import OK, Attempted, Grade, Held, Record, Released, Settled

RUN = "00000000000run1"


def held(number: int) -> Held:
    return Held(number, number, "key_a", "smart", True, 40, "deepseek", "deepseek-chat", "CNY", 100 + number)


def attempted(number: int, attempt: int) -> Attempted:
    return Attempted(number, attempt, number, "moonshot", "kimi-k3", "CNY", 200 + number)


def ended(number: int, attempt: int, *, final: bool, paid: bool) -> Record:
    if not paid:
        return Released(number, attempt, number + 1, final, "overloaded", 503)
    usage = {"input": 1}
    return Settled(number, attempt, number + 1, final, OK, Grade.MEASURED, 200, usage, b"{}", "CNY", 7, "offer", number)


@st.composite
def lives(draw: st.DrawFn) -> list[Record]:
    """Some calls of one to four attempts, their records shuffled together, each call's own in order."""
    calls: list[list[Record]] = []
    for number in range(1, draw(st.integers(1, 6)) + 1):
        attempts = draw(st.integers(1, 4))
        records: list[Record] = [held(number)]
        for attempt in range(1, attempts + 1):
            if attempt > 1:
                records.append(attempted(number, attempt))
            records.append(ended(number, attempt, final=attempt == attempts, paid=draw(st.booleans())))
        calls.append(records)
    turns = draw(st.permutations([index for index, records in enumerate(calls) for _ in records]))
    queues = [iter(records) for records in calls]
    return [next(queues[turn]) for turn in turns]


def posted(poster: Poster, records: list[Record]) -> list[Entry]:
    return [entry for record in records if (entry := poster.post(record)) is not None]


@given(lives())
def test_each_attempt_gives_one_entry_and_each_call_one_last_one(records: list[Record]) -> None:
    poster = Poster(RUN)
    entries = posted(poster, records)
    attempts = [record for record in records if isinstance(record, Held | Attempted)]
    assert len(entries) == len(attempts)
    assert len({(entry.call, entry.attempt) for entry in entries}) == len(entries)
    assert sum(entry.final for entry in entries) == sum(isinstance(record, Held) for record in records)
    assert poster.open == {}


@given(lives(), st.data())
def test_a_death_at_any_record_ends_every_call_once(records: list[Record], data: st.DataObject) -> None:
    records = records[: data.draw(st.integers(0, len(records)))]
    poster = Poster(RUN)
    entries = posted(poster, records)
    lost = poster.close(99)
    calls = {record.number for record in records}
    finals = [entry.call for entry in entries + lost if entry.final]
    assert len(finals) == len(set(finals)) == len(calls)
    assert len({(entry.call, entry.attempt) for entry in entries + lost}) == len(entries + lost)
    for entry in lost:
        assert (entry.outcome, entry.picos, entry.closed_at) == (LOST, None, 99)
        assert (entry.grade is Grade.UNKNOWN) == (entry.held_picos is not None)
    assert poster.open == {}


@given(lives(), st.data())
def test_a_poster_made_from_the_open_holds_goes_on_where_the_other_stood(
    records: list[Record], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(records)))
    end = data.draw(st.integers(cut, len(records)))
    whole = Poster(RUN)
    expected = posted(whole, records[:end]) + whole.close(99)
    first = Poster(RUN)
    found = posted(first, records[:cut])
    stored = {
        key: msgspec.msgpack.decode(msgspec.msgpack.encode(hold), type=OpenHold) for key, hold in first.open.items()
    }
    second = Poster(RUN, stored)
    found += posted(second, records[cut:end]) + second.close(99)
    assert found == expected


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([ended(1, 1, final=True, paid=True)], "without ever being opened"),
        ([attempted(1, 2)], "without ever being opened"),
        ([held(1), held(1)], "was opened twice"),
        ([held(1), attempted(1, 1)], "was opened after attempt 1"),
        ([held(1), ended(1, 2, final=True, paid=True)], "ended but was not open"),
        ([held(1), ended(1, 1, final=False, paid=False), ended(1, 1, final=True, paid=False)], "was not open"),
        ([held(1), attempted(1, 3), attempted(1, 2)], "was opened after attempt 3"),
        ([held(1), ended(1, 1, final=True, paid=True), attempted(1, 2)], "without ever being opened"),
    ],
)
def test_a_sequence_that_cannot_be_is_refused(records: list[Record], message: str) -> None:
    with pytest.raises(BooksError, match=message):
        posted(Poster(RUN), records)


@pytest.mark.parametrize("restart", [False, True])
def test_the_attempts_of_a_call_never_go_back(restart: bool) -> None:
    poster = Poster(RUN)
    posted(
        poster, [held(1), ended(1, 1, final=False, paid=False), attempted(1, 2), ended(1, 2, final=False, paid=True)]
    )
    poster = Poster(RUN, poster.open) if restart else poster
    with pytest.raises(BooksError, match=r"attempt 2 of .* after attempt 2"):
        poster.post(attempted(1, 2))


def test_attempts_that_run_side_by_side_end_one_by_one() -> None:
    poster = Poster(RUN)
    records = [held(1), attempted(1, 2), ended(1, 1, final=False, paid=False)]
    assert [entry.attempt for entry in posted(poster, records)] == [1]
    (lost,) = poster.close(9)
    assert (lost.attempt, lost.final, lost.grade, lost.held_picos) == (2, True, Grade.UNKNOWN, 201)
