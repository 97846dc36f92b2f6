"""The books as they begin. See `office.tables` for what each column means."""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    """
    CREATE TABLE chain_end (
        id INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        chain BLOB NOT NULL,
        PRIMARY KEY (id)
    ) STRICT
    """,
    """
    CREATE TABLE entries (
        sequence INTEGER NOT NULL,
        call TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        opened_at INTEGER NOT NULL,
        closed_at INTEGER NOT NULL,
        final INTEGER NOT NULL,
        "key" TEXT NOT NULL,
        asked TEXT NOT NULL,
        vendor TEXT NOT NULL,
        model TEXT NOT NULL,
        answered_model TEXT,
        stream INTEGER NOT NULL,
        retry INTEGER NOT NULL,
        request_id TEXT,
        outcome TEXT NOT NULL,
        status INTEGER,
        grade TEXT NOT NULL,
        usage TEXT,
        raw_usage BLOB,
        currency TEXT,
        picos ANY,
        held_picos ANY,
        offer TEXT,
        rated_at INTEGER,
        first_content INTEGER,
        upstream_id TEXT,
        note TEXT,
        chain BLOB NOT NULL,
        PRIMARY KEY (sequence),
        UNIQUE (call, attempt)
    ) STRICT
    """,
    """
    CREATE INDEX entries_by_opened_at ON entries (opened_at)
    """,
    """
    CREATE TABLE findings (
        id INTEGER NOT NULL,
        found_at INTEGER NOT NULL,
        kind TEXT NOT NULL,
        place TEXT NOT NULL,
        what TEXT NOT NULL,
        next_step TEXT NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (kind, place)
    ) STRICT
    """,
    """
    CREATE TABLE journals (
        run TEXT NOT NULL,
        segment INTEGER NOT NULL,
        position INTEGER NOT NULL,
        started_at INTEGER,
        state TEXT NOT NULL,
        records INTEGER NOT NULL,
        entries INTEGER NOT NULL,
        torn INTEGER NOT NULL,
        closed_at INTEGER,
        removed_at INTEGER,
        PRIMARY KEY (run)
    ) STRICT
    """,
    """
    CREATE TABLE keys (
        id TEXT NOT NULL,
        name TEXT NOT NULL,
        digest BLOB NOT NULL,
        models TEXT,
        show_cost INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        revoked_at INTEGER,
        PRIMARY KEY (id),
        UNIQUE (digest)
    ) STRICT
    """,
    """
    CREATE TABLE usage_rollups (
        hour INTEGER NOT NULL,
        "key" TEXT NOT NULL,
        vendor TEXT NOT NULL,
        model TEXT NOT NULL,
        currency TEXT NOT NULL,
        grade TEXT NOT NULL,
        calls INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        usage TEXT NOT NULL,
        picos ANY NOT NULL,
        unknown INTEGER NOT NULL,
        unknown_held ANY NOT NULL,
        unknown_unheld INTEGER NOT NULL,
        PRIMARY KEY (hour, "key", vendor, model, currency, grade)
    ) STRICT
    """,
    """
    CREATE TABLE open_holds (
        run TEXT NOT NULL,
        number INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        hold BLOB NOT NULL,
        PRIMARY KEY (run, number, attempt),
        FOREIGN KEY(run) REFERENCES journals (run)
    ) STRICT
    """,
    "INSERT INTO chain_end VALUES (1, 0, zeroblob(32))",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
