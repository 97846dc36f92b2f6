from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.wire.sse import data_of, encode_event, name_of, split_events

LINE_ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
SOUP = st.lists(st.sampled_from([b"data: a", b"data:", b": hm", b"event: x", b"\n", b"\r\n", b"\r", b"{}"])).map(
    b"".join
)


def test_whole_events_come_with_their_blank_line_and_the_rest_waits() -> None:
    events, rest = split_events(b"data: 1\n\ndata: 2\r\n\r\n: hm\n\nda")
    assert events == [b"data: 1\n\n", b"data: 2\r\n\r\n", b": hm\n\n"]
    assert rest == b"da"


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (b"data: {}\n\n", b"{}"),
        (b"data:{}\n\n", b"{}"),
        (b"data:  x\n\n", b" x"),
        (b"data: {}\r\n\r\n", b"{}"),
        (b"data: {}\r\r", b"{}"),
        (b"event: message\ndata: {}\n\n", b"{}"),
        (b"data: {}\nid: 7\n\n", b"{}"),
        (b"id:1\r\nevent:result\r\n:HTTP_STATUS/200\r\ndata:{}\r\n\r\n", b"{}"),
        (b"data: one\ndata:two\n\n", b"one\ntwo"),
        (b"data: x\r\n\n", b"x"),
        (b": keep-alive\n\n", None),
        (b"retry: 10\n\n", None),
        (b"\n\n", None),
        (b"data:\n\n", b""),
        (b"data: data: x\n\n", b"data: x"),
    ],
)
def test_the_data_of_an_event(event: bytes, data: bytes | None) -> None:
    assert data_of(event) == data


def test_the_name_of_an_event() -> None:
    assert name_of(b"event: error\ndata: {}\n\n") == b"error"
    assert name_of(b"event:result\r\ndata:{}\r\n\r\n") == b"result"
    assert name_of(b"data: event: x\n\n") is None


def test_an_encoded_event_reads_back() -> None:
    assert split_events(encode_event(b"{}")) == ([b"data: {}\n\n"], b"")
    assert data_of(encode_event(b"{}")) == b"{}"


@given(SOUP)
def test_splitting_loses_no_byte(text: bytes) -> None:
    events, rest = split_events(text)
    assert b"".join(events) + rest == text


@given(SOUP, st.data())
def test_where_the_bytes_are_cut_changes_no_event(text: bytes, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(text)))
    first, rest = split_events(text[:cut])
    second, rest = split_events(rest + text[cut:])
    assert (first + second, rest) == split_events(text)


@given(st.lists(st.from_regex(rb"[a-z{}: ]{1,9}", fullmatch=True), min_size=1, max_size=4), LINE_ENDS)
def test_data_lines_join_whatever_the_line_end(lines: list[bytes], end: bytes) -> None:
    event = b"".join(b"data: " + line + end for line in lines) + end
    assert data_of(event) == b"\n".join(lines)
