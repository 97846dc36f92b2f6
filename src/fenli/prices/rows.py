"""One ``[[offers]]`` table of a price file -> an Offer, or all that is wrong with it and what to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from fenli.errors import MoneyError
from fenli.prices.calendars import Calendar
from fenli.prices.conditions import read_conditions
from fenli.prices.offers import Offer, offer_id
from fenli.prices.problems import nearest
from fenli.prices.tables import Table, TableReader
from fenli.prices.units import UNITS, meters_in, per_one
from fenli.values import METERS
from fenli.values.money import picos_of
from fenli.values.usage import COUNTS

CURRENCIES: Final = ("CNY", "USD", "EUR", "GBP", "HKD", "JPY", "SGD")
CONFIDENCES: Final = ("high", "medium", "low")
TAXES: Final = ("included", "excluded", "unknown")
FIELDS: Final = (
    "model", "effective_from", "effective_to", "known_from", "withdrawn_at", "currency", "tax", "unit", "prices",
    "units", "included", "minimum", "when", "free", "tier_mode", "note", "source", "confidence", "confirmed",
)  # fmt: skip
REQUIRED: Final = ("model", "effective_from", "currency", "unit", "prices", "source", "confidence")
_PRICES: Final = 'prices = { input = "2", output = "8" }'


class RowReader(TableReader):
    """``tax`` is the file's own; a row may say otherwise."""

    def __init__(self, vendor: str, table: Table, calendars: Mapping[str, Calendar], tax: str = "unknown") -> None:
        super().__init__(table)
        self._vendor = vendor
        self._calendars = calendars
        self._tax = tax

    def offer(self) -> Offer | None:
        """The offer, or None when ``problems`` is not empty."""
        self.only(FIELDS, REQUIRED)
        start, end = self.period()
        known, withdrawn = self._knowledge(start)
        unit = self.one_of("unit", tuple(UNITS))
        free = self.truth("free")
        units = self._units(unit)
        prices, per = self._prices(unit, units, free)
        self._whole_tiers()
        fields = {
            "vendor": self._vendor,
            "model": self._word("model"),
            "currency": self.one_of("currency", CURRENCIES),
            "effective_from": start,
            "effective_to": end,
            "unit": unit,
            "prices": prices,
            "conditions": read_conditions(self, self._calendars),
            "free": free,
            "source": self._word("source"),
            "confidence": self.one_of("confidence", CONFIDENCES),
            "note": self.text("note"),
            "known_from": known,
            "per": per,
            "units": units,
            "included": self._counts("included", prices),
            "minimum": self._counts("minimum", prices),
            "tax": self.one_of("tax", TAXES) or self._tax,
            "withdrawn_at": withdrawn,
            "confirmed": self.text("confirmed"),
        }
        if self.problems:
            return None
        draft = msgspec.convert({"id": "", **fields}, Offer)
        return msgspec.structs.replace(draft, id=offer_id(draft))

    def _word(self, field: str) -> str:
        word = self.text(field)
        if self.table.get(field) == "":
            self.refuse(field, "is empty: say it in a word or more")
        return word

    def _knowledge(self, start: int | None) -> tuple[int | None, int | None]:
        known, withdrawn = self.instant("known_from"), self.instant("withdrawn_at")
        since = start if known is None else known
        if withdrawn is not None and since is not None and withdrawn <= since:
            self.refuse("withdrawn_at", "is not after the row was known: write known_from, when it was announced")
        return known, withdrawn

    def _whole_tiers(self) -> None:
        mode = self.table.get("tier_mode", "whole")
        if mode == "marginal":
            self.refuse(
                "tier_mode",
                "is 'marginal': fenli prices a whole request by the one row that its lengths choose, and which of its "
                "cached and new tokens would fill the lower tier nobody has said: write whole, or leave it out",
            )
        elif mode != "whole":
            self.refuse("tier_mode", f"is {mode!r}: write whole, or leave it out")

    def _units(self, unit: str | None) -> dict[str, str]:
        units: dict[str, str] = {}
        for meter, own in self.subtable("units", 'units = { searches = "1000_calls" }').items():
            field = f"units.{meter}"
            if meter not in METERS:
                self.refuse(field, f"is not known{nearest(meter, METERS)}")
            elif not isinstance(own, str) or own not in UNITS:
                self.refuse(field, f"is {own!r}{nearest(own, UNITS)}")
            elif UNITS[own].counts != COUNTS[meter]:
                self.refuse(field, f"is {own}, and {meter} counts by the {COUNTS[meter]}: write {_for(meter)}")
            elif own != unit:
                units[meter] = own
        return units

    def _prices(self, unit: str | None, units: dict[str, str], free: bool) -> tuple[dict[str, int], dict[str, int]]:
        """Picos by meter, and for how many of its units they are where that is not one. Where the ``unit`` is none,
        the names and the numbers are looked at all the same."""
        table = self.table.get("prices", {})
        if not isinstance(table, dict) or not table:
            self.refuse("prices", f"is empty: write such as {_PRICES}, and no row if unknown")
            return {}, {}
        prices, per = {}, {}
        for meter, text in table.items():
            field = f"prices.{meter}"
            if meter not in METERS:
                self.refuse(field, f"is not known{nearest(meter, METERS)}")
                continue
            own = units.get(meter) or unit or _for(meter)
            picos = self._picos(field, text, own, free)
            if UNITS[own].counts != COUNTS[meter]:
                self.refuse(
                    field,
                    f"is a price per {own}, and {meter} counts by the {COUNTS[meter]}: name one of "
                    f'{", ".join(meters_in(own))}, or write units = {{ {meter} = "{_for(meter)}" }}',
                )
            elif picos is not None:
                price = per_one(picos, own)
                prices[meter] = price.numerator
                if price.denominator > 1:
                    per[meter] = price.denominator
                    if COUNTS[meter] == "token":
                        self.refuse(field, f"is {text} per {own}, finer than a pico per token: at most 6 decimals")
        for meter in units:
            if meter not in table:
                self.refuse(f"units.{meter}", f"has no price: write prices.{meter}, or drop it")
        if free and prices and all(prices.values()):
            self.refuse("free", 'is true and no price is zero: drop it, or write the price that is free as "0"')
        return prices, per

    def _picos(self, field: str, text: object, unit: str, free: bool) -> int | None:
        if not isinstance(text, str):
            self.refuse(field, f'is {text}, a number that may have lost digits: write it in quotes, "{text}"')
            return None
        try:
            picos = picos_of(text)
        except MoneyError as error:
            self.refuse(field, str(error))
            return None
        if picos < 0:
            self.refuse(field, f"is {text}: a price is not negative")
        if picos == 0 and not free:
            self.refuse(field, "is zero: write free = true if that is meant; leave out what is not known")
        return picos

    def _counts(self, field: str, prices: Mapping[str, int]) -> dict[str, int]:
        """``included`` or ``minimum``: whole units by meter. Tokens have neither: holds count every one of them."""
        counts = {}
        for meter, units in self.subtable(field, f"{field} = {{ audio_seconds = 10 }}").items():
            place = f"{field}.{meter}"
            if meter not in prices:
                self.refuse(place, f"has no price beside it{nearest(meter, prices)}")
            elif COUNTS[meter] == "token":
                self.refuse(place, "counts tokens, and each of them is charged: drop it")
            elif type(units) is not int or units < 1:
                self.refuse(place, f"is {units!r}: write a whole number, 1 or more")
            else:
                counts[meter] = units
        return counts


def _for(meter: str) -> str:
    """A unit that ``meter`` can be priced in."""
    return next(name for name, unit in UNITS.items() if unit.counts == COUNTS[meter])
