"""The price book: every vendor's dated offers, loaded from TOML, checked when loaded, looked up by name and instant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

import msgspec

from fenli.errors import NoOffer, PriceFileError
from fenli.prices.calendars import Calendar
from fenli.prices.facts import Facts
from fenli.prices.files import Alias, Header, PriceFile, read_calendar, read_price_file
from fenli.prices.offers import Offer
from fenli.prices.overlaps import overlaps
from fenli.prices.tariff import Basis, Tariff
from fenli.values import format_instant

ANY_MODEL: Final = "*"
_Key = tuple[str, str, str]


class PriceBook:
    """Immutable once loaded. A row whose model is ``*`` prices every model of its vendor that has no row of its own."""

    def __init__(
        self, headers: Iterable[Header], offers: Iterable[Offer], aliases: Mapping[str, tuple[Alias, ...]]
    ) -> None:
        self._headers = {header.vendor: header for header in headers}
        self._offers: dict[str, dict[str, tuple[Offer, ...]]] = {vendor: {} for vendor in self._headers}
        for offer in offers:
            models = self._offers[offer.vendor]
            models[offer.model] = (*models.get(offer.model, ()), offer)
        self._aliases = aliases
        self._tariffs: dict[_Key, Tariff] = {}
        for vendor, models in self._offers.items():
            names = {*models, *(alias.name for alias in aliases.get(vendor, ()))}
            for model in names:
                self._tariffs |= self._compiled(vendor, model)

    @classmethod
    def load(cls, *directories: Path) -> PriceBook:
        """The package's own files, then ``directories`` in order. A later file's rows replace all earlier rows of the
        same vendor, model and currency, and add what is new; a later calendar replaces its namesake.

        Raises PriceFileError naming every bad file, row and field, and what to write instead. Nothing loads in part.
        """
        places: list[Traversable] = [files("fenli.prices").joinpath("data"), *directories]
        calendars, problems = _read_calendars(places)
        shelf = _Shelf()
        for place in places:
            for entry in _toml_files(place):
                file, wrong = read_price_file(entry.name, entry.read_text(encoding="utf-8"), calendars)
                problems += wrong
                if file is not None:
                    problems += shelf.add(file)
        problems += shelf.overlapping()
        if problems:
            raise PriceFileError("\n".join(problems))
        return cls(shelf.headers.values(), shelf.all_offers(), {v: tuple(a) for v, a in shelf.aliases.items()})

    def vendors(self) -> list[str]:
        return sorted(self._headers)

    def models(self, vendor: str) -> list[str]:
        """The models with rows of their own, aliases left out; empty for an unknown vendor."""
        return sorted(self._offers.get(vendor, ()))

    def offers(self, vendor: str, model: str | None = None) -> tuple[Offer, ...]:
        """Every row, in file order."""
        models = self._offers.get(vendor, {})
        if model is not None:
            return models.get(model, ())
        return tuple(offer for rows in models.values() for offer in rows)

    def aliases(self, vendor: str) -> tuple[Alias, ...]:
        return self._aliases.get(vendor, ())

    def header(self, vendor: str) -> Header:
        """Raises NoOffer for a vendor without a price file."""
        if vendor not in self._headers:
            raise NoOffer(f"there is no price file for {vendor!r}: {', '.join(self.vendors())}")
        return self._headers[vendor]

    def currency(self, vendor: str) -> str:
        """The home currency: what a contract with the vendor is in unless it says otherwise."""
        return self.header(vendor).currency

    def basis(self, vendor: str) -> Basis:
        return self.header(vendor).instant_basis

    def tariff(self, vendor: str, model: str, currency: str | None = None) -> Tariff | None:
        """The compiled rows of ``model``, or of the models it was an alias of; None when it has none in ``currency``
        (the vendor's home currency when not given)."""
        header = self._headers.get(vendor)
        if header is None:
            return None
        currency = currency or header.currency
        return self._tariffs.get((vendor, model, currency)) or self._tariffs.get((vendor, ANY_MODEL, currency))

    def find(
        self,
        vendor: str,
        model: str,
        *,
        at: int,
        currency: str | None = None,
        usage: Mapping[str, int] | None = None,
        facts: Facts | None = None,
    ) -> Offer:
        """The one row that prices a request at instant ``at``. Raises NoOffer or AmbiguousOffer."""
        tariff = self.tariff(vendor, model, currency)
        if tariff is None:
            wanted = currency or self.currency(vendor)
            raise NoOffer(f"{vendor}/{model} has no price in {wanted}, at {format_instant(at)} or ever")
        return tariff.find(at, usage, facts)

    def _compiled(self, vendor: str, model: str) -> dict[_Key, Tariff]:
        by_currency: dict[str, list[Offer]] = defaultdict(list)
        for offer in _named(model, self._offers[vendor], self._aliases.get(vendor, ())):
            by_currency[offer.currency].append(offer)
        basis = self._headers[vendor].instant_basis
        return {(vendor, model, currency): Tariff(rows, basis) for currency, rows in by_currency.items()}


class _Shelf:
    """Files as they come in: later rows replace earlier ones of the same vendor, model and currency."""

    def __init__(self) -> None:
        self.headers: dict[str, Header] = {}
        self.aliases: dict[str, list[Alias]] = defaultdict(list)
        self._offers: dict[_Key, list[Offer]] = {}
        self._origin: dict[str, tuple[str, int]] = {}

    def add(self, file: PriceFile) -> list[str]:
        if file.header is not None:
            self.headers[file.vendor] = file.header
        elif file.vendor not in self.headers:
            return [f"{file.name}: vendor {file.vendor!r} is new: write its names, currency and instant_basis as well"]
        fresh: dict[_Key, list[Offer]] = defaultdict(list)
        for offer in file.offers:
            fresh[offer.vendor, offer.model, offer.currency].append(offer)
            self._origin[offer.id] = (file.name, file.place[offer.id])
        self._offers |= fresh
        renamed = {alias.name for alias in file.aliases}
        kept = [alias for alias in self.aliases[file.vendor] if alias.name not in renamed]
        self.aliases[file.vendor] = [*kept, *file.aliases]
        return []

    def all_offers(self) -> Iterator[Offer]:
        for rows in self._offers.values():
            yield from rows

    def overlapping(self) -> Iterator[str]:
        """Rows, and aliases of rows, that one request would find at once."""
        vendors: dict[str, dict[str, tuple[Offer, ...]]] = defaultdict(dict)
        for (vendor, model, _), rows in self._offers.items():
            vendors[vendor][model] = (*vendors[vendor].get(model, ()), *rows)
        for vendor, models in vendors.items():
            for model in {**models, **{alias.name: () for alias in self.aliases[vendor]}}:
                named = tuple(_named(model, models, self.aliases[vendor]))
                for one, other in overlaps(named):
                    if one.currency == other.currency:
                        name, row = self._origin[other.id]
                        yield (
                            f"{name}, row {row} ({model}): overlaps row {self._origin[one.id][1]} of "
                            f"{self._origin[one.id][0]}; end one where the other starts, or tell their conditions apart"
                            f"\n  {one}\n  {other}"
                        )


def _named(name: str, models: Mapping[str, tuple[Offer, ...]], aliases: Iterable[Alias]) -> Iterator[Offer]:
    """The rows of ``name`` and, clipped to the alias's interval, of every model it was an alias of."""
    yield from models.get(name, ())
    for alias in aliases:
        if alias.name == name:
            for offer in models.get(alias.model, ()):
                start = max(offer.effective_from, alias.effective_from)
                ends = [end for end in (offer.effective_to, alias.effective_to) if end is not None]
                end = min(ends) if ends else None
                if end is None or start < end:
                    yield msgspec.structs.replace(offer, effective_from=start, effective_to=end)


def _read_calendars(places: Iterable[Traversable]) -> tuple[dict[str, Calendar], list[str]]:
    calendars: dict[str, Calendar] = {}
    problems: list[str] = []
    for place in places:
        for entry in _toml_files(place.joinpath("calendars")):
            calendar, wrong = read_calendar(f"calendars/{entry.name}", entry.read_text(encoding="utf-8"))
            problems += wrong
            if calendar is not None:
                calendars[calendar.name] = calendar
    return calendars, problems


def _toml_files(place: Traversable) -> list[Traversable]:
    if not place.is_dir():
        return []
    return sorted((entry for entry in place.iterdir() if entry.name.endswith(".toml")), key=lambda entry: entry.name)
