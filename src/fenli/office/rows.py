"""Entries as rows of the store and back, and the chain that makes a changed row show."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from operator import attrgetter
from typing import Any, Final

import msgspec

from fenli.ledger.entries import Entry
from fenli.ledger.records import Grade
from fenli.store import stored_integer

GENESIS: Final = bytes(32)

# What a link covers, in this order for ever. A new field of `Entry` goes to the end and is None by default: trailing
# Nones are left out, so that links made before it was there still hold.
CHAINED: Final = (
    "call", "attempt", "opened_at", "closed_at", "final", "key", "asked", "vendor", "model", "answered_model", "stream",
    "retry", "request_id", "outcome", "status", "grade", "usage", "raw_usage", "currency", "picos", "held_picos",
    "offer", "rated_at", "first_content", "upstream_id", "note", "facts", "project", "customer", "charge_currency",
    "charge_picos",
)  # fmt: skip

_values = attrgetter(*CHAINED)
_GRADE, _USAGE, _FACTS = map(CHAINED.index, ("grade", "usage", "facts"))
_AMOUNTS: Final = tuple(map(CHAINED.index, ("picos", "held_picos", "charge_picos")))
_encode = msgspec.msgpack.Encoder(order="sorted").encode
_encode_json = msgspec.json.Encoder(order="sorted").encode
_decode_facts = msgspec.json.Decoder(dict[str, bool | str]).decode
_decode_usage = msgspec.json.Decoder(dict[str, int]).decode


def link(previous: bytes, sequence: int, entry: Entry) -> bytes:
    """The sha256 that binds ``entry`` as number ``sequence`` to everything before it."""
    values = list(_values(entry))
    while values[-1] is None:
        values.pop()
    return hashlib.sha256(previous + _encode((sequence, values))).digest()


# Bound by hand: building a statement's parameters costs more than SQLite's own work.
_COLUMNS: Final = ("sequence", *CHAINED, "chain")
INSERT: Final = "INSERT INTO entries ({}) VALUES ({})".format(  # noqa: S608  names of ours, values bound
    ", ".join(f'"{name}"' for name in _COLUMNS), ", ".join("?" * len(_COLUMNS))
)


def row_of(sequence: int, entry: Entry, chain: bytes) -> tuple[object, ...]:
    """The values that `INSERT` binds, in its order."""
    values = list(_values(entry))
    values[_GRADE] = str(entry.grade)
    if entry.usage is not None:
        values[_USAGE] = units_text(entry.usage)
    if entry.facts is not None:
        values[_FACTS] = _encode_json(entry.facts).decode()
    for place in _AMOUNTS:
        values[place] = stored_integer(values[place])
    return (sequence, *values, chain)


def entry_of(row: Mapping[str, Any]) -> Entry:
    """Raises ValueError (msgspec.DecodeError among them) when the row was changed into what no entry can be."""
    values = {name: row[name] for name in CHAINED}
    values["final"] = bool(row["final"])
    values["stream"] = bool(row["stream"])
    values["grade"] = Grade(row["grade"])
    values["usage"] = None if row["usage"] is None else units_of(row["usage"])
    values["facts"] = None if row["facts"] is None else _decode_facts(row["facts"])
    return Entry(**values)


def units_text(units: Mapping[str, int]) -> str:
    """Units by meter as JSON, whole numbers of any size."""
    return _encode_json(units).decode()


def units_of(text: str) -> dict[str, int]:
    return _decode_usage(text)
