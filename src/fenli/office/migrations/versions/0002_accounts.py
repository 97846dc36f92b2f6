"""Customers, projects, wallets, price plans, and the double-entry accounts.

See `office.tables` for what each column means.
"""

import json
from collections import Counter
from typing import Any

from alembic import op
from sqlalchemy import Connection

revision = "0002"
down_revision = "0001"

STATEMENTS: tuple[str, ...] = (
    "ALTER TABLE entries ADD COLUMN facts TEXT",
    "ALTER TABLE entries ADD COLUMN project TEXT",
    "ALTER TABLE entries ADD COLUMN customer TEXT",
    "ALTER TABLE entries ADD COLUMN charge_currency TEXT",
    "ALTER TABLE entries ADD COLUMN charge_picos ANY",
    "ALTER TABLE keys ADD COLUMN project TEXT",
    """
    CREATE TABLE customers (
        id TEXT NOT NULL,
        name TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        PRIMARY KEY (id)
    ) STRICT
    """,
    """
    CREATE TABLE projects (
        id TEXT NOT NULL,
        name TEXT NOT NULL,
        customer TEXT,
        created_at INTEGER NOT NULL,
        PRIMARY KEY (id),
        FOREIGN KEY(customer) REFERENCES customers (id)
    ) STRICT
    """,
    """
    CREATE TABLE accounts (
        id INTEGER NOT NULL,
        kind TEXT NOT NULL,
        owner TEXT NOT NULL,
        currency TEXT NOT NULL,
        debits_posted ANY NOT NULL,
        credits_posted ANY NOT NULL,
        debits_pending ANY NOT NULL,
        credits_pending ANY NOT NULL,
        opened_at INTEGER NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (kind, owner, currency)
    ) STRICT
    """,
    """
    CREATE TABLE transfers (
        id INTEGER NOT NULL,
        "key" TEXT NOT NULL,
        kind TEXT NOT NULL,
        phase TEXT NOT NULL,
        debit INTEGER NOT NULL,
        credit INTEGER NOT NULL,
        amount ANY NOT NULL,
        at INTEGER NOT NULL,
        first INTEGER,
        last INTEGER,
        names INTEGER,
        reference TEXT,
        why TEXT,
        chain BLOB NOT NULL,
        PRIMARY KEY (id),
        UNIQUE ("key"),
        FOREIGN KEY(debit) REFERENCES accounts (id),
        FOREIGN KEY(credit) REFERENCES accounts (id)
    ) STRICT
    """,
    "CREATE INDEX transfers_by_credit ON transfers (credit)",
    "CREATE INDEX transfers_by_debit ON transfers (debit)",
    "CREATE INDEX transfers_by_first ON transfers (first) WHERE first IS NOT NULL",
    "CREATE INDEX transfers_by_names ON transfers (names) WHERE names IS NOT NULL",
    """
    CREATE TABLE transfers_end (
        id INTEGER NOT NULL,
        transfer INTEGER NOT NULL,
        chain BLOB NOT NULL,
        PRIMARY KEY (id)
    ) STRICT
    """,
    """
    CREATE TABLE lots (
        id INTEGER NOT NULL,
        side TEXT NOT NULL,
        owner TEXT NOT NULL,
        kind TEXT NOT NULL,
        unit TEXT NOT NULL,
        currency TEXT NOT NULL,
        face ANY NOT NULL,
        cash ANY NOT NULL,
        used ANY NOT NULL,
        scope TEXT,
        opens_at INTEGER NOT NULL,
        expires_at INTEGER,
        lapsed_at INTEGER,
        lapsed_after INTEGER,
        created_at INTEGER NOT NULL,
        reference TEXT NOT NULL,
        why TEXT,
        PRIMARY KEY (id),
        UNIQUE (side, owner, reference)
    ) STRICT
    """,
    """
    CREATE TABLE lot_draws (
        lot INTEGER NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        units ANY NOT NULL,
        picos ANY NOT NULL,
        cash ANY NOT NULL,
        PRIMARY KEY (lot, first),
        FOREIGN KEY(lot) REFERENCES lots (id)
    ) STRICT
    """,
    """
    CREATE TABLE plans (
        id INTEGER NOT NULL,
        name TEXT NOT NULL,
        terms TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (name)
    ) STRICT
    """,
    """
    CREATE TABLE plan_assignments (
        id INTEGER NOT NULL,
        customer TEXT NOT NULL,
        project TEXT,
        "plan" INTEGER,
        starts_at INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        PRIMARY KEY (id),
        FOREIGN KEY(customer) REFERENCES customers (id),
        FOREIGN KEY(project) REFERENCES projects (id),
        FOREIGN KEY("plan") REFERENCES plans (id)
    ) STRICT
    """,
    """
    CREATE TABLE corrections (
        id INTEGER NOT NULL,
        entry INTEGER NOT NULL,
        call TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        at INTEGER NOT NULL,
        currency TEXT NOT NULL,
        picos ANY NOT NULL,
        picos_before ANY,
        charge_currency TEXT,
        charge_picos ANY,
        charge_before ANY,
        why TEXT NOT NULL,
        reference TEXT NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (entry, reference),
        FOREIGN KEY(entry) REFERENCES entries (sequence)
    ) STRICT
    """,
    "INSERT INTO transfers_end VALUES (1, 0, zeroblob(32))",
    "DROP TABLE usage_rollups",
    """
    CREATE TABLE usage_rollups (
        hour INTEGER NOT NULL,
        "key" TEXT NOT NULL,
        project TEXT NOT NULL,
        customer TEXT NOT NULL,
        asked TEXT NOT NULL,
        vendor TEXT NOT NULL,
        model TEXT NOT NULL,
        currency TEXT NOT NULL,
        charge_currency TEXT NOT NULL,
        grade TEXT NOT NULL,
        calls INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        usage TEXT NOT NULL,
        picos ANY NOT NULL,
        unknown INTEGER NOT NULL,
        unknown_held ANY NOT NULL,
        unknown_unheld INTEGER NOT NULL,
        charge_picos ANY NOT NULL,
        charge_unknown INTEGER NOT NULL,
        PRIMARY KEY (hour, "key", project, customer, asked, vendor, model, currency, charge_currency, grade)
    ) STRICT
    """,
)

