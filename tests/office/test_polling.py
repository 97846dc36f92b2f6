"""Asking vendors what is left: the emulated market on real sockets, and what is written down of what it says."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from books import NOON, SECOND, StoppedClock

from fenli.clock import MILLISECOND
from fenli.errors import ConfigError
from fenli.http.client import Client
from fenli.http.server import Server
from fenli.market.accounts import Account
from fenli.market.faults import Faults, parse_rule
from fenli.market.market import Market, emulate, market_key
from fenli.market.server import MarketServer
from fenli.office import polling
from fenli.office.balances import Poll, last_polls, list_polls
from fenli.office.desk import Desk
from fenli.office.polling import Poller, ask, low_holding, telling
from fenli.office.settings import Settings, VendorSetting
from fenli.routing.snapshot import VendorSettings
from fenli.sim.random import Chance
from fenli.sim.wall import Wall
from fenli.store import Database
from fenli.vendors.balances import Balance, Holding
from fenli.vendors.catalog import VENDORS
from fenli.vendors.contract import parse_base_url

CENT = 10**10
MINUTE = 60 * SECOND


class Street:
    """The market's vendors on a port, our keys to them in the environment, and a client."""

    def __init__(self, port: int, market: Market, client: Client) -> None:
        self.port = port
        self.market = market
        self.client = client
        self.clock = StoppedClock(NOON)

    def url(self, vendor: str) -> str:
        return f"http://127.0.0.1:{self.port}/{vendor}{parse_base_url(VENDORS[vendor].base_url)[1]}"

    def vendor(self, name: str, currency: str = "CNY") -> VendorSettings:
        return VendorSettings(name, name, self.url(name), f"env:KEY_{name}", (), currency)

    async def asked(self, name: str, **changed: str) -> Poll:
        vendor = msgspec.structs.replace(self.vendor(name), **changed)  # type: ignore[arg-type]
        return await ask(vendor, self.client, self.clock)

    def account(self, name: str) -> Account:
        account = self.market.vendors[name].account
        assert account is not None
        return account


def on_the_street(story: Callable[[Street], Awaitable[None]], faults: str = "") -> None:
    async def run() -> None:
        wall = Wall(asyncio.get_running_loop())
        rules = Faults((parse_rule(faults),) if faults else ())
        vendors = [emulate(name, faults=rules) for name in ("deepseek", "moonshot", "stepfun", "openai")]
        market = Market(wall, Chance(1), vendors)
        server = Server(MarketServer(market).handle)
        await server.listen("127.0.0.1", 0)
        client = Client(tick=20 * MILLISECOND)
        try:
            await asyncio.wait_for(story(Street(server.port, market, client)), 20)
        finally:
            await client.close()
            await server.drain(0.1)
            wall.close()

    asyncio.run(run())


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("deepseek", "moonshot", "stepfun", "openai"):
        monkeypatch.setenv(f"KEY_{name}", market_key(name))


def test_each_vendor_is_asked_and_read_in_its_own_way() -> None:
    async def story(street: Street) -> None:
        for name in ("deepseek", "moonshot", "stepfun"):
            street.account(name).paid_in = 7 * CENT + 3
            poll = await street.asked(name)
            assert (poll.vendor, poll.outcome, poll.status, poll.asked_at) == (name, "ok", 200, NOON)
            assert poll.balance is not None
            assert [holding.picos for holding in poll.balance.holdings] == [10**13 + 7 * CENT + 3]
            assert poll.reply is not None
            assert b"10.070000000003" in poll.reply

    on_the_street(story)


def test_a_wrong_key_is_said_and_never_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(street: Street) -> None:
        monkeypatch.setenv("KEY_deepseek", "sk-wrong-and-secret")
        poll = await street.asked("deepseek")
        assert (poll.outcome, poll.status, poll.balance) == ("bad_key", 401, None)
        assert "secret" not in str(poll)
        monkeypatch.delenv("KEY_deepseek")
        poll = await street.asked("deepseek")
        assert (poll.outcome, poll.status) == ("bad_key", None)
        assert "KEY_deepseek" in (poll.note or "")

    on_the_street(story)


