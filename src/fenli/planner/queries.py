"""The SQL of rating: calls joined with the tables of a timetable. Text only; every value in it is a number of ours.

A cost is a sum of units (64 bits) times picos in 128 bits, and so is a sum of costs. DuckDB refuses to overflow: what
does not fit is an error and never a wrong amount.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

from fenli.planner.archive import USAGE
from fenli.planner.timetable import DAY, Price, Verdict
from fenli.values.usage import READ, WRITTEN

INSTANT: Final = "instant"  # the reason of what the other end of the request would have priced differently
EXAMPLES: Final = 5

# The tables that `rerate` fills, and their columns. `prices` has more: see `price_columns`.
KINDS: Final = {
    "kind": "INTEGER", "vendor": "VARCHAR", "model": "VARCHAR", "currency": "VARCHAR", "facts": "VARCHAR",
    "lane": "INTEGER", "ends": "BOOLEAN", "swapped": "BOOLEAN", "readings": "BOOLEAN",
}  # fmt: skip
READINGS: Final = {"kind": "INTEGER", "fact": "VARCHAR", "lane": "INTEGER"}
SPANS: Final = {"lane": "INTEGER", "day": "BIGINT", "start": "BIGINT", "stop": "BIGINT", "shape": "INTEGER"}
CELLS: Final = {
    "shape": "INTEGER", "prompt_low": "HUGEINT", "prompt_high": "HUGEINT", "completion_low": "HUGEINT",
    "completion_high": "HUGEINT", "price": "INTEGER",
}  # fmt: skip
CORRECTIONS: Final = {"sequence": "BIGINT", "currency": "VARCHAR", "picos": "HUGEINT"}

_PARTS: Final[dict[str, Callable[[Price, str], int | None]]] = {
    "picos": lambda price, meter: price.picos.get(meter),
    "included": lambda price, meter: price.included.get(meter, 0),
    "minimum": lambda price, meter: price.minimum.get(meter, 0),
}


class Queries:
    """SQL for calls with usage of ``meters``, rated by rows such as ``prices``. ``table``: SQL with the columns of
    `archive.COLUMNS`; ``condition``: on its rows, named ``e``."""

    def __init__(
        self, table: str, condition: str, meters: Sequence[str], prices: Collection[Price], *, corrected: bool
    ) -> None:
        self._table = table
        self._condition = condition
        self._meters = meters
        self._corrected = corrected
        self._rounded = any(price.per != 1 for price in prices)
        self._parts = {
            meter: [
                part for part in _PARTS if part == "picos" or any(getattr(price, part).get(meter) for price in prices)
            ]
            for meter in meters
        }

    def price_columns(self) -> dict[str, str]:
        parts = (f"{part}_{meter}" for meter, parts in self._parts.items() for part in parts)
        return {"price": "INTEGER", "verdict": "INTEGER", "per": "HUGEINT", **dict.fromkeys(parts, "HUGEINT")}

    def price_row(self, number: int, price: Price) -> tuple[int | None, ...]:
        parts = (_PARTS[part](price, meter) for meter, parts in self._parts.items() for part in parts)
        return (number, price.verdict, price.per, *parts)

    def groups(self, day: str, era: str) -> str:
        """Sums by kind, day, era, price and how it was paid: the fields of `rerate.Group`. ``day`` and ``era`` are SQL,
        whole numbers made of ``opened_at``."""
        return (
            f"WITH calls AS ({self._calls()}), rated AS ({self._rated('calls')}) "  # noqa: S608
            f"SELECT kind, {day} AS day, {era} AS era, price, verdict, paid_currency, paid IS NOT NULL AS paid_known, "
            "count(*), count(*) FILTER (final), count(*) FILTER (grade = 'estimated'), sum(prompt), sum(completion), "
            "sum(cost), sum(paid) FROM rated GROUP BY ALL"
        )

    def doubtful(self) -> str:
        """One row for each call that could not be rated, and for each other reading of a call that comes to something
        else: the fields of `rerate.Doubtful`."""
        fresh = "start, stop, price, verdict, cost"
        first = "d.price AS first_price, d.verdict AS first_verdict, d.cost AS first_cost"
        return (
            f"WITH calls AS ({self._calls()}), rated AS ({self._rated('calls')}), "  # noqa: S608
            "doubtful AS MATERIALIZED (SELECT * FROM rated "
            "WHERE verdict <> 0 OR readings OR other_at < start OR other_at >= stop), "
            f"other AS (SELECT d.* EXCLUDE ({fresh}) REPLACE (d.other_at AS counts_at), {first}, '{INSTANT}' AS reason "
            "FROM doubtful d WHERE d.other_at < d.start OR d.other_at >= d.stop "
            f"UNION ALL SELECT d.* EXCLUDE ({fresh}) REPLACE (r.lane AS lane), {first}, r.fact "
            "FROM doubtful d JOIN readings r ON r.kind = d.kind), "
            f"again AS ({self._rated('other')}) "
            "SELECT reason, kind, first_price AS price, price AS other_price, first_cost AS picos, cost AS otherwise, "
            "sequence, call, attempt, opened_at FROM again "
            "WHERE verdict <> first_verdict OR cost IS DISTINCT FROM first_cost "
            "UNION ALL SELECT verdict::VARCHAR, kind, price, NULL, NULL, NULL, sequence, call, attempt, opened_at "
            "FROM doubtful WHERE verdict <> 0"
        )

    def doubts(self, era: str) -> str:
        """`doubtful` summed: the fields of `rerate.Doubt`."""
        return (
            f"SELECT reason, kind, {era} AS era, price, count(*), "  # noqa: S608
            "count(*) FILTER (picos + otherwise IS NOT NULL), sum(picos) FILTER (otherwise IS NOT NULL), "
            f"sum(otherwise) FILTER (picos IS NOT NULL), min_by(call, sequence, {EXAMPLES}) "
            f"FROM ({self.doubtful()}) GROUP BY ALL"
        )

    def _calls(self) -> str:
        """What each call is rated by: the instant that counts, the other end of its request, its lengths; and its cost
        so far."""
        units = "".join(f", e.{_units(meter)}" for meter in self._meters)
        paid, paid_currency, join = "e.picos", "e.currency", ""
        if self._corrected:
            join = " LEFT JOIN corrections x ON x.sequence = e.sequence"
            paid, paid_currency = "coalesce(x.picos, e.picos)", "coalesce(x.currency, e.currency)"
        return (
            "SELECT e.sequence, e.call, e.attempt, e.opened_at, e.final, e.grade, e.metered, "  # noqa: S608
            "k.kind, k.lane, k.readings, "
            "CASE WHEN e.rated_at NOT IN (e.opened_at, e.closed_at) AND NOT k.swapped THEN e.rated_at "
            "WHEN k.ends THEN e.closed_at ELSE e.opened_at END AS counts_at, "
            "CASE WHEN k.ends THEN e.opened_at ELSE e.closed_at END AS other_at, "
            f"{_sum(self._meters, READ)} AS prompt, {_sum(self._meters, WRITTEN)} AS completion, "
            f"{paid}::HUGEINT AS paid, {paid_currency} AS paid_currency{units} "
            f"FROM {self._table} e JOIN kinds k ON e.vendor = k.vendor AND e.model = k.model "
            "AND e.currency IS NOT DISTINCT FROM k.currency AND e.facts IS NOT DISTINCT FROM k.facts"
            f"{join} WHERE e.grade <> 'none' AND {self._condition}"
        )

    def _rated(self, calls: str) -> str:
        """``calls`` with the span and the price that each finds, whether that rates it, and what it costs."""
        unpriced = " OR ".join(
            f"(coalesce({_units(meter)}, 0) > 0 AND p.picos_{meter} IS NULL)" for meter in self._meters
        )
        verdict = (
            f"CASE WHEN NOT c.metered THEN {Verdict.NO_USAGE} WHEN p.verdict <> 0 THEN p.verdict "
            f"WHEN {unpriced or 'FALSE'} THEN {Verdict.METER_UNPRICED} ELSE 0 END"
        )
        return (
            "SELECT * EXCLUDE (amount), CASE WHEN verdict = 0 THEN amount END AS cost "  # noqa: S608
            f"FROM (SELECT c.*, s.start, s.stop, p.price, {verdict} AS verdict, {self._amount()} AS amount "
            f"FROM {calls} c JOIN spans s ON s.lane = c.lane AND s.day = c.counts_at // {DAY} "
            "AND c.counts_at >= s.start AND c.counts_at < s.stop "
            "JOIN cells l ON l.shape = s.shape AND c.prompt BETWEEN l.prompt_low AND l.prompt_high "
            "AND c.completion BETWEEN l.completion_low AND l.completion_high "
            "JOIN prices p ON p.price = l.price)"
        )

    def _amount(self) -> str:
        """Whole picos; where a price is for several units, rounded once, half a pico and more being one."""
        terms = (f"{self._charged(meter)} * coalesce(p.picos_{meter}, 0)" for meter in self._meters)
        amount = " + ".join(terms) or "0::HUGEINT"
        if not self._rounded:
            return amount
        return f"CASE WHEN p.per = 1 THEN {amount} ELSE (2 * ({amount}) + p.per) // (2 * p.per) END"

    def _charged(self, meter: str) -> str:
        """The units that are paid for, as `Offer.charged` counts them."""
        units = f"coalesce(c.{_units(meter)}, 0)::HUGEINT"
        if "included" in self._parts[meter]:
            units = f"greatest({units} - p.included_{meter}, 0)"
        if "minimum" in self._parts[meter]:
            units = f"(CASE WHEN {units} > 0 THEN greatest({units}, p.minimum_{meter}) ELSE 0 END)"
        return units


def _units(meter: str) -> str:
    return USAGE + meter


def _sum(meters: Iterable[str], counted: Collection[str]) -> str:
    terms = (f"coalesce(e.{_units(meter)}, 0)::HUGEINT" for meter in meters if meter in counted)
    return " + ".join(terms) or "0::HUGEINT"
