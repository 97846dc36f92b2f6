"""Budgets as lines and bars."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from rich.cells import cell_len

from fenli.budgets import Budget, Period
from fenli.cli.language import say
from fenli.cli.output import aligned, line, table
from fenli.clock import SECOND
from fenli.office.budget_standings import BudgetStanding
from fenli.values import format_instant
from fenli.values.money import decimal_of

BAR: Final = 10
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"
_SIZES: Final = {"d": 86_400 * SECOND, "h": 3_600 * SECOND, "m": 60 * SECOND}


def print_budgets(found: Sequence[BudgetStanding], names: Mapping[str, str]) -> None:
    """A table, and a line for whatever needs to be known. ``names`` of keys, by id."""
    columns = [
        [each.budget.name for each in found],
        [covers(each.budget, names) for each in found],
        *(aligned([decimal_of(picos) for picos in column]) for column in zip(*map(_amounts, found), strict=True)),
        [each.budget.currency for each in found],
        [used(each) for each in found],
        [resets(each) for each in found],
    ]
    headings = [say(f"column.{name}") for name in ("name", "covers", "limit", "spent", "held", "free")]
    table([*headings, "", say("column.used"), say("column.resets")], list(zip(*columns, strict=True)), flexible=1)
    for each in found:
        _explain(each)


def print_budget(standing: BudgetStanding, names: Mapping[str, str]) -> None:
    budget = standing.budget
    line(say("budget.title", name=budget.name, id=budget.id))
    line()
    amounts = aligned([decimal_of(picos) for picos in _amounts(standing)])
    rows = [[say("column.covers"), covers(budget, names)]]
    rows += [
        [say(f"column.{name}"), f"{text.strip()} {budget.currency}"]
        for name, text in zip(("limit", "spent", "held", "free"), amounts, strict=True)
    ]
    rows += [
        [say("column.used"), used(standing)],
        [say("column.resets"), resets(standing)],
        [say("budget.covers_from"), _local(budget.effective_from, budget)],
    ]
    rows += [
        [say("budget.leased_to", run=run), say("budget.at_most", amount=decimal_of(picos), currency=budget.currency)]
        for run, picos in standing.leased.items()
    ]
    width = max(cell_len(row[0]) for row in rows)
    for name, text in rows:
        line(f"{name}{' ' * (width - cell_len(name))}  {text}")
    _explain(standing)


def covers(budget: Budget, names: Mapping[str, str]) -> str:
    """Whose calls, in which time, and what happens at its end."""
    who = say(f"budget_scope.{budget.scope}", subject=names.get(budget.subject, budget.subject))
    when = say(f"budget_period.{budget.period}", span=_span(budget.span))
    return say("budget.covers", who=who, when=when, how=say(f"budget_mode.{budget.mode}"))


def used(standing: BudgetStanding) -> str:
    """Percent of the limit, with a bar where somebody looks."""
    gone = standing.spent + standing.held
    percent = f"{gone * 100 // standing.budget.picos} %"
    if not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        return percent
    eighths = min(BAR * 8, max(0, gone * BAR * 8 // standing.budget.picos))
    whole, rest = divmod(eighths, 8)
    bar = ("█" * whole + _EIGHTHS[rest].strip()).ljust(BAR, "░")
    return f"{bar} {percent.rjust(5)}"


def resets(standing: BudgetStanding) -> str:
    if standing.resets_at is None:
        return say("budget.never") if standing.budget.period is Period.TOTAL else "-"
    return _local(standing.resets_at, standing.budget)


def _amounts(standing: BudgetStanding) -> tuple[int, int, int, int]:
    return standing.budget.picos, standing.spent, standing.held, standing.free


def _explain(standing: BudgetStanding) -> None:
    budget = standing.budget
    for notice in reversed(standing.notices):
        when = _local(notice.given_at, budget)
        line(say("budget.passed", name=budget.name, percent=notice.percent, when=when))
    if standing.uncounted:
        line(say("budget.uncounted", name=budget.name, count=standing.uncounted, id=budget.id))


def _local(at: int, budget: Budget) -> str:
    text = format_instant(at, ZoneInfo(budget.zone))
    return text[:16].replace("T", " ") + (" " + text[23:] if text[23:] != "Z" else " UTC")


def _span(span: int) -> str:
    return next((f"{span // size}{unit}" for unit, size in _SIZES.items() if span % size == 0 and span > size), "")
