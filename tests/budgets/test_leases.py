"""Leases: whatever gets lost, in whatever order things happen, no more is out than the limit allows."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fenli.budgets import Budget, Mode, Period, Scope, window_at
from fenli.budgets.leases import GRACE, NO_RUN, SHARE, Grant, LeaseBook, Place
from fenli.budgets.messages import Ask, FromGateway, FromOffice, Granted, Held, Hello, Keep, Recall
from fenli.clock import SECOND
from fenli.ledger.records import AMOUNT_MAX

NOON = 1_795_435_200_000_000_000  # 2026-11-23T12:00:00Z
DAY = 86_400 * SECOND


def budget(limit: int = 1000, period: Period = Period.DAY, **changed: Any) -> Budget:
    known = Budget("b", "everything", Scope.ORGANISATION, "", "CNY", str(limit), period, Mode.HARD)
    return msgspec.structs.replace(known, **changed)


def book(known: Budget | None = None, draws: dict[Place, int] | None = None) -> LeaseBook:
    return LeaseBook([known or budget()], draws or {}, {})


def ask(need: int, like: int = 0, at: int = NOON) -> Ask:
    return Ask("b", at, need, like)


def lend(lender: LeaseBook, run: str, need: int, like: int = 0, at: int = NOON) -> Grant:
    """A grant, and the store keeps up."""
    grant = lender.grant(run, ask(need, like, at), at)
    if grant.reserve is not None:
        lender.stored(grant.place, grant.reserve)
    return grant


TODAY = window_at(budget(), NOON).start


def test_two_runs_share_a_limit() -> None:
    lender = book()
    assert lend(lender, "one", 600).granted.more == 600
    second = lend(lender, "two", 600).granted
    assert (second.more, second.spent, second.elsewhere) == (400, "0", "600")
    assert second.until == window_at(budget(), NOON).end
    assert lender.missing("two", ask(1), NOON) == 1


def test_more_than_is_needed_is_granted_only_while_plenty_is_left() -> None:
    lender = book()
    assert lend(lender, "one", 10, like=200).granted.more == 200
    assert lend(lender, "two", 10, like=500).granted.more == 800 // SHARE
    assert lend(lender, "three", 590, like=5000).granted.more == 590


def test_what_a_run_gives_back_is_there_for_others() -> None:
    lender = book()
    lend(lender, "one", 1000)
    assert lender.missing("two", ask(300), NOON) == 300
    assert lender.lenders("b", NOON, Place("b", TODAY, "two")) == {"one"}
    lender.keep("one", Keep("b", TODAY, 300))
    assert lend(lender, "two", 300).granted.more == 300


def test_what_comes_back_while_a_grant_is_on_its_way_is_taken_off_all_the_same() -> None:
    lender = book()
    lend(lender, "one", 100)
    lend(lender, "one", 50)  # not read yet when the run writes:
    lender.keep("one", Keep("b", TODAY, 20))
    assert lend(lender, "two", 1000).granted.more == 1000 - 130


def test_nothing_comes_back_that_a_run_never_had() -> None:
    lender = book()
    lend(lender, "one", 100)
    for back in (101, 0, -5):
        lender.keep("one", Keep("b", TODAY, back))
    lender.keep("two", Keep("b", TODAY, 1))
    assert lend(lender, "two", 1000).granted.more == 900


def test_what_a_run_drew_counts_when_it_is_over_and_its_lease_no_longer() -> None:
    lender = book()
    lend(lender, "one", 1000)
    lender.post({Place("b", TODAY, "one"): 300})
    assert lender.missing("two", ask(700), NOON) == 700
    lender.over("one")
    assert lend(lender, "two", 1000).granted.more == 700
    assert lend(lender, "one", 1).granted.more == 0, "the dead get nothing"


def test_what_was_drawn_beyond_a_lease_counts_too() -> None:
    lender = book()
    lend(lender, "one", 100)
    lender.post({Place("b", TODAY, "one"): 250, Place("b", TODAY, NO_RUN): 50})
    assert lend(lender, "two", 1000).granted.more == 700
    lender.keep("two", Keep("b", TODAY, 700))
    assert lend(lender, "one", 10).granted.more == 10, "it counts already, and telling it costs nothing"
    assert lend(lender, "two", 1000).granted.more == 700


def test_the_day_begins_anew_and_yesterday_keeps_its_own_limit() -> None:
    lender = book()
    assert lend(lender, "one", 1000).granted.more == 1000
    assert lend(lender, "one", 1000, at=NOON + DAY).granted.more == 1000
    assert lend(lender, "two", 1, at=NOON).granted.more == 0


def test_a_rolling_limit_is_for_all_steps_that_still_count() -> None:
    hourly = budget(period=Period.ROLLING, span=24 * 60 * SECOND)  # in steps of a minute
    lender = book(hourly)
    assert lend(lender, "one", 600).granted.more == 600
    later = NOON + 10 * 60 * SECOND
    assert lend(lender, "two", 600, at=later).granted.more == 400
    until = lend(lender, "two", 1, at=later).granted.until
    assert until == NOON + 25 * 60 * SECOND
    assert lend(lender, "two", 1, at=until - 1).granted.more == 0
    assert lend(lender, "two", 2000, at=until).granted.more == 600


def test_a_limit_that_was_lowered_grants_nothing_until_enough_has_come_back() -> None:
    lender = book()
    lend(lender, "one", 900)
    lender.change([budget(500)])
    assert lender.overdrawn(NOON) == ["b"]
    standing = lender.standing("b", NOON)
    assert standing is not None
    assert standing.free == -400
    assert lend(lender, "two", 1).granted.more == 0
    lender.keep("one", Keep("b", TODAY, 450))
    assert lend(lender, "two", 100).granted.more == 50


def test_an_office_that_begins_again_believes_its_store_until_it_hears_more() -> None:
    lender = book()
    grant = lender.grant("one", ask(100), NOON)
    assert grant.reserve is not None
    assert grant.reserve > 100
    again = LeaseBook([budget()], {}, {grant.place: grant.reserve})
    assert again.missing("two", ask(1000 - grant.reserve + 1), NOON) == 1
    assert again.hello("one", [Held("b", TODAY, 100)]) == {}
    assert lend(again, "two", 1000).granted.more == 900


def test_a_reserve_takes_no_room_and_spares_the_store() -> None:
    lender = book(budget(1_000_000))
    reserves = 0
    for _ in range(1_000):
        reserves += lender.grant("one", ask(100), NOON).reserve is not None
        reserves += lend(lender, "two", 100).reserve is not None
    assert reserves < 1_020, "every grant to run one needs the store, which never answers; run two needs it rarely"
    assert lend(lender, "three", 1_000_000).granted.more == 800_000


def test_what_is_stored_ahead_takes_no_room_and_spares_the_first_grant_the_wait() -> None:
    lender = book()
    ahead = lender.ahead("one", NOON)
    assert ahead == {Place("b", TODAY, "one"): 500}
    lender.stored(*next(iter(ahead.items())))
    assert lender.ahead("one", NOON) == {}
    assert lender.ahead("one", NOON + DAY) == {Place("b", TODAY + DAY, "one"): 500}
    assert lender.covered("one", ask(500), NOON)
    assert not lender.covered("one", ask(501), NOON)
    assert lend(lender, "two", 1000).granted.more == 1000
    assert lender.lenders("b", NOON, Place("b", TODAY, "three")) == {"two"}, "who has nothing gives nothing back"


def test_a_grant_that_could_not_be_stored_is_withdrawn() -> None:
    lender = book()
    grant = lender.grant("one", ask(400), NOON)
    assert lender.withdraw(grant).more == 0
    assert lend(lender, "two", 1000).granted.more == 1000


def test_a_run_that_has_left_needs_no_reserve() -> None:
    lender = book()
    lend(lender, "one", 100)
    assert lender.settle("one") == {Place("b", TODAY, "one"): 100}
    assert lender.settle("one") == {}
    assert lender.grant("one", ask(1), NOON).reserve is not None, "the store has no more than it was told"


def test_windows_are_forgotten_some_time_after_they_count() -> None:
    lender = book()
    lend(lender, "one", 1000)
    tomorrow = window_at(budget(), NOON).end
    assert lender.forget(tomorrow + GRACE - 1) == []
    assert lender.forget(tomorrow + GRACE) == [("b", TODAY)]
    late = lender.grant("one", ask(5), tomorrow + GRACE)
    assert (late.granted.more, late.granted.window) == (0, TODAY), "what is asked for it now comes too late"


def test_no_amount_is_more_than_a_record_can_carry() -> None:
    lender = book(budget(10**30, Period.TOTAL))
    grant = lend(lender, "one", AMOUNT_MAX, like=10**25)
    assert (grant.granted.more, grant.reserve, grant.granted.until) == (AMOUNT_MAX, AMOUNT_MAX, None)


def test_a_budget_that_is_not_there_grants_nothing() -> None:
    lender = book()
    assert lender.grant("one", Ask("gone", NOON, 5, 5), NOON).granted == Granted("gone", 0, 0, "0", "0", None)
    lender.keep("one", Keep("gone", 0, 5))


PERIODS = (
    budget(100, Period.DAY, zone="Asia/Shanghai"),
    budget(80, Period.ROLLING, span=24 * 60 * SECOND),
    budget(150, Period.TOTAL),
)
AMOUNTS = st.sampled_from([1, 10, 25, 60, 150])
WHICH = st.integers(0, 3)


class Line:
    """One connection: what was written on it and has not been read."""

    def __init__(self) -> None:
        self.to_office: deque[FromGateway] = deque()
        self.to_gateway: deque[FromOffice] = deque()
        self.storing: Grant | None = None  # the grant that waits for the store


class Gateway:
    """A run: by window, what it believes it may spend, and what it has spent. It never spends beyond that."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.total: dict[int, int] = {}
        self.spent: dict[int, int] = {}
        self.line: Line | None = None

    def read(self, message: FromOffice, line: Line) -> None:
        if isinstance(message, Granted):
            self.total[message.window] = self.total.get(message.window, 0) + message.more
            return
        for window, total in self.total.items():
            least = self.spent.get(window, 0)
            line.to_office.append(Keep("b", window, total - least))
            self.total[window] = least


