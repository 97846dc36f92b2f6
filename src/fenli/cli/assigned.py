"""How plans and what they are assigned to are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fenli.cli.language import say
from fenli.cli.output import table
from fenli.office.plans import Plan
from fenli.office.terms import Assignment
from fenli.prices.plans import Markup, PerCall, PriceList, Subscription, Terms
from fenli.values import format_instant


def terms_line(terms: Terms) -> str:
    """The terms in one line."""
    if isinstance(terms, Markup):
        return say("plan.markup", ratio=terms.ratio)
    if isinstance(terms, PerCall):
        return say("plan.per_call", price=terms.price, currency=terms.currency)
    if isinstance(terms, PriceList):
        return say("plan.list", name=terms.name)
    beyond = terms_line(terms.beyond)
    values = {"fee": terms.fee, "allowance": terms.allowance, "currency": terms.currency, "zone": terms.zone}
    return say("plan.subscription", beyond=beyond, **values)


def terms_data(terms: Terms) -> dict[str, Any]:
    """Every term but a price list's text."""
    if isinstance(terms, Subscription):
        own = {"fee": terms.fee, "allowance": terms.allowance, "currency": terms.currency, "zone": terms.zone}
        return {"kind": "subscription", **own, "beyond": terms_data(terms.beyond)}
    if isinstance(terms, Markup):
        return {"kind": "markup", "ratio": terms.ratio}
    if isinstance(terms, PerCall):
        return {"kind": "per_call", "price": terms.price, "currency": terms.currency}
    return {"kind": "list", "file": terms.name}


def assignment_data(assignment: Assignment, plans: Mapping[int, Plan]) -> dict[str, Any]:
    return {
        "customer": assignment.customer,
        "project": assignment.project,
        "plan": None if assignment.plan is None else plans[assignment.plan].name,
        "from": format_instant(assignment.starts_at),
        "until": None if assignment.ends_at is None else format_instant(assignment.ends_at),
    }


def print_assignments(assignments: Sequence[Assignment], plans: Mapping[int, Plan]) -> None:
    rows = [
        [each.customer, each.project or say("plan.every_project"),
         say("plan.nothing") if each.plan is None else plans[each.plan].name, _minute(each.starts_at),
         "" if each.ends_at is None else _minute(each.ends_at)]
        for each in assignments
    ]  # fmt: skip
    table([say(f"column.{name}") for name in ("customer", "project", "plan", "from", "to")], rows, flexible=2)


def _minute(instant: int) -> str:
    return format_instant(instant)[:16].replace("T", " ")
