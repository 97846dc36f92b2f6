"""What a worker counts, and its Prometheus text. Cost is a float there and only there: graphs may round, books may not."""

from __future__ import annotations

import bisect
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from fenli.calls.call import Call
from fenli.calls.effects import Ended
from fenli.clock import SECOND
from fenli.values.money import PICO

# Seconds; the same for the whole call and for its first content.
BOUNDS: Final = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
_BOUNDS_NS: Final = tuple(int(bound * SECOND) for bound in BOUNDS)
_SERIES_MAX: Final = 2_000
_OTHER: Final = "(other)"

Label = tuple[str, ...]


class Counters(msgspec.Struct):
    """Sums since a worker started. Keys are label values in the order that `render` names them."""

    calls: dict[Label, int] = {}
    tokens: dict[Label, int] = {}
    cost_picos: dict[Label, int] = {}
    unknown_cost: dict[Label, int] = {}
    duration: dict[Label, list[int]] = {}
    first_content: dict[Label, list[int]] = {}
    refused: dict[Label, int] = {}
    gauges: dict[str, int] = {}


class Metrics:
    """One worker's counters, shared with its siblings through files, so that any of them answers for all."""

    def __init__(self, directory: Path, index: int) -> None:
        self.counters = Counters()
        self._path = directory / f"metrics-{index}"
        self._directory = directory

    def ended(self, call: Call, ended: Ended, now: int) -> None:
        counters = self.counters
        target = ended.target
        label = (target.vendor_id, target.model if len(counters.calls) < _SERIES_MAX else _OTHER)
        key = (*label, ended.outcome, "true" if call.ask.stream else "false")
        counters.calls[key] = counters.calls.get(key, 0) + 1
        if ended.usage is not None:
            for meter, units in ended.usage.items():
                key = (*label, meter)
                counters.tokens[key] = counters.tokens.get(key, 0) + units
        if ended.picos is not None and ended.currency is not None:
            key = (*label, ended.currency)
            counters.cost_picos[key] = counters.cost_picos.get(key, 0) + ended.picos
        elif ended.outcome == "ok":
            counters.unknown_cost[label] = counters.unknown_cost.get(label, 0) + 1
        _observe(counters.duration, label, now - call.started)
        if ended.first_content is not None:
            _observe(counters.first_content, label, ended.first_content)

    def refused(self, code: str) -> None:
        self.counters.refused[code,] = self.counters.refused.get((code,), 0) + 1

    def share(self) -> None:
        """Writes the counters where siblings find them, in one step."""
        fresh = self._path.with_name(self._path.name + ".new")
        fresh.write_bytes(_pack(_portable(self.counters)))
        os.replace(fresh, self._path)

    def text(self) -> bytes:
        shared = [self.counters]
        for path in sorted(self._directory.glob("metrics-*")):
            if path != self._path and path.suffix != ".new":
                try:
                    shared.append(_restored(_unpack(path.read_bytes())))
                except (OSError, msgspec.DecodeError):
                    continue
        return render(shared).encode()


def _observe(histogram: dict[Label, list[int]], label: Label, span: int) -> None:
    """Buckets, then the sum in nanoseconds."""
    counts = histogram.get(label)
    if counts is None:
        counts = histogram[label] = [0] * (len(BOUNDS) + 2)
    counts[bisect.bisect_left(_BOUNDS_NS, span)] += 1
    counts[-1] += span


_FAMILIES: Final = (
    ("calls", "fenli_calls_total", "Calls that ended, by outcome.", ("vendor", "model", "outcome", "stream")),
    ("tokens", "fenli_tokens_total", "Tokens by meter; meters are disjoint.", ("vendor", "model", "meter")),
    ("unknown_cost", "fenli_unpriced_calls_total", "Answered calls whose cost is unknown.", ("vendor", "model")),
    ("refused", "fenli_refused_total", "Requests that went to no vendor, by code.", ("code",)),
)


def render(shared: Iterable[Counters]) -> str:
    """Prometheus text of the sum of all counters."""
    total = Counters()
    for counters in shared:
        for name in ("calls", "tokens", "cost_picos", "unknown_cost", "refused", "gauges"):
            mine = getattr(total, name)
            for label, count in getattr(counters, name).items():
                mine[label] = mine.get(label, 0) + count
        for name in ("duration", "first_content"):
            mine = getattr(total, name)
            for label, counts in getattr(counters, name).items():
                mine[label] = [a + b for a, b in zip(mine.get(label, [0] * len(counts)), counts, strict=True)]
    lines: list[str] = []
    for name, metric, text, labels in _FAMILIES:
        lines += [f"# HELP {metric} {text}", f"# TYPE {metric} counter"]
        lines += [f"{metric}{{{_labels(labels, key)}}} {count}" for key, count in sorted(getattr(total, name).items())]
    lines += ["# HELP fenli_cost_total Known cost in the currency of the contract; the ledger has it exactly."]
    lines += ["# TYPE fenli_cost_total counter"]
    for key, picos in sorted(total.cost_picos.items()):
        lines.append(f"fenli_cost_total{{{_labels(('vendor', 'model', 'currency'), key)}}} {picos / PICO!r}")
    lines += _histogram("fenli_call_duration_seconds", "From the request's last byte to the reply's.", total.duration)
    lines += _histogram("fenli_first_content_seconds", "From the request's last byte to content.", total.first_content)
    for name, value in sorted(total.gauges.items()):
        lines += [f"# TYPE {name} gauge", f"{name} {value}"]
    return "\n".join(lines) + "\n"


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


def _labels(names: Iterable[str], values: Label) -> str:
    return ",".join(f'{name}="{_escape(value)}"' for name, value in zip(names, values, strict=True))


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _portable(counters: Counters) -> dict[str, list[tuple[object, object]]]:
    return {name: list(getattr(counters, name).items()) for name in counters.__struct_fields__}


def _restored(portable: dict[str, list[tuple[object, object]]]) -> Counters:
    restored = {
        name: {tuple(key) if isinstance(key, list) else key: value for key, value in items}
        for name, items in portable.items()
    }
    return Counters(**restored)  # type: ignore[arg-type]


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(dict[str, list[tuple[object, object]]]).decode
