"""What does a stream weigh on which nothing happens? Many are opened and held, and the tree is weighed."""

from typing import Any

import msgspec
from rich.table import Table

from . import machine, needs, process, samples, streams, upstream
from .contenders import Contender
from .run import console, install, running, stage
from .service import Target

_IDLE_MS = 60_000  # to the second chunk: longer than any of this takes
_SPARE_FILES = 200


def idle(names: list[str], wanted: int) -> int:
    """`wanted` streams, or as many as open files allow (a stream needs two); saved as `results/idle.json`."""
    files = needs.raise_file_limit()
    count = min(wanted, (files - _SPARE_FILES) // 2)
    if count < wanted:
        console.print(f"{count:,} streams instead of {wanted:,}: a process may open {files:,} files here, two a stream")
    ready, absent = install(names)
    found: dict[str, Any] = {"command": machine.command_line(), "machine": machine.facts(), "absent": absent}
    table = Table("contender", "idle streams", "RSS before", "RSS with them", "KB a stream")
    with stage() as folder:
        server, port = upstream.own(_IDLE_MS)
        try:
            for contender in ready:
                with running(contender, port, folder, samples.question(), 2 * count + _SPARE_FILES) as (child, target):
                    found[contender.name] = _weigh(contender, target, child.pid, count, table)
        finally:
            server.stop()
    console.print(table)
    needs.RESULTS.mkdir(exist_ok=True)
    (needs.RESULTS / "idle.json").write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    return 0 if ready else 1


def _weigh(contender: Contender, target: Target, pid: int, count: int, table: Table) -> dict[str, Any]:
    held = streams.hold(target, count, 2, pid)
    before, during = _rss_kib(held.before), _rss_kib(held.during)
    each = (during - before) * 1024 / 1000 / max(held.streams, 1)
    cells = (f"{held.streams:,}", f"{before / 1024:.1f} MiB", f"{during / 1024:.1f} MiB", f"{each:.1f}")
    table.add_row(contender.name, *cells)
    return {"streams": held.streams, "kb_per_stream": each, "before": held.before, "during": held.during}


def _rss_kib(weighed: list[process.Memory]) -> int:
    return sum(m.rss_kib for m in weighed)
