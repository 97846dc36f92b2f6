"""The price book: every vendor's dated offers, loaded from TOML, checked when loaded, looked up by name and instant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from fenli.errors import NoOffer, PriceFileError
from fenli.prices.calendars import Calendar
from fenli.prices.facts import Facts
from fenli.prices.files import Alias, Header, read_calendar, read_price_file
from fenli.prices.knowledge import known_at
from fenli.prices.offers import Offer
from fenli.prices.problems import Problem, nearest
from fenli.prices.shelf import Shelf, named
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
        self._every = tuple(offers)
        self._offers: dict[str, dict[str, tuple[Offer, ...]]] = {vendor: {} for vendor in self._headers}
        for offer in self._every:
            if offer.withdrawn_at is None:
                models = self._offers[offer.vendor]
                models[offer.model] = (*models.get(offer.model, ()), offer)
        self._aliases = aliases
        self._tariffs: dict[_Key, Tariff | None] = {}

    @classmethod
    def load(cls, *places: Path) -> PriceBook:
        """The package's own files, then ``places`` (directories or single files) in order. A later file's rows replace
        all earlier rows of the same vendor, model and currency, and add what is new; a later calendar replaces its
        namesake.

        Raises PriceFileError naming every bad file, line, row and field, and what to write instead. Nothing loads in
        part.
        """
        book, problems = cls.examine(*places)
        if book is None:
            raise PriceFileError("\n".join(map(str, problems)))
        return book

    @classmethod
    def examine(cls, *places: Path) -> tuple[PriceBook | None, list[Problem]]:
        """Like `load`: the book, or None and all that is wrong, by file and line."""
        calendars, problems = _read_calendars(places)
        shelf = Shelf()
        for name, entry in (*_shipped(""), *_own(places, "")):
            text, wrong = _text(name, entry)
            problems += wrong
            file, wrong = (None, []) if text is None else read_price_file(name, text, calendars)
            problems += wrong
            if file is not None:
                problems += shelf.add(file)
        problems += shelf.problems()
        if problems:
            return None, sorted(problems, key=lambda problem: (problem.file, problem.line or 0))
        return cls(shelf.headers.values(), shelf.offers(), {v: tuple(a) for v, a in shelf.aliases.items()}), []

    @classmethod
    def of_text(cls, name: str, text: str) -> PriceBook:
        """The book of one price file alone: what a plan keeps of the file it was made from. Raises PriceFileError."""
        calendars, problems = _read_calendars(())
        shelf = Shelf()
        file, wrong = read_price_file(name, text, calendars)
        problems += wrong
        if file is not None:
            problems += shelf.add(file)
        problems += shelf.problems()
        if problems:
            raise PriceFileError("\n".join(map(str, problems)))
        return cls(shelf.headers.values(), shelf.offers(), {v: tuple(a) for v, a in shelf.aliases.items()})

    def as_known_at(self, instant: int) -> PriceBook:
        """The book as it stood at ``instant`` (ns): without rows known only later, with rows withdrawn later, and with
        ends left open that were not known yet. Rows keep their ids."""
        groups: dict[_Key, list[Offer]] = defaultdict(list)
        for offer in self._every:
            groups[offer.vendor, offer.model, offer.currency].append(offer)
        known = [offer for group in groups.values() for offer in known_at(group, instant)]
        return PriceBook(self._headers.values(), known, self._aliases)

    def with_rows(self, rows: Iterable[Offer]) -> PriceBook:
        """The book with these in place of all rows of the same vendor, model and currency, and of an alias of that
        name. Their vendors are in it already; nothing is checked again."""
        rows = tuple(rows)
        keys = {(row.vendor, row.model, row.currency) for row in rows}
        names = {(vendor, model) for vendor, model, _ in keys}
        kept = (row for row in self._every if (row.vendor, row.model, row.currency) not in keys)
        aliases = {
            vendor: tuple(alias for alias in group if (vendor, alias.name) not in names)
            for vendor, group in self._aliases.items()
        }
        return PriceBook(self._headers.values(), (*kept, *rows), aliases)

    def vendors(self) -> list[str]:
        return sorted(self._headers)

    def models(self, vendor: str) -> list[str]:
        """The models with rows of their own, aliases left out; empty for an unknown vendor."""
        return sorted(self._offers.get(vendor, ()))

    def offers(self, vendor: str, model: str | None = None) -> tuple[Offer, ...]:
        """Every row that stands, in file order."""
        models = self._offers.get(vendor, {})
        if model is not None:
            return models.get(model, ())
        return tuple(offer for rows in models.values() for offer in rows)

    def every(self) -> tuple[Offer, ...]:
        """All rows of all vendors, those withdrawn too: what an old entry was priced by may be among them."""
        return self._every

    def withdrawn(self, vendor: str, model: str) -> tuple[Offer, ...]:
        """Rows that were announced or recorded, and taken back."""
        return tuple(
            row for row in self._every if row.withdrawn_at is not None and (row.vendor, row.model) == (vendor, model)
        )

    def aliases(self, vendor: str) -> tuple[Alias, ...]:
        return self._aliases.get(vendor, ())

    def header(self, vendor: str) -> Header:
        """Raises NoOffer for a vendor without a price file."""
        if vendor not in self._headers:
            raise NoOffer(f"there is no price file for {vendor!r}{nearest(vendor, self.vendors())}")
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
        return self._compiled(vendor, model, currency) or self._compiled(vendor, ANY_MODEL, currency)

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

    def _compiled(self, vendor: str, model: str, currency: str) -> Tariff | None:
        key = (vendor, model, currency)
        if key not in self._tariffs:
            rows = named(model, self._offers[vendor], self._aliases.get(vendor, ()))
            sold = [row for row in rows if row.currency == currency]
            self._tariffs[key] = Tariff(sold, self._headers[vendor].instant_basis) if sold else None
        return self._tariffs[key]


def _read_calendars(places: Iterable[Path]) -> tuple[dict[str, Calendar], list[Problem]]:
    calendars: dict[str, Calendar] = {}
    problems: list[Problem] = []
    for name, entry in (*_shipped("calendars"), *_own(places, "calendars")):
        text, wrong = _text(name, entry)
        problems += wrong
        calendar, wrong = (None, []) if text is None else read_calendar(name, text)
        problems += wrong
        if calendar is not None:
            calendars[calendar.name] = calendar
    return calendars, problems


def _shipped(folder: str) -> Iterator[tuple[str, Traversable]]:
    place = files("fenli.prices").joinpath("data", *filter(None, [folder]))
    for entry in _toml_files(place):
        yield f"{folder}/{entry.name}".lstrip("/"), entry


def _own(places: Iterable[Path], folder: str) -> Iterator[tuple[str, Traversable]]:
    for place in places:
        if place.is_dir():
            yield from ((str(entry), entry) for entry in _toml_files(place.joinpath(folder)))
        elif not folder:
            yield str(place), place


def _toml_files(place: Traversable) -> list[Traversable]:
    if not place.is_dir():
        return []
    return sorted((entry for entry in place.iterdir() if entry.name.endswith(".toml")), key=lambda entry: entry.name)


def _text(name: str, entry: Traversable) -> tuple[str | None, list[Problem]]:
    try:
        return entry.read_text(encoding="utf-8"), []
    except UnicodeDecodeError:
        return None, [Problem(name, None, "", None, None, None, "is not UTF-8: save it as UTF-8")]
    except OSError as error:
        return None, [Problem(name, None, "", None, None, None, f"cannot be read: {error.strerror}: mend its path")]
