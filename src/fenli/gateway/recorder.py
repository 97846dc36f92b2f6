"""The journal's writer: all records of one turn of the loop in one write, and what had to wait for it afterwards."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar

from fenli.calls.effects import Closing, Fetch, Send
from fenli.ledger.journal import encode_frame
from fenli.ledger.records import Held, Record

log = logging.getLogger(__name__)

# What was kept while the disk refused is written in frames of this many records.
_BATCH: Final = 1024


E = TypeVar("E", Send, Fetch, contravariant=True)


class Waiter(Protocol[E]):
    """Whoever waits for records: ``send`` gets back what it left with `Recorder.after`, once they are written.

    ``now`` is the instant at which they were, one for all of a turn.
    """

    def send(self, effect: E, now: int) -> None: ...

    def close(self, effect: Closing, now: int) -> None:
        """Gets back what was left with `Recorder.at_last`, whether or not the disk took the records."""

    def journal_failed(self, effect: E, *, written: bool) -> None:
        """The vendor must not be asked. ``written``: its hold is in the journal all the same."""


class Storage(Protocol):
    def write(self, frame: bytes) -> None:
        """Appends the whole frame or nothing. Raises OSError."""

    def sync(self) -> None: ...


class Recorder:
    """``append`` records, then ``after`` what must not happen before they are written.

    While the disk refuses, the calls of one turn are given back (their vendors have not been asked); whatever belongs
    to older calls is kept, in order, and written with the next turn that succeeds: what was metered is never lost.
    ``failing`` says why, or is None; ``unsynced`` says why what is written cannot be made to last, or is None.
    """

    def __init__(
        self,
        storage: Storage,
        call_soon: Callable[[Callable[[], None]], object],
        now: Callable[[], int],
        *,
        sync_each: bool,
    ) -> None:
        self.failing: str | None = None
        self.unsynced: str | None = None
        self.dirty = False
        self.written = 0
        self._storage = storage
        self._call_soon = call_soon
        self._now = now
        self._sync_each = sync_each
        self._records: list[Record] = []
        self._kept: list[Record] = []
        self._waiting: list[tuple[Waiter[Any], Any]] = []
        self._closing: list[tuple[Waiter[Any], Closing]] = []
        self._scheduled = False

    @property
    def pending(self) -> int:
        return len(self._kept) + len(self._records)

    def append(self, record: Record) -> None:
        self._records.append(record)
        if not self._scheduled:
            self._scheduled = True
            self._call_soon(self.flush)

    def after(self, waiter: Waiter[E], effect: E) -> None:
        self._waiting.append((waiter, effect))

    def at_last(self, waiter: Waiter[Any], effect: Closing) -> None:
        self._closing.append((waiter, effect))
        if not self._scheduled:
            self._scheduled = True
            self._call_soon(self.flush)

    def flush(self) -> None:
        self._scheduled = False
        self._write()
        while self._closing:
            closing, self._closing = self._closing, []
            now = self._now()
            for waiter, effect in closing:
                try:
                    waiter.close(effect, now)
                except Exception:
                    log.exception("the end of a call could not be told")

    def _write(self) -> None:
        records, waiting = self._records, self._waiting
        if not records and self.failing is None:
            return
        self._records, self._waiting = [], []
        try:
            if self._kept:
                self._write_kept()
            # Where nothing waits an empty frame finds out whether the disk takes anything again.
            self._storage.write(encode_frame(records))
            self.written += len(records)
        except OSError as error:
            self._refused(records, waiting, str(error))
            return
        except Exception:
            # Only a bug makes a record that cannot be encoded: it may cost its own call, never what others metered.
            log.exception("a record cannot be encoded")
            self._refused(list(filter(_encodable, records)), waiting, "a record cannot be encoded")
            return
        self.dirty = True
        if self._sync_each and not self._synced(waiting):
            return
        if self.failing is not None:
            log.warning("the journal can be written again")
            self.failing = None
        now = self._now()
        for waiter, effect in waiting:
            try:
                waiter.send(effect, now)
            except Exception:
                log.exception("a request could not be sent")  # its deadline ends the attempt

    def retry(self) -> None:
        """To be called now and then: while the disk refuses, tries it again."""
        if self.failing is not None and not self._scheduled:
            self.flush()

    def sync(self) -> None:
        """Makes what was written since the last time last; where the disk refuses, it is tried again with the next
        call. To be called from a thread of its own, many times a second."""
        if not self.dirty:
            return
        self.dirty = False
        try:
            self._storage.sync()
        except OSError as error:
            self.dirty = True
            if self.unsynced is None:
                log.error("the journal cannot be synced (%s): it is tried again", error)
            self.unsynced = str(error)
            return
        if self.unsynced is not None:
            log.warning("the journal can be synced again")
            self.unsynced = None

    def _write_kept(self) -> None:
        while self._kept:
            batch = self._kept[:_BATCH]
            self._storage.write(encode_frame(batch))
            self.written += len(batch)
            del self._kept[: len(batch)]

    def _synced(self, waiting: list[tuple[Waiter[Any], Any]]) -> bool:
        try:
            self._storage.sync()
        except OSError as error:
            self._fail(str(error))
            for waiter, effect in waiting:
                waiter.journal_failed(effect, written=True)
            return False
        self.dirty = False
        return True

    def _refused(self, records: list[Record], waiting: list[tuple[Waiter[Any], Any]], reason: str) -> None:
        self._fail(reason)
        unopened = {record.number for record in records if isinstance(record, Held)}
        self._kept += [record for record in records if record.number not in unopened]
        for waiter, effect in waiting:
            waiter.journal_failed(effect, written=False)

    def _fail(self, reason: str) -> None:
        if self.failing is None:
            log.error("the journal cannot be written (%s): new calls are refused until it can", reason)
        self.failing = reason


def _encodable(record: Record) -> bool:
    try:
        encode_frame([record])
    except Exception:
        return False
    return True
