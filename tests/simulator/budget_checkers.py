"""What must be true of budgets in any world that has run. None of it uses the code it judges."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from budget_world import KEYS, OWNERS, BudgetWorld
from checkers import complaints_of, post
from tills import CNY, YUAN_FOR_TEN_DOLLARS, Rule
from visitors import Visitor
from world import BASIS, PRICES, ROUTES

from fenli.clock import MILLISECOND

# A worker that was told that there is no more does not ask again for 200 ms; asking takes as long as the office waits
# for what others give back (250 ms), and its way.
LATELY = 500 * MILLISECOND
TEMPLATE = 64
LEAST_OUTPUT = 16
REFUSAL = re.compile(
    r"budget '(\w+)' \((?:key key-1|project lab|customer client|vendor moonshot|organisation), \w+\) "
    r"has not enough left, in (CNY|USD): limit ([\d.]+), spent ([\d.]+), held ([\d.]+); this call may cost ([\d.]+); "
    r"it (never begins anew|begins anew at 2026-09-2\dT[\d:.]+Z): .*`fenli budget change`"
)


def check_tills(world: BudgetWorld) -> Iterable[str]:
    yield from world.tills.complaints
    for till in world.tills.tills.values():
        for window, amount in till.sums.items():
            if not 0 <= amount <= till.limit:
                yield f"{till.rule.name}: {amount} was drawn in {window}, of {till.limit}"


def check_draws(world: BudgetWorld) -> Iterable[str]:
    """The entries, one by one, what the journals say and what the office counts are the same, window by window."""
    found: dict[tuple[str, int, str], int] = {}
    for worker in world.workers:
        entries, poster, _ = post(bytes(worker.disk.data), worker.run)
        for entry in [*entries, *poster.close(0)]:
            if entry.grade == "none":
                continue
            amount = entry.held_picos if entry.picos is None else entry.picos
            assert amount is not None
            assert entry.currency is not None
            for rule in world.rules:
                if rule.covers(OWNERS[entry.key], entry.vendor):
                    place = rule.name, rule.window(entry.opened_at)[0], worker.run
                    found[place] = found.get(place, 0) + rule.taken(amount, entry.currency)
    tills = {
        (till.rule.name, start, run): amount
        for till in world.tills.tills.values()
        for (run, (start, _)), amount in till.runs.items()
        if amount
    }
    if tills != found:
        yield f"the entries draw other amounts than the journals: {set(tills.items()) ^ set(found.items())}"
    office = {tuple(place): amount for place, amount in world.store.draws.items() if amount}
    if office != found:
        yield f"the entries draw other amounts than the office counts: {set(office.items()) ^ set(found.items())}"


def check_vendors(world: BudgetWorld) -> Iterable[str]:
    """What the vendors truly served, by their own book and at their own prices, is within the limit, too."""
    for rule in world.rules:
        if rule.scope not in ("organisation", "vendor"):
            continue
        served: dict[int, int] = {}
        for serving in world.market.book:
            if serving.vendor not in PRICES or (rule.subject and rule.subject != serving.vendor):
                continue
            if serving.outcome == "refused":
                continue
            at = serving.at if BASIS[serving.vendor] == "start" else serving.ended
            fresh, cached, output = world.price_of(serving.vendor, at)
            cost = (serving.prompt_tokens - serving.cached_tokens) * fresh
            cost += serving.cached_tokens * cached + serving.completion_tokens * output
            window = rule.window(serving.at)[0] if rule.period != "rolling" else 0
            served[window] = served.get(window, 0) + rule.taken(cost, PRICES[serving.vendor][0])
        if rule.period != "rolling":
            limit = world.tills.tills[rule.name].limit
            yield from (f"{rule.name}: vendors served {cost} of {limit}" for cost in served.values() if cost > limit)


def check_refusals(world: BudgetWorld) -> Iterable[str]:
    for visitor in world.visitors.values():
        about = f"{visitor.wish.token} ({visitor.status})"
        final = b"x-should-retry: false" in visitor.lines
        if visitor.status == 503 and final:
            yield f"{about}: it could be tried again, and is told not to"
        if visitor.status != 402:
            continue
        error = json.loads(bytes(visitor.got))["error"]
        if (error["code"], error["type"], final) != ("insufficient_quota", "insufficient_quota", True):
            yield f"{about}: {error['code']}, {error['type']}, {visitor.lines!r}"
        if "no price" in error["message"]:
            if "local/" not in error["message"]:
                yield f"{about}: {error['message']}"
            continue
        told = REFUSAL.fullmatch(error["message"])
        if told is None:
            yield f"{about}: {error['message']}"
            continue
        till = world.tills.tills[told[1]]
        limit, spent, held = (_picos(told[place]) for place in (3, 4, 5))
        if limit > till.limit or spent + held > limit or told[2] != till.rule.currency:
            yield f"{about}: {error['message']}"


def needless(world: BudgetWorld) -> list[tuple[int, Visitor]]:
    """Refusals of calls for which every budget had enough free all the time lately, and how much more than enough.

    "Free" is what nobody has spent or holds. Some of it is out on lease: it comes back when it is recalled, but what is
    on its way from one worker to another, in the very moment of a question, is nobody's to give.
    """
    found = []
    for visitor in world.visitors.values():
        if visitor.status == 402 and b"no price" not in visitor.got:
            most = min(_margins(world, visitor))
            if most >= 0:
                found.append((most, visitor))
    return found


def _margins(world: BudgetWorld, visitor: Visitor) -> Iterable[int]:
    wish = visitor.wish
    vendor = ROUTES[wish.model][0] if wish.model in ROUTES else wish.model.partition("/")[0]
    currency, fresh, _, output = PRICES[vendor]
    rise = 3  # the dearer price may hold before the call is over, so it is the one that is held for
    prompt = (-(-len(wish.body()) * world.prompt_ratio // 1000) + TEMPLATE) * fresh * rise
    shortest = prompt + LEAST_OUTPUT * wish.choices * output * rise
    whole = shortest if wish.limit is None else prompt + wish.limit * wish.choices * output * rise
    for till in world.tills.tills.values():
        if till.rule.covers(KEYS[visitor.key], vendor):
            need = shortest if till.rule.mode == "cap" else whole
            yield till.least(visitor.over_at - LATELY, visitor.over_at) - till.rule.taken(need, currency)


def check_purses(world: BudgetWorld) -> Iterable[str]:
    """No hold outlives its call."""
    for worker in world.workers:
        if worker.alive:
            for account in worker.purse.accounts.values():
                for lease in account.leases.values():
                    if lease.held:
                        yield f"{worker.run}: {account.budget.id}: {lease.held} is held for nobody"


def budget_complaints(world: BudgetWorld) -> list[str]:
    found = complaints_of(world)
    for check in (check_tills, check_draws, check_vendors, check_refusals, check_purses):
        found += [f"{check.__name__}: {what}" for what in check(world)]
    return found


def spent(world: BudgetWorld, rule: Rule) -> int:
    """Picos drawn in the window in which most was."""
    return max(world.tills.tills[rule.name].sums.values(), default=0)


def known(world: BudgetWorld) -> int:
    """The sum of the costs that are known, in picos of yuan."""
    total = 0
    for worker in world.workers:
        for entry in post(bytes(worker.disk.data), worker.run)[0]:
            if entry.picos is not None:
                picos = entry.picos if entry.currency == "CNY" else -(-entry.picos * YUAN_FOR_TEN_DOLLARS // 10)
                total += picos
    return total


def _picos(amount: str) -> int:
    whole, _, part = amount.partition(".")
    return int(whole) * CNY + int(part.ljust(12, "0") or 0)
