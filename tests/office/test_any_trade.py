"""Whatever callers, customers, vendors and crashes do, in whatever order, the books come out exact.

A model that shares no code with the books adds up what must be there. `fenli ledger verify` looks as well.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections import Counter
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from books import NOON, SECOND, StoppedClock, Worker, attempted, held, released, settled
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import event
from trade import lot_rows, sell

from fenli.errors import AccountRefused
from fenli.ledger.chart import Kind
from fenli.ledger.journal import encode_frame
from fenli.ledger.lots import LotKind
from fenli.ledger.records import Grade, Record
from fenli.office.accounts import held as held_now
from fenli.office.accounts import read_accounts
from fenli.office.corrections import post_correction
from fenli.office.packs import Purchase, buy
from fenli.office.plans import assign_plan, create_plan
from fenli.office.posting import Posting
from fenli.office.tables import MIGRATIONS, SCHEMA
from fenli.office.verify import verify
from fenli.office.wallets import give_credit, refund, top_up
from fenli.prices import PriceBook
from fenli.prices.plans import Markup, PerCall, Subscription
from fenli.store import Database
from fenli.store.migrations import migrate
from fenli.values import Money, parse_instant

RATED_AT = parse_instant("2025-02-15T00:00:00Z")
HELD = 10**11
PLANS = {
    "half-more": Markup("1.5"),
    "per-call": PerCall("CNY", "0.01"),
    "monthly": Subscription("CNY", "0.02", "0.005", "Asia/Shanghai", Markup("1.1")),
}
AMOUNTS = st.integers(1, 3 * 10**10)
USAGES = st.fixed_dictionaries({"input": st.integers(1, 5000), "output": st.integers(0, 500)})


@cache
def price_book() -> PriceBook:
    return PriceBook.load()


@cache
def empty_books() -> Path:
    path = Path(tempfile.mkdtemp()) / "fenli.db"
    migrate(path, MIGRATIONS)
    return path


class AnyTrade(RuleBasedStateMachine):
    """One vendor, one customer who pays, one key of ours, and one gateway at a time whose writes are torn."""

    def __init__(self) -> None:
        super().__init__()
        self.data = Path(tempfile.mkdtemp())
        shutil.copy(empty_books(), self.data / "fenli.db")
        self.database = Database(self.data / "fenli.db", SCHEMA)
        self.clock = StoppedClock(NOON)
        self.posting = self._posting()
        self.runs = 0
        self.number = 0
        self.references = 0
        self.open: dict[tuple[int, int], Any] = {}
        self.buffer = b""
        self.unknown: dict[tuple[str, int], int] = {}
        self.paid = self.refunded = 0
        self.known: dict[tuple[str, int], int] = {}
        self.corrected: set[tuple[str, int]] = set()
        self.fail_at: int | None = None
        event.listen(self.database._engine, "before_cursor_execute", self._maybe_fail)

    @initialize()
    def begin(self) -> None:
        self.keys = (sell(self.database, terms=PLANS["half-more"]), "key_ours")
        for name, terms in PLANS.items():
            create_plan(self.database, name, terms, now=NOON)
        self._new_worker()

    @rule(key=st.integers(0, 1))
    def call(self, key: int) -> None:
        self._tick()
        self.number += 1
        record = held(self.number, key=self.keys[key], at=self.clock.instant, picos=HELD)
        self.open[self.number, 1] = record
        self._append(record)

    @rule(usage=USAGES, which=st.integers(0, 100), final=st.booleans())
    def settle(self, usage: dict[str, int], which: int, final: bool) -> None:
        if not self.open:
            return
        number, attempt = self._pick(which)
        tariff = price_book().tariff("deepseek", "deepseek-chat", "CNY")
        assert tariff is not None
        rating = tariff.rate(usage, RATED_AT)
        cost = {"usage": usage, "picos": rating.picos, "offer": rating.offer, "rated_at": RATED_AT}
        self.known[self._call(number), attempt] = rating.picos
        self._end(number, attempt, settled(number, attempt, at=self.clock.instant, final=final, **cost), final)

    @rule(which=st.integers(0, 100), final=st.booleans())
    def leave_unknown(self, which: int, final: bool) -> None:
        if not self.open:
            return
        number, attempt = self._pick(which)
        unknown = {"grade": Grade.UNKNOWN, "usage": None, "picos": None, "offer": None, "rated_at": None}
        self.unknown[self._call(number), attempt] = HELD
        self._end(number, attempt, settled(number, attempt, at=self.clock.instant, final=final, **unknown), final)

    @rule(which=st.integers(0, 100), final=st.booleans())
    def release(self, which: int, final: bool) -> None:
        if self.open:
            number, attempt = self._pick(which)
            record = msgspec.structs.replace(released(number, attempt, final=final), at=self.clock.instant)
            self._end(number, attempt, record, final)

    @rule(size=st.integers(1, 4000))
    def write(self, size: int) -> None:
        """As many bytes of what was to be written get to the disk, and no more for now."""
        with self.worker.path.open("ab") as file:
            file.write(self.buffer[:size])
        self.buffer = self.buffer[size:]

    @rule()
    def rotate(self) -> None:
        self._flush()
        self.worker.rotate()

    @rule(fail_at=st.none() | st.integers(0, 40))
    def post(self, fail_at: int | None) -> None:
        """With the disk failing at some statement, or not at all."""
        self._tick()
        self.fail_at = fail_at
        self.posting.step()
        self.fail_at = None

    @rule()
    def office_dies(self) -> None:
        self.posting.close()
        self.posting = self._posting()

    @rule()
    def gateway_dies(self) -> None:
        """What it had not written is gone, and nobody was told that it was safe."""
        self.buffer, self.open = b"", {}
        self.worker.die()
        self._settle_posting()
        self._recount()
        self._new_worker()

    @rule(amount=AMOUNTS)
    def pays_in(self, amount: int) -> None:
        self._tick()
        top_up(self.database, "acme", Money("CNY", amount), reference=self._reference(), now=self.clock.instant)
        self.paid += amount

    @rule(amount=AMOUNTS)
    def is_paid_back(self, amount: int) -> None:
        with suppress(AccountRefused):
            refund(self.database, "acme", Money("CNY", amount), reference=self._reference(), now=self.clock.instant)
            self.refunded += amount

    @rule(amount=AMOUNTS, lasts=st.none() | st.integers(1, 400))
    def is_given_credit(self, amount: int, lasts: int | None) -> None:
        self._tick()
        end = None if lasts is None else self.clock.instant + lasts * SECOND
        reference = self._reference()
        give_credit(
            self.database, "acme", Money("CNY", amount), reference=reference, expires_at=end, now=self.clock.instant
        )

    @rule(
        unit=st.sampled_from(["money", "tokens", "calls"]), units=st.integers(1, 20_000), price=AMOUNTS,
        kind=st.sampled_from([LotKind.PACK, LotKind.GRANTED, LotKind.TOPPED_UP]),
        lasts=st.none() | st.integers(1, 400),
    )  # fmt: skip
    def buys(self, unit: Any, units: int, price: int, kind: LotKind, lasts: int | None) -> None:
        self._tick()
        end = None if lasts is None else self.clock.instant + lasts * SECOND
        face = units * 10**6 if unit == "money" else units
        pack = Purchase(
            vendor="deepseek", kind=kind, unit=unit, units=face, price=Money("CNY", price),
            reference=self._reference(), expires_at=end,
        )  # fmt: skip
        buy(self.database, pack, now=self.clock.instant)

    @rule(plan=st.none() | st.sampled_from(sorted(PLANS)), project=st.booleans())
    def changes_plan(self, plan: str | None, project: bool) -> None:
        self._tick()
        whom = {"project": "acme-web"} if project else {"customer": "acme"}
        assign_plan(self.database, plan, **whom, now=self.clock.instant)

    @rule(picos=st.integers(0, 10**11), which=st.integers(0, 100))
    def corrects(self, picos: int, which: int) -> None:
        with self.database.read() as connection:
            rows = connection.exec_driver_sql("SELECT call, attempt FROM entries ORDER BY sequence").all()
        if not rows:
            return
        self._tick()
        call, attempt = rows[which % len(rows)]
        with self.database.write() as connection:
            post_correction(
                connection, call, attempt, Money("CNY", picos), why="the bill", reference=self._reference(),
                now=self.clock.instant,
            )  # fmt: skip
        self.known[call, attempt] = picos
        self.corrected.add((call, attempt))
        self.unknown.pop((call, attempt), None)

    @rule(seconds=st.integers(1, 20 * 86_400))
    def time_passes(self, seconds: int) -> None:
        self.clock.instant += seconds * SECOND

    @invariant()
    def money_in_is_money_out(self) -> None:
        """Posted so far, at whatever point that is: every account follows from what was done to it."""
        with self.database.read() as connection:
            accounts = {account.name: account for account in read_accounts(connection)}
            posted = connection.exec_driver_sql("SELECT call, attempt FROM entries").all()
        balance: Counter[Kind] = Counter()
        for name, account in accounts.items():
            balance[name.kind] += account.balance
        there = {tuple(row) for row in posted}
        assert balance[Kind.COST] == sum(picos for place, picos in self.known.items() if place in there)
        assert balance[Kind.WALLET] + balance[Kind.CREDIT] - balance[Kind.OWED] == (
            self.paid - self.refunded + balance[Kind.GIVEN] - balance[Kind.REVENUE]
        )
        unclear = [account.debits_pending for name, account in accounts.items() if name.kind is Kind.UNCLEAR]
        assert sum(unclear) == sum(held for place, held in self.unknown.items() if place in there)
        debits = sum(account.debits_posted for account in accounts.values())
        assert debits == sum(account.credits_posted for account in accounts.values())

    def teardown(self) -> None:
        self._flush()
        self.worker.die()
        self.open = {}
        self._settle_posting()
        self._recount()
        self.money_in_is_money_out()
        with self.database.read() as connection:
            assert held_now(connection) == {}
        self._verify()
        self.clock.instant += 60 * 86_400 * SECOND
        self._settle_posting()
        over = [
            row
            for row in lot_rows(self.database)
            if row.expires_at and row.expires_at < self.clock.instant - 2 * SECOND
        ]
        assert all(row.lapsed_at is not None for row in over)
        self._verify()
        self.posting.close()
        self.database.close()
        shutil.rmtree(self.data)

    def _verify(self) -> None:
        found = verify(self.database, self.data / "journal", price_book())
        assert [(each.kind, each.place, each.what) for each in found.findings] == []

    def _recount(self) -> None:
        """What the dead gateway left open, as the books must have it: lost, at what was held."""
        with self.database.read() as connection:
            lost = connection.exec_driver_sql(
                "SELECT call, attempt, held_picos FROM entries WHERE outcome = 'lost' AND grade = 'unknown'"
            ).all()
            known = {tuple(row) for row in connection.exec_driver_sql("SELECT call, attempt FROM entries").all()}
        for call, attempt, picos in lost:
            assert picos == HELD
            if (call, attempt) not in self.corrected:
                self.known.pop((call, attempt), None)
                self.unknown[call, attempt] = picos
        self.known = {place: picos for place, picos in self.known.items() if place in known}
        self.unknown = {place: picos for place, picos in self.unknown.items() if place in known}

    def _settle_posting(self) -> None:
        """Everything that is there, and what came due."""
        for _ in range(5):
            self.clock.instant += 2 * SECOND
            while self.posting.step():
                pass

    def _end(self, number: int, attempt: int, record: Record, final: bool) -> None:
        self._tick()
        self._append(record)
        before = self.open.pop((number, attempt))
        if not final:
            following = attempted(
                number, attempt + 1, at=self.clock.instant, vendor="deepseek", model="deepseek-chat", picos=HELD
            )
            self._append(following)
            self.open[number, attempt + 1] = before

    def _pick(self, which: int) -> tuple[int, int]:
        places = sorted(self.open)
        return places[which % len(places)]

    def _call(self, number: int) -> str:
        return f"call_{self.worker.run}{number:08x}"

    def _append(self, record: Record) -> None:
        self.buffer += encode_frame([record])

    def _flush(self) -> None:
        self.write(len(self.buffer))

    def _new_worker(self) -> None:
        self.runs += 1
        self.number = 0
        self.worker = Worker(self.data, f"{self.runs:015d}")

    def _posting(self) -> Posting:
        return Posting(self.database, self.data / "journal", self.clock)

    def _tick(self) -> None:
        self.clock.instant += SECOND

    def _reference(self) -> str:
        self.references += 1
        return f"ref-{self.references}"

    def _maybe_fail(self, *_: Any) -> None:
        if self.fail_at is not None:
            self.fail_at -= 1
            if self.fail_at < 0:
                raise sqlite3.OperationalError("the disk is full")


TestAnyTrade = AnyTrade.TestCase
TestAnyTrade.settings = settings(
    max_examples=15, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
