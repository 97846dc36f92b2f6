"""Price files as they come in, one over the other, and all that is wrong with them together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from fenli.prices.doubts import doubts
from fenli.prices.files import Alias, FileText, Header, PriceFile
from fenli.prices.knowledge import contradictions
from fenli.prices.offers import Offer
from fenli.prices.overlaps import overlaps
from fenli.prices.problems import Problem, nearest

_Key = tuple[str, str, str]


class Shelf:
    """Later rows replace all earlier ones of the same vendor, model and currency; later aliases replace namesakes."""

    def __init__(self) -> None:
        self.headers: dict[str, Header] = {}
        self.aliases: dict[str, list[Alias]] = defaultdict(list)
        self._offers: dict[_Key, list[Offer]] = {}
        self._replaced: dict[_Key, list[Offer]] = defaultdict(list)
        self._origin: dict[str, tuple[FileText, int]] = {}

    def add(self, file: PriceFile) -> list[Problem]:
        if file.header is not None:
            self.headers[file.vendor] = file.header
        elif file.vendor not in self.headers:
            message = f"is {file.vendor!r}, and new{nearest(file.vendor, self.headers)}: mend it, or write its names, "
            return [file.text.problem(f"{message}currency and instant_basis as well", "vendor")]
        fresh: dict[_Key, list[Offer]] = defaultdict(list)
        for offer in file.offers:
            fresh[offer.vendor, offer.model, offer.currency].append(offer)
            self._origin[offer.id] = (file.text, file.place[offer.id])
        for key in fresh:
            self._replaced[key] += self._offers.get(key, ())
        self._offers |= fresh
        renamed = {alias.name for alias in file.aliases}
        kept = [alias for alias in self.aliases[file.vendor] if alias.name not in renamed]
        self.aliases[file.vendor] = [*kept, *file.aliases]
        return []

    def offers(self) -> Iterator[Offer]:
        for rows in self._offers.values():
            yield from rows

    def problems(self) -> Iterator[Problem]:
        """Rows that one request would find at once, and prices that look like slips."""
        for vendor, models in self._models().items():
            aliases = self.aliases[vendor]
            for name in dict.fromkeys((*models, *(alias.name for alias in aliases))):
                yield from self._clashes(name, tuple(named(name, models, aliases)))
        yield from self._doubts()

    def _models(self) -> dict[str, dict[str, tuple[Offer, ...]]]:
        vendors: dict[str, dict[str, tuple[Offer, ...]]] = defaultdict(dict)
        for (vendor, model, _), rows in self._offers.items():
            vendors[vendor][model] = (*vendors[vendor].get(model, ()), *rows)
        return vendors

    def _clashes(self, name: str, rows: Sequence[Offer]) -> Iterator[Problem]:
        for currency in dict.fromkeys(row.currency for row in rows):
            sold = [row for row in rows if row.currency == currency]
            standing = [row for row in sold if row.withdrawn_at is None]
            for one, other in overlaps(standing):
                remedy = "end one where the other starts, or tell their conditions apart"
                yield self._problem(other, name, "", f"overlaps {self._place(one)}; {remedy}\n  {one}\n  {other}")
            for one, other in contradictions(sold) if len(standing) < len(sold) else ():
                remedy = "write known_from in the later one: when it was known that the other does not hold"
                yield self._problem(other, name, "", f"was known together with {self._place(one)}, withdrawn: {remedy}")

    def _doubts(self) -> Iterator[Problem]:
        """Against all rows that there are, those that a later file replaces too; only rows that stand are doubted."""
        every: dict[tuple[str, str], list[Offer]] = defaultdict(list)
        for rows in (self._offers, self._replaced):
            for (vendor, model, _), group in rows.items():
                every[vendor, model] += group
        stands = {offer.id for offer in self.offers()}
        for (vendor, model), group in every.items():
            home = self.headers[vendor].home_list
            for offer, field, message in doubts(group, every.get((home, model), ())):
                if offer.id in stands:
                    yield self._problem(offer, model, field, message)

    def _problem(self, offer: Offer, name: str, field: str, message: str) -> Problem:
        file, row = self._origin[offer.id]
        return file.row(row, name, field, message)

    def _place(self, offer: Offer) -> str:
        file, row = self._origin[offer.id]
        return f"row {row} of {file.name}"


def named(name: str, models: Mapping[str, Sequence[Offer]], aliases: Iterable[Alias]) -> Iterator[Offer]:
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
