"""What one gateway process may spend of the budgets, and what it has spent and holds.

    hold ─┬─ Hold ──── settle (what it cost) or release
          └─ Shortage  more is needed from the office first, or there is none

Everything that binds a call is held or nothing is. What was spent and is held never exceeds a lease's `total`, so that
budgets are kept whatever the office or other processes do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fenli.budgets.budget import Budget, Scope, Window, window_at
from fenli.budgets.draws import in_budget
from fenli.budgets.messages import Granted
from fenli.errors import NoRate
from fenli.prices.rates import Exchange, Rates

# The spare amount that a process likes to have: so many times what one attempt holds.
SPARE: Final = 16


class Lease:
    """Of one window of one budget; picos. ``asked``: an `Ask` for a spare amount is on its way. Before ``ask_at`` there
    is no more to be had, and before ``fill_at`` nothing to spare (instants)."""

    __slots__ = ("account", "ask_at", "asked", "fill_at", "held", "spent", "total", "window")

    def __init__(self, account: Account, window: Window) -> None:
        self.account = account
        self.window = window
        self.total = self.spent = self.held = 0
        self.asked = False
        self.ask_at = self.fill_at = 0

    @property
    def free(self) -> int:
        return self.total - self.spent - self.held

    @property
    def used(self) -> int:
        return self.spent + self.held


class Account:
    """One budget as this process sees it. ``told`` is the office's last word on it."""

    __slots__ = ("budget", "current", "leases", "told")

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.leases: dict[int, Lease] = {}  # by their window's start
        self.current: Lease | None = None
        self.told: Granted | None = None

    def lease(self, at: int) -> Lease:
        """The one that a call opened at ``at`` draws on."""
        lease = self.current
        if lease is not None and lease.window.start <= at < lease.window.end:
            return lease
        lease = self.current = self._of(window_at(self.budget, at))
        return lease

    def granted(self, word: Granted) -> tuple[Lease, int]:
        """Takes the office's answers, in the order in which they come: the lease, and how much was added to it."""
        self.told = word
        lease = self._of(window_at(self.budget, word.window))
        lease.total += word.more
        lease.asked = False
        return lease, word.more

    def forget(self, lease: Lease) -> None:
        del self.leases[lease.window.start]
        if self.current is lease:
            self.current = None

    def _of(self, window: Window) -> Lease:
        lease = self.leases.get(window.start)
        if lease is None:
            lease = self.leases[window.start] = Lease(self, window)
        return lease


class Need:
    """What one budget lacks for one attempt: ``amount`` beyond what is free. ``whole`` is all that is to be held."""

    __slots__ = ("amount", "lease", "whole")

    def __init__(self, lease: Lease, amount: int, whole: int) -> None:
        self.lease = lease
        self.amount = amount
        self.whole = whole


class Shortage:
    """Why nothing was held. ``no_rate`` says which rate of exchange is missing, else ``needs`` what is short."""

    __slots__ = ("needs", "no_rate")

    def __init__(self, needs: list[Need], no_rate: str | None = None) -> None:
        self.needs = needs
        self.no_rate = no_rate


class Hold:
    """One attempt's amounts on every budget that binds it; ended once, by `settle` or `release`."""

    __slots__ = ("_parts",)

    def __init__(self, parts: list[tuple[Lease, int, Exchange | None]]) -> None:
        self._parts = parts

    def settle(self, cost: int | None) -> bool:
        """``cost`` in picos of the currency in which was held; None where it is not known.

        False where it is more than was held and a budget has no room for the rest: then what was held is drawn, and
        the cost has to be booked as unknown.
        """
        draws = []
        fits = True
        for lease, amount, exchange in self._parts:
            draw = amount if cost is None else in_budget(cost, exchange)
            fits = fits and draw <= amount + lease.free
            draws.append(draw)
        for (lease, amount, _), draw in zip(self._parts, draws, strict=True):
            lease.held -= amount
            lease.spent += draw if fits else amount
        self._parts = []
        return fits

    def release(self) -> None:
        """Nothing is owed."""
        for lease, amount, _ in self._parts:
            lease.held -= amount
        self._parts = []


class Purse:
    """Every budget that may bind a call here. ``low`` are leases that the office should be asked to fill up."""

    def __init__(self) -> None:
        self.rates = Rates()
        self.accounts: dict[str, Account] = {}
        self.low: list[Lease] = []
        self._by_subject: dict[tuple[Scope, str], list[Account]] = {}
        self._binding: dict[tuple[str | None, ...], tuple[Account, ...]] = {}

    def update(self, budgets: Iterable[Budget], rates: Rates) -> None:
        """The budgets of a new snapshot. What was leased of those that stay is kept."""
        self.rates = rates
        known, self.accounts = self.accounts, {}
        self._by_subject.clear()
        self._binding.clear()
        for budget in budgets:
            account = known.get(budget.id) or Account(budget)
            account.budget = budget
            self.accounts[budget.id] = account
            self._by_subject.setdefault((budget.scope, budget.subject), []).append(account)

    def binding(self, key: str, project: str | None, customer: str | None, vendor: str) -> tuple[Account, ...]:
        """The budgets that a call with this key to this vendor draws on."""
        if not self.accounts:
            return ()
        names = (key, project, customer, vendor)
        found = self._binding.get(names)
        if found is None:
            subjects = (*zip(_SCOPES, names, strict=True), (Scope.ORGANISATION, ""))
            every = [account for scope, name in subjects for account in self._by_subject.get((scope, name or ""), ())]
            found = self._binding[names] = tuple(every)
        return found

    def hold(self, accounts: Iterable[Account], currency: str, picos: int, at: int) -> Hold | Shortage | None:
        """All or nothing, of every budget in force at ``at``; None where there is none."""
        parts: list[tuple[Lease, int, Exchange | None]] = []
        needs: list[Need] = []
        for account in accounts:
            budget = account.budget
            if at < budget.effective_from:
                continue
            exchange, amount = None, picos
            if budget.currency != currency:
                try:
                    exchange = self.rates.find(currency, budget.currency, at)
                except NoRate as error:
                    return Shortage([], str(error))
                amount = in_budget(picos, exchange)
            lease = account.lease(at)
            if amount > lease.free:
                needs.append(Need(lease, amount - lease.free, amount))
            parts.append((lease, amount, exchange))
        if needs:
            return Shortage(needs)
        if not parts:
            return None
        for lease, amount, _ in parts:
            lease.held += amount
            if lease.free < amount and not lease.asked:
                self.low.append(lease)
        return Hold(parts)

    def affordable(self, accounts: Iterable[Account], currency: str, at: int) -> int:
        """Picos of ``currency`` that every one of them has free."""
        least: int | None = None
        for account in accounts:
            budget = account.budget
            if at >= budget.effective_from:
                free = account.lease(at).free
                if budget.currency != currency:
                    factor = self.rates.find(currency, budget.currency, at).factor
                    free = free * factor.denominator // factor.numerator
                least = free if least is None or free < least else least
        return max(0, least or 0)


_SCOPES: Final = (Scope.KEY, Scope.PROJECT, Scope.CUSTOMER, Scope.VENDOR)
