"""Every place in a JSON value, and the value with another in one of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

LEFT_OUT: Final = object()
Path = tuple[str | int, ...]


def places(value: Any, at: Path = ()) -> Iterator[Path]:
    """The value's own first, which is empty."""
    yield at
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*at, name))


def changed(value: Any, path: Path, change: Any) -> Any:
    """A copy with ``change`` there; without the member where it is `LEFT_OUT`."""
    if not path:
        return {} if change is LEFT_OUT else change
    copy = json.loads(json.dumps(value))
    inner = copy
    for name in path[:-1]:
        inner = inner[name]
    if change is LEFT_OUT:
        del inner[path[-1]]
    else:
        inner[path[-1]] = change
    return copy
