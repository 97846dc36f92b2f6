"""The market: all emulated vendors together, the streams of chance they draw from, and the book of what they served."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from fenli.errors import ConfigError
from fenli.market.accounts import Account
from fenli.market.bills import Bills
from fenli.market.course import Course
from fenli.market.faults import Faults
from fenli.market.flavours import FLAVOURS
from fenli.market.model import EmulatedVendor
from fenli.market.player import Player, Stage
from fenli.market.replies import Behaviour, Pace
from fenli.market.requests import Ask
from fenli.market.script import Outcome, Script
from fenli.market.served import ServedBook, Serving
from fenli.market.timeline import Timeline
from fenli.prices.facts import Facts
from fenli.sim.kernel import Scheduler
from fenli.sim.random import Chance, Stream
from fenli.values.money import decimal_of
from fenli.vendors.catalog import VENDORS
from fenli.vendors.contract import parse_base_url

DEFAULT_VENDORS: Final = tuple(FLAVOURS)


def market_key(vendor: str) -> str:
    """The key that an emulated vendor knows unless it is given others."""
    return (FLAVOURS[vendor].key if vendor in FLAVOURS else "") or f"sk-market-{vendor}"


class Market:
    """Each vendor is found by path (``/{vendor}/...``) or by the host of its real base URL. With a ``timeline`` they
    live through its scenario; with ``bills`` what they served is charged by the price book."""

    def __init__(
        self,
        scheduler: Scheduler,
        chance: Chance,
        vendors: Iterable[EmulatedVendor],
        book: ServedBook | None = None,
        *,
        timeline: Timeline | None = None,
        bills: Bills | None = None,
    ) -> None:
        self.scheduler = scheduler
        self.chance = chance
        self.timeline = timeline
        self._bills = bills
        self.book = book if book is not None else ServedBook()
        self.vendors: dict[str, EmulatedVendor] = {}
        self._by_host: dict[str, list[EmulatedVendor]] = {}
        self._streams: dict[str, Stream] = {}
        for emulated in vendors:
            name = emulated.vendor.id
            self.vendors[name] = emulated
            self._by_host.setdefault(parse_base_url(emulated.vendor.base_url)[0].host, []).append(emulated)
            self._streams[name] = chance.stream(f"market/{name}")
            if timeline is not None:
                emulated.course = Course(timeline.spans(name))
            if bills is not None:
                emulated.also_has(bills.models(name))

    def find(self, host: str, path: str) -> tuple[EmulatedVendor, str] | None:
        """The vendor that such a request is for, and the path as it would see it."""
        here = self._by_host.get(host, [])
        if here and not any(path.startswith(f"/{emulated.vendor.id}/") for emulated in here):
            fitting = [emulated for emulated in here if path.startswith(emulated.prefix)]
            return max(fitting or here, key=_depth), path
        name, mark, rest = path[1:].partition("/")
        emulated = self.vendors.get(name)
        return None if emulated is None else (emulated, mark + rest)

    def script(self, emulated: EmulatedVendor, ask: Ask) -> Script:
        now = self.scheduler.now()
        script = emulated.script(ask, now, self._streams[emulated.vendor.id])
        if not script.model:
            return script
        model = emulated.named(script.model)
        excess = None if emulated.course is None else emulated.course.admit(script, model, now)
        if excess is not None:
            script = emulated.turned_away(excess, script.id)
        return emulated.telling(script, model, now)

    def handshake(self, emulated: EmulatedVendor, ask: Ask) -> Script | None:
        """What refuses a WebSocket before anything is asked over it; None where it is granted."""
        return emulated.handshake(ask, self.scheduler.now(), self._streams[emulated.vendor.id])

    def player(self, emulated: EmulatedVendor, script: Script, stage: Stage) -> Player:
        name, at = emulated.vendor.id, self.scheduler.now()

        def enter(script: Script, outcome: Outcome, tokens: int) -> None:
            self._enter(name, at, script, outcome, tokens)

        return Player(self.scheduler, script, stage, enter)

    def _enter(self, vendor: str, at: int, script: Script, outcome: Outcome, tokens: int) -> None:
        count = script.count.upto(tokens)
        if outcome is Outcome.REFUSED:
            count = type(count)()
        emulated, now = self.vendors[vendor], self.scheduler.now()
        if emulated.course is not None:
            emulated.course.ended(script, count.completion, now)
        units = script.units if outcome is Outcome.WHOLE else {}
        charge = None
        if self._bills is not None and script.model:
            facts = Facts(thinking=script.thinks, resolution=script.resolution)
            charge = self._bills.charge(vendor, emulated.named(script.model), count, facts, at, now, units)
        if emulated.account is not None:
            emulated.account.draw(count.prompt + count.completion, charge)
        self.book.enter(
            Serving(
                vendor=vendor,
                id=script.id,
                at=at,
                ended=now,
                outcome=outcome,
                status=script.status,
                model=script.model,
                stream=script.stream,
                prompt_tokens=count.prompt,
                completion_tokens=count.completion,
                cached_tokens=count.cached,
                reasoning_tokens=count.reasoning,
                searches=count.searches,
                told=None if script.told is None else script.told.decode(),
                fault=script.fault,
                units=units,
                cost=None if charge is None else decimal_of(charge.picos),
                currency=None if charge is None else charge.currency,
                price=None if charge is None else charge.offer,
            )
        )


class OwnVendor(msgspec.Struct, frozen=True):
    """A vendor as the user has it: whose dialect it speaks, and the models that it has beside that one's."""

    adapter: str
    models: tuple[str, ...] = ()


def _depth(emulated: EmulatedVendor) -> int:
    """Of several vendors at one host, the one with the longest path is meant."""
    return len(emulated.prefix)


def emulate(
    name: str,
    *,
    keys: Iterable[str] | None = None,
    behaviour: Behaviour | None = None,
    pace: Pace | None = None,
    faults: Faults | None = None,
    account: Account | None = None,
) -> EmulatedVendor:
    """The vendor of that id, as the catalogue describes it. Raises ConfigError when it is not emulated."""
    if name not in FLAVOURS:
        raise ConfigError(f"{name!r} is not emulated: choose among {', '.join(FLAVOURS)}")
    known = frozenset([market_key(name)] if keys is None else keys)
    return EmulatedVendor(
        VENDORS[name], FLAVOURS[name], keys=known, behaviour=behaviour, pace=pace, faults=faults, account=account
    )


def emulate_own(name: str, own: OwnVendor, *, behaviour: Behaviour, pace: Pace) -> EmulatedVendor:
    """A vendor that answers as its adapter's does, under an id of its own."""
    vendor: Any = VENDORS[own.adapter]
    called = msgspec.structs.replace(vendor, id=name, sells=vendor.sells or own.adapter)
    keys = frozenset([market_key(own.adapter)])
    emulated = EmulatedVendor(called, FLAVOURS[own.adapter], keys=keys, behaviour=behaviour, pace=pace)
    emulated.also_has(own.models)
    return emulated
