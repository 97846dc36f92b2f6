"""Is memory flat over a million calls? Slices of mixed load, the tree weighed after each."""

import time
from pathlib import Path
from typing import Any

import msgspec
from rich.table import Table

from . import figures, load, machine, needs, process, samples, streams, upstream
from .contenders import Contender
from .run import console, install, running, stage
from .service import Target

_CONNECTIONS = 32
_SLICES = 20
_SLICE_SECONDS_MAX = 30
_STREAM_SECONDS = 2


def soak(names: list[str], calls: int) -> int:
    """At least `calls` calls each, with streams between them; the result is saved as `results/soak.json`."""
    needs.raise_file_limit()
    ready, absent = install(names)
    found: dict[str, Any] = {"command": machine.command_line(), "machine": machine.facts(), "absent": absent}
    with stage() as folder:
        server, port = upstream.own()
        try:
            for contender in ready:
                with running(contender, port, folder, samples.question()) as (child, target):
                    found[contender.name] = _soak(contender, target, child.pid, calls, folder)
        finally:
            server.stop()
    needs.RESULTS.mkdir(exist_ok=True)
    (needs.RESULTS / "soak.json").write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    return 0 if ready else 1


def _soak(contender: Contender, target: Target, pid: int, calls: int, folder: Path) -> dict[str, Any]:
    body, pace = samples.question(), contender.pace
    connections = min(_CONNECTIONS, pace.connections)
    # The first slice warms up and tells how long the others must be.
    first = load.closed_loop(target, body, connections, 2, folder, None)
    seconds = min(max(calls / _SLICES / max(first.per_second, 1), 1), _SLICE_SECONDS_MAX)
    done, failed, chunks = first.calls, first.failed, 0
    points = [_weigh(pid, done, chunks)]
    started = time.monotonic()
    while done < calls:
        closed = load.closed_loop(target, body, connections, seconds, folder, None)
        if not closed.calls:
            raise needs.NotReady(f"{contender.name} answered no call any more after {done}")
        relayed = streams.relay(target, samples.question(stream=True), pace.streams, 0, _STREAM_SECONDS, None)
        done, failed = done + closed.calls + relayed.finished, failed + closed.failed + relayed.failed
        chunks += relayed.chunks
        points.append(_weigh(pid, done, chunks))
        rss = points[-1]["rss_mib"]
        console.print(f"{contender.name}: {done:>10,} calls, {chunks:>9,} chunks, {failed} failed, RSS {rss:.1f} MiB")
    growth = _growth(points, calls)
    table = Table(
        "contender", "calls", "chunks", "failed", "minutes", "RSS first", "RSS last", "growth per million calls"
    )
    first_mib, last_mib = points[0]["rss_mib"], points[-1]["rss_mib"]
    table.add_row(
        contender.name, f"{done:,}", f"{chunks:,}", str(failed), f"{(time.monotonic() - started) / 60:.1f}",
        f"{first_mib:.1f} MiB", f"{last_mib:.1f} MiB", f"{growth:+.2f} MiB",
    )  # fmt: skip
    console.print(table)
    return {"calls": done, "failed": failed, "growth_mib_per_million_calls": growth, "points": points}


def _growth(points: list[dict[str, Any]], calls: int) -> float:
    """MiB per million calls. Pools and caches fill once, in the first tenth; growth after that is a leak."""
    late = [point for point in points if point["calls"] >= calls / 10]
    if len(late) < 2:
        return 0.0
    return 1e6 * figures.slope([point["calls"] for point in late], [point["rss_mib"] for point in late])


def _weigh(pid: int, calls: int, chunks: int) -> dict[str, Any]:
    weighed = process.memory(pid)
    return {
        "calls": calls,
        "chunks": chunks,
        "rss_mib": sum(m.rss_kib for m in weighed) / 1024,
        "processes": weighed,
    }
