"""What a worker counts, and its Prometheus text. Only there is cost a float: graphs may round, books may not."""

from __future__ import annotations

import os
import time
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from fenli.calls.call import Call
from fenli.calls.effects import Ended
from fenli.clock import SECOND
from fenli.ledger.records import OK
from fenli.routing.targets import Target
from fenli.values.money import PICO
from fenli.vendors.contract import Headers
from fenli.vendors.limits import rooms

# Seconds; the same for the whole call and for its first content.
BOUNDS: Final = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
_BOUNDS_NS: Final = tuple(int(bound * SECOND) for bound in BOUNDS)
_SERIES_MAX: Final = 2_000
_DEAD_S: Final = 60
# Of ended calls added up at once: more of them would no longer be in the processor's nearest cache by then.
_BATCH: Final = 64
# What a vendor told of its limits is shown for so long.
_TOLD: Final = 60 * SECOND
_OTHER: Final = "(other)"

Label = tuple[str, ...]
_Group = tuple[Target, str, bool, str | None]  # outcome, whether it was streamed, currency


class Series(msgspec.Struct, array_like=True):
    """Sums over the calls of one vendor, model, outcome and kind (streamed or not).

    Histograms end with their sum in ns.
    """

    calls: int = 0
    unknown_cost: int = 0
    tokens: dict[str, int] = {}
    picos: dict[str, int] = {}
    duration: list[int] = msgspec.field(default_factory=lambda: [0] * (len(BOUNDS) + 2))
    first_content: list[int] = msgspec.field(default_factory=lambda: [0] * (len(BOUNDS) + 2))


class Limit(msgspec.Struct, array_like=True):
    """What a vendor last told of one of its limits: the whole, what is left of it, and when it told (an instant)."""

    whole: int | None
    left: int | None
    told_at: int


class Counters(msgspec.Struct):
    """All sums since a worker started. Keys of ``series`` are (vendor, model, outcome, ``true`` when streamed), those
    of ``limits`` (vendor, model, what is limited)."""

    series: dict[Label, Series] = {}
    refused: dict[str, int] = {}
    gauges: dict[str, int] = {}
    limits: dict[Label, Limit] = {}


def _add_usage(tokens: dict[str, int], usages: list[dict[str, int]]) -> None:
    if len(set(map(tuple, usages))) == 1:  # the same meters in all of them
        sums: Iterable[tuple[str, int]] = zip(
            usages[0], map(sum, zip(*map(dict.values, usages), strict=True)), strict=True
        )
    else:
        sums = (pair for usage in usages for pair in usage.items())
    for meter, units in sums:
        tokens[meter] = tokens.get(meter, 0) + units


def _add_spans(histogram: list[int], spans: list[int]) -> None:
    """Counts are by bucket, of what is beyond the one before it; the last member is the sum."""
    spans.sort()
    below = 0
    for bucket, bound in enumerate(_BOUNDS_NS):
        upto = bisect_right(spans, bound)
        histogram[bucket] += upto - below
        below = upto
    histogram[len(_BOUNDS_NS)] += len(spans) - below
    histogram[-1] += sum(spans)