@pytest.mark.parametrize(
    ("fault", "outcome", "status"),
    [
        ("overloaded", "overloaded", 503),
        ("html@502", "server_error", 502),
        ("html@200", "not_told", 200),
        ("garbage", "not_told", 200),
        ("empty", "not_told", 200),
        ("error_inside", "not_told", 200),
        ("cut@3", "truncated", None),
        ("cut_head", "truncated", None),
    ],
)
def test_whatever_goes_wrong_is_in_the_poll(fault: str, outcome: str, status: int | None) -> None:
    async def story(street: Street) -> None:
        poll = await street.asked("deepseek")
        assert (poll.outcome, poll.status, poll.balance, poll.reply) == (outcome, status, None, None)
        assert poll.note

    on_the_street(story, fault)


def test_a_vendor_that_keeps_silent_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "WITHIN", SECOND // 5)

    async def story(street: Street) -> None:
        poll = await street.asked("deepseek")
        assert poll.outcome == "timeout"

    on_the_street(story, "stall_head")


def test_nobody_there_and_nothing_there() -> None:
    async def story(street: Street) -> None:
        poll = await street.asked("deepseek", base_url="http://127.0.0.1:1")
        assert (poll.outcome, poll.status) == ("server_error", None)
        assert "127.0.0.1:1" in (poll.note or "")
        poll = await street.asked("deepseek", base_url=street.url("deepseek") + "/v9")
        assert (poll.outcome, poll.status) == ("not_told", 404)
        assert "base_url" in (poll.note or "")

    on_the_street(story)


def test_a_currency_that_nobody_knows_is_asked_for() -> None:
    async def story(street: Street) -> None:
        assert (await street.asked("deepseek", currency="XXX")).told  # its replies say it
        poll = await street.asked("moonshot", currency="XXX")
        assert (poll.outcome, poll.balance) == ("not_told", None)
        assert 'currency = "CNY"' in (poll.note or "")

    on_the_street(story)


def test_only_vendors_that_tell_are_asked() -> None:
    made = [VendorSettings(name, name, VENDORS[name].base_url, "", (), "CNY") for name in ("openai", "stepfun")]
    assert [vendor.id for vendor in telling(made)] == ["stepfun"]


# The poller


def a_desk(database: Database, data: Path, clock: StoppedClock, street: Street, **settings: object) -> Desk:
    own = settings.pop("own", {})
    names = ("deepseek", "moonshot", "openai")
    vendors = tuple(
        VendorSetting(id=name, base_url=street.url(name), credential=f"env:KEY_{name}", **own.get(name, {}))  # type: ignore[attr-defined]
        for name in names
    )
    load = lambda: Settings(vendors=vendors, **settings)  # type: ignore[arg-type]  # noqa: E731
    environ = {f"KEY_{name}": "x" for name in names}
    desk = Desk(database, data / "snapshot", load, environ, (), clock)
    desk.reload()
    return desk


async def settled(poller: Poller) -> None:
    poller.turn()
    while poller._under_way:
        await asyncio.sleep(0.005)


def test_vendors_are_asked_when_they_are_due_and_a_new_start_does_not_hurry(database: Database, data: Path) -> None:
    async def story(street: Street) -> None:
        clock = street.clock
        desk = a_desk(database, data, clock, street, poll_balances=MINUTE, own={"moonshot": {"poll_balances": SECOND}})
        poller = Poller(database, desk, street.client, clock)
        times = []
        for _ in range(3):
            await settled(poller)
            times.append([len(list_polls(database, name)) for name in ("deepseek", "moonshot", "openai")])
            clock.instant += SECOND
        assert times == [[1, 1, 0], [1, 2, 0], [1, 3, 0]]
        clock.instant = NOON + MINUTE - 1
        again = Poller(database, desk, street.client, clock)
        await settled(again)
        assert len(list_polls(database, "deepseek")) == 1
        clock.instant += 1
        await settled(again)
        assert [poll.asked_at for poll in list_polls(database, "deepseek")] == [NOON, NOON + MINUTE]

    on_the_street(story)


