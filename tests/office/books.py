"""What the office's tests share: a worker that writes a journal by hand, and the books as plain values."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import select

from fenli.ledger.journal import Header, encode_frame, encode_header
from fenli.ledger.records import OK, Attempted, Grade, Held, Record, Released, Settled
from fenli.office.accounts import read_accounts
from fenli.office.posting import Posting
from fenli.office.rollups import Group, Sums, sums_of
from fenli.office.rows import entry_of
from fenli.office.tables import entries, journals, open_holds, usage_rollups
from fenli.store import Database

HOUR = 3_600_000_000_000
NOON = 1_795_435_200_000_000_000  # 2026-11-23T12:00:00Z
SECOND = 1_000_000_000
CENT = 10**10


class StoppedClock:
    def __init__(self, instant: int = NOON + HOUR) -> None:
        self.instant = instant

    def now(self) -> int:
        return self.instant


class Worker:
    """Writes what a gateway worker writes; ``die`` is what `kill -9` does to its lock."""

    def __init__(self, data: Path, run: str = "00000000000run1") -> None:
        self.run = run
        self.directory = data / "journal" / run
        self.directory.mkdir(parents=True)
        self._lock = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.segment = 0
        self.rotate()

    @property
    def path(self) -> Path:
        return self.directory / f"{self.segment:08d}.log"

    def rotate(self) -> None:
        self.segment += 1
        self.path.write_bytes(encode_header(Header(self.run, self.segment, NOON)))

    def write(self, *records: Record) -> None:
        with self.path.open("ab") as file:
            file.write(encode_frame(list(records)))

    def die(self) -> None:
        os.close(self._lock)


def held(number: int, **changed: Any) -> Held:
    record = Held(
        number, NOON + number * SECOND, "key_a", "smart", True, 400, "deepseek", "deepseek-chat", "CNY", 5 * CENT
    )
    return _changed(record, changed)


def attempted(number: int, attempt: int = 2, **changed: Any) -> Attempted:
    record = Attempted(number, attempt, NOON + number * SECOND + 1, "moonshot", "kimi-k3", "CNY", 7 * CENT)
    return _changed(record, changed)


def settled(number: int, attempt: int = 1, **changed: Any) -> Settled:
    record = Settled(
        number,
        attempt,
        NOON + number * SECOND + 2,
        True,
        OK,
        Grade.MEASURED,
        200,
        {"input": 1000, "output": 10},
        b'{"prompt_tokens":1000,"completion_tokens":10}',
        "CNY",
        CENT,
        "offer",
        NOON,
    )
    return _changed(record, changed)


def released(number: int, attempt: int = 1, *, final: bool = False) -> Released:
    return Released(number, attempt, NOON + number * SECOND + 1, final, "overloaded", 503)


def _changed(record: Any, changed: dict[str, Any]) -> Any:
    values = {name: getattr(record, name) for name in record.__struct_fields__}
    return type(record)(**values | changed)


def post_all(posting: Posting) -> None:
    """Steps until nothing is left; as many more as it takes to believe in a damage."""
    for _ in range(100):
        if not posting.step() and not any(run.doubts for run in posting._runs.values()):
            break


def books(database: Database) -> dict[str, Any]:
    """Everything that posting writes, but for findings."""
    with database.read() as connection:
        rows = connection.execute(select(entries).order_by(entries.c.sequence)).mappings().all()
        sums = connection.execute(select(usage_rollups)).mappings().all()
        holds = connection.execute(select(open_holds.c.run, open_holds.c.number, open_holds.c.attempt)).all()
        runs = connection.execute(select(journals)).all()
        accounts = read_accounts(connection)
    return {
        "entries": [entry_of(dict(row)) for row in rows],
        "chain": [(row["sequence"], row["chain"]) for row in rows],
        "sums": {Group(*(row[name] for name in Group._fields)): sums_of(row) for row in sums},
        "holds": sorted(tuple(row) for row in holds),
        "accounts": {str(account.name): msgspec.structs.astuple(account)[1:] for account in accounts},
        "runs": {row.run: (row.state, row.records, row.entries) for row in runs},
    }


def total(sums: dict[Group, Sums]) -> Sums:
    whole = Sums()
    for each in sums.values():
        whole.merge(each)
    return whole
