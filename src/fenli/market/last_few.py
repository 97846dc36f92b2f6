"""What an emulated vendor keeps of its callers' things: the last few thousand."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, TypeVar

KEPT: Final = 4096
_Thing = TypeVar("_Thing")


class LastFew(OrderedDict[str, _Thing]):
    """By their ids, in the order that they came in."""

    def keep(self, name: str, thing: _Thing) -> None:
        """The oldest gives way to one too many."""
        self[name] = thing
        if len(self) > KEPT:
            self.popitem(last=False)
