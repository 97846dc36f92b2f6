from __future__ import annotations

import re
import typing
from pathlib import Path
from types import UnionType

import msgspec
import pytest

from fenli.config.document import Document

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text("utf-8")


def fields(kind: type[msgspec.Struct]) -> set[str]:
    found = set()
    for field in msgspec.structs.fields(kind):
        inner = list(structs(field.type))
        found |= {name for one in inner for name in fields(one)} or {field.name}
    return found


def structs(kind: object) -> typing.Iterator[type[msgspec.Struct]]:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
    elif isinstance(kind, UnionType) or typing.get_origin(kind) in (dict, list, typing.Union):
        for argument in typing.get_args(kind):
            yield from structs(argument)


@pytest.mark.parametrize("name", sorted(fields(Document)))
def test_every_field_is_documented(name: str) -> None:
    assert f"`{name}`" in PAGE or f".{name}`" in PAGE


def test_every_variable_is_documented() -> None:
    sources = (Path(__file__).parents[2] / "src").rglob("*.py")
    used = {name for source in sources for name in re.findall(r"\bFENLI_[A-Z]+\b", source.read_text())}
    assert {name for name in used if f"| `{name}` |" not in PAGE} == set()


@pytest.mark.parametrize("section", Document.__struct_fields__)
def test_every_section_is_documented(section: str) -> None:
    assert f"[{section}" in PAGE
