"""The admin API, on a listener of its own: state, keys, budgets, entries, usage, balances, metrics.

JSON, and one bearer token. Amounts travel as decimal text and as picos in text too, since neither fits a float.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import os
import secrets
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from fenli.clock import Clock
from fenli.errors import ConfigError, FenliError, KeyRefused, ValueRefused
from fenli.office import reports
from fenli.office.admin_budgets import BudgetsApi, budget_metrics
from fenli.office.balances import last_polls, metrics_of, poll_as_data
from fenli.office.desk import Desk
from fenli.office.keys import create_key, list_keys, revoke_key
from fenli.office.leases import LeaseServer
from fenli.office.polling import Poller
from fenli.office.posting import Posting
from fenli.office.state import Books, books_state, metrics_text
from fenli.store import Database
from fenli.values import format_instant, parse_instant
from fenli.values.money import decimal_of

LIMIT_MAX: Final = 10_000
_FILTERS: Final = ("key", "vendor", "model", "grade", "outcome", "project", "customer")
LOCAL_HOSTS: Final = ("127.0.0.1", "localhost", "[::1]")


class _NewKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    models: tuple[str, ...] | None = None
    show_cost: bool = False
    project: str | None = None


class _Refused(FenliError):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


_encode = msgspec.json.Encoder().encode
_decode_new_key = msgspec.json.Decoder(_NewKey).decode


def admin_token(data: Path) -> str:
    """The token in ``admin-token`` of the data directory, made on first use; only its owner can read it."""
    path = data / "admin-token"
    with contextlib.suppress(FileExistsError):
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write("fa-" + secrets.token_urlsafe(32) + "\n")
        try:
            os.link(fresh, path)
        finally:
            fresh.unlink()
    token = path.read_text().strip()
    if not token:
        raise ConfigError(f"{path} is empty: delete it, a new one is made")
    return token


def admin_app(
    database: Database, desk: Desk, posting: Posting, poller: Poller, lending: LeaseServer, token: str, clock: Clock
) -> ASGIApp:
    """It is addressed by the local names alone."""
    budgets = BudgetsApi(database, desk, lending, clock)
    api = _Api(database, desk, posting, poller, budgets, clock)
    routes = [
        Route("/healthz", lambda _: PlainTextResponse("ok\n")),
        Route("/api/status", api.status),
        Route("/api/keys", api.keys),
        Route("/api/keys", api.create_key, methods=["POST"]),
        Route("/api/keys/{key}", api.revoke_key, methods=["DELETE"]),
        Route("/api/entries", api.entries),
        Route("/api/usage", api.usage),
        Route("/api/balances", api.balances),
        Route("/api/balances", api.poll_balances, methods=["POST"]),
        *budgets.routes(),
        Route("/api/reload", api.reload, methods=["POST"]),
        Route("/metrics", api.metrics),
    ]
    errors: dict[Any, Any] = {FenliError: _error}
    return _Guard(Starlette(routes=routes, exception_handlers=errors), token)


class _Api:
    def __init__(
        self, database: Database, desk: Desk, posting: Posting, poller: Poller, budgets: BudgetsApi, clock: Clock
    ) -> None:
        self._database = database
        self._desk = desk
        self._posting = posting
        self._poller = poller
        self._budgets = budgets
        self._clock = clock

    def status(self, _: Request) -> Response:
        books = books_state(self._database)
        found = [_with_instants(finding) for finding in books.findings]
        return _json(
            {
                "desk": _with_instants(self._desk.status()),
                "posting": self._posting_state(books),
                "books": msgspec.structs.asdict(books) | {"findings": found},
            }
        )

    def keys(self, _: Request) -> Response:
        return _json({"keys": [_with_instants(key) for key in list_keys(self._database)]})

    async def create_key(self, request: Request) -> Response:
        try:
            wanted = _decode_new_key(await request.body())
        except msgspec.DecodeError as error:
            raise _Refused(400, f"{error}: send a JSON object with name, models, show_cost, project") from None
        make = lambda: create_key(  # noqa: E731  one call, in a thread
            self._database,
            wanted.name,
            models=wanted.models,
            show_cost=wanted.show_cost,
            project=wanted.project,
            now=self._clock.now(),
        )
        return _json(await asyncio.to_thread(make), 201)

    def revoke_key(self, request: Request) -> Response:
        return _json(_with_instants(revoke_key(self._database, request.path_params["key"], now=self._clock.now())))

    def entries(self, request: Request) -> Response:
        query = request.query_params
        limit = query.get("limit", "100")
        if not limit.isdecimal() or not 1 <= int(limit) <= LIMIT_MAX:
            raise _Refused(400, f"limit is {limit!r}: write 1 to {LIMIT_MAX}")
        rows = reports.list_entries(
            self._database,
            limit=int(limit),
            since=_instant(query, "since"),
            until=_instant(query, "until"),
            newest_first=query.get("order", "newest") != "oldest",
            **{name: query.get(name) for name in _FILTERS},
        )
        return _json({"entries": [_entry(row) for row in rows]})

    def usage(self, request: Request) -> Response:
        query = request.query_params
        name = query.get("zone", "UTC")
        try:
            zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise _Refused(400, f"zone {name!r} is not known: write one such as Asia/Shanghai") from None
        by: Any = query.get("by", "day")
        since, until = _instant(query, "since"), _instant(query, "until")
        rows = reports.usage(self._database, by=by, since=since, until=until, zone=zone)
        return _json({"by": by, "usage": [_usage(row) for row in rows]})

    def balances(self, _: Request) -> Response:
        return _json({"balances": [poll_as_data(poll) for poll in last_polls(self._database).values()]})

    async def poll_balances(self, request: Request) -> Response:
        try:
            polls = await self._poller.poll(request.query_params.getlist("vendor"))
        except ConfigError as error:
            raise _Refused(404, str(error)) from None
        return _json({"balances": [poll_as_data(poll) for poll in polls]})

    def reload(self, _: Request) -> Response:
        problem = self._desk.reload_or_keep()
        if problem is not None:
            raise _Refused(400, problem)
        return _json(_with_instants(self._desk.status()))

    def metrics(self, _: Request) -> Response:
        books, desk = books_state(self._database), self._desk.status()
        text = metrics_text(books, self._posting, desk) + metrics_of(last_polls(self._database).values())
        text += budget_metrics(self._budgets.standings())
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    def _posting_state(self, books: Books) -> dict[str, Any]:
        posting = self._posting
        return {"behind_bytes": posting.behind(), "trouble": posting.trouble, "open_holds": books.open_holds}


class _Guard:
    """Lets in who presents the token and addresses us by a name of ours (a web page elsewhere can do neither)."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            refusal = self._refusal(scope["path"], headers)
            if refusal is not None:
                await _error_response(refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, path: str, headers: Mapping[bytes, bytes]) -> _Refused | None:
        host = headers.get(b"host", b"").decode("latin-1").lower()
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
        if name not in LOCAL_HOSTS:
            return _Refused(421, f"this API is not called {host!r}: address it as 127.0.0.1 or localhost")
        if path == "/healthz":
            return None
        if not hmac.compare_digest(headers.get(b"authorization", b""), self._expected):
            return _Refused(401, "send 'Authorization: Bearer' with the token in the data directory's admin-token")
        return None


