"""Asking vendors for their balances now: through the office where one runs, since its environment has the keys."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Collection
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import msgspec

from fenli.cli.balance_states import telling_vendors
from fenli.cli.books import make_books
from fenli.cli.language import say
from fenli.cli.running import is_locked, read_running
from fenli.clock import SystemClock
from fenli.config.load import Config
from fenli.config.on_device import on_device
from fenli.config.settings import try_out
from fenli.errors import ConfigError, FenliError
from fenli.http.client import Client
from fenli.office.balances import Poll, add_poll
from fenli.office.polling import ask, chosen, telling
from fenli.routing.snapshot import VendorSettings
from fenli.vendors.addresses import may_connect

OFFICE_S: Final = 90.0  # more than a question may take


class _Error(msgspec.Struct):
    message: str


class _Refusal(msgspec.Struct):
    error: _Error


def poll_now(folder: Path, config: Config, wanted: Collection[str]) -> None:
    """Asks these vendors, all that are on and tell where none is named, and writes down what they say.

    Raises ConfigError for one that is off or does not tell.
    """
    running = read_running(folder)
    if is_locked(folder) and running is not None:
        _through_office(folder, running.office_port, wanted)
        return
    vendors = {vendor.id: vendor for vendor in telling(try_out(config, on_device(config)).vendors)}
    asked = chosen(vendors, wanted)
    if not asked:
        raise ConfigError(say("balance.nobody_on", known=", ".join(state.id for state in telling_vendors(config))))
    polls = asyncio.run(_ask(asked))
    with make_books(folder) as books:
        for poll in polls:
            add_poll(books, poll)


def _through_office(folder: Path, port: int, wanted: Collection[str]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=OFFICE_S)
    query = urlencode([("vendor", vendor) for vendor in wanted])
    try:
        token = (folder / "admin-token").read_text().strip()
        connection.request("POST", f"/api/balances?{query}", headers={"Authorization": f"Bearer {token}"})
        reply = connection.getresponse()
        body = reply.read()
    except (OSError, http.client.HTTPException) as error:
        raise FenliError(say("balance.no_office", port=port, reason=error or type(error).__name__)) from None
    finally:
        connection.close()
    if reply.status != http.HTTPStatus.OK:
        message = msgspec.json.decode(body, type=_Refusal).error.message
        raise ConfigError(message) if reply.status == http.HTTPStatus.NOT_FOUND else FenliError(message)


async def _ask(vendors: list[VendorSettings]) -> list[Poll]:
    client, clock = Client(allowed=may_connect), SystemClock()
    try:
        return list(await asyncio.gather(*(ask(vendor, client, clock) for vendor in vendors)))
    finally:
        await client.close()
