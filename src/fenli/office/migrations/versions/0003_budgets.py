"""Budgets, their leases and what was drawn on them. See `office.tables` for what each column means."""

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE budgets (
        id TEXT NOT NULL,
        name TEXT NOT NULL,
        scope TEXT NOT NULL,
        subject TEXT NOT NULL,
        currency TEXT NOT NULL,
        limit_picos ANY NOT NULL,
        period TEXT NOT NULL,
        mode TEXT NOT NULL,
        zone TEXT NOT NULL,
        span INTEGER NOT NULL,
        notices TEXT NOT NULL,
        effective_from INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        removed_at INTEGER,
        PRIMARY KEY (id)
    ) STRICT
    """,
    """
    CREATE TABLE leases (
        budget TEXT NOT NULL,
        window_start INTEGER NOT NULL,
        run TEXT NOT NULL,
        total ANY NOT NULL,
        PRIMARY KEY (budget, window_start, run),
        FOREIGN KEY(budget) REFERENCES budgets (id)
    ) STRICT
    """,
    """
    CREATE TABLE budget_draws (
        budget TEXT NOT NULL,
        window_start INTEGER NOT NULL,
        run TEXT NOT NULL,
        picos ANY NOT NULL,
        uncounted INTEGER NOT NULL,
        PRIMARY KEY (budget, window_start, run),
        FOREIGN KEY(budget) REFERENCES budgets (id)
    ) STRICT
    """,
    """
    CREATE TABLE budget_notices (
        budget TEXT NOT NULL,
        window_start INTEGER NOT NULL,
        percent INTEGER NOT NULL,
        given_at INTEGER NOT NULL,
        picos ANY NOT NULL,
        limit_picos ANY NOT NULL,
        PRIMARY KEY (budget, window_start, percent),
        FOREIGN KEY(budget) REFERENCES budgets (id)
    ) STRICT
    """,
    """
    CREATE TABLE calibrations (
        vendor TEXT NOT NULL,
        model TEXT NOT NULL,
        samples INTEGER NOT NULL,
        most_ppm INTEGER NOT NULL,
        PRIMARY KEY (vendor, model)
    ) STRICT
    """,
    """
    CREATE TABLE draws_end (
        id INTEGER NOT NULL,
        correction INTEGER NOT NULL,
        PRIMARY KEY (id)
    ) STRICT
    """,
    "INSERT INTO draws_end VALUES (1, 0)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
