"""From records to entries: one entry for every attempt, once it has ended."""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

import msgspec
from msgspec.structs import force_setattr

from fenli.errors import BooksError
from fenli.ledger.records import Attempted, Grade, Held, Record, Released, Settled
from fenli.values.ids import call_id


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt at one vendor, ended. ``picos``: what it cost, None while unknown; ``held_picos``: what was held.

    Units: picos of ``currency``; instants and spans in nanoseconds; ``usage`` in units by meter. ``facts`` as in
    `ledger.records.Settled`. ``project`` and ``customer`` are those of the key; ``charge_picos`` of ``charge_currency``
    is what the customer pays, None while that is unknown or nobody pays.
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
    facts: dict[str, bool | str] | None = None
    project: str | None = None
    customer: str | None = None
    charge_currency: str | None = None
    charge_picos: int | None = None


class Owner(NamedTuple):
    """Whose a key is: ids, None where it is for our own use."""

    project: str | None = None
    customer: str | None = None


class Terms(Protocol):
    """What posting must know of customers."""

    def owner(self, key: str) -> Owner: ...

    def charge(self, entry: Entry) -> tuple[str | None, int | None]:
        """The ``charge_currency`` and ``charge_picos`` of an entry that has a customer."""


class OpenHold(msgspec.Struct, frozen=True, array_like=True):
    """An attempt whose end has not been read yet. ``held`` carries the call's own facts.

    A call between two attempts is open as attempt 0: ``ended`` says how many it has had.
    """

    held: Held
    attempted: Attempted | None = None
    ended: int = 0


NOBODY: Final = Owner()
BETWEEN: Final = 0  # the attempt number under which a call between two attempts is open
LOST: Final = "lost"  # the outcome of an attempt whose process died before it could write the end


class Poster:
    """Matches the records of one run. Holds still open are in ``open``, by (number, attempt).

    ``open`` is all there is to know: a poster made from it goes on where this one stands. Without ``terms`` nobody
    has a customer.
    """

    __slots__ = ("_calls", "_latest", "_terms", "open", "run")

    def __init__(
        self, run: str, open_holds: dict[tuple[int, int], OpenHold] | None = None, terms: Terms | None = None
    ) -> None:
        self.run = run
        self._terms = terms
        self.open: dict[tuple[int, int], OpenHold] = dict(open_holds or {})
        self._calls: dict[int, Held] = {number: hold.held for (number, _), hold in self.open.items()}
        self._latest: dict[int, int] = {}  # the attempts of calls that went on after their first
        for (number, attempt), hold in self.open.items():
            self._latest[number] = max(self._latest.get(number, 1), attempt, hold.ended)

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
            latest = self._latest.get(record.number, 1)
            if record.attempt <= latest:
                name = call_id(self.run, record.number)
                raise BooksError(f"attempt {record.attempt} of {name} was opened after attempt {latest}")
            self._latest[record.number] = record.attempt
            self.open.pop((record.number, BETWEEN), None)
            self.open[record.number, record.attempt] = OpenHold(held, record)
            return None
        hold = self.open.pop((record.number, record.attempt), None)
        if hold is None:
            raise BooksError(f"attempt {record.attempt} of {call_id(self.run, record.number)} ended but was not open")
        if record.final:
            del self._calls[record.number]
            self._latest.pop(record.number, None)
            self.open.pop((record.number, BETWEEN), None)
        else:
            ended = max(record.attempt, self._latest.get(record.number, 1))
            self.open[record.number, BETWEEN] = OpenHold(held, ended=ended)
        return self._entry(hold, record)

    def close(self, at: int) -> list[Entry]:
        """The run is dead: every hold still open becomes an unknown entry at the held amount.

        A call between two attempts ends with one more, at no cost: no vendor had heard of it yet.
        """
        entries = []
        last = dict(sorted(self.open))
        for number, attempt in sorted(self.open):
            hold = self.open[number, attempt]
            if attempt != BETWEEN:
                end: Settled | Released = Settled(number, attempt, at, last[number] == attempt, LOST, Grade.UNKNOWN)
            elif last[number] == BETWEEN:
                end = Released(number, hold.ended + 1, at, True, LOST)
            else:
                continue
            entries.append(self._entry(hold, end))
        self.open.clear()
        self._calls.clear()
        self._latest.clear()
        return entries

    def _entry(self, hold: OpenHold, end: Settled | Released) -> Entry:
        held, target = hold.held, hold.attempted or hold.held
        settled = end if isinstance(end, Settled) else None
        owner = NOBODY if self._terms is None else self._terms.owner(held.key)
        entry = Entry(
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
            held_picos=None if hold.ended else target.picos,
            offer=settled.offer if settled else None,
            rated_at=settled.rated_at if settled else None,
            first_content=settled.first_content if settled else None,
            upstream_id=settled.upstream_id if settled else None,
            note=end.note,
            facts=settled.facts if settled else None,
            project=owner.project,
            customer=owner.customer,
        )
        if self._terms is None or owner.customer is None:
            return entry
        currency, picos = self._terms.charge(entry)
        force_setattr(entry, "charge_currency", currency)  # nobody has seen it yet, and a copy costs ten times as much
        force_setattr(entry, "charge_picos", picos)
        return entry
