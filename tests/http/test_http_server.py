"""The server over real sockets."""

from __future__ import annotations

import asyncio
import gc
import resource

import http_sockets
import pytest
from http_sockets import HOST, RawClient, run, serve, until
from test_http_reader import REFUSED

from fenli.clock import MILLISECOND, SECOND
from fenli.http.connection import ServerConnection
from fenli.http.limits import Limits, ServerDeadlines
from fenli.http.reader import RequestReader
from fenli.http.upload import Upload

GET = b"GET / HTTP/1.1\r\n" + HOST
POST = b"POST / HTTP/1.1\r\n" + HOST
TEXT = b"Content-Type: text/plain\r\n"


@pytest.fixture(autouse=True, params=[Limits().direct, 1], ids=["parsed", "direct"])
def direct(request, monkeypatch):
    """Every story is told twice: with bodies through the parser and past it."""
    monkeypatch.setattr(http_sockets, "direct", request.param)
    return request.param


def echo(exchange) -> None:
    exchange.reply(200, TEXT, b"%b %b %b" % (exchange.method, exchange.path, exchange.body))


class Kept:
    """A handler that answers when told to, and a listener."""

    def __init__(self) -> None:
        self.exchanges = []
        self.heard = []

    def __call__(self, exchange) -> None:
        exchange.listener = self
        self.exchanges.append(exchange)

    def client_gone(self) -> None:
        self.heard.append("gone")

    def client_slow(self) -> None:
        self.heard.append("slow")

    def client_ready(self) -> None:
        self.heard.append("ready")

    async def take(self, count: int = 1):
        await until(lambda: len(self.exchanges) >= count)
        return self.exchanges[count - 1]


def story(handler, play, **settings):
    """Runs ``play(server)`` against a server, which must then drain."""

    async def told() -> None:
        server = await serve(handler, **settings)
        await play(server)
        await server.drain(5)
        assert server.connections == 0

    run(told)


def test_one_connection_serves_many_requests():
    async def play(server):
        client = await RawClient.connect(server.port)
        for number in range(5):
            reply = await client.ask(b"POST /%d HTTP/1.1\r\n%bContent-Length: 2\r\n\r\nhi" % (number, HOST))
            assert (reply.status, reply.body) == (200, b"POST /%d hi" % number)
            assert b"date" in reply.headers
            assert b"connection" not in reply.headers
        client.close()
        await until(lambda: server.connections == 0)
        assert (server.accepted, server.requests) == (1, 5)
        assert server.bytes_in > 0

    story(echo, play)


@pytest.mark.parametrize(
    ("head", "kept"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n", True),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", False),
        (b"GET / HTTP/1.0\r\n", False),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n", True),
    ],
)
def test_the_connection_lives_as_the_version_says(head, kept):
    async def play(server):
        client = await RawClient.connect(server.port)
        reply = await client.ask(head + b"\r\n")
        assert reply.status == 200
        if kept:
            assert (await client.ask(head + b"\r\n")).status == 200
            assert reply.headers.get(b"connection", b"keep-alive") == b"keep-alive"
        else:
            assert reply.headers[b"connection"] == b"close"
            assert await client.rest() == b""
        client.close()

    story(echo, play)


def test_pipelined_requests_are_answered_in_order_one_at_a_time():
    kept = Kept()

    async def play(server):
        client = await RawClient.connect(server.port)
        await client.send(b"".join(b"GET /%d HTTP/1.1\r\n%b\r\n" % (number, HOST) for number in range(3)))
        for number in range(3):
            exchange = await kept.take(number + 1)
            await asyncio.sleep(0.01)
            assert len(kept.exchanges) == number + 1
            exchange.reply(200, b"", exchange.path)
        for number in range(3):
            assert (await client.reply()).body == b"/%d" % number
        await client.send(GET + b"\r\n")
        (await kept.take(4)).reply(200, b"", b"read on")
        assert (await client.reply()).body == b"read on"
        client.close()

    story(kept, play)