def test_nobody_is_asked_who_was_not_told_to(database: Database, data: Path) -> None:
    async def story(street: Street) -> None:
        desk = a_desk(database, data, street.clock, street)
        poller = Poller(database, desk, street.client, street.clock)
        await settled(poller)
        assert last_polls(database) == {}
        assert [poll.vendor for poll in await poller.poll(["moonshot"])] == ["moonshot"]
        assert [poll.vendor for poll in await poller.poll([])] == ["deepseek", "moonshot"]
        with pytest.raises(ConfigError, match="there are deepseek, moonshot"):
            await poller.poll(["openai"])
        assert len(list_polls(database, "moonshot")) == 2

    on_the_street(story)


def test_a_failure_is_logged_once_and_its_end_too_and_the_vendor_stays_on(
    database: Database, data: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(street: Street) -> None:
        desk = a_desk(database, data, street.clock, street)
        poller = Poller(database, desk, street.client, street.clock)
        monkeypatch.setenv("KEY_deepseek", "sk-wrong")
        for _ in range(3):
            await poller.poll(["deepseek"])
        assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
            "deepseek does not tell what is left (bad_key)"
        ]
        monkeypatch.setenv("KEY_deepseek", market_key("deepseek"))
        await poller.poll(["deepseek"])
        await poller.poll(["deepseek"])
        assert caplog.messages[1:] == ["deepseek tells again what is left"]
        assert [poll.outcome for poll in list_polls(database, "deepseek")] == ["bad_key"] * 3 + ["ok"] * 2
        assert "deepseek" in [vendor.id for vendor in desk.vendors]

    caplog.set_level(logging.WARNING, "fenli.office.polling")
    on_the_street(story)


def test_too_little_is_logged_when_it_becomes_too_little(
    database: Database, data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(street: Street) -> None:
        desk = a_desk(database, data, street.clock, street, own={"deepseek": {"low_balance": 5 * CENT}})
        poller = Poller(database, desk, street.client, street.clock)
        account = street.account("deepseek")
        account.granted = 0
        for cents in (6, 5, 4, 3, 5, 4):
            account.paid_in = cents * CENT
            await poller.poll(["deepseek"])
        low = [message for message in caplog.messages if "0.04 CNY left" in message]
        assert len(low) == len(caplog.messages) == 2

    caplog.set_level(logging.WARNING, "fenli.office.polling")
    on_the_street(story)


def test_a_vendor_that_is_still_answering_when_the_office_closes_is_left_alone(database: Database, data: Path) -> None:
    async def story(street: Street) -> None:
        desk = a_desk(database, data, street.clock, street, poll_balances=SECOND)
        poller = Poller(database, desk, street.client, street.clock)
        poller.turn()
        await asyncio.sleep(0.05)
        await poller.close()
        assert last_polls(database) == {}

    on_the_street(story, "stall_head")


# Too little


def poll_of(*holdings: Holding, usable: bool | None = None) -> Poll:
    return Poll(vendor="x", asked_at=0, took=0, outcome="ok", balance=Balance(holdings, usable))


@pytest.mark.parametrize(
    ("poll", "floor", "currency"),
    [
        (poll_of(Holding("CNY", 4)), 5, "CNY"),
        (poll_of(Holding("CNY", 4), Holding("USD", 9)), 5, "CNY"),
        (poll_of(Holding("USD", 4)), 5, "USD"),  # the only one there is
        (poll_of(Holding("CNY", 400), usable=False), None, "CNY"),
        (poll_of(Holding("CNY", -1)), 0, "CNY"),
    ],
)
def test_what_is_too_little(poll: Poll, floor: int | None, currency: str) -> None:
    low = low_holding(poll, "CNY", floor)
    assert low is not None
    assert low.currency == currency


@pytest.mark.parametrize(
    ("poll", "floor"),
    [
        (poll_of(Holding("CNY", 5)), 5),
        (poll_of(Holding("CNY", 0)), None),
        (poll_of(Holding("CNY", 9), Holding("USD", 1)), 5),
        (poll_of(Holding("HKD", 1), Holding("USD", 1)), 5),  # none is the contract's
        (Poll(vendor="x", asked_at=0, took=0, outcome="bad_key"), 5),
    ],
)
def test_what_is_not_too_little(poll: Poll, floor: int | None) -> None:
    assert low_holding(poll, "CNY", floor) is None
