"""At which prices traffic is rated again: of another date, from another price file, of another model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Final, NamedTuple

import msgspec

from fenli.errors import BooksError, NoOffer, ValueRefused
from fenli.prices import Facts, Offer, PriceBook, Tariff
from fenli.prices.book import ANY_MODEL
from fenli.prices.facts import OPEN_AXES
from fenli.values import format_instant

EPOCH: Final = 0
# What a request is whoever serves it. The other facts (a tier, a channel, a plan) are matters between it and a vendor.
CARRIED: Final = (*OPEN_AXES, "batch", "modality", "resolution", "search_kind")
_decode_facts: Final = msgspec.json.Decoder(dict[str, bool | str]).decode


class Kind(NamedTuple):
    """Traffic that finds its prices in the same place. ``facts``: the JSON object of the books, None for a default
    request."""

    vendor: str
    model: str
    currency: str | None
    facts: str | None


class Contract(NamedTuple):
    """What a vendor id of the books stands for: the prices of ``vendor``, in ``currency`` (None: its home currency)."""

    vendor: str
    currency: str | None = None


class Swap(NamedTuple):
    """What was served by ``source`` (a model, or ``vendor/model``) is rated as if ``model`` of ``vendor`` had."""

    source: str
    vendor: str
    model: str

    def takes(self, kind: Kind) -> bool:
        return self.source in (kind.model, f"{kind.vendor}/{kind.model}")

    @property
    def target(self) -> str:
        return f"{self.vendor}/{self.model}"


class Repricing(msgspec.Struct, frozen=True):
    """How a kind is rated: as ``model`` of ``vendor``, by ``tariff`` (None: it has no price), with ``facts``.

    ``readings``: for each fact that the prices ask for and the books do not have, its name and the facts with its other
    value. ``swapped``: another model's prices count, so that its instants are not those that counted then.
    """

    vendor: str
    model: str
    currency: str | None
    tariff: Tariff | None
    facts: Facts
    readings: tuple[tuple[str, Facts], ...] = ()
    swapped: bool = False


class Scenario:
    """``as_of`` (ns): the rows in force then count for every call, each at its own hour, weekday and holiday; None:
    those in force at the call's own instant. ``contracts``: by vendor id, where it is not the vendor's own name or the
    currency not its home currency. ``before``: the book that the traffic was rated by, where that is not ``book``."""

    def __init__(
        self,
        book: PriceBook,
        *,
        as_of: int | None = None,
        swaps: Iterable[Swap] = (),
        contracts: Mapping[str, Contract] | None = None,
        before: PriceBook | None = None,
    ) -> None:
        self.as_of = as_of
        self.swaps = tuple(swaps)
        self._book = book
        self._before = before or book
        self._contracts = contracts or {}
        self._tariffs: dict[tuple[str, str, str | None], Tariff | None] = {}

    def repricing(self, kind: Kind) -> Repricing:
        """Raises BooksError for facts that this fenli does not know."""
        swap = next((swap for swap in self.swaps if swap.takes(kind)), None)
        vendor, currency = self._contract(kind.vendor)
        place = vendor, kind.model, kind.currency or currency
        if swap is not None:
            place = swap.vendor, swap.model, self._contract(swap.vendor).currency
        facts = _facts(kind)
        if swap is not None:
            facts = Facts()._replace(**{fact: getattr(facts, fact) for fact in CARRIED})
        tariff = self._tariff(*place)
        known = self._before.tariff(vendor, kind.model, kind.currency or currency)
        return Repricing(
            vendor=kind.vendor if swap is None else swap.vendor,
            model=place[1],
            currency=tariff.offers[0].currency if tariff is not None else place[2],
            tariff=tariff,
            facts=facts,
            readings=tuple(_readings(kind, facts, tariff, known)),
            swapped=swap is not None,
        )

    def check_swaps(self, spans: Mapping[Kind, tuple[int, int]]) -> None:
        """``spans``: the first and last instant of each kind. Raises ValueRefused for a swap of what nobody served,
        NoOffer for one to a model that has no price at some of these instants."""
        for swap in self.swaps:
            taken = [span for kind, span in spans.items() if swap.takes(kind)]
            if not taken:
                served = sorted({name for kind in spans for name in (kind.model, f"{kind.vendor}/{kind.model}")})
                raise ValueRefused(
                    f"--swap {swap.source}={swap.target}: nothing in this time was served by {swap.source}"
                    + (_close(swap.source, served) or f": it was by {', '.join(served[:10]) or 'nobody'}")
                )
            self._check_priced(swap, min(first for first, _ in taken), max(last for _, last in taken))

    def _check_priced(self, swap: Swap, first: int, last: int) -> None:
        currency = self._contract(swap.vendor).currency
        tariff = self._tariff(swap.vendor, swap.model, currency)
        gap = first if tariff is None else _gap(tariff.offers, first, last)
        if gap is None:
            return
        every = self._book.tariff(swap.vendor, swap.model, currency)
        starts = sorted(offer.effective_from for offer in every.offers) if every is not None else [first]
        when = gap if self.as_of is None else self.as_of
        raise NoOffer(
            f"--swap {swap.source}={swap.target}: {swap.target} had no price at {format_instant(when)}; its first is "
            f"of {format_instant(starts[0])}: name an instant at which it had one with --as-of"
            + ("" if self.as_of is not None else ", or a time with --since and --until")
        )

    def _contract(self, vendor: str) -> Contract:
        return self._contracts.get(vendor) or Contract(vendor)

    def _tariff(self, vendor: str, model: str, currency: str | None) -> Tariff | None:
        place = vendor, model, currency
        if place not in self._tariffs:
            tariff = self._book.tariff(*place)
            self._tariffs[place] = tariff if tariff is None or self.as_of is None else _frozen(tariff, self.as_of)
        return self._tariffs[place]


def parse_swap(text: str, book: PriceBook) -> Swap:
    """``qwen-turbo=deepseek-chat``; either side may be ``vendor/model``. Raises ValueRefused, NoOffer for a target that
    has no price or that several vendors sell."""
    source, equals, target = (part.strip() for part in text.partition("="))
    if not (source and equals and target):
        raise ValueRefused(f"--swap {text}: write what was served and what to rate it as: qwen-turbo=deepseek-chat")
    vendor, slash, model = target.partition("/")
    if slash and vendor in book.vendors():
        if book.tariff(vendor, model) is None:
            raise NoOffer(
                _unpriced(text, f"{target} has no price in {book.currency(vendor)}", model, _names(book, vendor))
            )
        return Swap(source, vendor, model)
    sellers = [seller for seller in book.vendors() if target in _names(book, seller) and book.tariff(seller, target)]
    if not sellers:
        every = {name for seller in book.vendors() for name in _names(book, seller)}
        raise NoOffer(_unpriced(text, f"{target} has no price", target, every))
    if len(sellers) > 1:
        named = ", ".join(f"{seller}/{target}" for seller in sellers)
        raise ValueRefused(f"--swap {text}: {len(sellers)} vendors sell {target}: write one of {named}")
    return Swap(source, sellers[0], target)


def parse_swaps(texts: Iterable[str], book: PriceBook) -> tuple[Swap, ...]:
    """Raises ValueRefused also where one model is swapped twice."""
    swaps: dict[str, Swap] = {}
    for text in texts:
        swap = parse_swap(text, book)
        if swap.source in swaps:
            raise ValueRefused(f"--swap {text}: {swap.source} is swapped for {swaps[swap.source].target} already")
        swaps[swap.source] = swap
    return tuple(swaps.values())


def _facts(kind: Kind) -> Facts:
    if kind.facts is None:
        return Facts()
    try:
        return Facts(**_decode_facts(kind.facts))  # type: ignore[arg-type]
    except (TypeError, msgspec.DecodeError):
        what = f"calls of {kind.vendor}/{kind.model} have the facts {kind.facts}"
        raise BooksError(f"{what}, which this fenli does not know: upgrade fenli") from None


def _readings(kind: Kind, facts: Facts, tariff: Tariff | None, known: Tariff | None) -> Iterator[tuple[str, Facts]]:
    """A fact that the prices now ask for, and that nobody had a reason to write down when those of then did not."""
    given = {} if kind.facts is None else _decode_facts(kind.facts)
    for axis, values in OPEN_AXES.items():
        if axis not in given and _asks(tariff, axis) and not _asks(known, axis):
            for value in values:
                if value != getattr(facts, axis):
                    yield axis, facts._replace(**{axis: value})  # type: ignore[arg-type]


def _asks(tariff: Tariff | None, axis: str) -> bool:
    return tariff is not None and any(getattr(offer.conditions, axis) is not None for offer in tariff.offers)


def _frozen(tariff: Tariff, at: int) -> Tariff | None:
    """The rows in force at ``at``, as if they had always been; their hours go on as before."""
    held = [offer for offer in tariff.offers if offer.effective_from <= at and (offer.effective_to or at + 1) > at]
    always = [msgspec.structs.replace(offer, effective_from=EPOCH, effective_to=None) for offer in held]
    return Tariff(always, tariff.basis) if always else None


def _gap(offers: Iterable[Offer], first: int, last: int) -> int | None:
    """The first instant of ``[first, last]`` at which no row is in force, whatever its conditions."""
    reached = first
    for offer in sorted(offers, key=lambda offer: offer.effective_from):
        if offer.effective_from > reached:
            break
        if offer.effective_to is None:
            return None
        reached = max(reached, offer.effective_to)
    return reached if reached <= last else None


def _names(book: PriceBook, vendor: str) -> set[str]:
    return {*book.models(vendor), *(alias.name for alias in book.aliases(vendor))} - {ANY_MODEL}


def _unpriced(text: str, what: str, model: str, known: Iterable[str]) -> str:
    return f"--swap {text}: {what}{_close(model, sorted(known)) or ': give it one in a price file, with --prices'}"


def _close(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, list(known), n=3)
    return f": did you mean {' or '.join(close)}?" if close else ""