def test_too_many_pipelined_requests_are_refused_after_the_others():
    async def play(server):
        client = await RawClient.connect(server.port)
        await client.send((GET + b"\r\n") * 10)
        for _ in range(6):
            assert (await client.reply()).status == 200
        assert (await client.reply()).status == 503
        assert await client.rest() == b""
        client.close()

    story(echo, play, limits=Limits(pipelined=5))


def test_head_has_a_length_and_no_body():
    def handler(exchange):
        if exchange.path == b"/stream":
            exchange.start(200, TEXT)
            exchange.write(b"unseen")
            exchange.finish(b"unseen")
        else:
            echo(exchange)

    async def play(server):
        client = await RawClient.connect(server.port)
        for path in (b"/", b"/stream", b"/"):
            await client.send(b"HEAD %b HTTP/1.1\r\n%b\r\n" % (path, HOST))
            reply = await client.reply(head=True)
            assert reply.status == 200
            assert (b"content-length" in reply.headers) == (path == b"/")
        assert (await client.ask(GET + b"\r\n")).body == b"GET / "
        client.close()

    story(handler, play)


def test_no_content_has_neither_length_nor_body():
    async def play(server):
        client = await RawClient.connect(server.port)
        for _ in range(2):
            reply = await client.ask(GET + b"\r\n")
            assert reply.status == 204
            assert b"content-length" not in reply.headers
        client.close()

    story(lambda exchange: exchange.reply(204, b"", b""), play)


