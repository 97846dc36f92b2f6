"""The journal's frames: any way of cutting the bytes gives the same records, any truncation a prefix of them."""

from __future__ import annotations

import google_crc32c
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.ledger.journal import MAGIC, Header, Reader, encode_frame, encode_header
from fenli.ledger.records import Attempted, Grade, Held, Record, Released, Settled

HEADER = Header("00000000000run1", 3, 7)
UNITS = st.integers(0, 2**64 - 1)
SPANS = st.integers(0, 2**62)
TEXT = st.text(max_size=8)
MAYBE_TEXT = st.none() | TEXT
MAYBE_UNITS = st.none() | UNITS

RECORDS: st.SearchStrategy[Record] = st.one_of(
    st.builds(
        Held,
        SPANS,
        SPANS,
        TEXT,
        TEXT,
        st.booleans(),
        SPANS,
        TEXT,
        TEXT,
        MAYBE_TEXT,
        MAYBE_UNITS,
        st.integers(0, 9),
        MAYBE_TEXT,
    ),
    st.builds(Attempted, SPANS, st.integers(1, 9), SPANS, TEXT, TEXT, MAYBE_TEXT, MAYBE_UNITS),
    st.builds(
        Settled,
        SPANS,
        st.integers(1, 9),
        SPANS,
        st.booleans(),
        TEXT,
        st.sampled_from(Grade),
        st.none() | st.integers(100, 599),
        st.none() | st.dictionaries(TEXT, UNITS, max_size=3),
        st.none() | st.binary(max_size=20),
        MAYBE_TEXT,
        MAYBE_UNITS,
    ),
    st.builds(Released, SPANS, st.integers(1, 9), SPANS, st.booleans(), TEXT, st.none() | SPANS, MAYBE_TEXT),
)
FRAMES = st.lists(st.lists(RECORDS, max_size=4), max_size=6)


def segment(frames: list[list[Record]]) -> bytes:
    return encode_header(HEADER) + b"".join(encode_frame(frame) for frame in frames)


def flat(frames: list[list[Record]]) -> list[Record]:
    return [record for frame in frames for record in frame]


@given(FRAMES, st.data())
def test_any_split_of_the_bytes_gives_the_same_records(frames: list[list[Record]], data: st.DataObject) -> None:
    content = segment(frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=8)))
    reader, records = Reader(), []
    for start, end in zip([0, *cuts], [*cuts, len(content)], strict=True):
        records += reader.feed(content[start:end])
    assert records == flat(frames)
    assert (reader.position, reader.torn, reader.damage, reader.header) == (len(content), 0, None, HEADER)


@given(FRAMES, st.data())
def test_any_truncation_gives_whole_frames_and_reading_goes_on_from_there(
    frames: list[list[Record]], data: st.DataObject
) -> None:
    content = segment(frames)
    end = data.draw(st.integers(0, len(content)))
    first = Reader()
    records = first.feed(content[:end])
    assert records == flat(frames)[: len(records)]
    assert first.damage is None
    assert first.position + first.torn == end
    second = Reader(first.position, first.header)
    assert records + second.feed(content[first.position :]) == flat(frames)


@given(FRAMES.filter(lambda frames: len(frames) >= 2), st.data())
def test_a_changed_byte_never_gives_a_changed_record(frames: list[list[Record]], data: st.DataObject) -> None:
    content = bytearray(segment(frames))
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    reader = Reader()
    records = reader.feed(bytes(content))
    assert records == flat(frames)[: len(records)]
    assert reader.position <= at or not frames[-1]
    if reader.damage is None:
        assert reader.torn
    else:
        assert reader.feed(encode_frame([])) == []


def test_a_torn_tail_hides_nothing_and_a_damaged_length_does() -> None:
    frame = encode_frame([Released(1, 1, 5, True, "overloaded")])
    reader = Reader()
    reader.feed(encode_header(HEADER) + frame[:-1])
    assert reader.hidden() is None
    content = bytearray(encode_header(HEADER) + frame + frame)
    start = len(encode_header(HEADER))
    content[start + 1] ^= 0x40
    reader = Reader()
    assert reader.feed(bytes(content)) == []
    assert (reader.damage, reader.torn) == (None, 2 * len(frame))
    assert reader.hidden() == start + len(frame)


@pytest.mark.parametrize("tail", [bytes(1), bytes(8), bytes(5000)])
def test_zeros_at_the_end_are_space_that_was_never_written(tail: bytes) -> None:
    frame = encode_frame([Released(1, 1, 5, True, "overloaded")])
    for content in (frame + tail, frame[:-3] + bytes(3) + tail):
        reader = Reader()
        reader.feed(encode_header(HEADER) + content)
        assert reader.damage is None
    reader.feed(frame)
    assert reader.damage is not None


@pytest.mark.parametrize("start", [b"", MAGIC[:5], MAGIC, MAGIC + b"\x05\0"])
def test_a_segment_that_has_hardly_begun_is_not_damaged(start: bytes) -> None:
    reader = Reader()
    assert reader.feed(start) == []
    assert (reader.damage, reader.header) == (None, None)


def test_what_is_no_journal_is_said_to_be_none() -> None:
    reader = Reader()
    reader.feed(b"SQLite format 3\0")
    assert reader.damage is not None
    assert "not a fenli journal" in reader.damage


def test_a_record_of_a_newer_fenli_is_damage_with_a_reason() -> None:
    strange = msgspec.msgpack.encode([[99, 1, 2]])
    reader = Reader()
    reader.feed(encode_header(HEADER))
    good = encode_frame([Released(2, 1, 5, True, "y")])
    records = reader.feed(good + _framed(strange))
    assert [record.number for record in records] == [2]
    assert reader.damage is not None
    assert "cannot read" in reader.damage


def _framed(payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "little") + google_crc32c.value(payload).to_bytes(4, "little") + payload
