"""A replay in one currency: every amount at the rate that was in force when the attempt was opened."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from fenli.planner.report import Doubted, DoubtSums, Replay, Served, Sums
from fenli.prices.rates import Rate, Rates


class Converted(NamedTuple):
    """``rates``: all that were needed, by pair and instant. Each amount under each rate was rounded once."""

    replay: Replay
    rates: list[Rate]


def converted(replay: Replay, rates: Rates, currency: str) -> Converted:
    """``replay`` must have been told to keep apart what lies on either side of a change of a rate (``cuts``).

    Raises NoRate for the first amount of which nobody has stated what it is worth.
    """
    needed: set[Rate] = set()

    def amount(picos: int, held_in: str, at: int) -> int:
        if held_in in ("", currency) or not picos:
            return picos
        exchange = rates.find(held_in, currency, at)
        needed.add(exchange.rate)
        return exchange.convert(picos)

    def sums(served: Served, found: Sums, at: int) -> Sums:
        names = {
            **dict.fromkeys(("picos", "both_picos"), served.currency),
            **dict.fromkeys(("paid", "both_paid"), served.paid_currency),
        }
        return msgspec.structs.replace(
            found, **{name: amount(getattr(found, name), held_in, at) for name, held_in in names.items()}
        )

    def doubts(doubted: Doubted, found: DoubtSums, at: int) -> DoubtSums:
        names = "picos", "otherwise"
        return msgspec.structs.replace(
            found, **{name: amount(getattr(found, name), doubted.served.currency, at) for name in names}
        )

    slices: dict[object, dict[Served, Sums]] = {}
    for slice, models in sorted(replay.slices.items()):
        for served, found in models.items():
            place = slices.setdefault(slice, {}).setdefault(_in(served, currency), Sums())
            place.add(sums(served, found, slice.era))
    doubtful: dict[int, dict[Doubted, DoubtSums]] = {}
    for era, every in replay.doubtful.items():
        for doubted, some in every.items():
            name = doubted._replace(served=_in(doubted.served, currency))
            doubtful.setdefault(era, {}).setdefault(name, DoubtSums()).add(doubts(doubted, some, era))
    done = msgspec.structs.replace(replay, slices=slices, doubtful=doubtful)
    return Converted(done, sorted(needed, key=lambda rate: (rate.pair, rate.effective_from)))


def _in(served: Served, currency: str) -> Served:
    return served._replace(paid_currency=currency, currency=currency)
