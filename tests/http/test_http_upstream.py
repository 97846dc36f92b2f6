"""Replies out of bytes: however they are cut, the receiver hears the same."""

from __future__ import annotations

from itertools import pairwise

import pytest
from http_sockets import read_reply
from hypothesis import given, settings
from hypothesis import strategies as st

from fenli.http.limits import PoolLimits

OK = b"HTTP/1.1 200 OK\r\n"
LIMITS = PoolLimits(header_bytes=1_000)
EMPTY = OK + b"Content-Length: 0\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

# reply, body, kept for another request
WHOLE = {
    "length": (OK + b"Content-Length: 5\r\n\r\nhello", b"hello", True),
    "empty": (EMPTY, b"", True),
    "chunked": (CHUNKED + b"5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nTrailer: x\r\n\r\n", b"hello!", True),
    "until the end": (OK + b"\r\nhello", b"hello", False),
    "until the end, close": (OK + b"Connection: close\r\n\r\nhello", b"hello", False),
    "close": (OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello", b"hello", False),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
    "not modified": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b"", True),
    "old": (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello", False),
    "old, kept": (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", b"hello", True),
    "old, until the end": (b"HTTP/1.0 200 OK\r\n\r\nhello", b"hello", False),
    "interim": (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + EMPTY, b"", True),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx", b"x", True),
    "upgrade offered": (OK + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 1\r\n\r\nx", b"x", True),
    "two cookies": (OK + b"Set-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n", b"", True),
    "odd status": (b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", b"", True),
}

# The reply is whole; what follows it must not answer the next request.
FOLLOWED = {
    "a second reply": EMPTY + EMPTY,
    "garbage": OK + b"Content-Length: 1\r\n\r\nxgarbage",
    "more than its length": OK + b"Content-Length: 1\r\n\r\nxyz",
    "a body where none belongs": b"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nabc",
    "more after a close": OK + b"Connection: close\r\nContent-Length: 1\r\n\r\nx" + EMPTY,
    "more after the last chunk": CHUNKED + b"1\r\nx\r\n0\r\n\r\nabc",
}

BROKEN = {
    "nothing": (b"", "ConnectionLost"),
    "half a head": (OK + b"Content-Le", "ConnectionLost"),
    "short body": (OK + b"Content-Length: 6\r\n\r\nhello", "ConnectionLost"),
    "no last chunk": (CHUNKED + b"5\r\nhello\r\n", "ConnectionLost"),
    "half a chunk": (CHUNKED + b"5\r\nhe", "ConnectionLost"),
    "only an interim reply": (b"HTTP/1.1 100 Continue\r\n\r\n", "ConnectionLost"),
    "length and chunked": (OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "ProtocolError"),
    "two lengths": (OK + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "ProtocolError"),
    "length list": (OK + b"Content-Length: 3, 3\r\n\r\nabc", "ProtocolError"),
    "coding gzip": (OK + b"Transfer-Encoding: gzip\r\n\r\nabc", "ProtocolError"),
    "coding gzip, chunked": (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "ProtocolError"),
    "coding in 1.0": (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "ProtocolError"),
    "bare LF": (b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", "ProtocolError"),
    "obs-fold": (OK + b"A: b\r\n c\r\nContent-Length: 0\r\n\r\n", "ProtocolError"),
    "bare CR": (OK + b"A: b\rc\r\nContent-Length: 0\r\n\r\n", "ProtocolError"),
    "control byte": (OK + b"A: \x01\r\nContent-Length: 0\r\n\r\n", "ProtocolError"),
    "bad chunk size": (CHUNKED + b"zz\r\nab\r\n", "ProtocolError"),
    "chunk with bare LF": (CHUNKED + b"1\na\n0\n\n", "ProtocolError"),
    "switched protocols": (
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        "ProtocolError",
    ),
    "status 99": (b"HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n", "ProtocolError"),
    "status 1000": (b"HTTP/1.1 1000 Odd\r\nContent-Length: 0\r\n\r\n", "ProtocolError"),
    "version 2": (b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", "ProtocolError"),
    "SSH": (b"SSH-2.0-OpenSSH_9.2\r\n", "ProtocolError"),
    "head above the limit": (OK + b"A: " + b"x" * 2_000 + b"\r\nContent-Length: 0\r\n\r\n", "ProtocolError"),
    "head without end": (OK + b"A: " + b"x" * 3_000, "ProtocolError"),
    "interim replies without end": (b"HTTP/1.1 100 Continue\r\n\r\n" * 40, "ProtocolError"),
    "trailer without end": (CHUNKED + b"0\r\nA: " + b"x" * 3_000, "ProtocolError"),
    "chunk extension without end": (CHUNKED + b"1;a=" + b"x" * 3_000, "ProtocolError"),
}


def every_split(data: bytes):
    yield from ([data[:at], data[at:]] for at in range(1, len(data)))
    yield [data[at : at + 1] for at in range(len(data))]


def in_pieces(data: bytes) -> list[bytes]:
    return [data[at : at + 400] for at in range(0, len(data), 400)]


@pytest.mark.parametrize("name", WHOLE)
def test_a_reply_is_the_same_however_it_is_cut(name):
    data, body, kept = WHOLE[name]
    whole = read_reply([data], limits=LIMITS)
    assert whole[0][1:] == ["completed"]
    assert whole[1:] == (body, kept)
    for pieces in every_split(data):
        assert read_reply(pieces, limits=LIMITS) == whole, pieces


@pytest.mark.parametrize("name", FOLLOWED)
def test_bytes_after_a_reply_end_the_connection(name):
    data = FOLLOWED[name]
    told, _, kept = read_reply([data])
    assert told[1:] == ["completed"]
    assert not kept
    for pieces in every_split(data):
        told, _, kept = read_reply(pieces)
        assert told[1:] == ["completed"]
        assert not kept, pieces


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_reply_fails_and_never_completes(name):
    data, error = BROKEN[name]
    told, _, kept = read_reply(in_pieces(data), limits=LIMITS)
    assert told[-1] == error
    assert not kept
    for pieces in list(every_split(data))[:: max(1, len(data) // 300)]:
        told, _, kept = read_reply(pieces, limits=LIMITS)
        assert told.count("completed") == 0
        # What is only too long may also end before the count of it does.
        assert told[-1] in ((error, "ConnectionLost") if name.endswith("without end") else (error,)), pieces
        assert not kept


@pytest.mark.parametrize("data", [OK + b"Content-Length: 5\r\n\r\n", CHUNKED, OK + b"\r\n", EMPTY])
def test_a_reply_to_head_has_no_body(data):
    for pieces in [[data], *every_split(data)]:
        told, body, _ = read_reply(pieces, method=b"HEAD")
        assert told[1:] == ["completed"]
        assert body == b""


def test_a_body_in_reply_to_head_ends_the_connection():
    told, body, kept = read_reply([OK + b"Content-Length: 5\r\n\r\nhello"], method=b"HEAD")
    assert (told[1:], body, kept) == (["completed"], b"", False)


SAMPLES = [
    *(data for data, _, _ in WHOLE.values()),
    *FOLLOWED.values(),
    *(data for data, _ in BROKEN.values()),
]


@st.composite
def mutations(draw):
    data = bytearray(draw(st.sampled_from(SAMPLES)))
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(data)))
        kind = draw(st.sampled_from(("flip", "cut", "insert", "join")))
        if kind == "flip" and at < len(data):
            data[at] = draw(st.integers(0, 255))
        elif kind == "cut":
            del data[at : at + draw(st.integers(1, 20))]
        elif kind == "insert":
            data[at:at] = draw(
                st.sampled_from((b"\r\n", b"\n", b" ", b"\0", b"0\r\n\r\n", b"Content-Length: 3\r\n", EMPTY))
            )
        else:
            data += draw(st.sampled_from(SAMPLES))
    return bytes(data)


@given(
    st.one_of(mutations(), st.binary(max_size=200)),
    st.lists(st.integers(0, 2_000), max_size=5),
    st.sampled_from((b"GET", b"HEAD")),
)
@settings(max_examples=1_500, deadline=None)
def test_whatever_comes_the_receiver_hears_one_end(data, cuts, method):
    edges = [0, *sorted({cut for cut in cuts if cut < len(data)}), len(data)]
    pieces = [data[a:b] for a, b in pairwise(edges) if a < b]
    told, body, _ = read_reply(pieces, method=method)
    ends = [note for note in told if isinstance(note, str)]
    assert len(ends) == 1
    assert told[-1] == ends[0]
    again, body_again, _ = read_reply([data] if data else [], method=method)
    if ends == ["completed"]:
        assert (told, body) == (again, body_again)
    else:
        assert again[-1] != "completed"
