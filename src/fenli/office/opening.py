"""Books from before there were accounts: their entries are posted to accounts once, when the office opens."""

from __future__ import annotations

import logging
from typing import Final

from sqlalchemy import exists, select

from fenli.office.accounting import accounting
from fenli.office.rollups import summed
from fenli.office.rows import entry_of
from fenli.office.sides import post_sides
from fenli.office.tables import entries, transfers
from fenli.store import Database

log = logging.getLogger(__name__)

PAGE: Final = 1_500


def open_accounts(database: Database, now: int) -> int:
    """Posts every entry where none is posted yet; returns how many. All of them, or none."""
    posted = exists().where(transfers.c.first.is_not(None))
    with database.read() as connection:
        if connection.execute(select(posted | ~exists().where(entries.c.sequence > 0))).scalar():
            return 0
    count = 0
    with database.write() as connection, accounting(connection, now) as books:
        stream = connection.execute(select(entries).order_by(entries.c.sequence).execution_options(yield_per=PAGE))
        for page in stream.mappings().partitions():
            batch = [entry_of(dict(row)) for row in page]
            post_sides(connection, books, page[0]["sequence"], batch, summed(batch))
            count += len(batch)
    log.info("%d entries from before there were accounts are posted to them", count)
    return count
