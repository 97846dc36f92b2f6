"""Dated rates of exchange. See `office.tables` for what each column means."""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE rates (
        id INTEGER NOT NULL,
        base TEXT NOT NULL,
        quote TEXT NOT NULL,
        value TEXT NOT NULL,
        effective_from INTEGER NOT NULL,
        source TEXT NOT NULL,
        recorded_at INTEGER NOT NULL,
        PRIMARY KEY (id)
    ) STRICT
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
