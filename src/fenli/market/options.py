"""What a market server is asked for, and the market that comes of it."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final

import msgspec

from fenli.clock import SECOND
from fenli.errors import ConfigError
from fenli.market.accounts import Account, parse_account
from fenli.market.bills import Bills
from fenli.market.faults import FaultRule, Faults, parse_rule
from fenli.market.flavours import FLAVOURS
from fenli.market.market import DEFAULT_VENDORS, Market, OwnVendor, emulate, emulate_own, market_key
from fenli.market.replies import AT_ONCE, Behaviour, Echo, Pace, Synthetic
from fenli.market.scenario_files import load_scenario
from fenli.market.scenario_prices import scenario_rows
from fenli.market.served import ServedBook
from fenli.market.timeline import Timeline, parse_speed
from fenli.prices.book import PriceBook
from fenli.sim.kernel import Scheduler
from fenli.sim.random import Chance

_KEPT: Final = 100_000
BALANCE: Final = "1000+10"


class MarketOptions(msgspec.Struct, frozen=True, kw_only=True):
    """``tokens_per_second`` None answers at once. ``faults`` as `fenli.market.faults.parse_rule` reads them, for all
    vendors or, as ``vendor:fault``, for one. ``balances`` as `fenli.market.accounts.parse_account` reads them, for all
    vendors that tell what is left or for one; a million tokens cost ``price``. ``seed`` None takes a fresh one.

    ``scenario``: a name or a file; it begins at ``begin`` (None: at once) and goes at ``speed`` (None: its own).
    ``prices``: directories of price files beside the built-in ones; not None, or a scenario, and everything served is
    charged by the price book, in the ``currencies`` and by the ``lists`` by vendor, or each vendor's own. ``own``:
    vendors that the user has beside them, and models beside theirs. ``ports``: of a vendor alone, where it can refuse
    connections."""

    host: str = "127.0.0.1"
    port: int = 8420
    vendors: tuple[str, ...] = DEFAULT_VENDORS
    tokens_per_second: float | None = 50.0
    first_token_ms: int = 200
    echo: bool = False
    served: Path | None = None
    faults: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    balances: tuple[str, ...] = ()
    price: str = "1"
    seed: int | None = None
    scenario: str | None = None
    begin: int | None = None
    speed: str | None = None
    prices: tuple[Path, ...] | None = None
    currencies: dict[str, str] = {}
    lists: dict[str, str] = {}
    own: dict[str, OwnVendor] = {}
    ports: dict[str, int] = {}


def build_market(options: MarketOptions, scheduler: Scheduler) -> Market:
    """Raises ConfigError for a vendor, a fault or a scenario that does not exist, PriceFileError for bad prices."""
    rules: dict[str, list[FaultRule]] = {name: [] for name in options.vendors}
    for text in options.faults:
        vendor, mark, fault = text.partition(":")
        if mark and vendor not in rules:
            raise ConfigError(f"{text!r} names no vendor that is served here: {', '.join(options.vendors)}")
        for name in [vendor] if mark else options.vendors:
            rules[name].append(parse_rule(fault if mark else text))
    pace = AT_ONCE
    if options.tokens_per_second is not None:
        if options.tokens_per_second <= 0:
            raise ConfigError("tokens per second must be more than 0: leave it out to answer at once")
        pace = Pace(options.first_token_ms * 1_000_000, int(SECOND / options.tokens_per_second))
    behaviour: Behaviour = Echo() if options.echo else Synthetic()
    accounts = _accounts(options)
    vendors = [
        emulate(
            name,
            keys=(market_key(name), *options.keys),
            behaviour=behaviour,
            pace=pace,
            faults=Faults(tuple(rules[name])),
            account=accounts.get(name),
        )
        for name in options.vendors
    ]
    for emulated in vendors:
        if emulated.vendor.id in options.own:
            emulated.also_has(options.own[emulated.vendor.id].models)
    others = {name: own for name, own in options.own.items() if name not in options.vendors}
    vendors += [emulate_own(name, own, behaviour=behaviour, pace=pace) for name, own in others.items()]
    timeline, bills = _staged(options, scheduler.now())
    seed = options.seed if timeline is None or options.seed is not None else timeline.scenario.seed
    chance = Chance(secrets.randbits(63) if seed is None else seed)
    return Market(scheduler, chance, vendors, ServedBook(options.served, kept=_KEPT), timeline=timeline, bills=bills)


def _staged(options: MarketOptions, now: int) -> tuple[Timeline | None, Bills | None]:
    """The scenario in time, and what the vendors charge while it lasts."""
    if options.scenario is None and options.prices is None:
        return None, None
    book = PriceBook.load(*(options.prices or ()))
    if options.scenario is None:
        return None, Bills(book, options.currencies, options.lists)
    timeline = timeline_of(options.scenario, book, now if options.begin is None else options.begin, options.speed)
    absent = [name for name in timeline.scenario.vendors if name not in options.vendors]
    if absent:
        raise ConfigError(
            f"{options.scenario}: {', '.join(absent)} of it is not served here: leave --vendor out, or add it"
        )
    return timeline, Bills(book.with_rows(scenario_rows(timeline, book)), options.currencies, options.lists)


def timeline_of(scenario: str, book: PriceBook, begin: int, speed: str | None) -> Timeline:
    """The scenario of that name or file, from ``begin`` on. Raises ConfigError."""
    return Timeline(load_scenario(scenario, book), begin, None if speed is None else parse_speed(speed))


def _accounts(options: MarketOptions) -> dict[str, Account]:
    """Ours with each vendor that tells what is left; what is written for one vendor wins over what is for all."""
    telling = [name for name in options.vendors if name in FLAVOURS and FLAVOURS[name].teller is not None]
    balances = dict.fromkeys(telling, BALANCE)
    for text in sorted(options.balances, key=lambda text: ":" in text):
        vendor, mark, balance = text.rpartition(":")
        if mark and vendor not in balances:
            raise ConfigError(f"{text!r} names no vendor here that tells what is left: {', '.join(telling) or 'none'}")
        balances |= dict.fromkeys([vendor] if mark else telling, balance)
    accounts = {}
    for name, balance in balances.items():
        teller = FLAVOURS[name].teller
        assert teller is not None
        accounts[name] = parse_account(teller.currency, balance, options.price)
    return accounts
