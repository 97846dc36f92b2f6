"""What happens in a scenario, in the language that is spoken: a line for each event, and for its end."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from fenli.cli.language import say, spoken
from fenli.market.offsets import format_offset
from fenli.market.scenario import (
    Back,
    BrownOut,
    Cuts,
    Errors,
    Event,
    Exit,
    Latency,
    Price,
    QuotaEnd,
    RateLimit,
    Scenario,
)
from fenli.market.timeline import Happening
from fenli.values.instants import moment_of

CHINA = ZoneInfo("Asia/Shanghai")  # where the stories play


def line_of(happening: Happening) -> str:
    """``05-21 00:00  alibaba: ...``, or ``+15d`` where the story has no day of its own."""
    event = happening.event
    what = say("happens.ends", what=say(f"ending.{event.kind}")) if happening.ends else what_of(event)
    said = event.says.get(spoken(), "") if not happening.ends else ""
    line = f"{when(happening.scenario, happening.offset)}  {', '.join(event.vendors)}: {what}"
    return f"{line}  ({said})" if said else line


def when(scenario: Scenario, offset: int) -> str:
    """The instant of the story."""
    if scenario.opens is None:
        return f"+{format_offset(offset)}"
    return moment_of(scenario.opens + offset, CHINA).strftime("%Y-%m-%d %H:%M")


def what_of(event: Event) -> str:
    """The event in a few words, without its vendors."""
    models = ", ".join(event.models)
    text = _words(event)
    return say("happens.of_models", models=models, what=text) if models and not isinstance(event.what, Price) else text


def _words(event: Event) -> str:
    what = event.what
    match what:
        case Price():
            return say("happens.price", prices="; ".join(_price(what, model) for model in event.models))
        case Latency():
            return say("happens.latency", pace=_pace(what))
        case Errors():
            shares = ", ".join(f"{percent(share)} {fault}" for fault, share in what.shares)
            return say("happens.errors", shares=shares)
        case BrownOut():
            return say("happens.brown_out", share=percent(what.share), pace=_pace(what))
        case Cuts():
            return say("happens.cuts", share=percent(what.share))
        case RateLimit():
            return say("happens.rate_limit", limits=_limits(what))
        case QuotaEnd():
            return say("happens.quota_end", tokens=f"{what.tokens:,}")
        case Exit():
            return say(f"leaving.{what.how}")
        case Back():
            return say("happens.back")
    return say("happens.retired")


def _price(price: Price, model: str) -> str:
    """``qwen-max 40/120 CNY``: input and output of the row that a short default request takes first."""
    row = price.rows[model][0]
    amounts = "/".join(row.quoted(meter) for meter in ("input", "output") if meter in row.prices) or "?"
    more = " *" if len(price.rows[model]) > 1 else ""
    return f"{model} {amounts} {row.currency}{more}"


def _pace(what: Latency | BrownOut) -> str:
    spans = []
    if what.first_token is not None:
        spans.append(say("happens.first_token", span=format_offset(what.first_token)))
    if what.token is not None:
        spans.append(say("happens.token", span=format_offset(what.token)))
    return ", ".join(spans) or say("happens.usual_pace")


def _limits(limit: RateLimit) -> str:
    numbers = {
        "happens.requests": limit.requests_per_minute,
        "happens.tokens": limit.tokens_per_minute,
        "happens.concurrency": limit.concurrency,
    }
    return ", ".join(say(key, count=f"{count:,}") for key, count in numbers.items() if count is not None)


def percent(share: float) -> str:
    return f"{share * 100:g}%"
