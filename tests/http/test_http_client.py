"""The client over real sockets, against servers that play a script."""

from __future__ import annotations

import asyncio

import pytest
from http_sockets import (
    HOST,
    PATIENT,
    Heard,
    RawClient,
    Script,
    answering,
    client,
    fetch,
    request,
    run,
    serve,
    until,
)

from fenli.clock import MILLISECOND, SECOND
from fenli.errors import ConnectFailed, ConnectionLost, ProtocolError, TimedOut, TransportError
from fenli.http.limits import PoolLimits
from fenli.http.transport import Deadlines, Origin, Pieces, Request

OK = b"HTTP/1.1 200 OK\r\n"
HELLO = OK + b"Content-Length: 5\r\n\r\nhello"
CHUNKED_HELLO = OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
SHORT = 50 * MILLISECOND


def story(play, *scenes, **settings):
    """Runs ``play(client, script)`` against a server that plays the scenes."""

    async def told() -> None:
        script = await Script.play(*scenes)
        fetching = client(**settings)
        await play(fetching, script)
        await fetching.close()
        assert not fetching.sweeper.members
        assert not fetching.pools

    run(told)


def deadlines(**spans) -> Deadlines:
    return PATIENT._replace(**spans)


def test_a_request_goes_out_as_it_was_given():
    async def play(client, script):
        heard = await fetch(client, script.port, method=b"POST", target=b"/v1?x", body=b"question")
        assert heard.events == ["head", "body", "completed"]
        assert (heard.status, heard.headers, heard.body) == (200, [(b"Content-Length", b"5")], b"hello")
        assert script.heads == [b"POST /v1?x HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n"]

    story(play, answering(HELLO))


@pytest.mark.parametrize(
    ("method", "length"), [(b"GET", None), (b"HEAD", None), (b"DELETE", None), (b"POST", b"0"), (b"PUT", b"0")]
)
def test_an_empty_body_has_a_length_where_one_is_expected(method, length):
    async def play(client, script):
        assert (await fetch(client, script.port, method=method)).events[-1] == "completed"
        assert (b"Content-Length: 0" in script.heads[0]) == (length is not None)

    story(play, answering(OK + b"Content-Length: 0\r\n\r\n"))


def test_one_connection_serves_many_requests():
    async def play(client, script):
        for _ in range(5):
            assert (await fetch(client, script.port)).body == b"hello"
        assert script.connections == 1

    story(play, answering(HELLO))


def test_the_latest_idle_connection_is_used_first():
    async def play(client, script):
        await asyncio.gather(*(fetch(client, script.port) for _ in range(3)))
        assert script.connections == 3
        (pool,) = client.pools.values()
        assert len(pool.idle) == 3
        latest = pool.idle[-1]
        await fetch(client, script.port)
        assert pool.idle[-1] is latest
        assert script.connections == 3

    story(play, answering(HELLO))


def test_idle_connections_expire_and_are_counted():
    async def play(client, script):
        await asyncio.gather(*(fetch(client, script.port) for _ in range(5)))
        (pool,) = client.pools.values()
        assert len(pool.idle) == 2
        await until(lambda: not client.pools)
        assert pool.open == 0

    story(play, answering(HELLO), limits=PoolLimits(idle=2, expiry=SHORT))


def test_head_reuses_its_connection():
    async def play(client, script):
        for method in (b"HEAD", b"GET", b"HEAD"):
            heard = await fetch(client, script.port, method=method)
            assert heard.body == (b"hello" if method == b"GET" else b"")
        assert script.connections == 1

    reply = OK + b"Content-Length: 5\r\n\r\n"
    story(play, answering(reply, HELLO, reply))


