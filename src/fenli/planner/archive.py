"""The archive: every entry of the books as Parquet, in a folder for each UTC day in which an attempt was opened.

    archive/
      manifest.json                     which parts there are, and through which entry they reach
      day=2026-11-23/part-1-250000.parquet

A part holds those of the named range of entries that belong to its day. The manifest is replaced in one step after the
parts it names are on the disk: what it does not name is no part of the archive. So each entry is there exactly once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from fenli.errors import BooksError
from fenli.values import METERS

FOLDER: Final = "archive"
MANIFEST: Final = "manifest.json"
SCRATCH: Final = ".writing"  # where parts grow; whatever is found there was never part of the archive
FORMAT: Final = 1
USAGE: Final = "usage_"  # before the meter, in the names of columns

# Of every part: instants in ns since the epoch, `first_content` ns after `opened_at`, amounts in picos. `metered` says
# whether the usage is known; a meter that does not occur in it is NULL. `facts` is a JSON object, as in the books.
COLUMNS: Final[dict[str, str]] = {
    "sequence": "BIGINT",
    "call": "VARCHAR",
    "attempt": "INTEGER",
    "opened_at": "BIGINT",
    "closed_at": "BIGINT",
    "first_content": "BIGINT",
    "rated_at": "BIGINT",
    "final": "BOOLEAN",
    "key": "VARCHAR",
    "project": "VARCHAR",
    "customer": "VARCHAR",
    "route": "VARCHAR",
    "vendor": "VARCHAR",
    "model": "VARCHAR",
    "answered_model": "VARCHAR",
    "facts": "VARCHAR",
    "outcome": "VARCHAR",
    "grade": "VARCHAR",
    "metered": "BOOLEAN",
    **{USAGE + meter: "UBIGINT" for meter in METERS},
    "currency": "VARCHAR",
    "picos": "DECIMAL(38,0)",
    "held_picos": "DECIMAL(38,0)",
    "offer": "VARCHAR",
    "charge_currency": "VARCHAR",
    "charge_picos": "DECIMAL(38,0)",
}
DECIMALS: Final = tuple(name for name, kind in COLUMNS.items() if kind.startswith("DECIMAL"))
UNITS_MAX: Final = 2**64 - 1
PICOS_MAX: Final = 10**38 - 1


class Part(msgspec.Struct, frozen=True):
    """One file, at ``path`` below the archive's folder. Its ``entries`` are of ``[first, last]``, by number in the
    books, and were opened and closed within ``[earliest, latest]``, ns. ``meters`` are those that occur."""

    path: str
    day: str
    first: int
    last: int
    entries: int
    earliest: int
    latest: int
    meters: tuple[str, ...]


class Manifest(msgspec.Struct, frozen=True):
    """Every entry up to number ``through`` is in exactly one of ``parts``."""

    through: int = 0
    parts: tuple[Part, ...] = ()
    format: int = FORMAT

    @property
    def entries(self) -> int:
        return sum(part.entries for part in self.parts)

    def between(self, since: int | None, until: int | None) -> list[Part]:
        """The parts that may have attempts opened in ``[since, until)``, earliest first."""
        found = [
            part
            for part in self.parts
            if (since is None or part.latest >= since) and (until is None or part.earliest < until)
        ]
        return sorted(found, key=lambda part: (part.earliest, part.first))

    def with_parts(self, parts: Iterable[Part], through: int) -> Manifest:
        return Manifest(through, (*self.parts, *parts))


def read_manifest(folder: Path) -> Manifest:
    """The archive in ``folder``; an empty one where there is none. Raises BooksError for one that cannot be read."""
    path = folder / MANIFEST
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Manifest()
    try:
        version = msgspec.json.decode(content, type=dict[str, object]).get("format")
        if isinstance(version, int) and version > FORMAT:
            raise BooksError(f"{path} was written by a newer fenli (format {version}): upgrade fenli")
        return msgspec.json.decode(content, type=Manifest)
    except msgspec.DecodeError as error:
        raise BooksError(
            f"{path} is damaged ({error}): restore it from a copy, or remove the whole folder and it is written again "
            "from the books"
        ) from None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replaces the manifest in one step. The parts it names are on the disk already."""
    fresh = folder / f"{MANIFEST}.new"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(msgspec.json.encode(manifest))
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, folder / MANIFEST)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """New names in it survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def part_path(day: str, first: int, last: int) -> str:
    return f"day={day}/part-{first}-{last}.parquet"
