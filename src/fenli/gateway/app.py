"""The endpoints: from a whole HTTP request to a call, or to an answer of our own."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import Final

import msgspec

from fenli import __version__
from fenli.budgets.purse import Purse
from fenli.calls.call import Call
from fenli.calls.service import ServiceCall, StreamedCall
from fenli.clock import Clock
from fenli.errors import CODES, CallRefused, Code
from fenli.gateway.catalogue import model_list, one_model
from fenli.gateway.driver import Desk, Lender
from fenli.gateway.files import Filing
from fenli.gateway.films import CONTENT, Following, find
from fenli.gateway.metrics import Metrics
from fenli.gateway.recorder import Recorder
from fenli.gateway.snapshots import SnapshotFile
from fenli.http.exchange import ServerExchange
from fenli.http.transport import Transport
from fenli.routing.directory import Directory
from fenli.routing.fitting import fitted
from fenli.routing.snapshot import Key
from fenli.values.ids import call_id
from fenli.wire.capabilities import PATHS, Capability
from fenli.wire.openai_chat import error_body, parse_request, refusal_body
from fenli.wire.services.parsers import FORM_PARSERS, PARSERS, read_request

_JSON: Final = b"content-type: application/json\r\n"
_TEXT: Final = b"content-type: text/plain; version=0.0.4; charset=utf-8\r\n"
_AUTHENTICATE: Final = b"www-authenticate: Bearer\r\n"
_NO_RETRY: Final = b"x-should-retry: false\r\n"
_REQUEST_ID: Final = re.compile(rb"[!-~]{1,128}")
_TRUE: Final = (b"1", b"true", b"yes")

Handler = Callable[["App", ServerExchange], None]


class App:
    """One worker's endpoints. ``run`` begins its calls' ids; ``open_metrics`` lets anyone read /metrics."""

    def __init__(
        self,
        *,
        run: str,
        clock: Clock,
        transport: Transport,
        recorder: Recorder,
        snapshots: SnapshotFile,
        metrics: Metrics,
        open_metrics: bool,
        purse: Purse,
        lender: Lender,
    ) -> None:
        self.run = run
        self.clock = clock
        self.recorder = recorder
        self.snapshots = snapshots
        self.metrics = metrics
        self.open_metrics = open_metrics
        self.draining = False
        self.purse = purse
        self.desk = Desk(clock, transport, recorder, metrics.ended, purse, lender, self.refuse)
        self._number = 0

    def handle(self, exchange: ServerExchange) -> None:
        handler = _PATHS.get(exchange.path)
        try:
            if handler is not None:
                handler(self, exchange)
            else:
                self._elsewhere(exchange)
        except CallRefused as refusal:
            self.refuse(exchange, refusal)

    def chat(self, exchange: ServerExchange) -> None:
        if exchange.method != b"POST":
            raise _wrong_method(exchange, "POST")
        headers = exchange.headers
        directory = self.snapshots.directory
        if directory is None or self.draining:
            directory = self._directory()
        key = self._key(directory, headers)
        if b"content-encoding" in headers and headers[b"content-encoding"] != b"identity":
            raise CallRefused(Code.BAD_HTTP, _COMPRESSED)
        ask = parse_request(exchange.body)
        if key.models is not None and ask.model not in key.models:
            raise _not_allowed(key, ask.model)
        plan = directory.plan(ask.model)
        if ask.options is not None:
            plan = fitted(plan, ask.options)
        wants_cost = key.show_cost
        if b"x-fenli-cost" in headers:
            wants_cost = headers[b"x-fenli-cost"].lower() in _TRUE
        if wants_cost:
            ask.wants_usage = True
        self._number = number = self._number + 1
        call = Call(
            number,
            call_id(self.run, number),
            key,
            ask,
            plan,
            exchange.received,
            self.purse,
            wants_cost=wants_cost,
            attempts_max=directory.snapshot.attempts_max,
            request_id=_request_id(headers) if b"x-client-request-id" in headers else None,
            retry=_retry_count(headers) if b"x-stainless-retry-count" in headers else 0,
        )
        exchange.body = b""
        self.desk.begin(call, exchange)

    def service(self, exchange: ServerExchange, capability: Capability) -> None:
        """As `chat`, for anything else."""
        if exchange.method != b"POST":
            raise _wrong_method(exchange, "POST")
        headers = exchange.headers
        directory = self._directory()
        key = self._key(directory, headers)
        if headers.get(b"content-encoding", b"identity") != b"identity":
            raise CallRefused(Code.BAD_HTTP, _COMPRESSED)
        ask = read_request(capability, exchange.body, headers.get(b"content-type", b""))
        if key.models is not None and ask.model not in key.models:
            raise _not_allowed(key, ask.model)
        plan = directory.plan_for(capability, ask.model)
        self._number = number = self._number + 1
        wants_cost = headers[b"x-fenli-cost"].lower() in _TRUE if b"x-fenli-cost" in headers else key.show_cost
        if wants_cost:
            ask.show_usage()
        call = (StreamedCall if ask.stream else ServiceCall)(
            number,
            call_id(self.run, number),
            key,
            ask,
            plan,
            exchange.received,
            self.purse,
            wants_cost=wants_cost,
            attempts_max=directory.snapshot.attempts_max,
            request_id=_request_id(headers),
            retry=_retry_count(headers),
        )
        exchange.body = b""
        self.desk.begin(call, exchange)

    def video(self, exchange: ServerExchange, name: str) -> None:
        """What became of a video that was asked for."""
        name, content, rest = name.partition(CONTENT)
        if rest or exchange.method not in (b"GET", b"HEAD", b"DELETE") or (content and exchange.method == b"DELETE"):
            raise _wrong_method(exchange, "GET")
        directory = self._directory()
        handle, target = find(directory, self._key(directory, exchange.headers), name)
        self._number += 1
        call = call_id(self.run, self._number)
        following = Following(self.desk, exchange, name, handle, target, call)
        if exchange.method == b"DELETE":
            following.cancel()
        elif content:
            following.hand_over()
        else:
            following.tell()

    def files(self, exchange: ServerExchange, name: str = "") -> None:
        """What vendors keep for callers; ``name`` is what stands behind the path."""
        directory = self._directory()
        key = self._key(directory, exchange.headers)
        if exchange.headers.get(b"content-encoding", b"identity") != b"identity":
            raise CallRefused(Code.BAD_HTTP, _COMPRESSED)
        self._number += 1
        Filing(self.desk.transport, exchange, directory, key, call_id(self.run, self._number)).serve(name)

    def models(self, exchange: ServerExchange) -> None:
        if exchange.method not in (b"GET", b"HEAD"):
            raise _wrong_method(exchange, "GET")
        directory = self._directory()
        key = self._key(directory, exchange.headers)
        exchange.reply(200, _JSON, model_list(directory, key))

    def model(self, exchange: ServerExchange, name: str) -> None:
        if exchange.method not in (b"GET", b"HEAD"):
            raise _wrong_method(exchange, "GET")
        directory = self._directory()
        key = self._key(directory, exchange.headers)
        body = one_model(directory, key, name)
        if body is None:
            raise CallRefused(Code.MODEL_NOT_FOUND, f"there is no model {name!r}: GET /v1/models lists them", "model")
        exchange.reply(200, _JSON, body)

    def alive(self, exchange: ServerExchange) -> None:
        exchange.reply(200, _JSON, b'{"status":"ok"}')

    def ready(self, exchange: ServerExchange) -> None:
        problems = self.problems()
        body = msgspec.json.encode({"status": "not ready" if problems else "ready", "problems": problems})
        exchange.reply(503 if problems else 200, _JSON, body)

    def problems(self) -> list[str]:
        """Why this worker should get no new calls."""
        found = []
        if self.draining:
            found.append("shutting down")
        if self.snapshots.directory is None:
            found.append(self.snapshots.problem or "no snapshot yet: is the office running?")
        if self.recorder.failing is not None:
            found.append(f"the journal cannot be written: {self.recorder.failing}")
        if self.recorder.unsynced is not None:
            found.append(f"the journal cannot be synced: {self.recorder.unsynced}")
        return found

    def measures(self, exchange: ServerExchange) -> None:
        if not self.open_metrics:
            self._key(self._directory(), exchange.headers)
        self.gauge()
        exchange.reply(200, _TEXT, self.metrics.text())

    def gauge(self) -> None:
        """Notes what is only true now; to be called before the counters are shared or shown."""
        gauges = self.metrics.counters.gauges
        gauges["fenli_calls_in_flight"] = len(self.desk.drivers)
        gauges["fenli_journal_pending_records"] = self.recorder.pending

    def root(self, exchange: ServerExchange) -> None:
        exchange.reply(200, _JSON, msgspec.json.encode({"name": "fenli", "version": __version__, "api": "/v1"}))

    def _elsewhere(self, exchange: ServerExchange) -> None:
        path = _normal(exchange.path)
        handler = _PATHS.get(path)
        if handler is not None:
            handler(self, exchange)
        elif path.startswith(b"/v1/models/"):
            self.model(exchange, _unquoted(path[len(b"/v1/models/") :]))
        elif path.startswith(b"/v1/videos/"):
            self.video(exchange, _unquoted(path[len(b"/v1/videos/") :]))
        elif path.startswith(b"/v1/files/"):
            self.files(exchange, _unquoted(path[len(b"/v1/files/") :]))
        else:
            shown = path.decode("ascii", "replace")[:100]
            message = f"there is nothing at {shown}: try /v1/models or one of {', '.join(PATHS.values())}"
            raise CallRefused(Code.PATH_NOT_FOUND, message)

    def _directory(self) -> Directory:
        if self.draining:
            raise CallRefused(Code.SHUTTING_DOWN, "this gateway is shutting down: retry, another one will answer")
        directory = self.snapshots.directory
        if directory is None:
            raise CallRefused(Code.INTERNAL_ERROR, "this gateway has no snapshot yet: retry in a second")
        return directory

    def _key(self, directory: Directory, headers: dict[bytes, bytes]) -> Key:
        given = headers.get(b"authorization", b"")
        known = directory.callers.get(given)
        if known is not None:
            return known
        if given[:7].lower() == b"bearer ":
            secret = given[7:].strip()
        else:
            secret = headers.get(b"x-api-key", b"") if not given else b""
        if not secret:
            raise CallRefused(Code.MISSING_API_KEY, "no key was sent: add the header 'Authorization: Bearer YOUR_KEY'")
        key = directory.keys.get(sha256(secret).digest())
        if key is None:
            message = "this key is unknown or revoked: create one with `fenli key create`"
            raise CallRefused(Code.INVALID_API_KEY, message)
        directory.remember(given, key)
        return key

    def refuse(self, exchange: ServerExchange, refusal: CallRefused) -> None:
        status = CODES[refusal.code][0]
        lines = _JSON
        if status == 401:
            lines += _AUTHENTICATE
        elif status == 405:
            lines += b"allow: POST\r\n" if exchange.method != b"POST" else b"allow: GET, HEAD\r\n"
        if status not in (408, 429, 500, 503):
            lines += _NO_RETRY
        self.metrics.refused(refusal.code)
        self._number += 1  # an id to ask about, though there is nothing in the books
        lines += b"x-request-id: %b\r\n" % call_id(self.run, self._number).encode()
        exchange.reply(status, lines, refusal_body(refusal))


_COMPRESSED: Final = "the body is compressed: send it without content-encoding"


def _not_allowed(key: Key, model: str) -> CallRefused:
    allowed = ", ".join(key.models or ()) or "none"
    return CallRefused(Code.MODEL_NOT_ALLOWED, f"this key may not call {model!r}; it may: {allowed}", "model")


_HTTP_CODES: Final = {
    408: Code.REQUEST_TIMEOUT,
    413: Code.REQUEST_TOO_LARGE,
    431: Code.HEADERS_TOO_LARGE,
    405: Code.METHOD_NOT_ALLOWED,
    500: Code.INTERNAL_ERROR,
    503: Code.TOO_MANY_CONNECTIONS,
}


def http_error(status: int, message: str) -> tuple[bytes, bytes]:
    """The envelope for what the HTTP server itself refuses."""
    return _JSON, error_body(_HTTP_CODES.get(status, Code.BAD_HTTP), message)


def _wrong_method(exchange: ServerExchange, wanted: str) -> CallRefused:
    return CallRefused(
        Code.METHOD_NOT_ALLOWED, f"{exchange.method.decode('ascii', 'replace')} is not served here: {wanted} is"
    )


def _request_id(headers: dict[bytes, bytes]) -> str | None:
    given = headers.get(b"x-client-request-id")
    return given.decode() if given is not None and _REQUEST_ID.fullmatch(given) else None


def _retry_count(headers: dict[bytes, bytes]) -> int:
    given = headers.get(b"x-stainless-retry-count")
    return int(given) if given is not None and given.isdigit() and len(given) < 4 else 0


_SLASHES: Final = re.compile(rb"/{2,}")
_DOUBLED: Final = re.compile(rb"^(?:/v1)+(?=/v1(?:/|$))")


def _normal(path: bytes) -> bytes:
    """Clients join base URLs in every way: ``//``, a trailing slash, ``/v1`` doubled or absent mean the same."""
    path = _SLASHES.sub(b"/", path).rstrip(b"/") or b"/"
    path = _DOUBLED.sub(b"", path)
    if path.startswith((b"/models/", b"/chat/", b"/videos/", b"/files/")) or b"/v1" + path in _PATHS:
        path = b"/v1" + path
    return path


def _unquoted(name: bytes) -> str:
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda m: bytes([int(m[1], 16)]), name).decode("utf-8", "replace")


_PATHS: Final[dict[bytes, Handler]] = {
    b"/v1/chat/completions": App.chat,
    b"/chat/completions": App.chat,
    b"/v1/models": App.models,
    b"/models": App.models,
    PATHS[Capability.FILES].encode(): App.files,
    b"/healthz": App.alive,
    b"/readyz": App.ready,
    b"/metrics": App.measures,
    b"/": App.root,
    b"/v1": App.root,
    **{
        PATHS[capability].encode(): partial(App.service, capability=capability)
        for capability in (*PARSERS, *FORM_PARSERS)
    },
}