HOUR = 3_600_000_000_000
SELECT = """
    SELECT opened_at, "key", asked, vendor, model, currency, grade, final, usage, picos, held_picos FROM entries
"""
INSERT = "INSERT INTO usage_rollups VALUES (?, ?, '', '', ?, ?, ?, ?, '', ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
    _sum_up(op.get_bind())


def _sum_up(connection: Connection) -> None:
    """The sums have more dimensions now: they are made again of the entries, none of which had a customer."""
    groups: dict[tuple[Any, ...], tuple[Counter[str], Counter[str]]] = {}
    for row in connection.exec_driver_sql(SELECT):
        hour = row.opened_at - row.opened_at % HOUR
        group = (hour, row.key, row.asked, row.vendor, row.model, row.currency or "", row.grade)
        sums, usage = groups.setdefault(group, (Counter(), Counter()))
        unknown = row.picos is None and row.grade != "none"
        sums["calls"] += row.final
        sums["attempts"] += 1
        sums["picos"] += int(row.picos or 0)
        sums["unknown"] += unknown
        sums["held"] += int(row.held_picos or 0) if unknown else 0
        sums["unheld"] += unknown and row.held_picos is None
        usage.update(json.loads(row.usage) if row.usage is not None else {})
    for group, (sums, usage) in groups.items():
        picos, held = (_exact(sums[name]) for name in ("picos", "held"))
        units = json.dumps(dict(sorted(usage.items())), separators=(",", ":"))
        counted = (sums["calls"], sums["attempts"], units, picos, sums["unknown"], held, sums["unheld"])
        connection.exec_driver_sql(INSERT, (*group, *counted))


def _exact(amount: int) -> int | str:
    """What does not fit 64 bits is kept as decimal text."""
    return amount if -(2**63) < amount < 2**63 else str(amount)
