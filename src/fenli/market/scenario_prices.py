"""What a scenario makes of the price book: dated rows, for the vendors' own bills, and as price files for the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

import msgspec

from fenli.clock import SECOND
from fenli.market.scenario import Event, Price
from fenli.market.scenario_rows import SOURCE, in_force, row_table
from fenli.market.timeline import Timeline
from fenli.prices.book import PriceBook
from fenli.prices.offers import Offer, offer_id
from fenli.values.toml_text import toml_of

DAY: Final = 86_400 * SECOND
# No request is as old as this: an alias that only held then holds no more.
_LONG_AGO: Final = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2000, 1, 2, tzinfo=UTC))
_Rows = tuple[Offer, ...]


def scenario_rows(timeline: Timeline, book: PriceBook) -> tuple[Offer, ...]:
    """Every model whose price the scenario sets, from a day before it begins and without an end.

    Until the first change a model costs what ``book`` says at the beginning; what the scenario sets at 0 holds from
    before it.
    """
    return tuple(
        row
        for (vendor, model, currency), events in _by_model(timeline).items()
        for row in _dated(timeline, in_force(book, vendor, model, currency, timeline.begin), model, events)
    )


def price_files(rows: Iterable[Offer], book: PriceBook) -> dict[str, str]:
    """Those rows as price files, by file name, to be read after the others."""
    by_vendor: dict[str, list[Offer]] = {}
    for row in rows:
        by_vendor.setdefault(row.vendor, []).append(row)
    return {f"{vendor}.toml": toml_of(_file(vendor, own, book)) for vendor, own in by_vendor.items()}


def _by_model(timeline: Timeline) -> Mapping[tuple[str, str, str], list[Event]]:
    found: dict[tuple[str, str, str], list[Event]] = {}
    for event in timeline.scenario.events:
        if isinstance(event.what, Price):
            for model, rows in event.what.rows.items():
                found.setdefault((rows[0].vendor, model, rows[0].currency), []).append(event)
    return found


def _dated(timeline: Timeline, before: _Rows, model: str, events: list[Event]) -> Iterator[Offer]:
    changes = list(_changes(timeline, before, model, events))
    ends = [after[0] for _, after in pairwise(changes)]
    for (start, rows), end in zip(changes, [*ends, None], strict=True):
        for row in rows if end is None or start < end else ():
            dated = msgspec.structs.replace(
                row, effective_from=start, effective_to=end, known_from=None, withdrawn_at=None,
                source=row.source or SOURCE,
            )  # fmt: skip
            yield msgspec.structs.replace(dated, id=offer_id(dated))


def _changes(timeline: Timeline, before: _Rows, model: str, events: list[Event]) -> Iterator[tuple[int, _Rows]]:
    """Which rows hold from when on."""
    yield timeline.begin - DAY, before
    for event in events:
        assert isinstance(event.what, Price)
        rows = event.what.rows[model]
        yield (timeline.begin - DAY if event.at == 0 else timeline.instant(event.at)), rows
        if event.until is None:
            before = rows
        else:
            yield timeline.instant(event.until), before


def _file(vendor: str, rows: list[Offer], book: PriceBook) -> dict[str, Any]:
    file: dict[str, Any] = {"vendor": vendor, "offers": [row_table(row) for row in rows]}
    models = {row.model for row in rows}
    renamed = dict.fromkeys(alias.name for alias in book.aliases(vendor) if alias.name in models)
    if renamed:
        start, end = _LONG_AGO
        file["aliases"] = [
            {"name": name, "model": name, "effective_from": start, "effective_to": end, "note": SOURCE}
            for name in renamed
        ]
    return file
