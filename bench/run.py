"""One run: every workload, round after round, every contender in each round."""

import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from . import contenders, machine, needs, service, workloads
from .contenders import Contender, Scene
from .results import FLOOR, Measured, Results
from .service import Service, Target
from .workloads import Stand, Workload

console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)


def install(names: Iterable[str]) -> tuple[dict[Contender, str], dict[str, str]]:
    """The contenders that can run with their versions, and why each of the others cannot."""
    ready, absent = {}, {}
    for name in names:
        contender = contenders.ALL[name]()
        try:
            with console.status(f"installing {name}"):
                ready[contender] = contender.install()
        except needs.NotReady as reason:
            absent[name] = str(reason)
            console.print(f"{name}: left out: {reason}")
    return ready, absent


@contextmanager
def stage() -> Iterator[Path]:
    """A folder for everything that servers write, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="fenli-bench-") as folder:
        yield Path(folder)


@contextmanager
def running(
    contender: Contender, upstream_port: int, folder: Path, body: bytes, connections: int = 4_096
) -> Iterator[tuple[Service, Target]]:
    """The contender, answering, as its process and its target."""
    own = Path(tempfile.mkdtemp(dir=folder))
    launch = contender.prepare(Scene(f"http://127.0.0.1:{upstream_port}", service.free_port(), own, connections))
    child = service.start(contender.name, launch.argv, launch.target, body, launch.environment)
    try:
        yield child, launch.target
    finally:
        child.stop()


def side_by_side(names: list[str], loads: list[str], rounds: int, seconds: float) -> Results:
    """Rounds outermost, so that a slow minute of the machine falls on every contender alike."""
    needs.raise_file_limit()
    needs.program("wrk")
    needs.program("nginx")
    ready, absent = install(names)
    results = Results(
        command=machine.command_line(),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=seconds,
        machine=machine.facts(),
        versions={contender.name: version for contender, version in ready.items()},
        about={contender.name: contender.about for contender in ready},
        absent=absent,
    )
    with stage() as folder:
        chosen = [workloads.ALL[name]() for name in loads]
        for number in range(1, rounds + 1):
            for workload in chosen:
                for measured in _round(workload, list(ready), number, seconds, folder):
                    results.measured.append(measured)
                    console.print(f"round {number}/{rounds} {_line(measured, workload)}")
    results.save()
    return results


def _round(workload: Workload, ready: list[Contender], number: int, seconds: float, folder: Path) -> Iterable[Measured]:
    ready = [contender for contender in ready if not workload.only or contender.name in workload.only]
    upstream, port = workload.upstream(folder)
    try:
        for pace in workload.floors([contender.pace for contender in ready]):
            yield workload.measure(Stand(FLOOR, number, Target(port), None, pace, seconds, folder))
        for contender in ready:
            try:
                yield _measure(workload, contender, number, seconds, port, folder)
            except Exception as problem:  # whatever goes wrong with one must not cost the figures of the others
                said = str(problem) if isinstance(problem, needs.NotReady) else repr(problem)
                console.print(f"round {number} {workload.name} {contender.name}: no figures: {said}", style="red")
    finally:
        upstream.stop()


def _measure(
    workload: Workload, contender: Contender, number: int, seconds: float, upstream_port: int, folder: Path
) -> Measured:
    span = seconds * contender.pace.seconds_factor
    with running(contender, upstream_port, folder, workload.body) as (child, target):
        return workload.measure(Stand(contender.name, number, target, child.pid, contender.pace, span, folder))


def _line(m: Measured, workload: Workload) -> str:
    cpu = "-" if m.tree_us_per_unit is None else f"{m.tree_us_per_unit:,.1f} us CPU a {workload.unit}"
    wait = "-" if m.p50_us is None or m.p99_us is None else f"p50 {m.p50_us:,.0f} us, p99 {m.p99_us:,.0f} us"
    failed = f", {m.failed} FAILED" if m.failed else ""
    return f"{m.workload:8}{m.contender:8} {cpu:>28} {m.per_second:>10,.1f} {workload.unit}s/s  {wait}{failed}"
