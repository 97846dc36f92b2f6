"""What stands in the cells of a vendor's bill: days, amounts, units, currencies. Exact, and nothing is guessed.

Every reader raises ValueError with what to write instead.
"""

from __future__ import annotations

import re
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import Final, NamedTuple

from fenli.errors import MoneyError
from fenli.values.money import PICO, currency_of
from fenli.values.rounding import divided

_NUMBER: Final = re.compile(r"-?[0-9]{1,30}(?:\.([0-9]{1,40}))?(?:[eE][+-]?[0-9]{1,2})?")
_MONTH: Final = re.compile(r"([0-9]{4})[-/]?(0[1-9]|1[0-2])")
_DAY: Final = re.compile(r"([0-9]{4})([-/]?)([0-9]{2})\2([0-9]{2})(?:[ T]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?))?")
NAME_MAX: Final = 120
_WORDS: Final = {"人民币": "CNY", "元": "CNY", "RMB": "CNY", "美元": "USD", "港币": "HKD", "欧元": "EUR"}

# How many single units one of a bill's units is.
UNITS: Final = {
    "": 1, "token": 1, "tokens": 1, "个": 1, "次": 1, "秒": 1, "字": 1, "字符": 1, "张": 1, "页": 1, "requests": 1,
    "k": 10**3, "ktoken": 10**3, "ktokens": 10**3, "千token": 10**3, "千tokens": 10**3, "千次": 10**3,
    "万token": 10**4, "万tokens": 10**4, "万字": 10**4, "万字符": 10**4,
    "m": 10**6, "mtoken": 10**6, "mtokens": 10**6, "百万token": 10**6, "百万tokens": 10**6,
}  # fmt: skip


class Amount(NamedTuple):
    """``decimals`` is how many the cell shows: it says how its vendor rounds. None where it was worked out."""

    picos: int
    decimals: int | None


class Moment(NamedTuple):
    """``day`` (or month: ``2026-10``) in the bill's zone. ``instant``: the cell states an offset; ``midnight``: of its
    own offset; ``away`` says what a midnight of its own is in the bill's zone, where it is not midnight there."""

    day: str
    instant: bool = False
    midnight: bool = False
    away: str | None = None


def amount(text: str) -> Amount:
    """A plain decimal; what is finer than a pico is rounded half up."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text!r} is no amount: write a plain decimal such as 1234.5, without currency sign or separators"
        )
    above, below = Decimal(text).as_integer_ratio()
    return Amount(divided(above * PICO, below), len(found[1] or ""))


def units(text: str, unit: str) -> int:
    """A whole number of what a meter counts."""
    factor = UNITS.get(unit.replace(" ", "").lower())
    if factor is None:
        raise ValueError(f"{unit!r} is no unit: write one of {', '.join(filter(None, UNITS))}")
    if not _NUMBER.fullmatch(text) or text.startswith("-"):
        raise ValueError(f"{text!r} is no number of units: write a plain number such as 1234")
    above, below = Decimal(text).as_integer_ratio()
    if above * factor % below:
        raise ValueError(
            f"{text} {unit} is no whole number of units: look whether the unit is right".replace("  ", " ")
        )
    return above * factor // below


def priced(text: str, count: int | None) -> Amount:
    """What ``count`` units cost at the cell's price of one. An empty price is for what costs nothing by itself."""
    if not text:
        return Amount(0, None)
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text!r} is no price: write a plain decimal such as 0.000002")
    if count is None:
        raise ValueError(f"{text} is a price, and the line has no units")
    above, below = Decimal(text).as_integer_ratio()
    return Amount(divided(above * count * PICO, below), None)


def name(text: str) -> str:
    """Of a model or a request."""
    if not 1 <= len(text) <= NAME_MAX or not text.isprintable():
        raise ValueError(f"{text[:NAME_MAX]!r} is no name: write 1 to {NAME_MAX} printable characters")
    return text


def currency(text: str) -> str:
    try:
        return currency_of(_WORDS.get(text, text.upper()))
    except MoneyError as error:
        raise ValueError(str(error)) from None


def moment(text: str, zone: tzinfo) -> Moment:
    """A day, a month, a local time, or an instant with its offset."""
    if month := _MONTH.fullmatch(text):
        return Moment(f"{month[1]}-{month[2]}")
    try:
        if local := _DAY.fullmatch(text):
            return Moment(date(int(local[1]), int(local[3]), int(local[4])).isoformat())
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no day: write one such as 2026-10-01") from None
    if at.tzinfo is None:
        return Moment(at.date().isoformat())
    there = at.astimezone(zone)
    midnight = (at.hour, at.minute, at.second) == (0, 0, 0)
    away = f"{text} is {there:%H:%M} of {there.date()} in {zone}" if midnight and (there.hour or there.minute) else None
    return Moment(there.date().isoformat(), True, midnight, away)
