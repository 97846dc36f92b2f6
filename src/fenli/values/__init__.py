"""Money, usage, ids and instants: the values everything else is made of."""

from fenli.values.instants import format_instant, parse_instant
from fenli.values.money import PICO, Money
from fenli.values.usage import METERS, Usage

__all__ = ["METERS", "PICO", "Money", "Usage", "format_instant", "parse_instant"]
