from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fenli.values.toml_lines import line_of, locate

WALK = '''# a comment with [a.table] and key = 1
title = "x # [not.a.table]"
a.b."c d" = 1

[ server . http ]   # spaces
'literal key' = """
[not.a.table]
no = 1
"""
port = 1979-05-27 07:32:00
after = \'\'\'it's
x = 2\'\'\'

[[routes]]
name = "one"
[[routes.targets]]
x = 1
[[routes.targets]]
x = 2
[[routes]]
name = 'two'
targets = [  # inline
  { x = 3, "y" = [1,
      2] },
  {x = 4}
]
[routes.sub]
z = 1
[server]
"\\u00e9t\\u00e9" = true
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("a", "b", "c d"), 3),
        (("server", "http"), 5),
        (("server", "http", "literal key"), 6),
        (("server", "http", "port"), 10),
        (("server", "http", "after"), 11),
        (("routes", 0), 14),
        (("routes", 0, "name"), 15),
        (("routes", 0, "targets", 0, "x"), 17),
        (("routes", 0, "targets", 1, "x"), 19),
        (("routes", 1), 20),
        (("routes", 1, "targets", 0, "y"), 23),
        (("routes", 1, "targets", 0, "y", 1), 24),
        (("routes", 1, "targets", 1, "x"), 25),
        (("routes", 1, "sub", "z"), 28),
        (("server", "été"), 30),
    ],
)
def test_every_key_has_its_line(path: tuple[str | int, ...], line: int) -> None:
    assert locate(WALK)[path] == line


def test_what_does_not_stand_in_the_text_is_where_its_section_is() -> None:
    assert line_of(locate(WALK), ("server", "http", "absent", "deeper")) == 5
    assert line_of(locate(WALK), ("absent",)) is None


@pytest.mark.parametrize(
    "value",
    [
        '""""""',
        "''''''",
        '"""a""""',
        '"""\\\n  x\\""" """',
        "'''\n[x]\n'''",
        '"\\"]"',
        "'#'",
        "[ ]",
        "{ }",
        "[[1, 2], [3]]",
        "1e3",
    ],
)
def test_a_value_of_any_form_is_passed_over_whole(value: str) -> None:
    text = f"a = {value} # z = 1\nb = 1\n"
    tomllib.loads(text)
    assert locate(text)[("b",)] == text.count("\n")
    assert {path[0] for path in locate(text)} == {"a", "b"}


keys = st.sampled_from(["a", "b-1", "c d", "é", "x.y", "#"])
leaves = st.one_of(
    st.integers(0, 9), st.booleans(), st.text("a=.,#'\"[]{}\n\\é", max_size=8), st.lists(st.integers(0, 9), max_size=3)
)
trees = st.recursive(leaves, lambda inner: st.dictionaries(keys, inner, max_size=3), max_leaves=8)


tables = st.lists(st.dictionaries(keys, leaves, max_size=2), min_size=1, max_size=3)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(keys, st.one_of(trees, tables)))
def test_every_path_that_tomllib_finds_has_the_line_it_was_written_on(document: dict[str, Any]) -> None:
    text, expected = written(document)
    assert tomllib.loads(text) == document
    found = locate(text)
    assert {path: found.get(path) for path in expected} == expected


def written(document: dict[str, Any]) -> tuple[str, dict[tuple[str | int, ...], int]]:
    """The document as TOML, values first, and where each path came to stand."""
    lines: list[str] = []
    places: dict[tuple[str | int, ...], int] = {}

    def header(path: tuple[str | int, ...], brackets: int) -> None:
        names = ".".join(json.dumps(step, ensure_ascii=False) for step in path if isinstance(step, str))
        lines.append("[" * brackets + names + "]" * brackets)

    def table(content: dict[str, Any], path: tuple[str | int, ...]) -> None:
        for key, value in content.items():
            if not is_table(value) and not is_tables(value):
                lines.append(f"{json.dumps(key, ensure_ascii=False)} = {json.dumps(value)}")
                places[(*path, key)] = len(lines)
        for key, value in content.items():
            if is_table(value):
                header((*path, key), 1)
                places[(*path, key)] = len(lines)
                table(value, (*path, key))
            elif is_tables(value):
                for index, item in enumerate(value):
                    header((*path, key), 2)
                    places[(*path, key, index)] = len(lines)
                    table(item, (*path, key, index))

    table(document, ())
    return "\n".join(lines), places


def is_table(value: object) -> bool:
    return isinstance(value, dict)


def is_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)
