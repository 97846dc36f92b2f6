"""Requests out of bytes: however they are cut, the same requests and the same refusals."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fenli.http.limits import Limits
from fenli.http.plain import PlainRequests
from fenli.http.reader import RequestReader

LIMITS = Limits(header_bytes=2_000, headers=20, body_bytes=1_000)
GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST /v1?x=1 HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def read(*pieces: bytes, limits: Limits = LIMITS, direct: bool = False):
    """What was asked, and how it ended. ``direct``: bodies of declared length go past the parser wherever they can."""
    asked = []
    reader = RequestReader(limits, lambda *message: asked.append(message), PlainRequests(limits))
    directly = False
    for piece in pieces:
        data = piece
        if directly and not reader.ended:
            count = min(len(data), len(reader.room))
            reader.room[:count] = data[:count]
            reader.filled(count)
            directly, data = reader.begun, data[count:]
        if reader.ended:
            break
        if data:
            reader.feed(data)
        if direct and not directly and not reader.ended and reader.missing and reader.size:
            reader.receive_directly()
            directly = True
    return asked, reader.refusal.status if reader.refusal else None


def every_split(data: bytes):
    yield from ((data[:at], data[at:]) for at in range(1, len(data)))
    yield tuple(data[at : at + 1] for at in range(len(data)))


ACCEPTED = {
    "get": GET + b"\r\n",
    "query": b"GET /a/b?c=d&e HTTP/1.1\r\nHost: a:1\r\n\r\n",
    "length": POST + b"Content-Length: 5\r\n\r\nhello",
    "spaces": POST + b"Content-Length:   5 \t\r\nX:  y z \r\n\r\nhello",
    "chunked": CHUNKED + b"5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nTrailer: x\r\n\r\n",
    "upper chunked": POST + b"Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n",
    "pipelined": GET + b"\r\n" + POST + b"Content-Length: 1\r\n\r\nx" + GET + b"\r\n",
    "close and more": GET + b"Connection: close\r\n\r\n" + GET + b"\r\n",
    "old": b"GET / HTTP/1.0\r\n\r\n",
    "old, kept": b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n",
    "empty lines first": b"\r\n\r\n" + GET + b"\r\n",
    "joined": GET + b"Accept: a\r\nAccept: b\r\n\r\n",
    "absolute": b"GET http://b.example/x?y HTTP/1.1\r\nHost: a\r\n\r\n",
    "absolute, bare": b"GET http://b.example HTTP/1.1\r\nHost: a\r\n\r\n",
    "absolute, query": b"GET http://b.example?q HTTP/1.1\r\nHost: a\r\n\r\n",
    "asterisk": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "upgrade": GET + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n" + GET + b"\r\n",
    "upgrade with a length": POST
    + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello"
    + GET
    + b"\r\n",
    "upgrade with chunks": POST
    + b"Connection: upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    + GET
    + b"\r\n",
    "upgrade and close": POST
    + b"Connection: upgrade, close\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello"
    + GET
    + b"\r\n",
    "version in a value": b"GET / HTTP/1.0\r\nA: HTTP/1.1\r\n\r\n",
    "latin": GET + b"X: caf\xe9\r\n\r\n",
}

# Every way two parsers could read one message in two ways, and plain nonsense.
REFUSED = {
    "length and chunked": (400, POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "chunked and length": (400, POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
    "two equal lengths": (400, POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
    "two lengths": (400, POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
    "length list": (400, POST + b"Content-Length: 5, 5\r\n\r\nhello"),
    "length +5": (400, POST + b"Content-Length: +5\r\n\r\nhello"),
    "length -5": (400, POST + b"Content-Length: -5\r\n\r\nhello"),
    "length hex": (400, POST + b"Content-Length: 0x5\r\n\r\nhello"),
    "length 5 5": (400, POST + b"Content-Length: 5 5\r\n\r\nhello"),
    "length empty": (400, POST + b"Content-Length: \r\n\r\n"),
    "length beyond 64 bits": (400, POST + b"Content-Length: 99999999999999999999999\r\n\r\n"),
    "bare LF lines": (400, b"GET / HTTP/1.1\nHost: a\n\n"),
    "bare LF after a header": (400, GET + b"A: b\nC: d\r\n\r\n"),
    "bare CR in a value": (400, GET + b"A: b\rC: d\r\n\r\n"),
    "CR instead of the end": (400, GET + b"\r\rX"),
    "LF instead of the end": (400, GET + b"\n"),
    "obs-fold": (400, GET + b"A: b\r\n c\r\n\r\n"),
    "obs-fold with tab": (400, GET + b"A: b\r\n\tc\r\n\r\n"),
    "fold before the first header": (400, b"GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    "space before the colon": (400, GET + b"A : b\r\n\r\n"),
    "tab before the colon": (400, GET + b"A\t: b\r\n\r\n"),
    "space in a name": (400, GET + b"A B: b\r\n\r\n"),
    "no name": (400, GET + b": b\r\n\r\n"),
    "no colon": (400, GET + b"Abc\r\n\r\n"),
    "chunk size zz": (400, CHUNKED + b"zz\r\nab\r\n0\r\n\r\n"),
    "chunk size 0x": (400, CHUNKED + b"0x1\r\na\r\n0\r\n\r\n"),
    "chunk size -1": (400, CHUNKED + b"-1\r\na\r\n0\r\n\r\n"),
    "chunk size empty": (400, CHUNKED + b"\r\na\r\n0\r\n\r\n"),
    "chunk size with a space": (400, CHUNKED + b"1 \r\na\r\n0\r\n\r\n"),
    "chunk size beyond 64 bits": (400, CHUNKED + b"fffffffffffffffff\r\na"),
    "chunk with bare LF": (400, CHUNKED + b"1\na\n0\n\n"),
    "chunk data without its end": (400, CHUNKED + b"1\r\nab\r\n0\r\n\r\n"),
    "chunk data with bare LF": (400, CHUNKED + b"1\r\na\n0\r\n\r\n"),
    "length in a trailer": (400, CHUNKED + b"0\r\nContent-Length: 5\r\n\r\n"),
    "coding gzip, chunked": (400, POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    "coding chunked, gzip": (400, POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
    "coding chunked, chunked": (400, POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    "coding twice": (400, POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "coding xchunked": (400, POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    "coding identity": (400, POST + b"Transfer-Encoding: identity\r\n\r\n"),
    "coding empty": (400, POST + b"Transfer-Encoding:\r\n\r\n0\r\n\r\n"),
    "coding with a vertical tab": (400, POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
    "coding in 1.0": (400, b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "no host": (400, b"GET / HTTP/1.1\r\n\r\n"),
    "two hosts": (400, GET + b"Host: a\r\n\r\n"),
    "host list": (400, b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    "host with a path": (400, b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    "host with a user": (400, b"GET / HTTP/1.1\r\nHost: u@b\r\n\r\n"),
    "two authorizations": (400, GET + b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n"),
    "two content types": (400, GET + b"Content-Type: a\r\nContent-Type: b\r\n\r\n"),
    "NUL in a value": (400, GET + b"A: b\0c\r\n\r\n"),
    "control byte in a value": (400, GET + b"A: b\x01c\r\n\r\n"),
    "DEL in a value": (400, GET + b"A: b\x7fc\r\n\r\n"),
    "NUL in a name": (400, GET + b"A\0: b\r\n\r\n"),
    "NUL in the target": (400, b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
    "high byte in the target": (400, b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n"),
    "fragment": (400, b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
    "no target": (400, b"GET  HTTP/1.1\r\nHost: a\r\n\r\n"),
    "relative target": (400, b"GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
    "other scheme": (400, b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    "bad authority": (400, b"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    "space after the version": (400, b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
    "tab after the method": (400, b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    "unknown method": (400, b"FROB / HTTP/1.1\r\nHost: a\r\n\r\n"),
    "lower-case method": (400, b"get / HTTP/1.1\r\nHost: a\r\n\r\n"),
    "lower-case protocol": (400, b"GET / http/1.1\r\nHost: a\r\n\r\n"),
    "two-digit version": (400, b"GET / HTTP/1.10\r\nHost: a\r\n\r\n"),
    "TLS": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    "version 2": (505, b"GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    "version 3": (505, b"GET / HTTP/3.0\r\nHost: a\r\n\r\n"),
    "version 1.2": (505, b"GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
    "version 0.9": (505, b"GET / HTTP/0.9\r\n\r\n"),
    "no version": (505, b"GET /\r\n\r\n"),
    "HTTP/2 preface": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "connect": (405, b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"),
    "other expectation": (417, POST + b"Expect: gold\r\nContent-Length: 5\r\n\r\nhello"),
    "length above the limit": (413, POST + b"Content-Length: 1001\r\n\r\n"),
    "chunks above the limit": (413, CHUNKED + b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n"),
    "head above the limit": (431, GET + b"A: " + b"x" * 2_000 + b"\r\n\r\n"),
    "head without end": (431, GET + b"A: " + b"x" * 5_000),
    "target above the limit": (431, b"GET /" + b"x" * 5_000),
    "too many headers": (431, GET + b"".join(b"A%d: b\r\n" % n for n in range(21)) + b"\r\n"),
    "too many repeats": (431, GET + b"Accept: b\r\n" * 22 + b"\r\n"),
    "too many trailers": (431, CHUNKED + b"0\r\n" + b"A: b\r\n" * 22 + b"\r\n"),
    "chunk extension without end": (400, CHUNKED + b"1;a=" + b"x" * 5_000),
    "trailer without end": (400, CHUNKED + b"0\r\nA: " + b"x" * 5_000),
}


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("name", ACCEPTED)
def test_a_request_is_the_same_however_it_is_cut(name, direct):
    whole = read(ACCEPTED[name])
    assert whole[0]
    assert whole[1] is None
    for pieces in every_split(ACCEPTED[name]):
        assert read(*pieces, direct=direct) == whole, pieces


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("name", REFUSED)
def test_what_could_be_read_in_two_ways_is_refused_however_it_is_cut(name, direct):
    status, data = REFUSED[name]
    assert read(data) == ([], status)
    for pieces in list(every_split(data))[:: max(1, len(data) // 300)]:
        assert read(*pieces, direct=direct) == ([], status), pieces


@pytest.mark.parametrize("name", REFUSED)
def test_what_follows_a_body_past_the_parser_is_read_as_strictly(name):
    status, data = REFUSED[name]
    asked, refused = read(POST + b"Content-Length: 4\r\n\r\nab", b"cd" + data[:1], data[1:], direct=True)
    assert (len(asked), refused) == (1, status)


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_behind_a_good_request_spares_the_good_one(name):
    status, data = REFUSED[name]
    asked, refused = read(GET + b"\r\n" + data)
    assert [message[0] for message in asked] == [b"GET"]
    assert refused in (status, None)  # None: an unfinished head or body that the next read would end


def test_a_message_has_its_parts():
    (message,), _ = read(POST + b"Content-Length: 5\r\nAccept: a\r\nACCEPT: b\r\n\r\nhello")
    method, path, query, headers, body, alive, modern = message
    assert (method, path, query, body, alive, modern) == (b"POST", b"/v1", b"x=1", b"hello", True, True)
    assert headers == {b"host": b"a", b"content-length": b"5", b"accept": b"a, b"}


def test_an_absolute_target_replaces_the_host():
    (message,), _ = read(b"GET http://b.example/x?y HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (message[1], message[2], message[3][b"host"]) == (b"/x", b"y", b"b.example")


def test_an_upgrade_keeps_its_body():
    asked, _ = read(ACCEPTED["upgrade with a length"])
    assert [(message[0], message[4]) for message in asked] == [(b"POST", b"hello"), (b"GET", b"")]


def test_a_body_in_one_piece_is_not_copied():
    taken = []
    reader = RequestReader(LIMITS, lambda *message: taken.append(message[4]), PlainRequests(LIMITS))
    reader.on_message_begin()
    reader.feed(POST + b"Content-Length: 5\r\n\r\n")
    piece = b"hello"
    reader.on_body(piece)
    reader.on_message_complete()
    assert taken[0] is piece


def test_a_body_past_the_parser_is_one_view_of_all_of_it():
    ((_, _, _, _, body, _, _),), _ = read(POST + b"Content-Length: 5\r\n\r\nh", b"el", b"lo", direct=True)
    assert isinstance(body, memoryview)
    assert body.readonly
    assert body == b"hello"


def test_chunks_never_go_past_the_parser():
    reader = RequestReader(LIMITS, lambda *message: None, PlainRequests(LIMITS))
    reader.feed(CHUNKED + b"5\r\nhe")
    assert (reader.size, reader.missing) == (2, 0)


def test_crumbs_are_joined_now_and_then():
    limits = Limits(body_bytes=100_000)
    reader = RequestReader(limits, lambda *message: None, PlainRequests(limits))
    reader.feed(POST + b"Content-Length: 20000\r\n\r\n")
    for _ in range(19_999):
        reader.feed(b"x")
    assert len(reader._pieces) < 600
    assert read(POST + b"Content-Length: 20000\r\n\r\n", *[b"x"] * 20_000, limits=limits)[0][0][4] == b"x" * 20_000


def test_many_upgrades_in_one_read():
    asked, refused = read((GET + b"Connection: upgrade\r\nUpgrade: h2c\r\n\r\n") * 3_000)
    assert (len(asked), refused) == (3_000, None)


SAMPLES = [*ACCEPTED.values(), *(data[:3000] for _, data in REFUSED.values())]


@st.composite
def mutations(draw):
    data = bytearray(draw(st.sampled_from(SAMPLES)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        kind = draw(st.sampled_from(("flip", "cut", "insert", "double", "join")))
        if kind == "flip" and at < len(data):
            data[at] = draw(st.integers(0, 255))
        elif kind == "cut":
            del data[at : at + draw(st.integers(1, 20))]
        elif kind == "insert":
            data[at:at] = draw(
                st.sampled_from(
                    (b"\r\n", b"\n", b"\r", b" ", b"\0", b":", b"0\r\n\r\n", b"Content-Length: 3\r\n", b"chunked")
                )
            )
        elif kind == "double":
            data[at:at] = data[at : at + draw(st.integers(1, 60))]
        else:
            data += draw(st.sampled_from(SAMPLES))
    return bytes(data)


@given(st.one_of(mutations(), st.binary(max_size=300)), st.lists(st.integers(0, 3_000), max_size=6))
@settings(max_examples=1_500, deadline=None)
def test_nothing_crashes_it_and_cutting_changes_nothing(data, cuts):
    edges = [0, *sorted({cut for cut in cuts if cut < len(data)}), len(data)]
    roomy = LIMITS._replace(header_bytes=100_000)
    whole = read(data, limits=roomy)
    for direct in (False, True):
        assert read(*(data[a:b] for a, b in pairwise(edges)), limits=roomy, direct=direct) == whole
