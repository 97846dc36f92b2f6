"""The books at a glance, for status and metrics."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from sqlalchemy import func, select

from fenli.office.desk import DeskStatus
from fenli.office.posting import Posting
from fenli.office.tables import chain_end, findings, journals, open_holds
from fenli.store import Database


class Finding(msgspec.Struct, frozen=True):
    """Something wrong with the books: what, where, and what to do about it."""

    kind: str
    place: str
    what: str
    next_step: str
    found_at: int | None = None


class Books(msgspec.Struct, frozen=True):
    """``runs`` by state; ``torn_bytes`` of writes that never became whole, which nobody had been told were safe."""

    entries: int
    open_holds: int
    runs: dict[str, int]
    torn_bytes: int
    findings: list[Finding]


def books_state(database: Database) -> Books:
    with database.read() as connection:
        sequence = connection.execute(select(chain_end.c.sequence)).scalar_one()
        holds = connection.execute(select(func.count()).select_from(open_holds)).scalar_one()
        runs = connection.execute(select(journals.c.state, func.count()).group_by(journals.c.state))
        by_state = {row[0]: row[1] for row in runs}
        torn = connection.execute(select(func.coalesce(func.sum(journals.c.torn), 0))).scalar_one()
        found = connection.execute(select(findings).order_by(findings.c.id)).all()
    listed = [Finding(row.kind, row.place, row.what, row.next_step, row.found_at) for row in found]
    return Books(sequence, holds, by_state, int(torn), listed)


def metrics_text(books: Books, posting: Posting, desk: DeskStatus) -> str:
    """Prometheus text format."""
    return "".join(f"{line}\n" for line in _metrics(books, posting, desk))


def _metrics(books: Books, posting: Posting, desk: DeskStatus) -> Iterator[str]:
    single = (
        ("fenli_entries", "counter", "Entries in the books.", books.entries),
        ("fenli_entries_posted_total", "counter", "Entries posted by this process.", posting.entries),
        ("fenli_records_posted_total", "counter", "Journal records posted by this process.", posting.records),
        ("fenli_open_holds", "gauge", "Attempts whose end has not been posted.", books.open_holds),
        ("fenli_findings", "gauge", "Findings about the books.", len(books.findings)),
        ("fenli_journal_torn_bytes", "gauge", "Bytes of writes that never became whole.", books.torn_bytes),
        ("fenli_posting_stuck", "gauge", "1 while posting is not possible.", int(posting.trouble is not None)),
        (
            "fenli_reload_failed",
            "gauge",
            "1 while a changed configuration does not load.",
            int(desk.reload_error is not None),
        ),
    )
    for name, kind, text, value in single:
        yield f"# HELP {name} {text}"
        yield f"# TYPE {name} {kind}"
        yield f"{name} {value}"
    yield "# HELP fenli_posting_behind_bytes Journal bytes not posted yet, by live run."
    yield "# TYPE fenli_posting_behind_bytes gauge"
    for run, behind in sorted(posting.behind().items()):
        yield f'fenli_posting_behind_bytes{{run="{run}"}} {behind}'
    yield "# HELP fenli_snapshot_info The snapshot that workers are given."
    yield "# TYPE fenli_snapshot_info gauge"
    yield f'fenli_snapshot_info{{version="{desk.snapshot}"}} 1'
