"""What the vendors themselves charge for what they served, at the price of the instant: their side of every bill."""

from __future__ import annotations

from collections.abc import Mapping

from fenli.errors import PriceError
from fenli.market.usage import Count
from fenli.prices.book import PriceBook
from fenli.prices.facts import Facts
from fenli.prices.tariff import Rating


class Bills:
    """By ``book``; a vendor charges in its home currency where ``currencies`` name no other, and by its own list where
    ``lists`` name no other vendor's."""

    def __init__(
        self, book: PriceBook, currencies: Mapping[str, str] | None = None, lists: Mapping[str, str] | None = None
    ) -> None:
        self.book = book
        self._currencies = currencies or {}
        self._lists = lists or {}

    def models(self, vendor: str) -> list[str]:
        """Everything that is on its list."""
        return self.book.models(self._lists.get(vendor, vendor))

    def charge(
        self, vendor: str, model: str, count: Count, facts: Facts, at: int, ended: int, units: Mapping[str, int]
    ) -> Rating | None:
        """For one answer that was asked for ``at`` and had ``ended`` (instants); ``units`` are by meter, and not in
        ``count``.

        None where there is no price (nobody can say what it costs, and that is not nothing) or nothing was used.
        """
        used = meters(count) | dict(units)
        tariff = self.book.tariff(self._lists.get(vendor, vendor), model, self._currencies.get(vendor))
        if tariff is None or not used:
            return None
        try:
            return tariff.rate(used, ended if tariff.basis == "end" else at, facts)
        except PriceError:
            return None


def meters(count: Count) -> dict[str, int]:
    """The vendor's count as disjoint meters."""
    units = {
        "input": count.prompt - count.cached - count.written - count.kept,
        "cached_input": count.cached,
        "cache_write": count.written,
        "cache_write_1h": count.kept,
        "output": count.completion - count.reasoning,
        "reasoning": count.reasoning,
        "searches": count.searches,
    }
    return {meter: number for meter, number in units.items() if number}
