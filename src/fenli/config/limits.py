"""What a file says of the headers in which a vendor tells its limits, where fenli does not know them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal

from msgspec import Struct

from fenli.config.problems import Path as Place
from fenli.config.problems import Problem
from fenli.vendors.limits import LimitHeaders, Reset

_OF: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


class LimitedBy(Struct, frozen=True, forbid_unknown_fields=True):
    """One limit: ``of`` what, and the headers with the whole, with what is left, and with when it is whole again, in
    which ``form``."""

    of: str
    limit: str = ""
    remaining: str = ""
    reset: str = ""
    form: Literal["seconds", "duration", "instant", "epoch_ms"] = "seconds"


def judge(limits: list[LimitedBy], path: Place) -> Iterator[Problem]:
    """``path`` is that of the list."""
    seen: dict[str, Place] = {}
    for index, each in enumerate(limits):
        place = (*path, index)
        if not _OF.fullmatch(each.of):
            yield Problem((*place, "of"), f'"{each.of}" is no word for what is limited: write one such as "requests"')
        elif any(each.of == other.of for other in limits[:index]):
            yield Problem((*place, "of"), f'"{each.of}" stands above already: name each limit once')
        names = {field: name for field in ("limit", "remaining", "reset") if (name := getattr(each, field))}
        if not names:
            yield Problem(place, 'names no header: write one such as remaining = "x-ratelimit-remaining-requests"')
        for field, name in names.items():
            if not _NAME.fullmatch(name):
                yield Problem((*place, field), f'"{name}" is no name of a header: letters, digits and dashes')
            elif seen.setdefault(name.lower(), (*place, field)) != (*place, field):
                yield Problem((*place, field), f'"{name}" says something else already: name each header once')


def headers_of(limits: list[LimitedBy] | None) -> tuple[LimitHeaders, ...] | None:
    """None where the file says nothing; an empty list says that there are none."""
    if limits is None:
        return None
    return tuple(
        LimitHeaders(each.of, each.limit.lower(), each.remaining.lower(), each.reset.lower(), Reset(each.form))
        for each in limits
    )
