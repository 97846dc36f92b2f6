"""What `fenli doctor` sees of the balances: vendors that do not tell theirs, and those that are too low."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fenli.cli.balance_states import balance_states, left, low_line, next_step
from fenli.cli.books import DATABASE
from fenli.cli.checks import Check, ok, warn
from fenli.cli.language import say
from fenli.config.load import Config
from fenli.office.tables import SCHEMA
from fenli.store import Database
from fenli.store.database import schema_version
from fenli.values import format_instant


def balances(config: Config, folder: Path) -> Iterator[Check]:
    """Nothing of vendors that were never asked, or are off; what is wrong with the books is said elsewhere."""
    path = folder / DATABASE
    if not path.exists() or schema_version(path) != SCHEMA:
        return
    with Database(path, SCHEMA) as books:
        states = balance_states(books, config)
    for state in states:
        if not state.on or state.poll is None:
            continue
        if state.poll.balance is None:
            note = state.poll.note or ""
            what = say("balance.failed", vendor=state.vendor, outcome=state.poll.outcome, note=note)
            yield warn("balance", what, say(next_step(state.poll)))
        elif state.low is not None:
            yield warn("balance", low_line(state, state.low), say("balance.next.low"))
        else:
            told = ", ".join(map(left, state.poll.balance.holdings))
            yield ok(
                "balance", say("doctor.balance", vendor=state.vendor, left=told, at=format_instant(state.poll.asked_at))
            )
