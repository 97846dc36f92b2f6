"""The market at a glance, as data: what is emulated, where the scenario is, what has happened and what is to come."""

from __future__ import annotations

from typing import Any

from fenli.market.market import Market
from fenli.market.offsets import format_offset
from fenli.market.timeline import Happening, Timeline
from fenli.values import format_instant


def status_of(market: Market) -> dict[str, Any]:
    """``scenario`` is None without one."""
    timeline = market.timeline
    return {
        "vendors": list(market.vendors),
        "served": market.book.count,
        "scenario": None if timeline is None else _scenario(timeline, market.scheduler.now()),
    }


def _scenario(timeline: Timeline, now: int) -> dict[str, Any]:
    scenario, happenings = timeline.scenario, timeline.happenings()
    return {
        "name": scenario.name,
        "title": scenario.titles,
        "begin": format_instant(timeline.begin),
        "speed": str(timeline.speed),
        "at": format_offset(max(0, timeline.offset(now))),
        "happened": [_told(each) for each in happenings if each.instant <= now],
        "to_come": [_told(each) for each in happenings if each.instant > now],
    }


def _told(happening: Happening) -> dict[str, Any]:
    event = happening.event
    return {
        "event": event.number,
        "at": format_offset(happening.offset),
        "instant": format_instant(happening.instant),
        "kind": event.kind,
        "ends": happening.ends,
        "vendors": event.vendors,
        "models": event.models,
        "says": event.says,
    }