@pytest.mark.parametrize(
    ("reply", "body"),
    [
        (OK + b"\r\nhello", b"hello"),
        (OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
        (b"HTTP/1.0 200 OK\r\n\r\nhello", b"hello"),
    ],
)
def test_a_body_may_end_with_its_connection(reply, body):
    async def play(client, script):
        for count in (1, 2):
            heard = await fetch(client, script.port)
            assert (heard.events, heard.body) == (["head", "body", "completed"], body)
            assert script.connections == count

    story(play, answering(reply, then_close=True))


@pytest.mark.parametrize(
    "reply",
    [
        OK + b"Content-Length: 6\r\n\r\nhello",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nhello",
    ],
)
def test_a_cut_body_is_a_lost_connection(reply):
    async def play(client, script):
        heard = await fetch(client, script.port)
        assert (heard.events, heard.body) == (["head", "body", "failed"], b"hello")
        assert isinstance(heard.error, ConnectionLost)
        assert heard.error.sent
        assert f"127.0.0.1:{script.port}" in str(heard.error)

    story(play, answering(reply, then_close=True))


def test_a_reply_that_is_not_http_is_a_protocol_error():
    async def play(client, script):
        heard = await fetch(client, script.port)
        assert isinstance(heard.error, ProtocolError)
        assert heard.error.sent
        assert heard.events == ["failed"]

    story(play, answering(b"SSH-2.0-OpenSSH_9.2\r\n"))


@pytest.mark.parametrize("extra", [HELLO, b"x", b"\r\nx"])
def test_bytes_after_a_reply_are_never_the_next_reply(extra):
    async def play(client, script):
        for count in (1, 2):
            assert (await fetch(client, script.port)).body == b"hello"
            assert script.connections == count
            assert not client.pools or not next(iter(client.pools.values())).idle

    story(play, answering(HELLO + extra))


def test_bytes_on_an_idle_connection_close_it():
    async def unasked(script, reader, writer):
        await script.request(reader)
        writer.write(HELLO)
        await asyncio.sleep(0.05)
        writer.write(HELLO)
        await reader.read()

    async def play(client, script):
        assert (await fetch(client, script.port)).body == b"hello"
        await until(lambda: not client.pools)
        assert (await fetch(client, script.port)).body == b"hello"
        assert script.connections == 2

    story(play, unasked, answering(HELLO))


async def answer_once_then_hang_up(script, reader, writer):
    await script.request(reader)
    writer.write(HELLO)
    await script.request(reader)


def test_a_kept_connection_that_died_costs_one_retry():
    async def play(client, script):
        assert (await fetch(client, script.port)).body == b"hello"
        heard = await fetch(client, script.port, method=b"POST", body=b"again")
        assert (heard.events, heard.body) == (["head", "body", "completed"], b"hello")
        assert script.connections == 2
        assert len(script.heads) == 3

    story(play, answer_once_then_hang_up, answering(HELLO))


PIECES = {
    "small": Pieces([b"one", memoryview(b"two")]),
    "large": Pieces([b"head", memoryview(bytes(range(256)) * 20_000), b"", b"tail"]),
}


@pytest.mark.parametrize("body", PIECES.values(), ids=PIECES)
def test_a_body_in_pieces_goes_out_whole_and_once_more_when_retried(body):
    seen = []

    async def keep(script, reader, writer):
        seen.append((await script.request(reader)).partition(b"\r\n\r\n")[2])
        writer.write(HELLO)
        await writer.drain()

    async def play(client, script):
        for _ in range(2):
            assert (await fetch(client, script.port, method=b"POST", body=body)).body == b"hello"
        assert script.connections == 2
        assert b"\r\nContent-Length: %d\r\n" % len(body) in script.heads[-1]
        assert seen == [bytes(body)] * 2

    async def keep_then_hang_up(script, reader, writer):
        await keep(script, reader, writer)
        await reader.readuntil(b"\r\n\r\n")

    story(play, keep_then_hang_up, keep)


def test_a_retry_is_never_retried():
    async def hang_up(script, reader, writer):
        await script.request(reader)

    async def play(client, script):
        assert (await fetch(client, script.port)).body == b"hello"
        heard = await fetch(client, script.port)
        assert heard.events == ["failed"]
        assert isinstance(heard.error, ConnectionLost)
        assert len(script.heads) == 3

    story(play, answer_once_then_hang_up, hang_up)


def test_a_retry_that_cannot_connect_was_sent_nevertheless():
    async def play(client, script):
        assert (await fetch(client, script.port)).body == b"hello"
        port = script.port
        script.server.close()
        heard = await fetch(client, port)
        assert isinstance(heard.error, ConnectFailed)
        assert heard.error.sent

    story(play, answer_once_then_hang_up)


def test_a_fresh_connection_that_dies_is_not_retried():
    async def hang_up(script, reader, writer):
        await script.request(reader)

    async def play(client, script):
        heard = await fetch(client, script.port)
        assert isinstance(heard.error, ConnectionLost)
        assert script.connections == 1

    story(play, hang_up)


def test_a_kept_connection_that_dies_at_work_is_not_retried():
    """The origin may have done what was asked; only the caller may decide to ask again."""

    async def think_then_hang_up(script, reader, writer):
        await script.request(reader)
        writer.write(HELLO)
        await script.request(reader)
        await asyncio.sleep(1.3)

    async def play(client, script):
        assert (await fetch(client, script.port)).body == b"hello"
        heard = await fetch(client, script.port)
        assert isinstance(heard.error, ConnectionLost)
        assert script.connections == 1

    story(play, think_then_hang_up)


def test_a_kept_connection_that_began_to_answer_is_not_retried():
    async def begin_then_hang_up(script, reader, writer):
        await script.request(reader)
        writer.write(HELLO)
        await script.request(reader)
        writer.write(b"HTTP/1.1 2")
        await writer.drain()

    async def play(client, script):
        assert (await fetch(client, script.port)).body == b"hello"
        heard = await fetch(client, script.port)
        assert isinstance(heard.error, ConnectionLost)
        assert script.connections == 1

    story(play, begin_then_hang_up)


def test_nobody_listens():
    async def play(client, script):
        heard = await fetch(client, 1)
        assert isinstance(heard.error, ConnectFailed)
        assert not heard.error.sent
        assert "http://127.0.0.1:1" in str(heard.error)

    story(play, answering(HELLO))


def test_a_name_that_does_not_resolve():
    async def play(client, script):
        heard = await fetch(client, script.port, host="nowhere.invalid")
        assert isinstance(heard.error, ConnectFailed)
        assert not heard.error.sent
        assert "nowhere.invalid" in str(heard.error)

    story(play, answering(HELLO))


def test_the_resolved_address_must_be_allowed():
    asked = []

    def allowed(origin, address):
        asked.append((origin.host, address))
        return False

    async def play(client, script):
        heard = await fetch(client, script.port, host="localhost")
        assert isinstance(heard.error, ConnectFailed)
        assert not heard.error.sent
        assert ("localhost", "127.0.0.1") in asked
        assert script.connections == 0

    story(play, answering(HELLO), allowed=allowed)


def test_an_allowed_address_is_connected_to():
    async def play(client, script):
        assert (await fetch(client, script.port, host="localhost")).body == b"hello"

    story(play, answering(HELLO), allowed=lambda origin, address: address == "127.0.0.1")


async def say_nothing(script, reader, writer):
    await script.request(reader)
    await reader.read()


def saying(*pieces: bytes):
    async def scene(script, reader, writer):
        await script.request(reader)
        for piece in pieces:
            writer.write(piece)
        await reader.read()

    return scene


@pytest.mark.parametrize(
    ("phase", "scene"),
    [
        ("head", say_nothing),
        ("head", saying(OK)),
        ("head", saying(b"HTTP/1.1 100 Continue\r\n\r\n")),
        ("first_byte", saying(OK + b"Content-Length: 5\r\n\r\n")),
        ("idle", saying(OK + b"Content-Length: 5\r\n\r\nhell")),
    ],
)
def test_each_wait_has_its_own_deadline(phase, scene):
    async def play(client, script):
        heard = await fetch(client, script.port, deadlines=deadlines(**{phase: SHORT}))
        assert isinstance(heard.error, TimedOut)
        assert (heard.error.phase, heard.error.sent) == (phase, True)

    story(play, scene)


def test_a_body_that_keeps_coming_outlives_its_idle_deadline():
    async def drip(script, reader, writer):
        await script.request(reader)
        writer.write(OK + b"Content-Length: 20\r\n\r\n")
        for _ in range(20):
            writer.write(b"x")
            await asyncio.sleep(0.02)

    async def play(client, script):
        heard = await fetch(client, script.port, deadlines=deadlines(idle=200 * MILLISECOND, first_byte=SECOND))
        assert heard.body == b"x" * 20

    story(play, drip)


def test_a_full_pool_queues_and_then_refuses():
    release = asyncio.Event()

    async def slow(script, reader, writer):
        while True:
            await script.request(reader)
            await release.wait()
            writer.write(HELLO)

    async def play(client, script):
        many = [asyncio.create_task(fetch(client, script.port)) for _ in range(4)]
        await asyncio.sleep(0)
        heard = await fetch(client, script.port)
        assert isinstance(heard.error, ConnectFailed)
        assert not heard.error.sent
        assert "busy" in str(heard.error)
        release.set()
        assert [(await one).body for one in many] == [b"hello"] * 4
        assert script.connections == 2

    story(play, slow, limits=PoolLimits(connections=2, waiting=2))


def test_waiting_for_a_connection_counts_against_the_connect_deadline():
    async def play(client, script):
        first = Heard()
        sending = client.send(request(script.port), PATIENT, first)
        heard = await fetch(client, script.port, deadlines=deadlines(connect=SHORT))
        assert isinstance(heard.error, TimedOut)
        assert (heard.error.phase, heard.error.sent) == ("connect", False)
        sending.cancel()

    story(play, say_nothing, limits=PoolLimits(connections=1))


def test_a_cancelled_exchange_makes_room():
    async def play(client, script):
        first = Heard()
        sending = client.send(request(script.port), PATIENT, first)
        waiting = asyncio.create_task(fetch(client, script.port))
        await until(lambda: script.heads)
        sending.cancel()
        sending.cancel()
        assert (await waiting).body == b"hello"
        assert first.events == []

    story(play, say_nothing, answering(HELLO), limits=PoolLimits(connections=1))


def test_cancel_is_possible_at_every_stage():
    async def play(client, script):
        heard = [Heard() for _ in range(6)]
        at_once = client.send(request(script.port), PATIENT, heard[0])
        at_once.cancel()
        one_turn = client.send(request(script.port), PATIENT, heard[1])
        await asyncio.sleep(0)
        one_turn.cancel()
        two_turns = client.send(request(script.port), PATIENT, heard[2])
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        two_turns.cancel()
        connected = client.send(request(script.port), PATIENT, heard[3])
        await until(lambda: script.heads)
        connected.cancel()
        await until(lambda: not client.pools)
        assert all(one.events == [] for one in heard)
        for sending in (at_once, one_turn, two_turns, connected):
            sending.pause()
            sending.resume()
            sending.cancel()

    story(play, say_nothing)


def test_a_connection_opened_in_vain_does_not_leak():
    async def play(client, script):
        for turns in range(12):
            sending = client.send(request(script.port), PATIENT, Heard())
            for _ in range(turns):
                await asyncio.sleep(0)
            sending.cancel()
        await until(lambda: all(pool.open == len(pool.idle) for pool in client.pools.values()))
        assert (await fetch(client, script.port)).body == b"hello"

    story(play, answering(HELLO))


class Stopping(Heard):
    """Cancels from inside one of its callbacks."""

    def __init__(self, when: str) -> None:
        super().__init__()
        self.when = when
        self.sending = None

    def head_received(self, status, headers):
        super().head_received(status, headers)
        self._stop("head")

    def body_received(self, data):
        super().body_received(data)
        self._stop("body")

    def completed(self):
        super().completed()
        self._stop("completed")

    def _stop(self, what):
        if what == self.when:
            self.sending.cancel()


@pytest.mark.parametrize("when", ["head", "body", "completed"])
def test_a_receiver_may_cancel_from_inside(when):
    async def play(client, script):
        heard = Stopping(when)
        heard.sending = client.send(request(script.port), PATIENT, heard)
        await until(lambda: when in heard.events)
        assert (await fetch(client, script.port)).body == b"hello"
        assert heard.events[-1] == when
        assert script.connections == (1 if when == "completed" else 2)

    story(play, answering(CHUNKED_HELLO))


def test_a_receiver_may_send_the_next_request_from_completed():
    class Chain(Heard):
        def completed(self):
            if len(self.events) < 12:
                sender.send(request(port), PATIENT, self)
            else:
                super().completed()

    async def play(client, script):
        nonlocal sender, port
        sender, port = client, script.port
        heard = Chain()
        client.send(request(port), PATIENT, heard)
        await heard.over()
        assert script.connections == 1

    sender = port = None
    story(play, answering(HELLO))


@pytest.mark.parametrize("when", ["head_received", "body_received", "completed"])
@pytest.mark.parametrize("reply", [HELLO, CHUNKED_HELLO])
def test_a_receiver_that_fails_harms_only_itself_and_is_told(when, reply, caplog):
    async def play(client, script):
        heard = Heard()

        def fail(*args):
            raise ValueError("a bug")

        setattr(heard, when, fail)
        client.send(request(script.port), PATIENT, heard)
        await heard.over()
        assert isinstance(heard.error, TransportError)
        assert (await fetch(client, script.port)).body == b"hello"
        assert "a bug" in caplog.text

    story(play, answering(reply))


def test_pause_stops_the_reading_and_the_deadlines():
    async def flood(script, reader, writer):
        await script.request(reader)
        writer.write(OK + b"Content-Length: 30000000\r\n\r\n")
        for _ in range(300):
            writer.write(b"x" * 100_000)
            await writer.drain()
            script.heads.append(b"sent")

    async def play(client, script):
        heard = Heard()
        sending = client.send(request(script.port), deadlines(idle=SHORT, first_byte=SHORT), heard)
        await until(lambda: heard.body)
        sending.pause()
        sending.pause()
        await asyncio.sleep(0.25)
        received = len(heard.body)
        await asyncio.sleep(0.05)
        assert len(heard.body) == received
        assert len(script.heads) < 300
        assert "failed" not in heard.events
        sending.resume()
        await heard.over()
        assert len(heard.body) == 30_000_000

    story(play, flood)


def test_a_request_paused_before_it_is_connected():
    async def play(client, script):
        heard = Heard()
        sending = client.send(request(script.port), deadlines(head=SHORT), heard)
        sending.pause()
        await until(lambda: script.heads)
        await asyncio.sleep(0.2)
        assert heard.events == []
        sending.resume()
        assert (await heard.over()).body == b"hello"
        assert (await fetch(client, script.port)).body == b"hello"

    story(play, answering(HELLO))


def test_a_reply_may_overtake_its_request():
    """A 413 comes while the upload is still under way; the connection is not used again."""

    async def refuse(script, reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig")
        await writer.drain()
        await asyncio.sleep(0.5)

    async def play(client, script):
        heard = await fetch(client, script.port, method=b"POST", body=b"x" * 20_000_000)
        assert (heard.status, heard.body, heard.events[-1]) == (413, b"big", "completed")
        await until(lambda: not client.pools)

    story(play, refuse)


def test_an_upload_that_stalls_is_timed_out():
    async def never_read(script, reader, writer):
        await asyncio.sleep(1)

    async def play(client, script):
        heard = await fetch(
            client, script.port, method=b"POST", body=b"x" * 20_000_000, deadlines=deadlines(idle=SHORT)
        )
        assert isinstance(heard.error, TimedOut)
        assert heard.error.sent

    story(play, never_read)


def test_a_large_upload_has_its_head_deadline_after_the_last_byte():
    async def read_slowly(script, reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(20):
            await reader.readexactly(1_000_000)
            await asyncio.sleep(0.06)
        writer.write(HELLO)
        await writer.drain()
        await reader.read()

    async def play(client, script):
        spans = deadlines(head=SECOND, idle=5 * SECOND)
        heard = await fetch(client, script.port, method=b"POST", body=b"x" * 20_000_000, deadlines=spans)
        assert heard.body == b"hello", heard.error

    story(play, read_slowly)


def test_close_fails_what_is_under_way():
    async def told():
        script = await Script.play(say_nothing)
        fetching = client(limits=PoolLimits(connections=1))
        heard = [Heard() for _ in range(3)]
        fetching.send(request(script.port), PATIENT, heard[0])
        fetching.send(request(script.port), PATIENT, heard[1])
        fetching.send(request(1), PATIENT, heard[2])
        await until(lambda: script.heads)
        await fetching.close()
        fetching.send(request(script.port), PATIENT, last := Heard())
        await last.over()
        assert isinstance(heard[0].error, ConnectionLost)
        assert [one.error.sent for one in (*heard[:2], last)] == [True, False, False]

    run(told)


def test_the_servers_stream_through_the_client_is_whole_and_in_order():
    """Both halves of the package, back to back."""

    def handler(exchange):
        exchange.start(200, b"Content-Type: text/event-stream\r\n")
        for number in range(1_000):
            exchange.write(b"data: %d\n\n" % number)
        exchange.finish(b"data: [DONE]\n\n")

    async def told():
        server = await serve(handler)
        fetching = client()
        expected = b"".join(b"data: %d\n\n" % number for number in range(1_000)) + b"data: [DONE]\n\n"
        for heard in await asyncio.gather(*(fetch(fetching, server.port) for _ in range(20))):
            assert heard.body == expected
        await fetching.close()
        assert await server.drain(5)

    run(told)


def test_a_raw_client_and_a_proxying_handler():
    """server -> client -> server: a reply and an abort travel through."""

    def origin(exchange):
        if exchange.path == b"/cut":
            exchange.start(200, b"")
            exchange.write(b"half")
            asyncio.get_running_loop().call_later(0.02, exchange.abort)
        else:
            exchange.reply(201, b"", b"<%b>" % exchange.body)

    class Relay:
        def __init__(self, exchange):
            self.exchange = exchange

        def head_received(self, status, headers):
            self.exchange.start(status, b"")

        def body_received(self, data):
            self.exchange.write(data)

        def completed(self):
            self.exchange.finish()

        def answered(self, status, headers, body):
            self.head_received(status, headers)
            self.body_received(body)
            self.completed()

        def failed(self, error):
            self.exchange.abort()

    async def told():
        behind = await serve(origin)
        fetching = client()

        def proxy(exchange):
            onward = Request(
                Origin("http", "127.0.0.1", behind.port), exchange.method, exchange.path, HOST, exchange.body
            )
            fetching.send(onward, PATIENT, Relay(exchange))

        front = await serve(proxy)
        raw = await RawClient.connect(front.port)
        for _ in range(3):
            reply = await raw.ask(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\nhi")
            assert (reply.status, reply.body, reply.whole) == (201, b"<hi>", True)
        reply = await raw.ask(b"GET /cut HTTP/1.1\r\n" + HOST + b"\r\n")
        assert (reply.body, reply.whole) == (b"half", False)
        raw.close()
        await fetching.close()
        assert await front.drain(5)
        assert await behind.drain(5)

    run(told)
