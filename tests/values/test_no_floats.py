"""Money never touches a float: not one literal, conversion or true division where money is counted."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2].joinpath("src", "fenli")
COUNTING = ("values", "prices", "ledger")
SOURCES = sorted(path for name in COUNTING for path in PACKAGE.joinpath(name).rglob("*.py"))


def floats(source: str) -> Iterator[str]:
    """Where a float could arise, as ``line: what``. Paths are joined with ``joinpath`` for this test's sake."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Constant(value=float() | complex()):
                yield f"{node.lineno}: the literal {node.value}"
            case ast.Call(func=ast.Name(id="float")):
                yield f"{node.lineno}: float(...)"
            case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
                yield f"{node.lineno}: true division; use // or divmod"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_float_in(path: Path):
    assert list(floats(path.read_text(encoding="utf-8"))) == []


def test_the_three_packages_are_read():
    assert {path.relative_to(PACKAGE).parts[0] for path in SOURCES} == set(COUNTING)


@pytest.mark.parametrize("source", ["x = 1.5", "x = 2e9", "x = float(y)", "x = y / 2", "x /= 2", "x = 1j"])
def test_it_would_see_one(source: str):
    assert len(list(floats(source))) == 1


@pytest.mark.parametrize("source", ["x = y // 2", "x = '1.5'", "def f(x: float) -> None: ...", "x = 3"])
def test_it_leaves_the_rest(source: str):
    assert list(floats(source)) == []