class Leasing(RuleBasedStateMachine):
    """Gateways, an office and its store, with everything that can go wrong between them."""

    @initialize(known=st.sampled_from(PERIODS))
    def begin(self, known: Budget) -> None:
        self.now = NOON
        self.budget = known
        self.allowed = known.picos
        self.store: dict[Place, int] = {}
        self.drawn: dict[Place, int] = {}
        self.gateways: list[Gateway] = []
        self.over: list[Gateway] = []
        self.started = 0
        self.open_office()
        for _ in range(2):
            self.start()

    def open_office(self) -> None:
        self.office = LeaseBook([self.budget], self.drawn, self.store)
        for gateway in self.gateways:
            gateway.line = None

    @rule()
    @precondition(lambda self: len(self.gateways) < 4)
    def start(self) -> None:
        self.started += 1
        self.gateways.append(Gateway(f"run{self.started}"))
        self.connect(-1)

    @rule(which=WHICH)
    def connect(self, which: int) -> None:
        """Whatever the line before carried is lost."""
        gateway = self.pick(which)
        gateway.line = Line()
        leases = tuple(Held("b", window, total) for window, total in gateway.total.items())
        gateway.line.to_office.append(Hello(gateway.run, leases))

    @rule(which=WHICH, need=AMOUNTS, like=AMOUNTS, times=st.integers(1, 3))
    def ask(self, which: int, need: int, like: int, times: int) -> None:
        line = self.pick(which).line
        for _ in range(times if line is not None else 0):
            assert line is not None
            line.to_office.append(Ask("b", self.now, need, max(need, like)))

    @rule(which=WHICH, way=st.sampled_from(["stored", "stored", "slow"]), most=st.integers(1, 4))
    def office_reads(self, which: int, way: str = "stored", most: int = 1) -> None:
        gateway = self.pick(which)
        line = gateway.line
        while line is not None and line.to_office and most:
            most -= 1
            if line.storing is not None and not isinstance(line.to_office[0], Keep):
                return
            self.office_takes(gateway.run, line, line.to_office.popleft())
            if way == "stored":
                self.store_answers(which, way)

    def office_takes(self, run: str, line: Line, message: FromGateway) -> None:
        if isinstance(message, Hello):
            self.keep(self.office.hello(message.run, message.leases))
        elif isinstance(message, Keep):
            self.office.keep(run, message)
        else:
            missing = self.office.missing(run, message, self.now)
            grant = self.office.grant(run, message, self.now)
            gained = grant.granted.more
            too_late = window_at(self.budget, message.at).until <= self.now - GRACE
            assert gained >= message.need or too_late or (missing and gained == max(0, message.need - missing))
            if grant.reserve is None:
                line.to_gateway.append(grant.granted)
            else:
                line.storing = grant
            if gained:
                assert self.out() <= self.budget.picos
            if missing:
                self.recall()

    @rule(which=WHICH, way=st.sampled_from(["stored", "stored, then killed", "killed", "refused"]))
    def store_answers(self, which: int, way: str) -> None:
        line = self.pick(which).line
        if line is None or line.storing is None:
            return
        grant, line.storing = line.storing, None
        assert grant.reserve is not None
        if way.startswith("stored"):
            self.keep({grant.place: grant.reserve})
        if way.endswith("killed"):
            self.open_office()
        elif way == "stored":
            self.office.stored(grant.place, grant.reserve)
            line.to_gateway.append(grant.granted)
        else:
            line.to_gateway.append(self.office.withdraw(grant))

    @rule(which=WHICH)
    def make_ready(self, which: int) -> None:
        totals = self.office.ahead(self.pick(which).run, self.now)
        self.keep(totals)
        for place, total in totals.items():
            self.office.stored(place, total)

    @rule(which=WHICH, most=st.integers(1, 4))
    def gateway_reads(self, which: int, most: int = 1) -> None:
        gateway = self.pick(which)
        while gateway.line is not None and gateway.line.to_gateway and most:
            most -= 1
            gateway.read(gateway.line.to_gateway.popleft(), gateway.line)

    @rule()
    def recall(self) -> None:
        lenders = self.office.lenders("b", self.now)
        for gateway in self.gateways:
            if gateway.run in lenders and gateway.line is not None:
                gateway.line.to_gateway.append(Recall("b"))

    @rule(which=WHICH, amount=AMOUNTS)
    def spend(self, which: int, amount: int) -> None:
        """As much of it as the run may."""
        gateway, window = self.pick(which), window_at(self.budget, self.now).start
        spent = gateway.spent.get(window, 0)
        gateway.spent[window] = max(spent, min(spent + amount, gateway.total.get(window, 0)))

    @rule(which=WHICH)
    def post(self, which: int) -> None:
        self.posted(self.pick(which))

    @rule(which=WHICH)
    @precondition(lambda self: len(self.gateways) > 1)
    def die(self, which: int) -> None:
        gateway = self.pick(which)
        self.gateways.remove(gateway)
        self.over.append(gateway)
        self.store |= self.office.settle(gateway.run)
        self.posted(gateway)
        self.office.over(gateway.run)
        self.store = {place: total for place, total in self.store.items() if place.run != gateway.run}

    @rule(which=WHICH)
    def line_breaks(self, which: int) -> None:
        gateway = self.pick(which)
        if gateway.line is not None:
            gateway.line = None
            self.store |= self.office.settle(gateway.run)

    @rule()
    def office_is_killed(self) -> None:
        self.open_office()

    @rule(limit=st.integers(1, 200))
    def change_limit(self, limit: int) -> None:
        self.budget = msgspec.structs.replace(self.budget, limit=str(limit))
        self.allowed = max(limit, self.out())
        self.office.change([self.budget])

    @rule(seconds=st.sampled_from([1, 50, 60, 700, 1500, 40_000, 90_000]))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds * SECOND
        gone = self.office.forget(self.now)
        self.store = {place: total for place, total in self.store.items() if place[:2] not in gone}

    @invariant()
    def no_more_is_out_than_allowed(self) -> None:
        out = self.out()
        assert out <= self.allowed
        self.allowed = max(self.budget.picos, out)

    def teardown(self) -> None:
        """When all is quiet, everything that nobody spent can be had."""
        if not hasattr(self, "office"):
            return
        for which in range(len(self.gateways)):
            self.connect(which)
            self.office_reads(which)
            line = self.gateways[which].line
            assert line is not None
            line.to_gateway.append(Recall("b"))
            self.gateway_reads(which)
            self.office_reads(which, most=1_000)
        room = max(0, self.budget.picos - self.out())
        assert self.office.missing(self.gateways[0].run, Ask("b", self.now, room, room), self.now) == 0

    def keep(self, totals: dict[Place, int]) -> None:
        """A reserve never makes a lease in the store lower."""
        for place, total in totals.items():
            self.store[place] = max(total, self.store.get(place, 0))

    def pick(self, which: int) -> Gateway:
        return self.gateways[which % len(self.gateways)]

    def posted(self, gateway: Gateway) -> None:
        for window, spent in gateway.spent.items():
            self.drawn[Place("b", window, gateway.run)] = spent
        self.office.post(self.drawn)

    def out(self) -> int:
        """What runs have spent or can still spend, what is on its way to them included."""
        total = 0
        for gateway in self.gateways:
            amounts = dict(gateway.total)
            for granted in self.coming(gateway):
                amounts[granted.window] = amounts.get(granted.window, 0) + granted.more
            total += sum(amount for window, amount in amounts.items() if self.counts(window))
        for gateway in self.over:
            total += sum(amount for window, amount in gateway.spent.items() if self.counts(window))
        return total

    def coming(self, gateway: Gateway) -> Iterator[Granted]:
        if gateway.line is not None:
            yield from (each for each in gateway.line.to_gateway if isinstance(each, Granted))
            if gateway.line.storing is not None:
                yield gateway.line.storing.granted

    def counts(self, start: int) -> bool:
        if self.budget.period is Period.ROLLING:
            return window_at(self.budget, start).until > self.now
        return window_at(self.budget, self.now).start == start


