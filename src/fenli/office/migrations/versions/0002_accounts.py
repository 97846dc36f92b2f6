"""Customers, projects, wallets, price plans, and the double-entry accounts.

See `office.tables` for what each column means.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS: tuple[str, ...] = (
    "ALTER TABLE entries ADD COLUMN facts TEXT",
    "ALTER TABLE entries ADD COLUMN project TEXT",
    "ALTER TABLE entries ADD COLUMN customer TEXT",
    "ALTER TABLE entries ADD COLUMN charge_currency TEXT",
    "ALTER TABLE entries ADD COLUMN charge_picos ANY",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
