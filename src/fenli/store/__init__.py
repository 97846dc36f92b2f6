"""The database: connection, migrations, one writer. It knows nothing of what is stored."""

from fenli.store.columns import ExactInteger, stored_integer
from fenli.store.database import Database

__all__ = ["Database", "ExactInteger", "stored_integer"]
