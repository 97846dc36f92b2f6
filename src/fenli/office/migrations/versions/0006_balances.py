"""What vendors say is left of our money with them. See `office.tables` for what each column means."""

from alembic import op

revision = "0006"
down_revision = "0005"

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE balance_polls (
        id INTEGER NOT NULL,
        vendor TEXT NOT NULL,
        asked_at INTEGER NOT NULL,
        took INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        status INTEGER,
        note TEXT,
        usable INTEGER,
        reply BLOB,
        PRIMARY KEY (id)
    ) STRICT
    """,
    "CREATE INDEX balance_polls_by_vendor ON balance_polls (vendor, asked_at)",
    """
    CREATE TABLE balances (
        poll INTEGER NOT NULL,
        currency TEXT NOT NULL,
        picos ANY NOT NULL,
        granted_picos ANY,
        topped_up_picos ANY,
        PRIMARY KEY (poll, currency),
        FOREIGN KEY(poll) REFERENCES balance_polls (id)
    ) STRICT
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
