"""Which targets of a plan do what a request asks for beyond plain chat: the others are not asked at all.

Those that do all of it come first; those that do less, where that is wanted, after them, both in the plan's order. What
a target leaves out stands in the answer's headers. A plan without any target left is a refusal.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from fenli.errors import CallRefused, Code
from fenli.routing.targets import Plan, Target
from fenli.vendors.catalog import VENDORS
from fenli.vendors.switches import Gap
from fenli.wire.openai_chat.options import Missing, Option, Options

_NAMES: Final = {
    Option.THINKING: "thinking",
    Option.SEARCH: "web search",
    Option.PREFIX: "continuation of a prefix",
    Option.PERSONA: "a persona",
    Option.SCHEMA: "JSON schemas",
}


class _Lacking(NamedTuple):
    target: Target
    gap: Gap


def fitted(plan: Plan, options: Options) -> Plan:
    """The plan for this request. Raises CallRefused (option_not_supported) naming what each target lacks, and who has
    it."""
    whole, less = [], []
    lacking: list[_Lacking] = []
    for target in plan.targets:
        gaps = target.switches.gaps(target.model, options)
        missing = next((gap for gap in gaps if not gap.near), None)
        if missing is None:
            whole.append(_labelled(target, gaps))
        elif (options.missing or target.missing) is Missing.DOWNGRADE:
            less.append(_labelled(target, gaps))
        else:
            lacking.append(_Lacking(target, missing))
    if not whole and not less:
        raise _refusal(lacking, options)
    return msgspec.structs.replace(plan, targets=(*whole, *less))


def _labelled(target: Target, gaps: list[Gap]) -> Target:
    if not gaps:
        return target
    names = ", ".join(dict.fromkeys(gap.option.value for gap in gaps))
    return msgspec.structs.replace(target, label=target.label + b"x-fenli-downgraded: " + names.encode() + b"\r\n")


def _refusal(lacking: list[_Lacking], options: Options) -> CallRefused:
    first = lacking[0].gap
    told = "; ".join(f"{target.vendor_id}/{target.model} {gap.lacks}" for target, gap in lacking)
    if first.option is Option.THINKING and options.thinking is not None and not options.thinking.on:
        having = [vendor.id for vendor in VENDORS.values() if vendor.switches.quiets]
        there = f"Thinking can be turned off at {', '.join(having)}"
    else:
        having = [vendor.id for vendor in VENDORS.values() if vendor.switches.has(first.option)]
        there = f"There is {_NAMES[first.option]} at {', '.join(having)}"
    message = (
        f"{first.member!r} cannot be had: {told}. {there}, with some models: ask one of them, leave it out, or send "
        f'"missing": "downgrade" in \'fenli\' (then it {first.instead})'
    )
    return CallRefused(Code.OPTION_NOT_SUPPORTED, message, first.member)
