"""Requests out of bytes: the strict half of the server, without a socket and without a clock.

    feed(bytes) ─> sink(method, path, query, headers, body, alive, modern) for each whole request
                └> refusal (and nothing after it)

A large body of declared length can do without the parser: ``receive_directly``, then fill ``room`` and say ``filled``.

llhttp does the parsing; ``framing`` says what it lets through and we do not. ``plain`` spares it the requests that are
whole in one read and leave no doubt.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import httptools

from fenli.errors import RequestError
from fenli.http.framing import SINGLE, check_coding, check_host, check_version, split_target
from fenli.http.limits import Limits
from fenli.http.memory import body_memory
from fenli.http.plain import PlainRequests

Sink = Callable[[bytes, bytes, bytes, dict[bytes, bytes], bytes | memoryview, bool, bool], None]

# A body that comes in crumbs is joined every so often, so that it never costs much more than its own size.
_CRUMBS: Final = 512
# What belongs to the request whose head a fresh parser stands in for.
_KEPT: Final = (
    *("_alive", "_chunked", "_fed", "_headers", "_method", "_modern", "_path", "_query", "_repeats", "_url"),
    "wants_continue",
)


class RequestReader:
    """``begun``: a request is partly here; ``in_body``: its head is whole; ``size``: bytes of its body so far.
    ``wants_continue``: its client waits for 100 Continue. ``ended``: whatever still comes is no request."""

    __slots__ = (
        "_alive",
        "_body",
        "_chunked",
        "_complete",
        "_data",
        "_digits",
        "_fed",
        "_fresh",
        "_headers",
        "_host",
        "_joined",
        "_limits",
        "_method",
        "_modern",
        "_parser",
        "_path",
        "_pieces",
        "_plain",
        "_query",
        "_repeats",
        "_room",
        "_sink",
        "_upgrade",
        "_url",
        "begun",
        "ended",
        "in_body",
        "refusal",
        "size",
        "wants_continue",
    )

    _body: bytes | memoryview
    _fed: int
    _headers: dict[bytes, bytes]
    _joined: int
    _pieces: list[bytes | memoryview] | None
    _url: bytes
    size: int

    def __init__(self, limits: Limits, sink: Sink, plain: PlainRequests) -> None:
        self._limits = limits
        self._plain = plain
        self._digits = len(str(limits.body_bytes))
        self._sink = sink
        self._parser = httptools.HttpRequestParser(self)
        self.refusal: RequestError | None = None
        self.ended = False
        self._method = self._path = self._query = b""
        self._alive = self._modern = True
        self._host: bytes | None = None  # the last one found valid
        self._data = b""  # what is being parsed
        self._fresh = True  # it begins with a new request
        self._room: memoryview | None = None  # where a body goes that is received directly
        self._reset()

    @property
    def bodiless(self) -> bool:
        """Whether the request at hand is a HEAD, whose reply must not have a body even when it is a refusal."""
        return self._method == b"HEAD"

    def feed(self, data: bytes) -> None:
        """Takes what was read. Never raises; look at ``refusal``."""
        if not self.begun:
            whole = self._plain.read(data)
            if whole is not None:
                self._method, path, headers, body = whole
                try:
                    self._sink(self._method, path, b"", headers, body, True, True)
                except RequestError as refusal:
                    self._stop(refusal)
                return
        self._complete = False
        self._fresh = not self.begun
        self._data = data
        size = self.size
        upgrade = None
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as pause:
            upgrade = data[pause.args[0] :]
        except httptools.HttpParserError as error:
            if not self.ended:
                self._refuse(error)
        self._data = b""
        if upgrade is not None:
            self._feed_past_upgrade(upgrade)
        elif self.begun and not self.ended:
            # After a whole request in the same read it is not known where this one began; its next read will tell.
            self._fed = 0 if self._complete or self.size > size else self._fed + len(data)
            if self._fed > self._limits.header_bytes:
                self._stop_overhead()

    @property
    def missing(self) -> int:
        """How many bytes of a body of declared length are still to come."""
        if self._chunked or not self.in_body:
            return 0
        return int(self._headers.get(b"content-length", b"0")) - self.size

    def receive_directly(self) -> None:
        """From now on the body's bytes are put into ``room``; not for ``feed``. Raises OSError for want of memory."""
        room = body_memory(self.size + self.missing)
        at = 0
        for piece in self._pieces or (self._body,):
            room[at : at + len(piece)] = piece
            at += len(piece)
        self._room = room
        self._body = b""
        self._pieces = None

    @property
    def room(self) -> memoryview:
        """What is missing goes here. Never empty."""
        assert self._room is not None
        return self._room[self.size :]

    def filled(self, count: int) -> None:
        """So many bytes were put into ``room``. When they are the last ones, the next request is for ``feed`` again."""
        assert self._room is not None
        self.size += count
        if self.size == len(self._room):
            self._body, self._room = self._room.toreadonly(), None
            self._parser = httptools.HttpRequestParser(self)  # the last one still waits for this body
            self.on_message_complete()

    def close(self) -> None:
        """Lets go of the parser and the sink, which hold on to this reader. No ``feed`` after this."""
        del self._parser, self._sink

    # The parser's callbacks

    def on_message_begin(self) -> None:
        self.begun = True

    def on_url(self, url: bytes) -> None:
        self._url = self._url + url if self._url else url

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        headers = self._headers
        if name in headers or self.in_body:
            self._repeat(name, value)
        else:
            headers[name] = value.strip(b" \t")

    def on_headers_complete(self) -> None:
        parser = self._parser
        headers = self._headers
        limits = self._limits
        url = self._url
        self._method = method = parser.get_method()
        # The parser's own word on the version is slow; most requests are in one read, from its start.
        if self._data.startswith(b" HTTP/1.1\r\n", len(method) + 1 + len(url)) and self._fresh and not self._complete:
            version = "1.1"
        else:
            version = parser.get_http_version()
        if version == "1.1":
            self._modern = True
            host = headers.get(b"host")
            if host is None or host != self._host:
                check_host(host)
                self._host = host
        else:
            self._modern = False
            check_version(version)
        if len(headers) > limits.headers or self._fed + len(self._data) > limits.header_bytes:
            self._check_head()
        if method == b"CONNECT":
            raise RequestError(405, "CONNECT is not served here: this is no proxy.")
        if b"?" in url or b"#" in url or url[0] != 47:  # 47 is the slash
            self._path, self._query = split_target(url, headers)
        else:
            self._path, self._query = url, b""
        if b"transfer-encoding" in headers:
            check_coding(headers[b"transfer-encoding"], version)
            self._chunked = True
        elif b"content-length" in headers:
            length = headers[b"content-length"]
            if len(length) >= self._digits and int(length) > limits.body_bytes:
                raise RequestError(413, f"The body is larger than {limits.body_bytes} bytes. Send a smaller one.")
        if b"expect" in headers and self._modern:
            # RFC 9110 §10.1.1: 100-continue is the only expectation there is.
            if headers[b"expect"].lower() != b"100-continue":
                raise RequestError(417, "The only expectation met here is `100-continue`.")
            self.wants_continue = True
        self._alive = parser.should_keep_alive()
        self._upgrade = b"upgrade" in headers and parser.should_upgrade()
        self.in_body = True

    def on_body(self, piece: bytes) -> None:
        self.size = size = self.size + len(piece)
        if size > self._limits.body_bytes:
            raise RequestError(413, f"The body is larger than {self._limits.body_bytes} bytes. Send a smaller one.")
        pieces = self._pieces
        if pieces is not None:
            pieces.append(piece)
            if len(pieces) - self._joined >= _CRUMBS:
                pieces[self._joined :] = [b"".join(pieces[self._joined :])]
                self._joined += 1
        elif self._body:
            self._pieces = [self._body, piece]
        else:
            self._body = piece

    def on_message_complete(self) -> None:
        if self._upgrade:
            return
        pieces = self._pieces
        body = self._body if pieces is None else b"".join(pieces)
        alive = self._alive
        self._sink(self._method, self._path, self._query, self._headers, body, alive, self._modern)
        if not alive:
            self.ended = True
        if pieces is not None or self._repeats or self._chunked or self.wants_continue:
            self._reset()
        else:
            self.begun = self.in_body = False
            self.size = self._fed = 0
            self._url = self._body = b""
            self._headers = {}
        self._complete = True

    def _reset(self) -> None:
        self.begun = False
        self.in_body = False
        self.size = 0
        self.wants_continue = False
        self._url = b""
        self._headers = {}
        self._repeats = 0
        self._body = b""
        self._pieces = None
        self._joined = 0
        self._chunked = False
        self._upgrade = False
        self._complete = False
        self._fed = 0

    # The rarer paths

    def _repeat(self, name: bytes, value: bytes) -> None:
        self._repeats += 1
        if self._repeats > self._limits.headers:
            raise RequestError(431, f"The request has more than {self._limits.headers} header lines. Send fewer.")
        if self.in_body:
            return  # RFC 9110 §6.5.1: trailers may be dropped
        if name in SINGLE:
            raise RequestError(400, f"The {name.decode('ascii').title()} header appears twice.")
        self._headers[name] += b", " + value.strip(b" \t")

    def _check_head(self) -> None:
        limits = self._limits
        if len(self._headers) + self._repeats > limits.headers:
            raise RequestError(431, f"The request has more than {limits.headers} header lines. Send fewer.")
        lines = sum(len(name) + len(value) + 4 for name, value in self._headers.items())
        if len(self._method) + len(self._url) + lines + 14 > limits.header_bytes:
            raise RequestError(431, f"The head is larger than {limits.header_bytes} bytes. Send fewer headers.")

    def _stop_overhead(self) -> None:
        """Bounds what the parser keeps without a callback: an unfinished head, chunk extensions, trailers."""
        limit = self._limits.header_bytes
        if not self.in_body:
            self._stop(RequestError(431, f"The head is larger than {limit} bytes. Send fewer headers."))
        elif self._chunked:
            self._stop(RequestError(400, f"The body has {limit} bytes of framing without content. Send no trailers."))

    def _feed_past_upgrade(self, rest: bytes) -> None:
        """A loop of its own, since each of the pipelined requests that follow may ask for another upgrade."""
        while True:
            try:
                self._pass_upgrade()
                if rest and not self.ended:
                    self._fresh = False
                    self._data = rest
                    self._parser.feed_data(rest)
            except httptools.HttpParserUpgrade as pause:
                rest = rest[pause.args[0] :]
                continue
            except httptools.HttpParserError as error:
                if not self.ended:
                    self._refuse(error)
            except RequestError as refusal:
                self._stop(refusal)
            self._data = b""
            return

    def _pass_upgrade(self) -> None:
        """Answers an upgrade as if it had not been asked for (RFC 9110 §7.8).

        llhttp skips the body of such a request, so a fresh parser is brought to the state after its head.
        """
        self._upgrade = False
        self._parser = httptools.HttpRequestParser(self)
        headers = self._headers
        if self._chunked:
            framing = b"Transfer-Encoding: chunked"
        elif int(headers.get(b"content-length", b"0")):
            framing = b"Content-Length: " + headers[b"content-length"]
        else:
            self.on_message_complete()
            return
        kept = {name: getattr(self, name) for name in _KEPT}
        ending = b"" if self._alive else b"\r\nConnection: close"
        self._reset()
        self._parser.feed_data(b"POST / HTTP/1.1\r\nHost: a\r\n" + framing + ending + b"\r\n\r\n")
        for name, value in kept.items():
            setattr(self, name, value)

    def _refuse(self, error: httptools.HttpParserError) -> None:
        cause = error.__context__
        if isinstance(cause, RequestError):
            self._stop(cause)
        elif isinstance(cause, Exception):
            raise cause  # a bug of ours: the transport logs it and closes
        elif "Invalid HTTP version" in str(error) or "PRI" in str(error):
            self._stop(RequestError(505, "Only HTTP/1.1 and HTTP/1.0 are spoken here."))
        else:
            self._stop(RequestError(400, f"The request is not HTTP/1.1: {error}."))

    def _stop(self, refusal: RequestError) -> None:
        self.refusal = refusal
        self.ended = True
