"""A journal read again, from its first byte to its watermark, into the entries that it must have given."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fenli.errors import BooksError
from fenli.ledger.entries import Entry, Poster, Terms
from fenli.ledger.journal import Reader
from fenli.ledger.records import Record
from fenli.office.posting import DAMAGED, LIVE
from fenli.office.runs import CHUNK, segment_path


def replay(directory: Path, row: Any, terms: Terms) -> Iterator[list[Entry]]:
    """``row``: the run's, of `tables.journals`; ``terms`` are those it was posted by.

    Raises BooksError when bytes before the watermark are not whole.
    """
    poster = Poster(directory.name, terms=terms)
    try:
        for records in _records(directory, row.segment, row.position):
            yield from _batches(poster, records)
    except _Impossible as stopped:
        if row.state != DAMAGED:
            raise BooksError(str(stopped)) from None
    if row.state != LIVE:
        yield poster.close(row.closed_at)


class _Impossible(Exception):
    """A sequence of records that no worker writes: posting ended there too."""


def _batches(poster: Poster, records: list[Record]) -> Iterator[list[Entry]]:
    finished: list[Entry] = []
    try:
        for record in records:
            entry = poster.post(record)
            if entry is not None:
                finished.append(entry)
    except BooksError as error:
        yield finished
        raise _Impossible(str(error)) from None
    yield finished


def _records(directory: Path, segment: int, position: int) -> Iterator[list[Record]]:
    for number in range(1, segment + 1):
        path = segment_path(directory, number)
        reader = Reader()
        left = position if number == segment else path.stat().st_size
        with path.open("rb") as file:
            while left > 0 and (data := file.read(min(CHUNK, left))):
                left -= len(data)
                yield reader.feed(data)
        if reader.damage is not None:
            raise BooksError(f"{path} is damaged at byte {reader.position}: {reader.damage}")
        header = reader.header
        if header is not None and (header.run, header.segment) != (directory.name, number):
            raise BooksError(f"{path} is segment {header.segment} of run {header.run}")
        if number == segment and reader.position != position:
            raise BooksError(f"{path} ends at byte {reader.position} and was posted up to byte {position}")
