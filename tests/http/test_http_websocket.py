"""WebSockets over real sockets: our client against our server, and each against a peer that says what it likes."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import socket

import pytest
from http_sockets import PATIENT, RawClient, Script, client, request, run, serve, until

from fenli.clock import MILLISECOND, SECOND
from fenli.errors import ConnectionLost, ProtocolError, RequestError, TimedOut, TransportError
from fenli.http.limits import Limits, PoolLimits, ServerDeadlines
from fenli.http.proxy import Proxies, Proxy
from fenli.http.websocket_frames import BINARY, CLOSE, PING, PONG, TEXT, FrameReader, encode_close, encode_frame

KEY = base64.b64encode(bytes(range(16)))
ASKS = (
    b"GET /chat?a=b HTTP/1.1\r\nHost: a\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %b\r\n\r\n" % KEY
)


class Listening:
    """A receiver that keeps messages apart, and may stop at one."""

    def __init__(self, stop_at: bytes | None = None) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.messages: list[bytes] = []
        self.end: object = None
        self.sending = None
        self.stop_at = stop_at
        self._over = asyncio.Event()

    def head_received(self, status, headers) -> None:
        self.status, self.headers = status, {name.lower(): value for name, value in headers}

    def body_received(self, data) -> None:
        self.messages.append(data)
        if data == self.stop_at:
            self.sending.pause()

    def completed(self) -> None:
        self.end = "completed"
        self._over.set()

    def answered(self, status, headers, body) -> None:
        self.head_received(status, headers)
        self.messages.append(body)
        self.completed()

    def failed(self, error) -> None:
        self.end = error
        self._over.set()

    async def over(self) -> Listening:
        await self._over.wait()
        return self


async def talk(asker, port: int, body: bytes = b"hi", deadlines=PATIENT, **fields) -> Listening:
    heard = Listening()
    heard.sending = asker.send(request(port, body=body, scheme="ws", **fields), deadlines, heard)
    return await heard.over()


def accept_of(head: bytes) -> bytes:
    key = next(line[19:] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:"))
    digest = hashlib.sha1(key.strip() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    return base64.b64encode(digest)


def granted(head: bytes, more: bytes = b"") -> bytes:
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %b\r\n%b\r\n" % (accept_of(head), more)
    )


def saying(*parts: bytes, hear: bool = True, linger: bool = True):
    """A scene: grants, hears one message, says its parts as they are, and waits for the client to go."""

    async def scene(script: Script, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await script.request(reader)
        writer.write(granted(head))
        script.words = FrameReader(masked=True, message_bytes=1 << 20)
        script.said = []
        while hear and not script.said:
            script.said += script.words.feed(await reader.read(1000))
        for part in parts:
            writer.write(part)
            await writer.drain()
        while linger and (data := await reader.read(1000)):
            script.said += script.words.feed(data)
        script.left = True

    return scene


class Echo:
    """A listener that says what it hears, ``times``, then closes."""

    def __init__(self, exchange, times: int = 1, headers: bytes = b"") -> None:
        self.times = times
        self.told: list[str] = []
        self.socket = exchange.upgrade(self, headers)

    def message_received(self, data) -> None:
        for number in range(self.times):
            self.socket.write(b"%d:%b" % (number, data))
        self.socket.finish()

    def client_gone(self) -> None:
        self.told.append("gone")

    def client_slow(self) -> None:
        self.told.append("slow")

    def client_ready(self) -> None:
        self.told.append("ready")


def test_a_message_out_and_messages_in():
    async def story() -> None:
        asked = []

        def handle(exchange) -> None:
            asked.append((exchange.path, exchange.query, exchange.asks_websocket))
            Echo(exchange, times=3, headers=b"sid: 7\r\n")

        server, asker = await serve(handle), client()
        heard = await talk(asker, server.port, "分厘".encode() * 50_000, target=b"/v1/chat?x=y")
        assert asked == [(b"/v1/chat", b"x=y", True)]
        assert (heard.status, heard.headers[b"sid"], heard.end) == (101, b"7", "completed")
        assert heard.messages == [b"%d:" % number + "分厘".encode() * 50_000 for number in range(3)]
        await until(lambda: not server.connections)
        assert asker.pools == {}, "a WebSocket is never used twice"
        await asker.close()
        await server.drain(1)

    run(story)


def test_a_handshake_that_is_refused_is_a_reply():
    async def story() -> None:
        server, asker = await serve(lambda exchange: exchange.reply(401, b"x: y\r\n", b'{"code":11200}')), client()
        heard = await talk(asker, server.port)
        assert (heard.status, heard.headers[b"x"], heard.messages) == (401, b"y", [b'{"code":11200}'])
        assert heard.end == "completed"
        await until(lambda: not asker.pools)
        await asker.close()
        await server.drain(1)

    run(story)


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno!",
        b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nno!\r\n0\r\n\r\n",
        b"HTTP/1.1 403 Forbidden\r\n\r\nno!",
    ],
)
def test_a_refusal_in_any_framing(reply):
    async def scene(script, reader, writer) -> None:
        await script.request(reader)
        for at in range(len(reply)):
            writer.write(reply[at : at + 1])
            await writer.drain()

    async def story() -> None:
        script, asker = await Script.play(scene), client()
        heard = await talk(asker, script.port)
        assert (heard.status, b"".join(heard.messages), heard.end) == (403, b"no!", "completed")
        await asker.close()

    run(story)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: c29tZXRoaW5nIGVsc2U=\r\n", "Accept"),
        (b"Upgrade: websocket\r\nConnection: Upgrade\r\n", "Accept"),
        (b"Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n", "something else"),
        (b"Upgrade: websocket\r\nConnection: close\r\nSec-WebSocket-Accept: %b\r\n", "something else"),
        (b"Sec-WebSocket-Accept: %b\r\n", "something else"),
        (
            b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n"
            b"Sec-WebSocket-Extensions: permessage-deflate\r\n",
            "extensions nobody asked for",
        ),
        (
            b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n"
            b"Sec-WebSocket-Protocol: chat\r\n",
            "protocol nobody asked for",
        ),
    ],
)
def test_a_101_that_grants_something_else(reply, reason):
    async def scene(script, reader, writer) -> None:
        head = await script.request(reader)
        lines = reply % accept_of(head) if b"%b" in reply else reply
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\n" + lines + b"\r\n")
        script.rest = await reader.read()

    async def story() -> None:
        script, asker = await Script.play(scene), client()
        heard = await talk(asker, script.port)
        assert isinstance(heard.end, ProtocolError)
        assert reason in str(heard.end)
        assert heard.status == 0
        await until(lambda: hasattr(script, "rest"))
        assert script.rest == b"", "no message goes to who granted nothing"
        await asker.close()

    run(story)


def test_a_message_comes_whole_however_it_is_cut():
    words = encode_frame(TEXT, b"one") + encode_frame(PING, b"p") + b"\x02\x02tw" + b"\x80\x01o" + encode_close(1000)

    async def story() -> None:
        scenes = [saying(words), saying(*(words[at : at + 1] for at in range(len(words))))]
        for scene in scenes:
            script, asker = await Script.play(scene), client()
            heard = await talk(asker, script.port)
            assert (heard.messages, heard.end) == ([b"one", b"two"], "completed")
            await until(lambda script=script: hasattr(script, "left"))
            assert [event[:2] for event in script.said] == [(TEXT, b"hi"), (CLOSE, b"")]
            await asker.close()

    run(story)


def test_a_handshake_comes_whole_however_it_is_cut():
    words = encode_frame(TEXT, b"one") + encode_close(1000)

    def dripping(cut: int):
        async def scene(script, reader, writer) -> None:
            reply = granted(await script.request(reader)) + words
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in (reply[:cut], reply[cut:]):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            await reader.read()

        return scene

    async def story() -> None:
        size = len(granted(ASKS) + words)
        script = await Script.play(*map(dripping, range(1, size)))
        asker = client()
        for _ in range(1, size):
            heard = await talk(asker, script.port)
            assert (heard.status, heard.messages, heard.end) == (101, [b"one"], "completed")
        await asker.close()

    run(story)


def test_a_ping_is_answered():
    async def scene(script, reader, writer) -> None:
        writer.write(granted(await script.request(reader)) + encode_frame(PING, b"there?"))
        data = b""
        while len(data) < 8 + 12:  # the message and the pong, each masked
            data += await reader.read(100)
        script.pong = data[8:]
        writer.write(encode_close(1000))

    async def story() -> None:
        script, asker = await Script.play(scene), client()
        heard = await talk(asker, script.port)
        assert heard.end == "completed"
        assert script.pong[:2] == bytes((0x80 | PONG, 0x80 | 6))
        await asker.close()

    run(story)


def test_what_came_with_the_101_is_heard():
    async def scene(script, reader, writer) -> None:
        head = await script.request(reader)
        writer.write(granted(head) + encode_frame(BINARY, b"at once") + encode_close(1000))
        await reader.read()

    async def story() -> None:
        script, asker = await Script.play(scene), client()
        heard = await talk(asker, script.port, body=b"")
        assert (heard.status, heard.messages, heard.end) == (101, [b"at once"], "completed")
        await asker.close()

    run(story)


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        (encode_frame(TEXT, b"one") + encode_close(1011, "engine failed"), ConnectionLost, "1011 (engine failed)"),
        (encode_frame(TEXT, b"one") + encode_close(1001), ConnectionLost, "1001 (no reason given)"),
        (encode_frame(TEXT, b"one") + b"\xc1\x00", ProtocolError, "reserved bit"),
        (encode_frame(TEXT, b"one") + encode_frame(TEXT, bytes(2000)), ProtocolError, "larger than 1000 bytes"),
        (encode_frame(TEXT, b"one") + encode_frame(TEXT, b"\xff"), ProtocolError, "not UTF-8"),
    ],
)
def test_an_end_that_is_none(said, error, words):
    async def story() -> None:
        script, asker = await Script.play(saying(said)), client(limits=PoolLimits(message_bytes=1000))
        heard = await talk(asker, script.port)
        assert isinstance(heard.end, error)
        assert words in str(heard.end)
        assert heard.messages == [b"one"], "what came before it in good order is heard"
        await until(lambda: hasattr(script, "left"))
        assert script.said[-1].opcode == CLOSE, "the peer is told"
        await asker.close()

    run(story)


def test_a_connection_that_is_cut():
    async def story() -> None:
        for parts in ([], [encode_frame(TEXT, b"one")], [encode_frame(TEXT, b"one"), b"\x81\x05hal"]):
            script, asker = await Script.play(saying(*parts, linger=False)), client()
            heard = await talk(asker, script.port)
            assert isinstance(heard.end, ConnectionLost)
            assert heard.end.sent
            assert heard.messages == [b"one"][: len(parts)]
            await asker.close()

    run(story)


def test_deadlines_hold_before_and_between_messages():
    short = 100 * MILLISECOND
    silent, one = saying(), saying(encode_frame(TEXT, b"one"))
    pinging = saying(*([encode_frame(PING, b"")] * 3))

    async def mute(script, reader, writer) -> None:
        await script.request(reader)
        await reader.read()

    async def story() -> None:
        for scene, phase in ((mute, "head"), (silent, "first_byte"), (pinging, "first_byte"), (one, "idle")):
            script, asker = await Script.play(scene), client()
            heard = await talk(asker, script.port, deadlines=PATIENT._replace(**{phase: short}))
            assert isinstance(heard.end, TimedOut)
            assert heard.end.phase == phase
            await asker.close()

    run(story)


def test_a_receiver_that_pauses_hears_nothing_more_until_it_goes_on():
    words = b"".join(encode_frame(TEXT, b"%d" % number) for number in range(5)) + encode_close(1000)

    async def story() -> None:
        script, asker = await Script.play(saying(words)), client()
        heard = Listening(stop_at=b"2")
        heard.sending = asker.send(request(script.port, body=b"hi", scheme="ws"), PATIENT, heard)
        await until(lambda: heard.messages == [b"0", b"1", b"2"])
        for _ in range(20):
            await asyncio.sleep(0)
        assert heard.messages == [b"0", b"1", b"2"]
        assert heard.end is None
        heard.sending.resume()
        assert heard.messages == [b"0", b"1", b"2"], "callbacks never come from inside resume()"
        await heard.over()
        assert (heard.messages[3:], heard.end) == ([b"3", b"4"], "completed")
        await asker.close()

    run(story)


def test_who_cancels_hears_nothing_more_and_says_so():
    async def story() -> None:
        script, asker = await Script.play(saying(encode_frame(TEXT, b"one"))), client()
        heard = Listening()
        heard.sending = asker.send(request(script.port, body=b"hi", scheme="ws"), PATIENT, heard)
        await until(lambda: heard.messages)
        heard.sending.cancel()
        await until(lambda: hasattr(script, "left"))
        assert script.said[-1] == (CLOSE, b"", 1000)
        assert heard.end is None
        await until(lambda: not asker.pools)
        await asker.close()

    run(story)


def test_a_client_that_closes_ends_what_is_under_way():
    async def story() -> None:
        script, asker = await Script.play(saying()), client()
        heard = Listening()
        asker.send(request(script.port, body=b"hi", scheme="ws"), PATIENT, heard)
        await until(lambda: heard.status)
        await asker.close()
        assert isinstance(heard.end, ConnectionLost)

    run(story)


def test_a_receiver_that_fails_is_told():
    class Failing(Listening):
        def body_received(self, data) -> None:
            raise ValueError("no")

    async def story() -> None:
        script, asker = await Script.play(saying(encode_frame(TEXT, b"a") * 2)), client()
        heard = Failing()
        asker.send(request(script.port, body=b"hi", scheme="ws"), PATIENT, heard)
        await heard.over()
        assert type(heard.end) is TransportError
        assert "ValueError" in str(heard.end)
        await asker.close()

    run(story)


def test_a_proxy_opens_a_tunnel_for_it():
    async def proxying(script, reader, writer) -> None:
        script.connect = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await saying(encode_frame(TEXT, b"through"), encode_close(1000))(script, reader, writer)

    async def story() -> None:
        script = await Script.play(proxying)
        asker = client(proxies=Proxies(http=Proxy("127.0.0.1", script.port)))
        heard = await talk(asker, 80, host="vendor.example")
        assert heard.messages == [b"through"]
        assert script.connect.startswith(b"CONNECT vendor.example:80 HTTP/1.1\r\n")
        await asker.close()

    run(story)


# The server's side, against bytes


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        (b"Version: 13", b"Version: 8", 426),
        (b"Connection: keep-alive, Upgrade", b"Connection: close", 400),
        (b"Sec-WebSocket-Key: " + KEY, b"Sec-WebSocket-Key: c2hvcnQ=", 400),
        (b"Sec-WebSocket-Key: " + KEY, b"Sec-WebSocket-Key: ???", 400),
        (b"Sec-WebSocket-Key: " + KEY + b"\r\n", b"", 400),
        (b"GET", b"POST", 400),
        (b"\r\n\r\n", b"\r\n\r\n\x81\x80\0\0\0\0", 400),  # it does not wait for the answer
    ],
)
def test_a_handshake_that_is_none(old, new, status):
    def handle(exchange) -> None:
        try:
            Echo(exchange)
        except RequestError as refusal:
            exchange.reply(refusal.status, b"", str(refusal).encode())

    async def story() -> None:
        server = await serve(handle)
        raw = await RawClient.connect(server.port)
        reply = await raw.ask(ASKS.replace(old, new))
        assert reply.status == status
        raw.close()
        await server.drain(1)

    run(story)


def test_the_server_speaks_as_the_rfc_wants():
    async def story() -> None:
        server = await serve(Echo)
        raw = await RawClient.connect(server.port)
        await raw.send(ASKS)
        head = await raw.reader.readuntil(b"\r\n\r\n")
        assert head == granted(ASKS)
        words, frames = FrameReader(masked=False, message_bytes=1000), b""
        message = b"\x01\x82\0\0\0\0he" + encode_frame(PING, b"?", b"abcd") + b"\x80\x81\0\0\0\0y"
        for at in range(len(message)):
            await raw.send(message[at : at + 1])
        while not frames.endswith(encode_close(1000)):
            frames += await raw.reader.read(100)
        assert [event.data for event in words.feed(frames)] == [b"0:hey", b""]
        assert frames.startswith(encode_frame(PONG, b"?"))
        await raw.send(encode_close(1000, "", b"abcd"))
        assert await raw.rest() == b""
        await until(lambda: not server.connections)
        await server.drain(1)

    run(story)


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (encode_frame(TEXT, b"not masked"), 1002),
        (encode_frame(TEXT, b"\xff", b"abcd"), 1007),
        (encode_frame(TEXT, bytes(101), b"abcd"), 1009),
        (encode_close(1000, "", b"abcd"), 1000),
        (encode_close(3000, "", b"abcd"), 3000),
        (encode_frame(CLOSE, b"", b"abcd"), 1000),
    ],
)
def test_a_client_that_breaks_off(said, answer):
    echoes = []

    async def story() -> None:
        server = await serve(lambda exchange: echoes.append(Echo(exchange)), limits=Limits(message_bytes=100))
        raw = await RawClient.connect(server.port)
        await raw.send(ASKS)
        await raw.reader.readuntil(b"\r\n\r\n")
        await raw.send(said)
        words = FrameReader(masked=False, message_bytes=1000)
        assert words.feed(await raw.rest())[0].code == answer
        assert echoes[-1].told == ["gone"]
        await server.drain(1)

    run(story)


def test_a_listener_that_fails_is_a_close_with_1011():
    class Failing(Echo):
        def message_received(self, data) -> None:
            raise ValueError("no")

    async def story() -> None:
        server, asker = await serve(Failing), client()
        heard = await talk(asker, server.port)
        assert "1011" in str(heard.end)
        await asker.close()
        await server.drain(1)

    run(story)


def test_a_server_that_aborts_says_no_close():
    class Aborting(Echo):
        def message_received(self, data) -> None:
            self.socket.write(b"so far")
            self.socket.abort()
            self.socket.abort()
            self.socket.write(b"too late")

    async def story() -> None:
        server, asker = await serve(Aborting), client()
        heard = await talk(asker, server.port)
        assert heard.messages == [b"so far"]
        assert isinstance(heard.end, ConnectionLost)
        await asker.close()
        await server.drain(1)

    run(story)


def test_a_socket_without_a_word_is_cut():
    echoes = []

    async def story() -> None:
        deadlines = ServerDeadlines(header=50 * MILLISECOND)
        server = await serve(lambda exchange: echoes.append(Echo(exchange)), deadlines=deadlines)
        raw = await RawClient.connect(server.port)
        await raw.send(ASKS)
        await raw.reader.readuntil(b"\r\n\r\n")
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await raw.reader.readexactly(1)
        await until(lambda: echoes[-1].told == ["gone"])
        await server.drain(1)

    run(story)


def test_a_client_that_does_not_close_is_not_waited_for_long():
    async def story() -> None:
        server = await serve(Echo, deadlines=ServerDeadlines(linger=50 * MILLISECOND))
        raw = await RawClient.connect(server.port)
        await raw.send(ASKS)
        await raw.reader.readuntil(b"\r\n\r\n")
        await raw.send(encode_frame(TEXT, b"hey", b"abcd"))
        await until(lambda: not server.connections)
        await server.drain(1)

    run(story)


def test_a_client_that_takes_nothing_slows_the_listener():
    echoes = []

    class Endless(Echo):
        def message_received(self, data) -> None:
            while not self.told:
                self.socket.write(bytes(100_000))

    async def story() -> None:
        deadlines = ServerDeadlines(stall=100 * MILLISECOND)
        server = await serve(lambda exchange: echoes.append(Endless(exchange)), deadlines=deadlines)
        raw = await RawClient.connect(server.port, limit=1000)
        await raw.send(ASKS)
        await raw.reader.readuntil(b"\r\n\r\n")
        await raw.send(encode_frame(TEXT, b"hey", b"abcd"))
        await until(lambda: echoes and echoes[-1].told == ["slow", "gone"])
        raw.close()
        await server.drain(1)

    run(story)


def test_a_draining_server_waits_for_what_is_under_way():
    echoes = []

    class Slow(Echo):
        def message_received(self, data) -> None:
            echoes.append(self)

    async def story() -> None:
        server, asker = await serve(Slow), client()
        heard = Listening()
        asker.send(request(server.port, body=b"hi", scheme="ws"), PATIENT, heard)
        await until(lambda: echoes)
        draining = asyncio.ensure_future(server.drain(10 * SECOND // SECOND))
        await asyncio.sleep(0)
        echoes[0].socket.write(b"late, but whole")
        echoes[0].socket.finish()
        await heard.over()
        assert (heard.messages, heard.end) == ([b"late, but whole"], "completed")
        assert await draining
        await asker.close()

    run(story)
