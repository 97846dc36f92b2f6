"""An independent reckoning of budgets: from the journals as they are written, sharing no code with `fenli.budgets`.

A till knows its rule in plain numbers and adds up what the journals of all runs take out of it: what is held by
attempts that are open, the cost of those that ended, what was held where their cost is not known, and nothing where
nothing is owed. What a run held when it died stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
CNY = 1_000_000_000_000  # picos
YUAN_FOR_TEN_DOLLARS = 71
SHANGHAI = 8 * HOUR
HELD, ATTEMPTED, SETTLED, RELEASED = 1, 2, 3, 4


@dataclass(frozen=True)
class Owner:
    key: str
    project: str
    customer: str


@dataclass(frozen=True)
class Rule:
    """``limit`` in picos of ``currency``; ``span`` of a rolling period in ns. Days begin at midnight in Shanghai."""

    name: str
    scope: str
    subject: str
    currency: str
    limit: int
    period: str
    mode: str = "hard"
    span: int = 0

    def covers(self, owner: Owner, vendor: str) -> bool:
        subjects = {"key": owner.key, "project": owner.project, "customer": owner.customer, "vendor": vendor}
        return self.scope == "organisation" or subjects[self.scope] == self.subject

    def window(self, at: int) -> tuple[int, int]:
        """When what is taken at ``at`` begins to count, and when it no longer does: two numbers that name it."""
        if self.period == "rolling":
            step = -(-self.span // 24)
            return at // step * step, at // step * step + step + self.span
        if self.period == "total":
            return 0, 1 << 64
        length = {"day": 24 * HOUR, "week": 7 * 24 * HOUR}[self.period]
        monday = 4 * 24 * HOUR  # the first one of 1970 was its fifth day
        shift = SHANGHAI - (monday if self.period == "week" else 0)
        start = (at + shift) // length * length - shift
        return start, start + length

    def taken(self, picos: int, currency: str) -> int:
        if currency == self.currency:
            return picos
        if currency == "USD":
            return -(-picos * YUAN_FOR_TEN_DOLLARS // 10)
        return -(-picos * 10 // YUAN_FOR_TEN_DOLLARS)


@dataclass
class Till:
    """``sums`` by window; ``runs`` the same by run. ``low`` remembers how much was free, and when."""

    rule: Rule
    limit: int
    sums: dict[tuple[int, int], int] = field(default_factory=dict)
    runs: dict[tuple[str, tuple[int, int]], int] = field(default_factory=dict)
    low: list[tuple[int, int]] = field(default_factory=list)

    def add(self, run: str, window: tuple[int, int], amount: int, now: int) -> None:
        self.sums[window] = self.sums.get(window, 0) + amount
        self.runs[run, window] = self.runs.get((run, window), 0) + amount
        self.low.append((now, self.limit - self.out(now)))

    def out(self, now: int) -> int:
        """What counts against the limit at an instant. Of a rolling period many windows count at once."""
        if self.rule.period == "rolling":
            return sum(amount for (_, until), amount in self.sums.items() if until > now)
        return self.sums.get(self.rule.window(now), 0)

    def least(self, since: int, now: int) -> int:
        """The least that was free between two instants."""
        found = self.limit - self.out(now)
        for at, free in reversed(self.low):
            found = min(found, free)
            if at < since:
                break
        return found


class Tills:
    """Watches every record of every run. Complaints are collected, not raised."""

    def __init__(self, rules: tuple[Rule, ...], owners: dict[str, Owner]) -> None:
        self.tills = {rule.name: Till(rule, rule.limit) for rule in rules}
        self.complaints: list[str] = []
        self._owners = owners
        self._open: dict[tuple[str, int, int], list[Any]] = {}
        self._keys: dict[tuple[str, int], str] = {}

    def frame(self, run: str, records: list[list[Any]], now: int) -> None:
        for record in records:
            self._record(run, record, now)
        for till in self.tills.values():
            if till.low and till.low[-1][0] == now:
                self.check(till, now)

    def held(self, name: str, living: set[str]) -> int:
        """What may come back: the open holds of runs that live."""
        till = self.tills[name]
        return sum(
            till.rule.taken(held, currency)
            for (run, number, _), (_, vendor, currency, held) in self._open.items()
            if run in living and till in self._covering(run, number, vendor)
        )

    def check(self, till: Till, now: int) -> None:
        out = till.out(now)
        if out > till.limit:
            self.complaints.append(f"{till.rule.name}: {out} is spent and held, of {till.limit}")
        for window, amount in till.sums.items():
            if amount > till.limit:
                self.complaints.append(f"{till.rule.name}: {amount} in {window}, of {till.limit}")

    def _record(self, run: str, record: list[Any], now: int) -> None:
        tag, number = record[0], record[1]
        if tag == HELD:
            self._keys[run, number] = record[3]
            self._begin((run, number, 1), record[2], record[7], record[9], record[10], now)
        elif tag == ATTEMPTED:
            self._begin((run, number, record[2]), record[3], record[4], record[6], record[7], now)
        else:
            at, vendor, currency, held = self._open.pop((run, number, record[2]))
            known = record[11] if tag == SETTLED and len(record) > 11 else None
            after = 0 if tag == RELEASED else held if known is None else known
            for till in self._covering(run, number, vendor):
                before, drawn = (till.rule.taken(amount, currency) for amount in (held, after))
                till.add(run, till.rule.window(at), drawn - before, now)

    def _begin(
        self, name: tuple[str, int, int], at: int, vendor: str, currency: str | None, held: int | None, now: int
    ) -> None:
        if currency is None or held is None:
            self.complaints.append(f"{name}: {vendor} was asked without anything held")
            return
        self._open[name] = [at, vendor, currency, held]
        for till in self._covering(name[0], name[1], vendor):
            till.add(name[0], till.rule.window(at), till.rule.taken(held, currency), now)

    def _covering(self, run: str, number: int, vendor: str) -> Iterator[Till]:
        owner = self._owners[self._keys[run, number]]
        return (till for till in self.tills.values() if till.rule.covers(owner, vendor))
