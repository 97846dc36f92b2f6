"""On what terms an attempt may begin: the worst it can cost, and whether the budgets that bind it have that much.

terms ─┬─ Terms     held (where a budget binds the call), perhaps with a shorter answer
       ├─ Shortage  the office has to be asked for more first
       └─ CallRefused
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from fenli.budgets.budget import FOREVER, Mode
from fenli.budgets.purse import Account, Hold, Lease, Purse, Shortage
from fenli.errors import CallRefused, Code, PriceError
from fenli.prices.tariff import Rating, Tariff
from fenli.routing.snapshot import Key
from fenli.routing.targets import Target
from fenli.values.instants import format_instant
from fenli.values.money import decimal_of
from fenli.vendors.switches import SearchSwitch
from fenli.wire.asks import Asked
from fenli.wire.openai_chat import ChatRequest

# An answer is never shortened below this many tokens: it would be of no use, and costs its prompt all the same.
LEAST_OUTPUT: Final = 16
# What no text of a prompt shows: the template that the vendor puts around the messages.
TEMPLATE_TOKENS: Final = 64
# Of an image or a video that is named by its address. Vendors scale images to fewer tokens than this by default.
FOREIGN_TOKENS: Final = 16_384
# Of what a search finds, or of a file that the vendor keeps, where nobody says how much the model reads at most.
ADDED_TOKENS: Final = 131_072
# How a prompt names a file that the vendor has: each vendor in its own way.
_KEPT: Final = re.compile(rb'file_?ids?"|fileid://', re.IGNORECASE)
_SHORTER: Final = "ask for a shorter answer (max_tokens)"


class Terms(msgspec.Struct, frozen=True, gc=False):
    """``bound`` is None where the model has no price; ``ask`` has the output limit that a budget allows."""

    bound: Rating | None
    ask: Asked
    hold: Hold | None = None


def unbound(ask: ChatRequest, target: Target, now: int) -> Terms:
    """No budget binds the call. The worst case: a token for every byte of the prompt, and all the output there may be.

    Nothing depends on it here but what a call that is lost may have cost.
    """
    if target.tariff is None:
        return Terms(None, ask)
    try:
        output = (ask.output_limit or target.output_bound) * ask.choices
        return Terms(target.tariff.bound(ask.size, output, now), ask)
    except PriceError:
        return Terms(None, ask)


def bound(
    ask: ChatRequest, target: Target, accounts: tuple[Account, ...], purse: Purse, now: int, *, asked: bool
) -> Terms | Shortage:
    """``asked``: the office has been asked already, so what is short cannot be had. Raises CallRefused."""
    if not any(now >= account.budget.effective_from for account in accounts):
        return unbound(ask, target, now)
    name = f"{target.vendor_id}/{target.model}"
    tariff = target.tariff
    if tariff is None:
        raise unpriced(name, accounts[0], "it has none")
    searches = may_search(ask, target)
    prompt = prompt_tokens(ask, target, searches)
    output = ask.output_limit or target.output_bound
    try:
        most = tariff.bound(prompt, output * ask.choices, now)
    except PriceError as error:
        raise unpriced(name, accounts[0], str(error)) from None
    found = 0
    if searches is not None:
        found = searching(tariff, searches.most * ask.choices, now)
        most = Rating(most.picos + found, most.currency, most.offer)
    hold = purse.hold(accounts, most.currency, most.picos, now)
    if not isinstance(hold, Shortage):
        # An answer without a limit ends where the model's own does; the vendor is told so, to be sure.
        told = ask if ask.output_limit is not None or target.output is None else ask.limited(output)
        return Terms(most, told, hold)
    if hold.no_rate is not None:
        raise CallRefused(Code.INSUFFICIENT_QUOTA, f"a budget cannot be kept for {name}: {hold.no_rate}")
    if not asked:
        return hold
    if all(need.lease.account.budget.mode is Mode.CAP or ask.output_limit is None for need in hold.needs):
        free = purse.affordable(accounts, most.currency, now) - found
        output = _affordable(tariff, prompt, ask.choices, output, free, now)
        if output >= LEAST_OUTPUT:
            least = tariff.bound(prompt, output * ask.choices, now)
            most = Rating(least.picos + found, least.currency, least.offer)
            shortened = purse.hold(accounts, most.currency, most.picos, now)
            if not isinstance(shortened, Shortage):
                return Terms(most, ask.limited(output), shortened)
    need = hold.needs[0]
    raise CallRefused(Code.INSUFFICIENT_QUOTA, used_up(need.lease, need.whole, _SHORTER))


def may_search(ask: ChatRequest, target: Target) -> SearchSwitch | None:
    """How the model searches for this request; None where it does not."""
    switch = target.search
    if switch is None:
        return None
    asked = ask.options is not None and ask.options.search is not None
    return switch if asked or switch.may_search(ask.fields) else None


def prompt_tokens(ask: ChatRequest, target: Target, searches: SearchSwitch | None = None) -> int:
    """What the prompt can come to at most, as far as is known from what this model made of others.

    What a search finds, and what is in a file that the vendor keeps, stands nowhere in the request: there it may be all
    that the model reads.
    """
    named, inline = ask.foreign()
    text = -(-(ask.size - inline) * target.prompt_ratio // 1_000) + TEMPLATE_TOKENS
    tokens = text + FOREIGN_TOKENS * named
    whole = target.context or ADDED_TOKENS
    if searches is not None:
        tokens += whole if searches.tokens is None else searches.tokens
    if names_files(ask):
        tokens += whole
    if target.context is not None:
        tokens = min(tokens, target.context)
    return tokens


def names_files(ask: ChatRequest) -> bool:
    """Whether a part of the prompt is with the vendor already; text that speaks of such counts, too."""
    messages = bytes(ask.fields["messages"])
    return (b"file" in messages or b"File" in messages) and _KEPT.search(messages) is not None


def searching(tariff: Tariff, searches: int, now: int) -> int:
    """The most that so many searches cost, in picos; 0 where they have no price of their own."""
    try:
        return tariff.most({"searches": searches}, now).picos
    except PriceError:
        return 0


def _affordable(tariff: Tariff, prompt: int, choices: int, most: int, picos: int, now: int) -> int:
    """The longest answer whose worst case is at most ``picos``; 0 where the prompt alone is too dear."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if tariff.bound(prompt, middle * choices, now).picos <= picos:
            low = middle
        else:
            high = middle - 1
    return low