class Metrics:
    """One worker's counters, shared with its siblings through files, so that any of them answers for all."""

    def __init__(self, directory: Path, index: int) -> None:
        self._counters = Counters()
        self._fresh: dict[_Group, list[tuple[int, Ended]]] = {}
        self._count = 0  # of what is in them
        self._path = directory / f"metrics-{index}"
        self._directory = directory
        self._forget_the_dead()

    @property
    def counters(self) -> Counters:
        """The sums up to now."""
        self._add_up()
        return self._counters

    def ended(self, call: Call, ended: Ended, now: int) -> None:
        """Only notes the call: adding up many at once costs half of what each by itself does."""
        cost = ended.cost
        key = (ended.target, ended.outcome, call.ask.stream, None if cost is None else cost.currency)
        group = self._fresh.get(key)
        if group is None:
            group = self._fresh[key] = []
        group.append((now - call.started, ended))
        self._count += 1
        if self._count >= _BATCH:
            self._add_up()

    def _add_up(self) -> None:
        """Adds up each group at once: most of that is C's work."""
        groups, self._fresh, self._count = self._fresh, {}, 0
        known = self._counters.series
        for (target, outcome, stream, currency), group in groups.items():
            label = (target.vendor_id, target.model, outcome, "true" if stream else "false")
            series = known.get(label) or self._series(label)
            series.calls += len(group)
            calls = [ended for _, ended in group]
            _add_usage(series.tokens, [ended.usage for ended in calls if ended.usage is not None])
            if currency is not None:
                picos = sum(ended.cost.picos for ended in calls if ended.cost is not None)
                series.picos[currency] = series.picos.get(currency, 0) + picos
            elif outcome == OK:
                series.unknown_cost += len(group)
            _add_spans(series.duration, [span for span, _ in group])
            if stream:  # an answer in one piece has no first of it
                _add_spans(series.first_content, [e.first_content for e in calls if e.first_content is not None])
            if target.vendor.limits and (outcome != OK or self._may_have_changed(target)):
                self._hear(target, calls[-1].heard)
            for failed, headers in calls[-1].failed:
                self._hear(failed, headers)

    def _may_have_changed(self, target: Target) -> bool:
        """What a vendor tells of its limits is read of a second's first answers alone; of refusals each time."""
        last = self._counters.limits.get((target.vendor_id, target.model, target.vendor.limits[0].of))
        return last is None or time.time_ns() > last.told_at + SECOND

    def _hear(self, target: Target, headers: Headers) -> None:
        now = time.time_ns()
        for room in rooms(target.vendor.limits, headers, now):
            known = self._counters.limits
            if len(known) >= _SERIES_MAX:  # callers choose model names
                known = self._counters.limits = {key: one for key, one in known.items() if one.told_at > now - _TOLD}
            key = (target.vendor_id, target.model, room.of)
            if key in known or len(known) < _SERIES_MAX:
                known[key] = Limit(room.limit, room.remaining, now)

    def refused(self, code: str) -> None:
        counts = self._counters.refused
        counts[code] = counts.get(code, 0) + 1

    def _series(self, key: Label) -> Series:
        """Callers choose model names, so the number of series is bounded."""
        series = self._counters.series
        if len(series) >= _SERIES_MAX:
            key = (key[0], _OTHER, *key[2:])
        return series.setdefault(key, Series())

    def _forget_the_dead(self) -> None:
        """Files that nobody has written for a minute belong to workers that are gone for good."""
        for path in self._directory.glob("metrics-*"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _DEAD_S:
                    path.unlink()

    def share(self) -> None:
        """Writes the counters where siblings find them, in one step."""
        fresh = self._path.with_name(self._path.name + ".new")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            counters = self.counters
            limits = list(counters.limits.items())
            file.write(_pack((list(counters.series.items()), counters.refused, counters.gauges, limits)))
        os.replace(fresh, self._path)

    def text(self) -> bytes:
        shared = [self.counters]
        for path in sorted(self._directory.glob("metrics-*")):
            if path != self._path and path.suffix != ".new":
                try:
                    shared.append(_restored(path.read_bytes()))
                except (OSError, msgspec.DecodeError):
                    continue
        return render(shared, time.time_ns()).encode()


def render(shared: Iterable[Counters], now: int) -> str:
    """Prometheus text of the sum of all counters, and of the limits that vendors told of lately."""
    calls: dict[Label, int] = {}
    tokens: dict[Label, int] = {}
    picos: dict[Label, int] = {}
    unknown: dict[Label, int] = {}
    refused: dict[Label, int] = {}
    gauges: dict[str, int] = {}
    duration: dict[Label, list[int]] = {}
    first_content: dict[Label, list[int]] = {}
    limits: dict[Label, Limit] = {}
    for counters in shared:
        for key, series in counters.series.items():
            model = key[:2]
            _add(calls, key, series.calls)
            _add(unknown, model, series.unknown_cost)
            for meter, units in series.tokens.items():
                _add(tokens, (*model, meter), units)
            for currency, amount in series.picos.items():
                _add(picos, (*model, currency), amount)
            _add_all(duration, model, series.duration)
            _add_all(first_content, model, series.first_content)
        for code, count in counters.refused.items():
            _add(refused, (code,), count)
        for name, value in counters.gauges.items():
            gauges[name] = gauges.get(name, 0) + value
        for key, limit in counters.limits.items():
            if limit.told_at > now - _TOLD and (key not in limits or limit.told_at > limits[key].told_at):
                limits[key] = limit
    return "\n".join(
        [
            *_family("fenli_calls_total", "Calls that ended.", ("vendor", "model", "outcome", "stream"), calls),
            *_family(
                "fenli_tokens_total",
                "Units by meter, tokens mostly; meters are disjoint.",
                ("vendor", "model", "meter"),
                tokens,
            ),
            *_family("fenli_unpriced_calls_total", "Answered, at an unknown cost.", ("vendor", "model"), unknown),
            *_family("fenli_refused_total", "Requests that went to no vendor.", ("code",), refused),
            *_family(
                "fenli_cost_total",
                "Known cost in the contract's currency, rounded for graphs; the ledger has it exactly.",
                ("vendor", "model", "currency"),
                {key: amount / PICO for key, amount in picos.items()},
            ),
            *_histogram("fenli_call_duration_seconds", "From the request's last byte to the reply's.", duration),
            *_histogram("fenli_first_content_seconds", "Streams: from the last byte to content.", first_content),
            *_limits("fenli_limit", "What vendors say they take.", {key: one.whole for key, one in limits.items()}),
            *_limits("fenli_limit_remaining", "What is left of it.", {key: one.left for key, one in limits.items()}),
            *(line for name, value in sorted(gauges.items()) for line in (f"# TYPE {name} gauge", f"{name} {value}")),
            "",
        ]
    )


def _add(sums: dict[Label, int], key: Label, count: int) -> None:
    sums[key] = sums.get(key, 0) + count


def _add_all(sums: dict[Label, list[int]], key: Label, counts: list[int]) -> None:
    sums[key] = [a + b for a, b in zip(sums.get(key, [0] * len(counts)), counts, strict=True)]


def _family(metric: str, text: str, names: Label, sums: Mapping[Label, float], kind: str = "counter") -> list[str]:
    lines = [f"# HELP {metric} {text}", f"# TYPE {metric} {kind}"]
    return lines + [f"{metric}{{{_labels(names, key)}}} {count!r}" for key, count in sorted(sums.items())]


def _limits(metric: str, text: str, told: Mapping[Label, int | None]) -> list[str]:
    """No line where nothing was told: unknown is not zero."""
    known = {key: value for key, value in told.items() if value is not None}
    return _family(metric, text, ("vendor", "model", "of"), known, "gauge") if known else []


def _histogram(metric: str, text: str, series: dict[Label, list[int]]) -> list[str]:
    lines = [f"# HELP {metric} {text}", f"# TYPE {metric} histogram"]
    for key, counts in sorted(series.items()):
        labels = _labels(("vendor", "model"), key)
        running = 0
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), counts, strict=False):
            running += count
            lines.append(f'{metric}_bucket{{{labels},le="{bound}"}} {running}')
        lines += [f"{metric}_sum{{{labels}}} {counts[-1] / SECOND!r}", f"{metric}_count{{{labels}}} {running}"]
    return lines


def _labels(names: Label, values: Label) -> str:
    return ",".join(f'{name}="{_escape(value)}"' for name, value in zip(names, values, strict=True))


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(
    tuple[list[tuple[Label, Series]], dict[str, int], dict[str, int], list[tuple[Label, Limit]]]
).decode


def _restored(data: bytes) -> Counters:
    series, refused, gauges, limits = _unpack(data)
    return Counters(dict(series), refused, gauges, dict(limits))
