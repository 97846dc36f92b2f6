"""From records to entries: one entry for every attempt, once it has ended."""

from __future__ import annotations

import msgspec

from fenli.errors import BooksError
from fenli.ledger.records import Attempted, Grade, Held, Record, Released, Settled
from fenli.values.ids import call_id


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt at one vendor, ended. ``picos`` is what it cost, None while unknown; ``held_picos`` what was set aside.

    Units: picos of ``currency``; instants and spans in nanoseconds; ``usage`` in units by meter.
    """

    call: str
    attempt: int
    opened_at: int
    closed_at: int
    final: bool
    key: str
    asked: str
    vendor: str
    model: str
    answered_model: str | None = None
    stream: bool
    retry: int = 0
    request_id: str | None = None
    outcome: str
    status: int | None = None
    grade: Grade
    usage: dict[str, int] | None = None
    raw_usage: bytes | None = None
    currency: str | None = None
    picos: int | None = None
    held_picos: int | None = None
    offer: str | None = None
    rated_at: int | None = None
    first_content: int | None = None
    upstream_id: str | None = None
    note: str | None = None


class OpenHold(msgspec.Struct, frozen=True, array_like=True):
    """An attempt whose end has not been read yet. ``held`` carries the call's own facts."""

    held: Held
    attempted: Attempted | None = None


LOST = "lost"  # the outcome of an attempt whose process died before it could write the end


class Poster:
    """Matches the records of one run. Holds still open are in ``open``, by (number, attempt)."""

    __slots__ = ("_calls", "open", "run")

    def __init__(self, run: str, open_holds: dict[tuple[int, int], OpenHold] | None = None) -> None:
        self.run = run
        self.open: dict[tuple[int, int], OpenHold] = dict(open_holds or {})
        self._calls: dict[int, Held] = {number: hold.held for (number, _), hold in self.open.items()}

    def post(self, record: Record) -> Entry | None:
        """The entry that this record completes, if it completes one. Raises BooksError on an impossible sequence."""
        if isinstance(record, Held):
            if record.number in self._calls:
                raise BooksError(f"call {call_id(self.run, record.number)} was opened twice")
            self._calls[record.number] = record
            self.open[record.number, 1] = OpenHold(record)
            return None
        held = self._calls.get(record.number)
        if held is None:
            raise BooksError(f"call {call_id(self.run, record.number)} ended or went on without ever being opened")
        if isinstance(record, Attempted):
            if (record.number, record.attempt) in self.open:
                raise BooksError(f"attempt {record.attempt} of {call_id(self.run, record.number)} was opened twice")
            self.open[record.number, record.attempt] = OpenHold(held, record)
            return None
        hold = self.open.pop((record.number, record.attempt), None)
        if hold is None:
            raise BooksError(f"attempt {record.attempt} of {call_id(self.run, record.number)} ended but was not open")
        if record.final:
            del self._calls[record.number]
        return self._entry(hold, record)

    def close(self, at: int) -> list[Entry]:
        """The run is dead: every hold still open becomes an unknown entry at the held amount."""
        entries = []
        last = {number: attempt for number, attempt in sorted(self.open)}
        for (number, attempt), hold in sorted(self.open.items()):
            settled = Settled(number, attempt, at, last[number] == attempt, LOST, Grade.UNKNOWN)
            entries.append(self._entry(hold, settled))
        self.open.clear()
        self._calls.clear()
        return entries

    def _entry(self, hold: OpenHold, end: Settled | Released) -> Entry:
        held, target = hold.held, hold.attempted or hold.held
        settled = end if isinstance(end, Settled) else None
        return Entry(
            call=call_id(self.run, held.number),
            attempt=end.attempt,
            opened_at=target.at,
            closed_at=end.at,
            final=end.final,
            key=held.key,
            asked=held.asked,
            vendor=target.vendor,
            model=target.model,
            answered_model=settled.answered_model if settled else None,
            stream=held.stream,
            retry=held.retry,
            request_id=held.request_id,
            outcome=end.outcome,
            status=end.status,
            grade=settled.grade if settled else Grade.NONE,
            usage=settled.usage if settled else None,
            raw_usage=settled.raw_usage if settled else None,
            currency=(settled.currency if settled else None) or target.currency,
            picos=settled.picos if settled else None,
            held_picos=target.picos,
            offer=settled.offer if settled else None,
            rated_at=settled.rated_at if settled else None,
            first_content=settled.first_content if settled else None,
            upstream_id=settled.upstream_id if settled else None,
            note=end.note,
        )