class AdminServer:
    """Binds at once, serves until ``stop``. Raises ConfigError when the address is taken."""

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((host, port))
        except OSError as error:
            self._socket.close()
            raise ConfigError(
                f"the admin API cannot listen on {host}:{port} ({error.strerror}): choose another port"
            ) from None
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(app, lifespan="off", access_log=False, log_level="warning", timeout_graceful_shutdown=2)
        self._server = _Server(config)

    async def serve(self, stop: asyncio.Event) -> None:
        serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        await stop.wait()
        self._server.should_exit = True
        await serving


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The office takes the signals."""
        yield


def _instant(query: Mapping[str, str], name: str) -> int | None:
    return parse_instant(query[name]) if query.get(name) else None


def _with_instants(value: msgspec.Struct) -> dict[str, Any]:
    """Its fields, instants as text: in nanoseconds they do not fit a float either."""
    fields = msgspec.structs.asdict(value)
    instants = {name: at for name, at in fields.items() if name.endswith("_at") and at is not None}
    return fields | {name: format_instant(at) for name, at in instants.items()}


def _entry(row: reports.EntryRow) -> dict[str, Any]:
    entry = row.entry
    shown = _with_instants(entry)
    raw = shown.pop("raw_usage")
    shown["raw_usage"] = None if raw is None else raw.decode(errors="replace")
    shown["cost"], shown["held"] = _amount(shown.pop("picos")), _amount(shown.pop("held_picos"))
    shown["charge"] = _amount(shown.pop("charge_picos"))
    shown["first_content_ns"] = shown.pop("first_content")
    return {"sequence": row.sequence, **shown}


def _usage(row: reports.UsageRow) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.structs.asdict(row)
    shown["cost"], shown["unknown_held"] = _amount(shown.pop("picos")), _amount(row.unknown_held)
    shown["charge"] = _amount(shown.pop("charge_picos"))
    return shown


def _amount(picos: int | None) -> str | None:
    return None if picos is None else decimal_of(picos)


def _json(value: object, status: int = 200) -> Response:
    return Response(_encode(value), status, media_type="application/json")


def _error(_: Request, error: Exception) -> Response:
    if isinstance(error, KeyRefused):
        return _error_response(_Refused(409, str(error)))
    if isinstance(error, ValueRefused):
        return _error_response(_Refused(400, str(error)))
    return _error_response(error)


def _error_response(error: Exception) -> Response:
    return _json({"error": {"message": str(error)}}, getattr(error, "status", 500))
