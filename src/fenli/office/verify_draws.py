"""Whether what is drawn on budgets follows from the entries, as far as their corrections have been followed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection

from fenli.budgets import Budget, window_at
from fenli.budgets.leases import Place
from fenli.office.budgets import list_budgets
from fenli.office.corrections import latest_corrections
from fenli.office.draws import Counting, Covers, Draw, Spent, as_corrected, corrected_up_to, counts, read_draws
from fenli.office.rates import current_rates
from fenli.prices.rates import Rate, Rates
from fenli.values.money import decimal_of

Find = Callable[[str, str, str, str], None]


class DrawCheck:
    """Told of every entry, as rows of `tables.entries`. ``filed``: the rates of exchange of the configuration's files.

    ``at``: the instant at which windows of budgets that look back count. Raises RateRefused.
    """

    def __init__(self, connection: Connection, find: Find, filed: Iterable[Rate], at: int) -> None:
        self._connection = connection
        self._find = find
        self._at = at
        self._budgets = list_budgets(connection)
        self._corrected = corrected_up_to(connection)
        rates = Rates((*filed, *current_rates(connection)))
        self._counting = Counting(Covers(self._budgets), rates, at)

    def page(self, rows: Sequence[Any]) -> None:
        if not self._budgets:
            return
        found = latest_corrections(self._connection, [row["sequence"] for row in rows], self._corrected)
        for row in rows:
            spent = Spent(*(row[name] for name in Spent._fields))
            with contextlib.suppress(ValueError, TypeError, OverflowError):  # a changed row is found elsewhere
                self._counting.add(as_corrected(spent, found.get(row["sequence"])))

    def end(self) -> None:
        """After the last entry."""
        for budget in self._budgets:
            wanted = {place: draw for place, draw in self._counting.draws.items() if place.budget == budget.id}
            stored = {
                place: draw
                for place, draw in read_draws(self._connection, budget.id).items()
                if counts(budget, window_at(budget, place.window), self._at)
            }
            for place in sorted(wanted.keys() | stored.keys()):
                self._compare(budget, place, wanted.get(place, Draw()), stored.get(place, Draw()))

    def _compare(self, budget: Budget, place: Place, wanted: Draw, stored: Draw) -> None:
        if wanted != stored:
            what = f"{_text(stored, budget)} are drawn, and the entries say {_text(wanted, budget)}"
            next_step = f"`fenli budget recount {budget.id}`; where no rate of exchange was corrected, report this"
            self._find("draw_wrong", f"budget {budget.name}, run {place.run or '-'}", what, next_step)


def _text(draw: Draw, budget: Budget) -> str:
    return f"{decimal_of(draw.picos)} {budget.currency} and {draw.uncounted} attempts of unknown cost"
