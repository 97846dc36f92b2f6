"""Budgets on the admin API: made, listed, changed, removed. What is leased of them is known here alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fenli.clock import Clock
from fenli.errors import BudgetRefused
from fenli.office.budget_counts import create_budget, recount, set_limit
from fenli.office.budget_standings import BudgetStanding, budget_standings, standing_as_data
from fenli.office.budgets import NewBudget, find_budget, remove_budget
from fenli.office.desk import Desk
from fenli.office.leases import LeaseServer
from fenli.office.rates import stored_rates
from fenli.prices.rates import Rates
from fenli.store import Database
from fenli.values.money import decimal_of
from fenli.vendors.catalog import VENDORS

T = TypeVar("T")
_decode_new = msgspec.json.Decoder(NewBudget).decode
_encode = msgspec.json.Encoder().encode


class _Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: str


_decode_change = msgspec.json.Decoder(_Change).decode


class BudgetsApi:
    """Raises BudgetRefused and other FenliErrors out of its endpoints."""

    def __init__(self, database: Database, desk: Desk, lending: LeaseServer, clock: Clock) -> None:
        self._database = database
        self._desk = desk
        self._lending = lending
        self._clock = clock

    def routes(self) -> list[Route]:
        return [
            Route("/api/budgets", self.every),
            Route("/api/budgets", self.create, methods=["POST"]),
            Route("/api/budgets/{budget}", self.show),
            Route("/api/budgets/{budget}", self.change, methods=["PATCH"]),
            Route("/api/budgets/{budget}", self.remove, methods=["DELETE"]),
            Route("/api/budgets/{budget}/recount", self.recount, methods=["POST"]),
        ]

    async def every(self, _: Request) -> Response:
        found = await asyncio.to_thread(self.standings)
        return _json({"budgets": [self._data(standing) for standing in found]})

    async def show(self, request: Request) -> Response:
        return _json(await self._one(request.path_params["budget"]))

    async def create(self, request: Request) -> Response:
        wanted = _decoded(_decode_new, await request.body(), "name, scope, subject, limit, currency, period")
        vendors = {*VENDORS, *(vendor.id for vendor in self._desk.settings.vendors)}
        made = await asyncio.to_thread(
            lambda: create_budget(self._database, wanted, self._rates(), vendors, self._clock)
        )
        return _json(await self._one(made.id), 201)

    async def change(self, request: Request) -> Response:
        wanted = _decoded(_decode_change, await request.body(), "limit")
        name = request.path_params["budget"]
        _, budget = await asyncio.to_thread(set_limit, self._database, name, wanted.limit, self._clock)
        return _json(await self._one(budget.id))

    async def recount(self, request: Request) -> Response:
        name = request.path_params["budget"]
        budget = await asyncio.to_thread(lambda: recount(self._database, name, self._rates(), self._clock))
        return _json(await self._one(budget.id))

    async def remove(self, request: Request) -> Response:
        name = request.path_params["budget"]
        gone = await asyncio.to_thread(lambda: remove_budget(self._database, name, now=self._clock.now()))
        return _json({"id": gone.id, "name": gone.name})

    def standings(self) -> list[BudgetStanding]:
        rates = self._rates()
        with self._database.read() as connection:
            return budget_standings(connection, rates, self._clock.now())

    def _rates(self) -> Rates:
        return Rates((*self._desk.settings.rates, *stored_rates(self._database)))

    async def _one(self, id_or_name: str) -> dict[str, Any]:
        def find() -> BudgetStanding:
            with self._database.read() as connection:
                wanted = find_budget(connection, id_or_name)
            return next(each for each in self.standings() if each.budget.id == wanted.id)

        return self._data(await asyncio.to_thread(find))

    def _data(self, standing: BudgetStanding) -> dict[str, Any]:
        """With what gateways really have, where the store only knows the most that they may have."""
        found = self._lending.standing(standing.budget.id)
        leased = None if found is None else decimal_of(found.leased)
        return standing_as_data(standing) | {"leased": leased}


def budget_metrics(standings: Iterable[BudgetStanding]) -> str:
    """Prometheus text format."""
    return "".join(f"{line}\n" for line in _lines(list(standings)))


def _lines(standings: Sequence[BudgetStanding]) -> Iterator[str]:
    amounts: tuple[tuple[str, str, Callable[[BudgetStanding], str]], ...] = (
        ("limit", "What may be spent, in units of the currency.", lambda one: decimal_of(one.budget.picos)),
        ("spent", "What is spent in the window under way.", lambda one: decimal_of(one.spent)),
        ("held", "What open calls hold.", lambda one: decimal_of(one.held)),
        ("uncounted", "Attempts that owe nobody knows how much.", lambda one: str(one.uncounted)),
        ("passed_percent", "The highest mark of which notice was given.", _passed),
    )
    for name, text, amount in amounts:
        yield f"# HELP fenli_budget_{name} {text}"
        yield f"# TYPE fenli_budget_{name} gauge"
        for standing in standings:
            budget = standing.budget
            labels = f'budget="{_label(budget.name)}",currency="{budget.currency}"'
            yield f"fenli_budget_{name}{{{labels}}} {amount(standing)}"


def _passed(standing: BudgetStanding) -> str:
    return str(max((notice.percent for notice in standing.notices), default=0))


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _decoded(decode: Callable[[bytes], T], body: bytes, fields: str) -> T:
    try:
        return decode(body)
    except msgspec.DecodeError as error:
        raise BudgetRefused(f"{error}: send a JSON object with {fields}") from None


def _json(value: object, status: int = 200) -> Response:
    return Response(_encode(value), status, media_type="application/json")
