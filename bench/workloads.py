"""The kinds of load: short calls, streams, streams that are translated, long prompts."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from . import figures, load, pace, process, samples, streams, upstream
from .contenders import Pace
from .results import Measured
from .service import Service, Target


@dataclass(frozen=True, slots=True)
class Stand:
    """One contender, started and answering, in one round."""

    contender: str
    round: int
    target: Target
    pid: int | None
    pace: Pace
    seconds: float
    folder: Path


class Workload(ABC):
    """``only`` names the contenders that it is for; all of them where it is empty."""

    name: ClassVar[str]
    unit: ClassVar[str]
    title: ClassVar[str]
    only: ClassVar[tuple[str, ...]] = ()
    body: bytes

    @abstractmethod
    def upstream(self, folder: Path) -> tuple[Service, int]:
        """The upstream of this load, started, and its port."""

    @abstractmethod
    def measure(self, stand: Stand) -> Measured: ...

    def floors(self, paces: Sequence[Pace]) -> list[Pace]:
        """The paces at which `direct` is measured, so that what each contender adds can be told."""
        return [Pace()]


class _Calls(Workload):
    """A closed loop for what a call costs, then an open loop for what it waits."""

    def measure(self, stand: Stand) -> Measured:
        connections, rate = self.drive(stand.pace)
        load.closed_loop(stand.target, self.body, connections, stand.seconds / 4, stand.folder, None)  # warms up
        closed = load.closed_loop(stand.target, self.body, connections, stand.seconds, stand.folder, stand.pid)
        memory = process.memory(stand.pid) if stand.pid else []
        paced = pace.open_loop(stand.target, self.body, rate, stand.seconds)
        return Measured(
            contender=stand.contender,
            workload=self.name,
            round=stand.round,
            units=closed.calls,
            failed=closed.failed + paced.failed,
            per_second=closed.per_second,
            **_per_unit(closed.bill, closed.calls),
            p50_us=_percentile(paced.latencies_us, 50),
            p99_us=_percentile(paced.latencies_us, 99),
            samples=len(paced.latencies_us),
            rate=rate,
            parallel=connections,
            memory=memory,
        )

    @abstractmethod
    def drive(self, pace: Pace) -> tuple[int, int]:
        """Connections of the closed loop, calls a second of the open one."""


class ShortCalls(_Calls):
    name, unit = "calls", "call"
    title = "Non-streaming calls"

    def __init__(self) -> None:
        self.body = samples.question()

    def upstream(self, folder: Path) -> tuple[Service, int]:
        return upstream.fixed_answer(folder)

    def drive(self, pace: Pace) -> tuple[int, int]:
        return pace.connections, pace.calls_per_second


class LongPrompts(_Calls):
    name, unit = "prompts", "call"
    title = f"Calls with a prompt of {samples.PROMPT_BYTES // 1_000_000} MB"

    def __init__(self) -> None:
        self.body = samples.long_prompt()

    def upstream(self, folder: Path) -> tuple[Service, int]:
        return upstream.own()

    def drive(self, pace: Pace) -> tuple[int, int]:
        return pace.prompt_connections, pace.prompts_per_second


class Streams(Workload):
    name, unit = "streams", "chunk"
    title = f"Streams of {samples.CHUNKS} chunks, one every {samples.INTERVAL_MS} ms"

    def __init__(self) -> None:
        self.body = samples.question(stream=True)

    def upstream(self, folder: Path) -> tuple[Service, int]:
        return upstream.own()

    def floors(self, paces: Sequence[Pace]) -> list[Pace]:
        """A chunk waits for the chunks of other streams written before it, so each number of streams has its own."""
        return list({pace.streams: pace for pace in [Pace(), *paces]}.values())

    def measure(self, stand: Stand) -> Measured:
        count = stand.pace.streams
        relayed = streams.relay(stand.target, self.body, count, stand.seconds / 4, stand.seconds, stand.pid)
        return Measured(
            contender=stand.contender,
            workload=self.name,
            round=stand.round,
            units=relayed.chunks,
            failed=relayed.failed,
            per_second=relayed.chunks / relayed.seconds,
            **_per_unit(relayed.bill, relayed.chunks),
            p50_us=_percentile(relayed.delays_us, 50),
            p99_us=_percentile(relayed.delays_us, 99),
            samples=len(relayed.delays_us),
            rate=relayed.chunks / relayed.seconds,
            parallel=count,
            memory=process.memory(stand.pid) if stand.pid else [],
        )


class Translated(Streams):
    """The vendor speaks another dialect than the caller. nginx hands its bytes on as they are: it is the yardstick
    here, too. Who is set up for one dialect alone has nothing to show."""

    name = "translated"
    title = f"Streams of {samples.CHUNKS} chunks, said again in another dialect"
    only = ("nginx", "fenli")

    def __init__(self) -> None:
        self.body = samples.question(stream=True, model=samples.TRANSLATED_MODEL)


def _per_unit(bill: process.Bill | None, units: int) -> dict[str, Any]:
    if bill is None or not units:
        return {}
    return {
        "tree_us_per_unit": bill.tree_us / units,
        "busiest_us_per_unit": bill.busiest_us / units,
        "busiest_pid": bill.busiest_pid,
    }


def _percentile(values: Sequence[float], percent: float) -> float | None:
    return figures.percentile(values, percent) if values else None


ALL: dict[str, type[Workload]] = {kind.name: kind for kind in (ShortCalls, Streams, Translated, LongPrompts)}
