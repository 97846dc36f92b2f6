"""TOML text of plain data: the other way round from `tomllib`, for files that fenli itself writes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


def toml_of(data: Mapping[str, Any]) -> str:
    """Strings, whole numbers, truths, date-times with an offset, and lists and tables of them. Tables of the top level
    get a header each, and so do the items of a list of tables there; deeper ones stand in their line."""
    plain = [f"{_key(name)} = {inline(value)}" for name, value in data.items() if not _is_table(value)]
    sections = [line for name, value in data.items() if _is_table(value) for line in _section(name, value)]
    return "\n".join([*plain, *sections]).lstrip("\n") + "\n"


def _section(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        inner = {key: item for key, item in value.items() if isinstance(item, Mapping)}
        if len(inner) < len(value) or not value:
            yield f"\n[{_key(name)}]"
            yield from _pairs({key: item for key, item in value.items() if key not in inner})
        for key, item in inner.items():
            yield f"\n[{_key(name)}.{_key(key)}]"
            yield from _pairs(item)
        return
    for item in value:
        yield f"\n[[{_key(name)}]]"
        yield from _pairs(item)


def _pairs(table: Mapping[str, Any]) -> Iterator[str]:
    for name, value in table.items():
        yield f"{_key(name)} = {inline(value)}"


def inline(value: Any) -> str:
    """In one line, as it may stand behind a key; of a table what is None is left out."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.isoformat()
    if isinstance(value, Mapping):
        pairs = (f"{_key(name)} = {inline(item)}" for name, item in value.items() if item is not None)
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(inline, value))}]"
    raise TypeError(f"{value!r} has no place in a file that fenli writes")


def _is_table(value: Any) -> bool:
    tables = isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)
    return tables or isinstance(value, Mapping)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _quoted(name)


def _quoted(text: str) -> str:
    # JSON escapes what TOML's basic strings want escaped, but for one control character.
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")
