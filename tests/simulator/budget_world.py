"""A world of many workers that share budgets: 64 gateways, one office that lends, vendors that lie; each may die."""

from __future__ import annotations

import hashlib
from collections import Counter
from decimal import Decimal
from typing import Any

import msgspec
from lending import Office, Store, Tie
from tills import CNY, YUAN_FOR_TEN_DOLLARS, Owner, Rule, Tills
from visitors import Visitor, Wish
from world import MODELS, ROUTES, Worker, World

from fenli.budgets import Budget, Mode, Period, Scope
from fenli.clock import MILLISECOND, SECOND
from fenli.ledger.entries import Entry
from fenli.prices.rates import Rate
from fenli.routing.snapshot import Key, Snapshot
from fenli.sim.kernel import START

KEYS = {
    "fl-one": Owner("key-1", "lab", "client"),
    "fl-two": Owner("key-2", "lab", ""),
    "fl-three": Owner("key-3", "", ""),
}
OWNERS = {owner.key: owner for owner in KEYS.values()}
RULES = (
    Rule("all", "organisation", "", "CNY", 5 * CNY, "total"),
    Rule("day", "key", "key-1", "CNY", 6 * CNY // 10, "day"),
    Rule("week", "project", "lab", "CNY", 2 * CNY, "week", "cap"),
    Rule("dollars", "customer", "client", "USD", CNY // 7, "week"),
    Rule("rolling", "vendor", "moonshot", "CNY", CNY // 2, "rolling", "cap", span=6 * SECOND),
)
LIARS = {
    "deepseek": ("0.10*usage_larger", "0.05*usage_null", "0.10*overloaded", "0.03*cut", "0.02*stall"),
    "moonshot": ("0.10*usage_larger", "0.05*usage_inconsistent", "0.03*cut_head", "0.02*unreachable"),
    "zhipu": ("0.10*usage_inconsistent", "0.10*usage_larger", "0.03*html", "0.03*rate_limited@1"),
    "alibaba": ("0.10*usage_null", "0.05*usage_larger", "0.04*cut", "0.03*server_error"),
    "bytedance": ("0.10*usage_larger", "0.05*cut", "0.03*error_inside", "0.02*unconnected"),
    "openai": ("0.10*usage_larger", "0.05*usage_null", "0.04*cut", "0.02*no_done"),
    "local": (),
}
# Of calls made in time: with a limit of their own, without, or some of each.
LIMITS = {"some": 0.6, "none": 0.0, "all": 1.0}


class BudgetWorld(World):
    """So many ``calls``, and more, ``at_most``, until ``enough`` percent of the first budget are spent.

    ``troubles``: workers are killed, the office too, connections and disks break. ``limits`` is a key of `LIMITS`.
    ``prompt_ratio``: the tokens that 1,000 bytes of a prompt are taken for, at most; truly there are about 250."""

    start = START + 6_385 * SECOND  # 15 s before midnight in Shanghai
    change = start + 12 * SECOND
    faults = LIARS

    def __init__(
        self, seed: int, calls: int = 1_300, *, workers: int = 64, limits: str = "some", troubles: bool = True,
        at_most: int = 6_000, enough: int = 91, rules: tuple[Rule, ...] = RULES, prompt_ratio: int = 1_000,
        interval: int = 15 * MILLISECOND,
    ) -> None:  # fmt: skip
        self.rules = rules
        self.prompt_ratio = prompt_ratio
        self.limits = {rule.name: rule.limit for rule in rules}
        super().__init__(seed, calls, crashing=False, interval=interval)
        self.tills = Tills(rules, OWNERS)
        self.seen: Counter[str] = Counter()
        self.lending = self.chance.stream("lending")
        self.store = Store()
        self.office = Office(self, self.store)
        self._at_most = max(calls, at_most)
        self._enough = enough
        self._visiting = True
        self._size = workers
        self._limited = LIMITS[limits]
        self._troubles = troubles
        self._living: list[Worker] = []
        self.ties: dict[str, Tie] = {}

    # What is allowed

    def budgets(self) -> tuple[Budget, ...]:
        return tuple(
            Budget(
                rule.name, rule.name, Scope(rule.scope), rule.subject, rule.currency, str(self.limits[rule.name]),
                Period(rule.period), Mode(rule.mode), "Asia/Shanghai", rule.span,
            )
            for rule in self.rules
        )  # fmt: skip

    def budget(self, name: str) -> Budget:
        return next(budget for budget in self.budgets() if budget.id == name)

    def covering(self, entry: Entry) -> list[Budget]:
        owner = OWNERS[entry.key]
        return [
            budget for budget, rule in zip(self.budgets(), self.rules, strict=True) if rule.covers(owner, entry.vendor)
        ]

    def raise_limit(self, name: str, limit: int) -> None:
        """As `fenli budget change` does: the office knows first, each worker when it reads the next snapshot."""
        self.limits[name] = self.tills.tills[name].limit = limit
        self.office.book.change(self.budgets())
        self.directory.snapshot = msgspec.structs.replace(self.directory.snapshot, budgets=self.budgets())
        for worker in self._living:
            span = self.lending.exponential(250 * MILLISECOND)
            self.sim.call_later(span, worker.purse.update, self.budgets(), self.directory.rates)

    def snapshot(self) -> Snapshot:
        keys = tuple(
            Key(
                owner.key, owner.key, hashlib.sha256(secret.encode()).digest(),
                project=owner.project or None, customer=owner.customer or None,
            )
            for secret, owner in KEYS.items()
        )  # fmt: skip
        rate = Rate("USD", "CNY", Decimal(YUAN_FOR_TEN_DOLLARS) / 10, 0)
        ratios = {f"{vendor}/{model}": self.prompt_ratio for vendor, model in MODELS.items()}
        return msgspec.structs.replace(
            super().snapshot(), keys=keys, budgets=self.budgets(), rates=(rate,), prompt_ratios=ratios
        )

    def price_of(self, vendor: str, at: int) -> tuple[int, int, int]:
        """Prices rise threefold under way: what is held must last for that, too."""
        before = super().price_of(vendor, 0)
        return before if at < self.change else tuple(3 * price for price in before)  # type: ignore[return-value]

    # What happens

    def run(self) -> World:
        for _ in range(self._size):
            self._open()
        self.sim.call_later(300 * MILLISECOND, self._visit, 0)
        self.sim.call_later(100 * MILLISECOND, self._inspect)
        if self._troubles:
            for trouble, mean in (
                (self._kill_worker, SECOND),
                (self.kill_office, 2 * SECOND),
                (self._break_line, 300 * MILLISECOND),
                (self._spoil_one_disk, 300 * MILLISECOND),
            ):
                self._again(trouble, mean)
        while self._visiting or self._busy():
            self.sim.run(max_steps=5_000)
        self._troubles = False
        self.sim.run(until=self.sim.now() + 4 * SECOND)  # the office is back, and posts what there is
        for worker in self._living:
            worker.recorder.flush()
            if worker.app.desk.drivers:
                self.complain(f"{worker.run}: {len(worker.app.desk.drivers)} calls never ended")
        self.office.post()
        return self

    def _busy(self) -> bool:
        """A call may outlive its caller."""
        waiting = any(visitor.end is None for visitor in self.visitors.values())
        return waiting or any(worker.app.desk.drivers for worker in self._living)

    def written(self, run: str, records: list[list[Any]]) -> None:
        self.tills.frame(run, records, self.sim.now())

    def _open(self) -> None:
        worker = Worker(self, self.crashes.choice(("group", "each", "os")))
        self.workers.append(worker)
        self._living.append(worker)
        self.ties[worker.run] = Tie(self, worker)

    def _visit(self, number: int) -> None:
        if number >= self.calls and (self._satisfied() or number >= self._at_most):
            self._visiting = False
            return
        self.sim.call_later(self.wishes.exponential(self.interval), self._visit, number + 1)
        wish = self._wish(f"c{number}")
        key = self.wishes.choice(tuple(KEYS))
        visitor = self.visitors[wish.token] = Visitor(self.sim, self.chance.stream(f"v/{number}"), wish, key)
        self.wishes.choice(self._living).take(visitor)

    def _satisfied(self) -> bool:
        name = self.rules[0].name
        till = self.tills.tills[name]
        held = self.tills.held(name, {worker.run for worker in self._living})
        return till.out(self.sim.now()) - held > till.limit * self._enough // 100

    def _wish(self, token: str) -> Wish:
        draw = self.wishes
        names = [name for name in MODELS if name != "local" or draw.probability(0.05)]
        routes = [name for name in ROUTES if name != "home"]
        name = draw.choice(names)
        wish = Wish(
            token=token,
            model=draw.choice((*routes, f"{name}/{MODELS[name]}")),
            words=draw.integer(0, 12),
            stream=draw.probability(0.5),
            wants_cost=draw.probability(0.3),
            tools=draw.probability(0.05),
            thinks=draw.probability(0.1),
            padding=draw.choice((0, 600, 5_000, 20_000, 40_000)),
        )
        wish.wants_usage = wish.stream and draw.probability(0.5)
        if draw.probability(self._limited):
            wish.limit = draw.choice((1, 10, 100, 4_000))
        if draw.probability(0.05):
            wish.choices = draw.integer(2, 3)
        if draw.probability(0.1):
            wish.leaves = draw.choice((0, draw.exponential(3 * MILLISECOND), draw.exponential(SECOND)))
        if draw.probability(0.05):
            wish.reads = draw.choice((500, 5_000, 50_000))
        return wish

    # Troubles

    def _again(self, trouble: Any, mean: int) -> None:
        self.sim.call_later(self.crashes.exponential(mean), self._strike, trouble, mean)

    def _strike(self, trouble: Any, mean: int) -> None:
        if self._troubles:
            trouble()
            self._again(trouble, mean)

    def _kill_worker(self) -> None:
        if len(self._living) < 2:
            return
        ill = [worker for worker in self._living if worker.recorder.failing is not None]
        worker = self.crashes.choice(ill if ill and self.crashes.probability(0.5) else self._living)
        self._living.remove(worker)
        self.seen["killed with an unwritten journal"] += worker.recorder.failing is not None
        worker.die("kill")
        line = self.ties[worker.run].line
        if line is not None:
            line.lose()
        self.sim.call_later(self.crashes.exponential(SECOND), self._open)

    def kill_office(self) -> None:
        if self._troubles and self.office.alive:
            self.office.die()
            self.sim.call_later(self.crashes.exponential(SECOND // 2), self._open_office)

    def _open_office(self) -> None:
        self.office = Office(self, self.store)

    def _break_line(self) -> None:
        line = self.ties[self.crashes.choice(self._living).run].line
        if line is not None:
            line.lose()

    def _spoil_one_disk(self) -> None:
        disk = self.crashes.choice(self._living).disk
        disk.fault = self.crashes.choice(("write", "sync"))
        self.sim.call_later(self.crashes.exponential(SECOND), setattr, disk, "fault", None)

    # What must be true at each instant, as the workers themselves see it

    def _inspect(self) -> None:
        self.sim.call_later(100 * MILLISECOND, self._inspect)
        living = {worker.run for worker in self._living}
        for rule in self.rules:
            till, now = self.tills.tills[rule.name], self.sim.now()
            out = 0
            for worker in self._living:
                account = worker.purse.accounts[rule.name]
                for lease in account.leases.values():
                    if lease.spent + lease.held > lease.total or lease.held < 0:
                        self.complain(f"{worker.run}: {rule.name}: {lease.used} of {lease.total} is spent and held")
                    window = rule.window(lease.window.start)
                    if worker.recorder.pending == 0 and lease.used != till.runs.get((worker.run, window), 0):
                        drawn = till.runs.get((worker.run, window), 0)
                        self.complain(f"{worker.run}: {rule.name}: {lease.used} for the purse, {drawn} in the journal")
                    if window[0] <= now < window[1]:
                        out += lease.total
            out += sum(
                amount
                for (run, window), amount in till.runs.items()
                if run not in living and window[0] <= now < window[1]
            )
            if out > till.limit:
                self.complain(f"{rule.name}: {out} is leased and drawn, of {till.limit}")
