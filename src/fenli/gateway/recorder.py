"""The journal's writer: all records of one turn of the loop in one write, and what had to wait for it afterwards."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from fenli.calls.effects import Send
from fenli.ledger.journal import encode_frame
from fenli.ledger.records import Held, Record

log = logging.getLogger(__name__)


class Waiter(Protocol):
    """Whoever waits for records: ``send`` gets back what it left with `Recorder.after`, once they are written."""

    def send(self, effect: Send) -> None: ...
    def journal_failed(self) -> None: ...


class Storage(Protocol):
    def write(self, frame: bytes) -> None:
        """Appends the whole frame or nothing. Raises OSError."""

    def sync(self) -> None: ...


class Recorder:
    """``append`` records, then ``after`` what must not happen before they are written.

    While the disk refuses, holds are given back to their calls (whose vendors have not been asked), everything else is
    kept and written with the next turn that succeeds: what was metered is never lost. ``failing`` says why, or is None.
    """

    def __init__(self, storage: Storage, call_soon: Callable[[Callable[[], None]], object], *, sync_each: bool) -> None:
        self.failing: str | None = None
        self.dirty = False
        self.written = 0
        self._storage = storage
        self._call_soon = call_soon
        self._sync_each = sync_each
        self._records: list[Record] = []
        self._waiting: list[tuple[Waiter, Send]] = []
        self._scheduled = False

    @property
    def pending(self) -> int:
        return len(self._records)

    def append(self, record: Record) -> None:
        self._records.append(record)
        if not self._scheduled:
            self._scheduled = True
            self._call_soon(self.flush)

    def after(self, waiter: Waiter, effect: Send) -> None:
        self._waiting.append((waiter, effect))

    def flush(self) -> None:
        self._scheduled = False
        records, waiting = self._records, self._waiting
        if not records:
            return
        self._records, self._waiting = [], []
        try:
            self._storage.write(encode_frame(records))
            if self._sync_each:
                self._storage.sync()
        except OSError as error:
            self._refused(records, waiting, error)
            return
        self.dirty = True
        self.written += len(records)
        if self.failing is not None:
            log.warning("the journal can be written again")
            self.failing = None
        for waiter, effect in waiting:
            waiter.send(effect)

    def retry(self) -> None:
        """To be called now and then: what an earlier turn could not write is tried again."""
        if self._records and not self._scheduled:
            self.flush()

    def _refused(self, records: list[Record], waiting: list[tuple[Waiter, Send]], error: OSError) -> None:
        if self.failing is None:
            log.error("the journal cannot be written (%s): new calls are refused until it can", error)
        self.failing = str(error)
        kept: list[Record] = [record for record in records if not isinstance(record, Held)]
        self._records = kept + self._records
        for waiter, _ in waiting:
            waiter.journal_failed()
