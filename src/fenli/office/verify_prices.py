"""Whether the costs of the entries follow from their usage and the offers that they name."""

from __future__ import annotations

from typing import Final

import msgspec

from fenli.errors import PriceError, UsageError
from fenli.ledger.entries import Entry
from fenli.prices import Conditions, Offer, PriceBook, Tariff
from fenli.values.money import decimal_of

RESTORE: Final = "restore the database from a copy made before, or keep it as evidence: somebody wrote to it"


class PriceCheck:
    """Rates an entry by the offer that it names, whatever else is in force."""

    def __init__(self, book: PriceBook) -> None:
        self._offers = {offer.id: offer for offer in book.every()}
        self._tariffs: dict[str, Tariff] = {}

    def problem(self, entry: Entry) -> tuple[str, str] | None:
        """What is wrong with the entry's cost, and the next step; None when it is right."""
        if entry.offer is None or entry.usage is None or entry.rated_at is None:
            return "it has a cost, and no usage or price that it could follow from", RESTORE
        tariff = self._tariffs.get(entry.offer) or self._tariff(entry.offer)
        if tariff is None:
            return (
                f"offer {entry.offer} is in no price file",
                "put the row back, with its end date: prices are appended",
            )
        try:
            rating = tariff.rate(entry.usage, entry.rated_at)
        except (PriceError, UsageError) as error:
            return f"offer {entry.offer} does not price it: {error}", "a row in use must not change: append a new one"
        if (rating.picos, rating.currency) != (entry.picos, entry.currency):
            should = f"{decimal_of(rating.picos)} {rating.currency}"
            return f"it should cost {should}, not {decimal_of(entry.picos or 0)} {entry.currency}", RESTORE
        return None

    def _tariff(self, offer_id: str) -> Tariff | None:
        offer = self._offers.get(offer_id)
        if offer is None:
            return None
        tariff = self._tariffs[offer_id] = Tariff((_by_length_only(offer),), "start")
        return tariff


def _by_length_only(offer: Offer) -> Offer:
    """Entries of older versions do not keep the facts that chose their row, but all keep the lengths."""
    conditions = offer.conditions
    lengths = Conditions(prompt_tokens=conditions.prompt_tokens, completion_tokens=conditions.completion_tokens)
    return msgspec.structs.replace(offer, conditions=lengths)