def unpriced(name: str, account: Account, why: str) -> CallRefused:
    budget = account.budget
    message = (
        f"{name} has no price, so budget {budget.name!r} ({_scope(account)}) cannot be kept ({why}): "
        "add a price file that has one, or ask for another model"
    )
    return CallRefused(Code.INSUFFICIENT_QUOTA, message, "model")


def used_up(lease: Lease, whole: int, less: str) -> str:
    """``less``: what would cost less."""
    account = lease.account
    budget, told = account.budget, account.told
    if told is not None and told.window != lease.window.start:
        told = None  # of another day
    spent = int(told.spent) if told is not None else lease.spent
    limit = int(told.limit) if told is not None and told.limit is not None else budget.picos
    held = max(0, limit - spent - lease.free)
    amounts = " ".join(
        (
            f"limit {decimal_of(limit)},",
            f"spent {decimal_of(spent)},",
            f"held {decimal_of(held)};",
            f"this call may cost {decimal_of(whole)}",
        )
    )
    until = told.until if told is not None and told.until is not None else lease.window.until
    reset = "it never begins anew" if until >= FOREVER else f"it begins anew at {format_instant(until)}"
    return (
        f"budget {budget.name!r} ({_scope(account)}) has not enough left, in {budget.currency}: {amounts}; {reset}: "
        f"{less}, wait, or have it raised with `fenli budget change`"
    )


def _scope(account: Account) -> str:
    budget = account.budget
    of = f" {budget.subject}" if budget.subject else ""
    return f"{budget.scope}{of}, {budget.period}"


def binding(purse: Purse, key: Key, target: Target) -> tuple[Account, ...]:
    return purse.binding(key.id, key.project, key.customer, target.vendor_id)
