"""Vendors' bills. See `office.tables` for what each column means."""

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE bills (
        id INTEGER NOT NULL,
        vendor TEXT NOT NULL,
        name TEXT NOT NULL,
        digest BLOB NOT NULL,
        layout TEXT NOT NULL,
        zone TEXT NOT NULL,
        first_day TEXT NOT NULL,
        last_day TEXT NOT NULL,
        imported_at INTEGER NOT NULL,
        dropped_at INTEGER,
        PRIMARY KEY (id)
    ) STRICT
    """,
    """
    CREATE TABLE bill_lines (
        bill INTEGER NOT NULL,
        line INTEGER NOT NULL,
        day TEXT NOT NULL,
        model TEXT NOT NULL,
        currency TEXT NOT NULL,
        picos ANY NOT NULL,
        decimals INTEGER,
        meters TEXT,
        units ANY,
        request_id TEXT,
        PRIMARY KEY (bill, line),
        FOREIGN KEY(bill) REFERENCES bills (id)
    ) STRICT
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
