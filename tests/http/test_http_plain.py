"""Messages that need no parser: the same to the last byte as if it had read them, and never what it would refuse."""

from __future__ import annotations

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.http.limits import Limits, PoolLimits
from fenli.http.plain import PlainReplies, PlainRequests
from fenli.http.reader import RequestReader

LIMITS = Limits(header_bytes=2_000, headers=12, body_bytes=1_000)
START = b"POST /v1/chat/completions HTTP/1.1\r\n"
BODY = b'{"model":"m"}'


class NeverPlain(PlainRequests):
    def read(self, data: bytes) -> None:
        return None


def outcome(data: bytes, plain: PlainRequests):
    asked = []
    reader = RequestReader(LIMITS, lambda *message: asked.append(message), plain)
    reader.feed(data)
    return asked, reader.refusal.status if reader.refusal else None, reader.ended, reader.begun


LINES = st.sampled_from(
    [
        b"Host: a", b"Host: a:80", b"host: a b", b"Host:", b"Content-Length: 13", b"content-length:13 ",
        b"Content-Length: 013", b"Content-Length: +13", b"Content-Length: 13, 13", b"Content-Length: 0",
        b"Transfer-Encoding: chunked", b"Connection: close", b"Connection: keep-alive", b"Connection: upgrade",
        b"Upgrade: h2c", b"Expect: 100-continue", b"Authorization: Bearer k", b"Accept: */*", b"Accept: text/plain",
        b"X-Empty:", b"X: \t y \t", b"X\t: y", b" folded", b"X: a\rb", b"X: a\nb", b"X: a\x00b", b"X: \xe5\x88\x86",
        b"X: " + b"y" * 1_500, b"no colon", b": nameless", b"(X): y", b"Proxy-Connection: close", b"TE: trailers",
    ]
)  # fmt: skip
STARTS = st.sampled_from(
    [
        START, START, START, b"GET / HTTP/1.1\r\n", b"GET /a?b HTTP/1.1\r\n", b"GET /a#b HTTP/1.1\r\n",
        b"POST http://x/ HTTP/1.1\r\n", b"POST / HTTP/1.0\r\n", b"POST / HTTP/1.2\r\n", b"HEAD / HTTP/1.1\r\n",
        b"POST  / HTTP/1.1\r\n", b"post / HTTP/1.1\r\n", b"PRI * HTTP/2.0\r\n", b"\r\n", b"POST /\xe5 HTTP/1.1\r\n",
    ]
)  # fmt: skip
REQUESTS = st.builds(
    lambda start, lines, body: start + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body,
    STARTS,
    st.lists(LINES, max_size=14),
    st.sampled_from([b"", BODY, BODY, BODY + START, BODY[:-1]]),
)
LEARNT = PlainRequests(LIMITS)  # over all examples, so that most lines have been seen


@given(REQUESTS)
def test_a_request_is_what_the_parser_makes_of_it(data):
    assert outcome(data, LEARNT) == outcome(data, NeverPlain(LIMITS))


def test_what_clients_send_needs_no_parser():
    head = START + b"Host: a\r\nAuthorization: Bearer k\r\nContent-Length: 13\r\nConnection: keep-alive\r\n\r\n"
    plain = PlainRequests(LIMITS)
    for _ in range(2):
        method, path, headers, body = plain.read(head + BODY)
        assert (method, path, body) == (b"POST", b"/v1/chat/completions", BODY)
        assert headers[b"authorization"] == b"Bearer k"
    assert plain.read(head + BODY[:-1]) is None
    assert plain.read(head + BODY + START) is None


def test_lines_without_end_are_not_all_remembered():
    plain = PlainRequests(LIMITS)
    left = 0  # to the parser, when what was learnt is forgotten
    for number in range(10_000):
        whole = plain.read(START + b"Host: a\r\nX-Request-Id: %d\r\n\r\n" % number)
        if whole is None:
            left += 1
        else:
            assert whole[2][b"x-request-id"] == b"%d" % number
    assert left <= 3
    assert len(plain._lines) <= 4_096
    assert plain.read(START + b"Host: a\r\nX: " + b"y" * 1_500 + b"\r\n\r\n") is None


class Parsed:
    """What the parser says of a reply that is over with its last byte."""

    def __init__(self, data: bytes) -> None:
        self.headers, self.body, self.ends = [], b"", 0
        parser = httptools.HttpResponseParser(self)
        parser.feed_data(data)
        self.status = parser.get_status_code()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value.strip(b" \t")))

    def on_body(self, piece: bytes) -> None:
        self.body += piece

    def on_message_complete(self) -> None:
        self.ends += 1


REPLIES = st.builds(
    lambda start, lines, body: start + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body,
    st.sampled_from(
        [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 429\r\n", b"HTTP/1.1 204 No Content\r\n",
         b"HTTP/1.1 100 Continue\r\n", b"HTTP/1.1 304 Not Modified\r\n", b"HTTP/1.0 200 OK\r\n", b"HTTP/2 200\r\n"]
    ),
    st.lists(LINES, max_size=6),
    st.sampled_from([b"", BODY, BODY, BODY + b"HTTP/1.1 200 OK\r\n\r\n", BODY[:-1]]),
)  # fmt: skip
REPLIES_LEARNT = PlainReplies(PoolLimits())


@given(REPLIES)
def test_a_reply_is_what_the_parser_makes_of_it(data):
    whole = REPLIES_LEARNT.read(data)
    if whole is not None:
        parsed = Parsed(data)
        assert whole == (parsed.status, parsed.headers, parsed.body)
        assert parsed.ends == 1


@pytest.mark.parametrize("length", [b"Content-Length: 13", b"content-length: 13", b"CONTENT-LENGTH:13"])
def test_what_vendors_answer_needs_no_parser(length):
    plain = PlainReplies(PoolLimits())
    for number in range(5_000):
        data = b"HTTP/1.1 200 OK\r\nX-Request-Id: %d\r\n%b\r\n\r\n%b" % (number, length, BODY)
        status, headers, body = plain.read(data)
        assert (status, body) == (200, BODY)
        assert headers[0] == (b"X-Request-Id", b"%d" % number)
    assert plain.read(data + b"x") is None
