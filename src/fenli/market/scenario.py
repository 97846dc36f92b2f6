"""A scenario: what happens to the emulated vendors, and when. Offsets and spans are nanoseconds of the scenario's time.

What is read from a file (`fenli.market.scenario_files`) is checked, so that nothing here can contradict itself.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Final

import msgspec

from fenli.market.faults import Fault
from fenli.prices.offers import Offer


class Way(enum.StrEnum):
    """How a vendor leaves."""

    REFUSED = "refused"  # its address refuses connections
    NO_DNS = "no_dns"  # its name does not resolve
    GONE = "gone"  # HTTP 410 to everything
    NO_BALANCE = "no_balance"  # nothing is left of our money, whatever was paid in


class Price(msgspec.Struct, frozen=True, tag="price"):
    """Each model's rows from now on. The instants of the rows are of no account: the event's are."""

    rows: dict[str, tuple[Offer, ...]]


class Latency(msgspec.Struct, frozen=True, tag="latency"):
    """Until the first token, and for each one after it; None leaves it as it was."""

    first_token: int | None = None
    token: int | None = None


class Errors(msgspec.Struct, frozen=True, tag="errors"):
    """``shares`` of the requests (each from 0 to 1, 1 together at most) meet that fault."""

    shares: tuple[tuple[Fault, float], ...]


class BrownOut(msgspec.Struct, frozen=True, tag="brown_out"):
    """Slow, and ``share`` of the requests are refused as overload."""

    share: float
    first_token: int | None = None
    token: int | None = None


class Cuts(msgspec.Struct, frozen=True, tag="cuts"):
    """``share`` of the answers break off, behind ``after_bytes`` of the body or anywhere."""

    share: float
    after_bytes: int | None = None


class RateLimit(msgspec.Struct, frozen=True, tag="rate_limit"):
    """Of each vendor, or of each of the models that the event names. A minute is one of the clock's, whatever the
    scenario's speed: calls take their time too."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrency: int | None = None


class QuotaEnd(msgspec.Struct, frozen=True, tag="quota_end"):
    """After so many more ``tokens`` the vendor says that the quota is used up."""

    tokens: int = 0


class Retired(msgspec.Struct, frozen=True, tag="retired"):
    """The models are no longer there."""


class Exit(msgspec.Struct, frozen=True, tag="exit"):
    how: Way


class Back(msgspec.Struct, frozen=True, tag="back"):
    """Everything that had no end of its own ends here."""


What = Price | Latency | Errors | BrownOut | Cuts | RateLimit | QuotaEnd | Retired | Exit | Back

KINDS: Final[dict[str, type[What]]] = {
    str(kind.__struct_config__.tag): kind
    for kind in (Price, Latency, Errors, BrownOut, Cuts, RateLimit, QuotaEnd, Retired, Exit, Back)
}


class Event(msgspec.Struct, frozen=True):
    """``until`` None: to the end, or until the vendor is back. ``models`` empty: all of them. ``says``: in words, by
    language, where the file has some. ``number`` counts from 1, as in the file."""

    number: int
    at: int
    until: int | None
    vendors: tuple[str, ...]
    models: tuple[str, ...]
    what: What
    says: dict[str, str] = {}

    @property
    def kind(self) -> str:
        return str(self.what.__struct_config__.tag)


class Spell(msgspec.Struct, frozen=True):
    """An event as one vendor lives it, with the end that it turned out to have."""

    event: Event
    vendor: str
    at: int
    until: int | None

    def holds(self, offset: int) -> bool:
        return self.at <= offset and (self.until is None or offset < self.until)

    def concerns(self, model: str) -> bool:
        return not self.event.models or model in self.event.models


class Scenario(msgspec.Struct, frozen=True):
    """``name`` is how it is asked for; ``titles`` by language. ``events`` by the time at which they happen. ``opens``:
    the instant that offset 0 stands for in the story, where it has a day of its own."""

    name: str
    titles: dict[str, str]
    events: tuple[Event, ...]
    seed: int | None = None
    speed: str = "1"
    opens: int | None = None

    @property
    def vendors(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(vendor for event in self.events for vendor in event.vendors))

    @property
    def length(self) -> int:
        """The last offset at which something happens."""
        return max((max(event.at, event.until or 0) for event in self.events), default=0)

    def spells(self) -> Iterator[Spell]:
        """What each vendor lives through, by the time at which it begins; coming back is the end of others."""
        for event in self.events:
            if isinstance(event.what, Back):
                continue
            for vendor in event.vendors:
                yield Spell(event, vendor, event.at, self._end(event, vendor))

    def _end(self, event: Event, vendor: str) -> int | None:
        if event.until is not None or isinstance(event.what, Price):
            return event.until
        backs = (other.at for other in self.events if isinstance(other.what, Back) and vendor in other.vendors)
        return next((at for at in backs if at > event.at), None)
