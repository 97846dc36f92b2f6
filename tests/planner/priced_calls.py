"""What the planner's tests share: traffic as rows of an archive, and price books of a few rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from fenli.planner.archive import USAGE, Manifest, write_manifest
from fenli.planner.parquet import engine, write_parts
from fenli.prices import Conditions, Offer, PriceBook
from fenli.prices.files import Header
from fenli.prices.offers import offer_id
from fenli.values import parse_instant

SECOND = 10**9
HOUR = 3600 * SECOND
DAY = 24 * HOUR
NOON = parse_instant("2026-11-20T12:00:00Z")
MILLION = 10**6


def row(
    sequence: int, usage: Mapping[str, int] | None = None, at: int = NOON, took: int = SECOND, **changed: Any
) -> dict[str, Any]:
    """An entry of the archive: acme/one, answered a second after it was asked, for 7 picos. ``facts``: a dict."""
    facts = changed.pop("facts", None)
    made = {
        "sequence": sequence,
        "call": f"call_{sequence:08}",
        "attempt": 1,
        "opened_at": at,
        "closed_at": at + took,
        "final": True,
        "key": "key_1",
        "route": "chat",
        "vendor": "acme",
        "model": "one",
        "facts": None if facts is None else msgspec.json.encode(facts, order="sorted").decode(),
        "outcome": "ok",
        "grade": "measured",
        "metered": usage is not None,
        "currency": "CNY",
        "picos": 7,
        **{USAGE + meter: units for meter, units in (usage or {}).items()},
    }
    return made | changed


def archived(folder: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """An archive with ``rows`` in it, in ``folder``."""
    listed = list(rows)
    folder.mkdir(exist_ok=True)
    last = max((each["sequence"] for each in listed), default=0)
    with engine(folder / "spill", threads=1) as connection:
        parts = write_parts(connection, folder, listed, 1, last)
    write_manifest(folder, Manifest(last, tuple(parts)))
    return folder


def offer(start: int = 0, end: int | None = None, **given: Any) -> Offer:
    """A row of acme/one in CNY with prices in picos for one unit: ``offer(input=2, output=8, thinking=True)``."""
    conditions = Conditions(**{name: given.pop(name) for name in Conditions.__struct_fields__ if name in given})
    named = {name: given.pop(name) for name in Offer.__struct_fields__ if name in given}
    values = {"vendor": "acme", "model": "one", "currency": "CNY", "unit": "1M_tokens", **named}
    draft = Offer(id="", effective_from=start, effective_to=end, prices=given, conditions=conditions, **values)
    return msgspec.structs.replace(draft, id=offer_id(draft))


def book(*offers: Offer, basis: str = "start") -> PriceBook:
    vendors = dict.fromkeys(offer.vendor for offer in offers) or {"acme": None}
    currencies = {offer.vendor: offer.currency for offer in reversed(offers)}
    headers = [Header(vendor, {"en": vendor}, currencies.get(vendor, "CNY"), basis) for vendor in vendors]
    return PriceBook(headers, offers, {})
