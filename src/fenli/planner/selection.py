"""Which traffic: the entries that a replay takes."""

from __future__ import annotations

from typing import Any, Final

import msgspec

# Fields of `Selection` that must equal a column, and the column.
_EQUAL: Final = {
    "key": "key", "project": "project", "customer": "customer", "route": "route", "vendor": "vendor",
}  # fmt: skip


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Attempts opened in ``[since, until)``, ns, that agree with all that is given. ``model``: as sold, with or without
    its vendor (``deepseek/deepseek-chat``). ``route``: the public name that was asked for."""

    since: int | None = None
    until: int | None = None
    key: str | None = None
    project: str | None = None
    customer: str | None = None
    route: str | None = None
    vendor: str | None = None
    model: str | None = None

    def condition(self, table: str) -> tuple[str, list[Any]]:
        """A condition on the columns of ``table``, and the values that it binds, in order."""
        terms, values = ["TRUE"], list[Any]()
        for name, column in _EQUAL.items():
            if (wanted := getattr(self, name)) is not None:
                terms.append(f'{table}."{column}" = ?')
                values.append(wanted)
        for bound, sign in ((self.since, ">="), (self.until, "<")):
            if bound is not None:
                terms.append(f"{table}.opened_at {sign} ?")
                values.append(bound)
        if self.model is not None:
            terms.append(f"(? IN ({table}.model, {table}.vendor || '/' || {table}.model))")
            values.append(self.model)
        return " AND ".join(terms), values