TestLeasing = Leasing.TestCase
TestLeasing.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)

# What mostly happens, and how often beside a trouble.
USUAL = (
    "ask",
    "office_reads",
    "office_reads",
    "gateway_reads",
    "gateway_reads",
    "spend",
    "recall",
    "store_answers",
    "post",
)
TROUBLES = ("make_ready", "start", "connect", "die", "line_breaks", "office_is_killed", "change_limit", "time_passes")


def walk(seed: int, steps: int) -> None:
    """The same machine by the day's odds: long stretches in which everything works, so that messages cross."""
    chance = random.Random(seed)
    machine = Leasing()
    machine.begin(chance.choice(PERIODS))
    amounts, which = (1, 10, 25, 60, 150), chance.randrange
    for _ in range(steps):
        name = chance.choice(TROUBLES) if chance.random() < 0.08 else chance.choice(USUAL)
        if name == "ask":
            machine.ask(which(4), chance.choice(amounts), chance.choice(amounts), which(3))
        elif name == "office_reads":
            machine.office_reads(which(4), chance.choice(("stored", "stored", "slow")), 1 + which(3))
        elif name == "gateway_reads":
            machine.gateway_reads(which(4), 1 + which(3))
        elif name == "spend":
            machine.spend(which(4), chance.choice(amounts))
        elif name == "store_answers":
            machine.store_answers(which(4), chance.choice(("stored", "stored, then killed", "killed", "refused")))
        elif name == "change_limit":
            machine.change_limit(1 + which(200))
        elif name == "time_passes":
            machine.time_passes(chance.choice((1, 50, 60, 700, 1500, 40_000, 90_000)))
        elif name in ("recall", "office_is_killed"):
            getattr(machine, name)()
        elif name == "start" and len(machine.gateways) < 4:
            machine.start()
        elif name == "die" and len(machine.gateways) > 1:
            machine.die(which(4))
        elif name in ("connect", "line_breaks", "post", "make_ready"):
            getattr(machine, name)(which(4))
        machine.no_more_is_out_than_allowed()
    machine.teardown()


@pytest.mark.parametrize("seed", range(400))
def test_whatever_happens_the_limit_holds(seed: int) -> None:
    walk(seed, 150)


@pytest.mark.slow
def test_whatever_happens_for_long_the_limit_holds() -> None:
    for seed in range(1_000, 21_000):
        walk(seed, 200)