def test_a_streamed_reply_comes_in_chunks():
    def handler(exchange):
        exchange.start(200, TEXT)
        exchange.write(b"one")
        exchange.write(b"")
        exchange.write(b"two" * 50_000)
        exchange.finish(b"end")

    async def play(server):
        client = await RawClient.connect(server.port)
        for _ in range(2):
            reply = await client.ask(GET + b"\r\n")
            assert reply.headers[b"transfer-encoding"] == b"chunked"
            assert reply.body == b"one" + b"two" * 50_000 + b"end"
            assert reply.whole
        old = await RawClient.connect(server.port)
        reply = await old.ask(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert b"transfer-encoding" not in reply.headers
        assert reply.headers[b"connection"] == b"close"
        assert reply.body == b"one" + b"two" * 50_000 + b"end"
        client.close()
        old.close()

    story(handler, play)


def test_the_head_of_a_stream_does_not_wait_for_its_body():
    kept = Kept()

    async def play(server):
        client = await RawClient.connect(server.port)
        await client.send(GET + b"\r\n")
        exchange = await kept.take()
        exchange.start(200, TEXT)
        assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")
        exchange.finish()
        assert await client.reader.readexactly(5) == b"0\r\n\r\n"
        client.close()

    story(kept, play)


def test_large_bodies_travel_whole_both_ways():
    async def play(server):
        client = await RawClient.connect(server.port)
        body = bytes(range(256)) * 20_000
        await client.send(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert (await client.reply()).body == b"POST / " + body
        chunks = b"".join(
            b"%x\r\n%b\r\n" % (len(body[at : at + 70_000]), body[at : at + 70_000])
            for at in range(0, len(body), 70_000)
        )
        await client.send(POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
        assert (await client.reply()).body == b"POST / " + body
        client.close()

    story(echo, play)


def test_uploads_past_the_parser_may_be_cut_and_followed_by_anything(direct):
    bodies = []

    def handler(exchange):
        bodies.append(exchange.body)
        echo(exchange)

    async def play(server):
        client = await RawClient.connect(server.port)
        body = bytes(range(40))
        one = POST + b"Content-Length: 40\r\n\r\n" + body
        data = one + GET + b"\r\n" + one + GET + b"\r\n"
        for at in range(len(one) - 45, len(one) + len(GET) + 8):
            for piece in (data[:at], data[at : at + 3], data[at + 3 : at + 50], data[at + 50 :]):
                await client.send(piece)
                await until(lambda sent=client.sent: server.bytes_in >= sent)
            for expected in (b"POST / " + body, b"GET / ", b"POST / " + body, b"GET / "):
                assert (await client.reply()).body == expected
        client.close()
        assert any(isinstance(body, memoryview) for body in bodies) == (direct == 1)

    story(handler, play)


def test_a_client_that_leaves_in_the_middle_of_an_upload_leaves_nothing():
    async def told():
        server = await serve(echo)
        gc.collect()
        gc.disable()
        try:
            for _ in range(10):
                raw = await RawClient.connect(server.port)
                await raw.send(POST + b"Content-Length: 3000000\r\n\r\n" + b"x" * 1_000_000)
                raw.close()
            await until(lambda: server.accepted == 10 and server.connections == 0)
            await asyncio.sleep(0.01)
            kinds = (ServerConnection, RequestReader, Upload)
            assert [thing for thing in gc.get_objects() if isinstance(thing, kinds)] == []
        finally:
            gc.enable()
        assert server.requests == 0
        await server.drain(5)

    run(told)


def test_a_large_body_takes_no_memory_before_it_comes_and_none_after():
    async def play(server):
        claiming = [await RawClient.connect(server.port) for _ in range(40)]
        before = resident()
        for client in claiming:
            await client.send(POST + b"Content-Length: 60000000\r\n\r\n" + b"x" * 600_000)
        await until(lambda: server.bytes_in > 40 * 600_000)
        assert resident() - before < 40 * 5_000_000
        for client in claiming:
            client.close()
        await until(lambda: server.connections == 0)
        client = await RawClient.connect(server.port)
        body = b"x" * 8_000_000
        after = []
        for _ in range(20):
            await client.send(POST + b"Content-Length: 8000000\r\n\r\n" + body)
            assert (await client.reply()).status == 200
            after.append(resident())
        assert after[-1] - after[4] < 4_000_000
        client.close()

    story(lambda exchange: exchange.reply(200, b"", b"%d" % len(exchange.body)), play)


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def test_drain_waits_for_an_upload():
    async def told():
        server = await serve(echo)
        client = await RawClient.connect(server.port)
        await client.send(POST + b"Content-Length: 6\r\n\r\nab")
        await until(lambda: server.bytes_in >= client.sent)
        drain = asyncio.create_task(server.drain(10))
        await client.send(b"cd")
        await asyncio.sleep(0.03)
        await client.send(b"ef")
        reply = await client.reply()
        assert (reply.body, reply.headers[b"connection"]) == (b"POST / abcdef", b"close")
        assert await drain
        client.close()

    run(told)


def test_drain_cuts_an_upload_that_does_not_end():
    async def told():
        server = await serve(echo)
        client = await RawClient.connect(server.port)
        await client.send(POST + b"Content-Length: 6\r\n\r\nab")
        await until(lambda: server.bytes_in >= client.sent)
        assert not await server.drain(0.05)
        assert await client.rest() == b""
        client.close()

    run(told)


def test_without_memory_to_map_the_parser_goes_on(monkeypatch):
    def refuse(length):
        raise OSError("no memory")

    async def play(server):
        client = await RawClient.connect(server.port)
        for piece in (POST + b"Content-Length: 6\r\n\r\nab", b"cd", b"ef"):
            await client.send(piece)
            await until(lambda sent=client.sent: server.bytes_in >= sent)
        assert (await client.reply()).body == b"POST / abcdef"
        client.close()

    monkeypatch.setattr("fenli.http.reader.body_memory", refuse)
    story(echo, play)


def test_continue_is_sent_when_the_body_is_wanted():
    async def play(server):
        client = await RawClient.connect(server.port)
        for _ in range(2):
            assert (await client.ask(POST + b"Expect: 100-Continue\r\nContent-Length: 2\r\n\r\n")).status == 100
            assert (await client.ask(b"hi")).body == b"POST / hi"
        reply = await client.ask(POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi")
        assert (reply.status, reply.body) == (200, b"POST / hi")
        refused = await client.ask(POST + b"Expect: 100-continue\r\nContent-Length: 99\r\n\r\n")
        assert refused.status == 413
        client.close()

    story(echo, play, limits=Limits(body_bytes=50))


def test_continue_waits_for_the_reply_before_it():
    kept = Kept()

    async def play(server):
        client = await RawClient.connect(server.port)
        await client.send(GET + b"\r\n" + POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        (await kept.take()).reply(200, b"", b"first")
        assert (await client.reply()).body == b"first"
        assert (await client.reply()).status == 100
        await client.send(b"hi")
        (await kept.take(2)).reply(200, b"", b"second")
        assert (await client.reply()).body == b"second"
        client.close()

    story(kept, play)


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_is_one_reply_and_the_end(name):
    asked = []

    async def play(server):
        client = await RawClient.connect(server.port)
        status, data = REFUSED[name]
        await client.send(data)
        reply = await client.reply()
        assert reply.status == status
        assert reply.headers[b"connection"] == b"close"
        assert reply.body
        assert await client.rest() == b""
        assert asked == []
        assert server.refused == {status: 1}
        client.close()

    story(asked.append, play, limits=Limits(header_bytes=2_000, headers=20, body_bytes=1_000))


def test_a_refused_upload_sees_the_reply():
    """A client in the middle of a large body is read on, so that it gets the reply and no reset."""

    async def play(server):
        client = await RawClient.connect(server.port)
        await client.send(POST + b"Content-Length: 4000000\r\n\r\n")
        await client.send(b"x" * 4_000_000)
        assert (await client.reply()).status == 413
        assert await client.rest() == b""
        client.close()

    story(echo, play, limits=Limits(body_bytes=1_000))


def test_refusals_are_rendered_by_the_owner():
    async def play(server):
        client = await RawClient.connect(server.port)
        reply = await client.ask(b"GET / HTTP/1.1\r\n\r\n")
        assert reply.headers[b"content-type"] == b"application/json"
        assert reply.body.startswith(b'{"400"')
        client.close()

    def error_body(status, message):
        return b"Content-Type: application/json\r\n", b'{"%d": "%b"}' % (status, message.encode())

    story(echo, play, error_body=error_body)


def quick(**spans) -> ServerDeadlines:
    return ServerDeadlines(**{name: value * MILLISECOND for name, value in spans.items()})


def test_a_head_that_never_ends_is_timed_out():
    async def play(server):
        client = await RawClient.connect(server.port)
        reply = await client.ask(GET)
        assert reply.status == 408
        assert await client.rest() == b""
        client.close()

    story(echo, play, deadlines=quick(header=50, linger=50))


def test_a_head_that_drips_is_timed_out():
    async def play(server):
        client = await RawClient.connect(server.port)
        await client.send(GET)
        while not client.reader.at_eof() and not server.refused:
            await client.send(b"A: b\r\n")
            await asyncio.sleep(0.01)
        assert server.refused == {408: 1}
        client.close()

    story(echo, play, deadlines=quick(header=50, linger=50))


def test_a_silent_connection_is_closed_without_a_reply():
    async def play(server):
        client = await RawClient.connect(server.port)
        assert await client.rest() == b""
        client.close()

    story(echo, play, deadlines=quick(header=50))


def test_a_body_that_stops_is_timed_out():
    async def play(server):
        client = await RawClient.connect(server.port)
        assert (await client.ask(POST + b"Content-Length: 5\r\n\r\nhi")).status == 408
        client.close()

    story(echo, play, deadlines=quick(body=50, linger=50))


def test_a_body_that_drips_is_timed_out():
    async def play(server):
        client = await RawClient.connect(server.port)
        await client.send(POST + b"Content-Length: 50000\r\n\r\n")
        while not server.refused:
            await client.send(b"x")
            await asyncio.sleep(0.005)
        assert server.refused == {408: 1}
        client.close()

    story(echo, play, deadlines=quick(body=100, linger=50)._replace(body_rate=1_000_000))


def test_an_idle_connection_is_closed():
    async def play(server):
        client = await RawClient.connect(server.port)
        assert (await client.ask(GET + b"\r\n")).status == 200
        assert await client.rest() == b""
        client.close()

    story(echo, play, deadlines=quick(idle=50))


def test_a_reply_has_no_deadline_of_the_servers():
    kept = Kept()

    async def play(server):
        client = await RawClient.connect(server.port)
        await client.send(GET + b"\r\n")
        exchange = await kept.take()
        await asyncio.sleep(0.2)
        exchange.reply(200, b"", b"late")
        assert (await client.reply()).body == b"late"
        client.close()

    story(kept, play, deadlines=quick(header=20, body=20, idle=20, stall=20))


@pytest.mark.parametrize("started", [False, True])
def test_a_client_that_leaves_is_noticed_at_once(started):
    kept = Kept()

    async def play(server):
        client = await RawClient.connect(server.port)
        await client.send(GET + b"\r\n")
        exchange = await kept.take()
        if started:
            exchange.start(200, b"")
            exchange.write(b"x")
        assert exchange.peer.startswith("127.0.0.1:")
        client.close()
        await until(lambda: kept.heard)
        assert kept.heard == ["gone"]
        for verb in (exchange.write, exchange.finish):
            verb(b"into the void")
        exchange.abort()
        exchange.reply(200, b"", b"")
        await until(lambda: server.connections == 0)
        assert exchange.peer is None

    story(kept, play)


def test_a_half_closed_client_counts_as_gone():
    kept = Kept()

    async def play(server):
        client = await RawClient.connect(server.port)
        await client.send(GET + b"\r\n")
        await kept.take()
        client.writer.write_eof()
        assert await client.rest() == b""
        assert kept.heard == ["gone"]
        client.close()

    story(kept, play)


def test_a_slow_client_is_reported_and_its_reply_stays_bounded():
    kept = Kept()

    async def play(server):
        client = await RawClient.connect(server.port, limit=1024)
        await client.send(GET + b"\r\n")
        exchange = await kept.take()
        exchange.start(200, b"")
        written = 0
        while not kept.heard:
            exchange.write(b"x" * 100_000)
            written += 100_000
            assert written < 50_000_000
            await asyncio.sleep(0)
        assert kept.heard == ["slow"]
        reading = asyncio.create_task(client.reply())
        await until(lambda: kept.heard == ["slow", "ready"])
        exchange.finish()
        assert len((await reading).body) == written
        client.close()

    story(kept, play, limits=Limits(write_buffer=200_000))


def test_a_client_that_never_reads_is_cut_off():
    kept = Kept()

    async def play(server):
        client = await RawClient.connect(server.port, limit=1024)
        await client.send(GET + b"\r\n")
        exchange = await kept.take()
        exchange.start(200, b"")
        while not kept.heard:
            exchange.write(b"x" * 100_000)
            await asyncio.sleep(0)
        await until(lambda: kept.heard == ["slow", "gone"])
        await until(lambda: server.connections == 0)
        client.close()

    story(kept, play, limits=Limits(write_buffer=200_000), deadlines=quick(stall=50))


def test_a_client_that_never_reads_a_whole_reply_is_cut_off():
    async def play(server):
        client = await RawClient.connect(server.port, limit=1024)
        await client.send((GET + b"\r\n") * 5)
        await until(lambda: server.accepted and server.connections == 0)
        assert server.requests < 5, "the next reply waits until the last one has left"
        client.close()

    deadlines = quick(stall=50, idle=50)
    story(lambda exchange: exchange.reply(200, b"", b"x" * 20_000_000), play, deadlines=deadlines)


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
def test_an_aborted_reply_never_looks_whole(version):
    kept = Kept()

    async def play(server):
        client = await RawClient.connect(server.port)
        await client.send(b"GET / HTTP/%b\r\nHost: a\r\n\r\n" % version)
        exchange = await kept.take()
        exchange.start(200, b"")
        exchange.write(b"half")
        exchange.abort()
        exchange.abort()
        if version == b"1.1":
            reply = await client.reply()
            assert (reply.body, reply.whole) == (b"half", False)
        else:
            with pytest.raises(ConnectionResetError):
                await client.reply()
        assert kept.heard == []
        client.close()

    story(kept, play)


def test_an_abort_before_the_start_closes():
    async def play(server):
        client = await RawClient.connect(server.port)
        await client.send((GET + b"\r\n") * 3)
        assert await client.rest() == b""
        assert server.requests == 1
        client.close()

    story(lambda exchange: exchange.abort(), play)


def test_answering_twice_is_a_bug_and_says_so():
    caught = []

    def handler(exchange):
        for verb in (lambda: exchange.write(b""), exchange.finish):
            with pytest.raises(RuntimeError):
                verb()
        exchange.reply(200, b"", b"once")
        for verb in (lambda: exchange.reply(200, b"", b""), lambda: exchange.start(200, b""), exchange.finish):
            with pytest.raises(RuntimeError):
                verb()
        caught.append(True)

    async def play(server):
        client = await RawClient.connect(server.port)
        assert (await client.ask(GET + b"\r\n")).body == b"once"
        assert caught
        client.close()

    story(handler, play)


def test_a_handler_that_fails_costs_its_own_request_only(caplog):
    def handler(exchange):
        if exchange.path == b"/half":
            exchange.start(200, b"")
            exchange.write(b"half")
        if exchange.path != b"/good":
            raise ValueError("a bug")
        exchange.reply(200, b"", b"good")

    async def play(server):
        client = await RawClient.connect(server.port)
        assert (await client.ask(GET + b"\r\n")).status == 500
        assert (await client.ask(b"GET /good HTTP/1.1\r\n" + HOST + b"\r\n")).body == b"good"
        assert not (await client.ask(b"GET /half HTTP/1.1\r\n" + HOST + b"\r\n")).whole
        client.close()
        assert "a bug" in caplog.text

    story(handler, play)


def test_one_connection_too_many_is_told_so():
    async def play(server):
        first = await RawClient.connect(server.port)
        assert (await first.ask(GET + b"\r\n")).status == 200
        second = await RawClient.connect(server.port)
        assert (await second.reply()).status == 503
        assert await second.rest() == b""
        second.close()
        assert (await first.ask(GET + b"\r\n")).status == 200
        first.close()

    story(echo, play, limits=Limits(connections=1), deadlines=ServerDeadlines(linger=SECOND // 20))


def test_drain_lets_replies_end_and_closes_the_idle():
    kept = Kept()

    async def told():
        server = await serve(kept)
        port = server.port
        idle, busy, half = [await RawClient.connect(server.port) for _ in range(3)]
        await busy.send(GET + b"\r\n")
        await half.send(GET)
        exchange = await kept.take()
        await until(lambda: server.connections == 3)
        await until(lambda: server.bytes_in == len(GET) * 2 + 2)
        drain = asyncio.create_task(server.drain(10))
        assert await idle.rest() == b""
        with pytest.raises(ConnectionRefusedError):
            await RawClient.connect(port)
        exchange.reply(200, b"", b"last")
        reply = await busy.reply()
        assert (reply.body, reply.headers[b"connection"]) == (b"last", b"close")
        assert await busy.rest() == b""
        await half.send(b"\r\n")
        (await kept.take(2)).reply(200, b"", b"begun before")
        assert (await half.reply()).body == b"begun before"
        assert await drain
        for client in (idle, busy, half):
            client.close()

    run(told)


def test_drain_cuts_what_does_not_end():
    kept = Kept()

    async def told():
        server = await serve(kept)
        client = await RawClient.connect(server.port)
        await client.send(GET + b"\r\n")
        exchange = await kept.take()
        exchange.start(200, b"")
        exchange.write(b"half")
        assert not await server.drain(0.05)
        assert kept.heard == ["gone"]
        assert not (await client.reply()).whole
        client.close()

    run(told)


def test_a_closed_connection_leaves_no_garbage():
    async def told():
        server = await serve(echo)
        gc.collect()
        gc.disable()
        try:
            for _ in range(20):
                raw = await RawClient.connect(server.port)
                assert (await raw.ask(GET + b"\r\n")).status == 200
                raw.close()
            await until(lambda: server.accepted == 20 and server.connections == 0)
            await asyncio.sleep(0.01)
            left = [thing for thing in gc.get_objects() if isinstance(thing, (ServerConnection, RequestReader))]
            assert left == []
        finally:
            gc.enable()
        await server.drain(5)

    run(told)
