"""Step charts in the terminal: what something was from when to when."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Final

import msgspec
from rich.cells import cell_len

HEIGHT: Final = 10
WIDEST: Final = 120
# From this ratio on between the largest and the smallest value, the scale is logarithmic.
LOG_FROM: Final = 8
# Of each line: along, down into, down out of, up into, up out of, upright.
_PENS: Final = (("─", "┐", "└", "┘", "┌", "│"), ("━", "┓", "┗", "┛", "┏", "┃"))


class Step(msgspec.Struct, frozen=True):
    """``value`` held over ``[start, end)``, instants in ns."""

    start: int
    end: int
    value: Fraction


class Curve(msgspec.Struct, frozen=True):
    name: str
    steps: Sequence[Step]


def step_chart(
    curves: Sequence[Curve], width: int, label: Callable[[Fraction], str], day: Callable[[int], str]
) -> Iterator[str]:
    """At most two curves in ``width`` columns, the second one drawn heavy. ``label`` says a value, ``day`` an instant
    (by its year first)."""
    values = sorted({step.value for curve in curves for step in curve.steps})
    start = min(step.start for curve in curves for step in curve.steps)
    end = max(step.end for curve in curves for step in curve.steps)
    scale = _Scale(values)
    labels = _labels(values, scale, label)
    margin = max(map(cell_len, labels.values())) + 1
    columns = max(20, min(width, WIDEST) - margin - 1)
    grid = [[" "] * columns for _ in range(HEIGHT)]
    for curve, pen in zip(curves, _PENS, strict=False):
        _draw(grid, _levels(curve.steps, start, end, columns, scale), pen)
    for row, cells in enumerate(grid):
        text = labels.get(row, "")
        edge = "┤" if text else "│"
        yield f"{' ' * (margin - 1 - cell_len(text))}{text} {edge}{''.join(cells)}".rstrip()
    ruler, names = _axis(start, end, columns, day)
    yield f"{' ' * margin}└{ruler}"
    yield f"{' ' * (margin + 1)}{names}"


def _axis(start: int, end: int, columns: int, day: Callable[[int], str]) -> tuple[str, str]:
    """The first and the last day below their ends, and the years between them that have room."""
    ruler, names = ["─"] * columns, [" "] * columns
    first, last = day(start), day(end)
    names[: len(first)] = first
    names[columns - len(last) :] = last
    before = first[:4]
    for place in range(columns):
        year = day(start + (end - start) * place // columns)[:4]
        if year != before and year.isdigit():
            ruler[place] = "┬"
            if place > 3 and set(names[place - 3 : place + 3]) == {" "}:
                names[place - 2 : place + 2] = year
        before = year
    return "".join(ruler), "".join(names).rstrip()


def legend(curves: Iterable[Curve]) -> str:
    """Which line is which: ``─ input  ━ output``."""
    return "  ".join(f"{pen[0]} {curve.name}" for curve, pen in zip(curves, _PENS, strict=False))


def is_log(curves: Sequence[Curve]) -> bool:
    """Whether `step_chart` draws these on a logarithmic scale."""
    return _Scale(sorted({step.value for curve in curves for step in curve.steps})).log


class _Scale:
    """Which row a value stands in: 0 is the top. A zero has the bottom row to itself on a logarithmic scale."""

    def __init__(self, values: Sequence[Fraction]) -> None:
        above = [value for value in values if value > 0]
        self._most = above[-1] if above else Fraction(1)
        self._least = above[0] if above else Fraction(1)
        self.log = self._most >= LOG_FROM * self._least
        self._floor = HEIGHT - (2 if self.log and values[0] == 0 else 1)

    def row(self, value: Fraction) -> int:
        if not self.log:
            return round((1 - value / self._most) * (HEIGHT - 1))
        if value <= 0:
            return HEIGHT - 1
        return round(math.log(self._most / value) / math.log(self._most / self._least) * self._floor)


def _labels(values: Sequence[Fraction], scale: _Scale, label: Callable[[Fraction], str]) -> dict[int, str]:
    """The values themselves, beside their rows; of several in one row, the one furthest from the middle."""
    labels: dict[int, str] = {}
    for value in sorted(values, key=lambda one: abs(2 * scale.row(one) - HEIGHT), reverse=True):
        labels.setdefault(scale.row(value), label(value))
    return labels


def _levels(steps: Sequence[Step], start: int, end: int, columns: int, scale: _Scale) -> list[int | None]:
    """By column, the row of the value at its end. A value that came and went within one column has that column."""
    levels: list[int | None] = [None] * columns
    brief: list[tuple[int, int]] = []
    for step in steps:
        first = (step.start - start) * columns // (end - start)
        after = (step.end - start) * columns // (end - start)
        if first == after:
            brief.append((first, scale.row(step.value)))
        levels[first:after] = [scale.row(step.value)] * (after - first)
    for column, row in brief:
        levels[min(column, columns - 1)] = row
    return levels


def _draw(grid: list[list[str]], levels: Sequence[int | None], pen: Sequence[str]) -> None:
    along, down_from, down_to, up_from, up_to, upright = pen
    before = None
    for column, level in enumerate(levels):
        if level is not None:
            if before is None or before == level:
                grid[level][column] = along
            else:
                fell = level > before
                for row in range(min(before, level) + 1, max(before, level)):
                    grid[row][column] = upright
                grid[before][column] = down_from if fell else up_from
                grid[level][column] = down_to if fell else up_to
        before = level
