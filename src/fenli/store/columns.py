"""Column types that keep a value exactly as it is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Dialect, TypeDecorator
from sqlalchemy.types import UserDefinedType

_LARGEST = 2**63 - 1


class _Any(UserDefinedType[Any]):
    """The column type of a STRICT table that keeps each value's own storage class."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "ANY"


class ExactInteger(TypeDecorator[int]):
    """An int of any size: a 64-bit integer while it fits, its decimal text beyond.

    SQL may add up what fits; whoever must be exact adds up in Python.
    """

    impl = _Any
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | str | None:
        return stored_integer(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:
        return None if value is None else int(value)


def stored_integer(value: int | None) -> int | str | None:
    """What an `ExactInteger` column keeps, for statements that bind their values themselves."""
    if value is None or -_LARGEST <= value <= _LARGEST:
        return value
    return str(value)
