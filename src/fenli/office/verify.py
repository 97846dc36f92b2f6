"""Verification: every claim the books make, checked again from what it was made of.

The chain from its first link, each cost from its usage and the offer it names, each charge from its plan, each sum,
each transfer and each draw on a budget from its entries, and each entry from the journal it was posted from, as long as
that is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, func, select

from fenli.clock import Clock, SystemClock
from fenli.errors import BooksError
from fenli.ledger.corrections import Correction, corrected
from fenli.ledger.entries import Entry
from fenli.office.corrections import corrections_of
from fenli.office.replay import replay
from fenli.office.reports import PAGE
from fenli.office.rollups import Group, Sums, group_of, sums_of
from fenli.office.rows import GENESIS, entry_of, link
from fenli.office.state import Finding
from fenli.office.tables import chain_end, entries, findings, journals, open_holds, usage_rollups
from fenli.office.terms import StoredTerms
from fenli.office.verify_accounts import AccountCheck, BatchCheck, correction_problem
from fenli.office.verify_draws import DrawCheck
from fenli.office.verify_prices import RESTORE, PriceCheck
from fenli.prices import PriceBook
from fenli.prices.rates import Rate
from fenli.store import Database
from fenli.values.ids import call_id, run_of

FINDINGS_MAX: Final = 1_000
STRANGE: Final = "report this with what `fenli ledger list --json` has of the call"

Progress = Callable[[str, int, int], None]


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """``runs_replayed`` were compared with their journals; of ``runs_past`` the files are no longer kept.

    ``findings`` are at most `FINDINGS_MAX`; ``found`` counts them all.
    """

    entries: int
    rated: int
    transfers: int
    runs_replayed: int
    runs_past: int
    found: int
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        return self.found == 0


def verify(
    database: Database, journal_directory: Path, book: PriceBook, progress: Progress = lambda *_: None,
    *, rates: Iterable[Rate] = (), clock: Clock | None = None,
) -> Verification:  # fmt: skip
    """Reads everything, in one consistent view, while the office may go on. Calls ``progress(what, done, of)``.

    ``rates``: those of exchange that the configuration's files state.
    """
    with database.read() as connection:
        at = (clock or SystemClock()).now()
        check = _Check(connection, journal_directory, book, progress, rates, at)
        check.recorded()
        check.entries_in_order()
        check.accounts()
        check.rollups()
        check.calls()
        check.holds()
        check.journals()
        return check.result()


class _Check:
    def __init__(
        self,
        connection: Connection,
        directory: Path,
        book: PriceBook,
        progress: Progress,
        rates: Iterable[Rate],
        at: int,
    ) -> None:
        self._connection = connection
        self._directory = directory
        self._prices = PriceCheck(book)
        self._terms = StoredTerms()
        self._terms.refresh(connection)
        self._batches = BatchCheck(connection, self._find)
        self._accounts = AccountCheck(connection, self._find)
        self._draws = DrawCheck(connection, self._find, rates, at)
        self._progress = progress
        self._findings: list[Finding] = []
        self._found = 0
        self._entries = self._rated = self._replayed = self._past = 0
        self._sums: dict[Group, Sums] = {}
        self._runs: set[str] = set()

    def result(self) -> Verification:
        return Verification(
            entries=self._entries,
            rated=self._rated,
            transfers=self._accounts.transfers,
            runs_replayed=self._replayed,
            runs_past=self._past,
            found=self._found,
            findings=tuple(self._findings),
        )

    def recorded(self) -> None:
        """What the office itself found while posting."""
        for row in self._connection.execute(select(findings).order_by(findings.c.id)):
            self._find(row.kind, row.place, row.what, row.next_step)

    def entries_in_order(self) -> None:
        """The chain is unbroken, the numbers have no gap, each cost follows from its usage, each charge from its plan,
        and what was posted from both."""
        end = self._connection.execute(select(chain_end)).one()
        expected, chain = 1, GENESIS
        stream = self._connection.execution_options(yield_per=PAGE).execute(
            select(entries).order_by(entries.c.sequence)
        )
        for page in stream.mappings().partitions():
            self._draws.page(page)
            found = corrections_of(self._connection, [row["sequence"] for row in page])
            for row in page:
                sequence = row["sequence"]
                if sequence != expected:
                    what = f"entries {expected} to {sequence - 1} are not there"
                    self._find("entries_missing", f"entry {expected}", what, RESTORE)
                self._entry(sequence, row, chain, found.get(sequence, ()))
                expected, chain = sequence + 1, row["chain"]
                self._entries += 1
            self._progress("entries", self._entries, end.sequence)
        if (end.sequence, end.chain) != (expected - 1, chain):
            what = f"the chain should end with entry {end.sequence} and ends with {expected - 1}"
            self._find("entries_missing", f"entry {expected}", what, RESTORE)
        self._batches.end()
        self._draws.end()

    def rollups(self) -> None:
        """Each sum equals the entries it sums."""
        wrong = "drop the row's group and post nothing by hand: rollups are made of the entries; report this"
        for row in self._connection.execute(select(usage_rollups)).mappings():
            group = Group(*(row[name] for name in Group._fields))
            wanted = self._sums.pop(group, Sums())
            try:
                found = sums_of(row)
            except ValueError as error:
                self._find("rollup_wrong", str(group), f"the sum cannot be read: {error}", wrong)
                continue
            if found != wanted:
                self._find("rollup_wrong", str(group), f"the sum says {found} and the entries say {wanted}", wrong)
        for group, wanted in self._sums.items():
            self._find("rollup_wrong", str(group), f"there is no sum and the entries say {wanted}", wrong)

    def accounts(self) -> None:
        """Each account comes of its transfers, and each transfer may be made."""
        self._progress("accounts", 0, 1)
        self._accounts.run(self._sums)

    def calls(self) -> None:
        """Each call has exactly one entry that ended it, unless its run still lives."""
        finals = func.sum(entries.c.final)
        query = select(entries.c.call, finals.label("finals")).group_by(entries.c.call).having(finals != 1)
        live = self._live()
        for row in self._connection.execute(query.execution_options(yield_per=PAGE)):
            if row.finals == 0 and run_of(row.call) in live:
                continue
            what = f"{row.finals} of its entries say that they ended it, and one must"
            self._find("call_not_ended_once", row.call, what, STRANGE)

    def holds(self) -> None:
        """What is open belongs to a run that lives."""
        query = select(open_holds.c.run, open_holds.c.number).join(
            journals, journals.c.run == open_holds.c.run, isouter=True
        )
        for row in self._connection.execute(query.where(func.coalesce(journals.c.state, "") != "live")):
            what = "a hold is open although nobody will end it"
            self._find("hold_outlived", call_id(row.run, row.number), what, RESTORE)

    def journals(self) -> None:
        """Each journal, read again from its first byte, gives exactly the entries that are in the store."""
        rows = self._connection.execute(select(journals).order_by(journals.c.run)).all()
        for done, row in enumerate(rows):
            self._progress("journals", done, len(rows))
            self._runs.discard(row.run)
            if (self._directory / row.run / "00000001.log").exists():
                self._journal(row)
            elif row.removed_at is not None:
                self._past += 1
            else:
                what = f"{self._directory / row.run} is not there, and the office did not remove it"
                self._find("journal_missing", row.run, what, "restore it, or accept that its entries cannot be checked")
        for run in sorted(self._runs):
            self._find("entries_without_journal", run, "its entries were posted from no journal that is known", RESTORE)

    def _entry(self, sequence: int, row: Any, chain: bytes, corrections: Sequence[Correction]) -> None:
        place = f"entry {sequence}"
        try:
            entry = entry_of(dict(row))
            linked = link(chain, sequence, entry)
        except (ValueError, TypeError, OverflowError) as error:
            self._find("entry_changed", place, f"it cannot be read: {error}", RESTORE)
            return
        if linked != row["chain"]:
            self._find(
                "entry_changed", place, f"it, or its place in the chain, was changed (call {entry.call})", RESTORE
            )
        self._runs.add(run_of(entry.call))
        self._batches.entry(sequence, entry)
        self._charge(place, entry)
        counted = self._corrected(place, entry, corrections)
        self._sums.setdefault(group_of(counted), Sums()).add(counted)
        if entry.picos is not None:
            self._rated += 1
            problem = self._prices.problem(entry)
            if problem is not None:
                what, next_step = problem
                self._find("cost_wrong", place, f"call {entry.call}: {what}", next_step)

    def _charge(self, place: str, entry: Entry) -> None:
        owner = self._terms.owner(entry.key)
        if (entry.project, entry.customer) != owner:
            what = f"it is booked to {entry.project} of {entry.customer}, and its key belongs to {owner}"
            self._find("owner_wrong", place, what, RESTORE)
        if entry.customer is not None:
            charge = self._terms.charge(entry)
            if (entry.charge_currency, entry.charge_picos) != charge:
                what = f"call {entry.call}: its plan charges {charge}, and it is booked at "
                self._find("charge_wrong", place, f"{what}{(entry.charge_currency, entry.charge_picos)}", RESTORE)

    def _corrected(self, place: str, entry: Entry, corrections: Sequence[Correction]) -> Entry:
        """What counts; every correction must fit the one before it."""
        before = None
        for correction in corrections:
            problem = correction_problem(correction, entry, before)
            if problem is not None:
                self._find("correction_wrong", f"correction of {place} by {correction.reference}", problem, RESTORE)
            before = correction
        return corrected(entry, before)

    def _journal(self, row: Any) -> None:
        posted = 0
        try:
            for batch in replay(self._directory / row.run, row, self._terms):
                posted += len(batch)
                self._compare(batch)
        except (BooksError, OSError) as error:
            what = f"the journal can no longer be read: {error}"
            self._find(
                "journal_changed", row.run, what, "restore the file from a copy; the entries themselves are safe"
            )
            return
        self._replayed += 1
        first = call_id(row.run, 0).removesuffix("0" * 8)
        of_run = entries.c.call.between(first, first + "~")
        stored = self._connection.execute(select(func.count()).select_from(entries).where(of_run)).scalar_one()
        if stored != posted:
            what = f"its journal gives {posted} entries and the store has {stored}"
            self._find("entries_not_in_journal", row.run, what, RESTORE)

    def _compare(self, batch: list[Entry]) -> None:
        for start in range(0, len(batch), 500):
            part = batch[start : start + 500]
            query = select(entries).where(entries.c.call.in_({entry.call for entry in part}))
            stored = {(row["call"], row["attempt"]): row for row in self._connection.execute(query).mappings()}
            for entry in part:
                place = f"{entry.call}, attempt {entry.attempt}"
                row = stored.get((entry.call, entry.attempt))
                if row is None:
                    self._find("entry_missing", place, "the journal has it and the store does not", RESTORE)
                elif not _same(row, entry):
                    what = f"the store differs from the journal in entry {row['sequence']}"
                    self._find("entry_differs", place, what, RESTORE)

    def _live(self) -> set[str]:
        return set(self._connection.execute(select(journals.c.run).where(journals.c.state == "live")).scalars())

    def _find(self, kind: str, place: str, what: str, next_step: str) -> None:
        self._found += 1
        if len(self._findings) < FINDINGS_MAX:
            self._findings.append(Finding(kind, place, what, next_step))


def _same(row: Any, entry: Entry) -> bool:
    try:
        return entry_of(dict(row)) == entry
    except (ValueError, TypeError):
        return False
