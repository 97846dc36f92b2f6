"""Public holidays: a named calendar on which a window's spans may not run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Literal

import msgspec


class Calendar(msgspec.Struct, frozen=True):
    """``years`` are those whose holidays are known: about any other year the calendar says nothing.

    ``makeup_days`` are weekend days worked in exchange for a holiday; ``makeup_days_count_as`` says which kind of day
    they are for prices.
    """

    name: str
    zone: str
    makeup_days_count_as: Literal["weekend", "weekday"]
    years: frozenset[int]
    holidays: frozenset[date]
    makeup_days: frozenset[date]

    def runs(self, day: date, listed: bool) -> bool | None:
        """Whether spans run on ``day`` of this calendar; ``listed``: its weekday is. None where nobody can know."""
        if self.makeup_days_count_as == "weekday" and day in self.makeup_days:
            return True
        if day in self.holidays or (not listed and self.makeup_days_count_as == "weekend"):
            return False
        return listed if day.year in self.years else None


class HolidayRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``first`` and ``last`` are both holidays. ``text`` is the announcement's own wording."""

    name: str
    first: date
    last: date
    makeup_days: tuple[date, ...] = ()
    text: str = ""


class YearRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    year: int
    source: str
    holidays: tuple[HolidayRow, ...]


class CalendarFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The shape of ``data/calendars/<name>.toml``."""

    calendar: str
    zone: str
    makeup_days_count_as: Literal["weekend", "weekday"]
    years: tuple[YearRow, ...]

    def compiled(self) -> Calendar:
        rows = [row for year in self.years for row in year.holidays]
        return Calendar(
            name=self.calendar,
            zone=self.zone,
            makeup_days_count_as=self.makeup_days_count_as,
            years=frozenset(year.year for year in self.years),
            holidays=frozenset(day for row in rows for day in _days(row)),
            makeup_days=frozenset(day for row in rows for day in row.makeup_days),
        )


def _days(row: HolidayRow) -> Iterator[date]:
    for offset in range((row.last - row.first).days + 1):
        yield row.first + timedelta(days=offset)
