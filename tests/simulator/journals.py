"""An independent reading of the journal: written from its description, sharing no code with `fenli.ledger`."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

import google_crc32c
import msgspec

HELD, ATTEMPTED, SETTLED, RELEASED = 1, 2, 3, 4


def frames_of(data: bytes) -> list[list[list[Any]]]:
    """The records of each whole frame, as plain lists ``[tag, number, ...]``; the header is left out."""
    assert data.startswith(b"FENLIJ1\n")
    at, frames = 8, []
    while at + 8 <= len(data):
        length, checksum = struct.unpack_from("<II", data, at)
        if at + 8 + length > len(data):
            break
        payload = data[at + 8 : at + 8 + length]
        if google_crc32c.value(payload) != checksum:
            break
        frames.append(msgspec.msgpack.decode(payload))
        at += 8 + length
    return frames[1:]


@dataclass
class JournalWitness:
    """Watches every record of one run as it is written. Complaints are collected, not raised."""

    open: dict[tuple[int, int], list[Any]] = field(default_factory=dict)
    tokens: dict[int, str] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    ended: dict[tuple[int, int], list[Any]] = field(default_factory=dict)
    final: set[int] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)

    def frame(self, records: list[list[Any]]) -> None:
        for record in records:
            self._record(record)

    def _record(self, record: list[Any]) -> None:
        tag, number = record[0], record[1]
        if number in self.final:
            self.complaints.append(f"call {number}: a record after its final one: {record}")
        elif tag == HELD:
            if number in self.tokens:
                self.complaints.append(f"call {number} was opened twice")
            token = record[12]
            self.tokens[number] = token
            self.numbers[token] = number
            self.open[number, 1] = record
        elif number not in self.tokens:
            self.complaints.append(f"call {number} was never opened: {record}")
        elif tag == ATTEMPTED:
            if (number, record[2]) in self.open or (number, record[2]) in self.ended:
                self.complaints.append(f"attempt {record[2]} of call {number} was opened twice")
            self.open[number, record[2]] = record
        else:
            if self.open.pop((number, record[2]), None) is None:
                self.complaints.append(f"attempt {record[2]} of call {number} ended but was not open: {record}")
            self.ended[number, record[2]] = record
            if record[4]:
                self.final.add(number)
                left = [attempt for opened, attempt in self.open if opened == number]
                if left:
                    self.complaints.append(f"call {number} ended while attempts {left} hold money")
