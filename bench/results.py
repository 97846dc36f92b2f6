"""What one run found, as it is saved."""

import msgspec

from . import figures, needs
from .process import Memory

LATEST = needs.RESULTS / "latest.json"
YARDSTICK, FLOOR = "nginx", "direct"


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One contender under one workload in one round. Times in microseconds; a unit is a call or a chunk."""

    contender: str
    workload: str
    round: int
    units: int
    failed: int
    per_second: float
    tree_us_per_unit: float | None = None
    busiest_us_per_unit: float | None = None
    busiest_pid: int | None = None
    p50_us: float | None
    p99_us: float | None
    samples: int
    rate: float
    parallel: int
    memory: list[Memory]

    @property
    def rss_mib(self) -> float | None:
        return sum(m.rss_kib for m in self.memory) / 1024 if self.memory else None

    @property
    def busiest_rss_mib(self) -> float | None:
        return next((m.rss_kib / 1024 for m in self.memory if m.pid == self.busiest_pid), None)

    @property
    def pss_mib(self) -> float | None:
        return sum(m.pss_kib for m in self.memory) / 1024 if self.memory else None

    @property
    def peak_mib(self) -> float | None:
        return sum(m.peak_kib for m in self.memory) / 1024 if self.memory else None


class Results(msgspec.Struct, kw_only=True):
    """One run. `versions` has every contender that could run, `absent` why another could not."""

    command: str
    started: str
    seconds: float
    machine: dict[str, str]
    versions: dict[str, str]
    about: dict[str, str]
    absent: dict[str, str]
    measured: list[Measured] = []

    def floor(self, m: Measured) -> Measured | None:
        """Direct in the same round, driven as `m` was if it has been measured so, else as it is by default."""
        direct = [d for d in self.of(FLOOR, m.workload) if d.round == m.round]
        alike = [d for d in direct if d.parallel == m.parallel]
        return next(iter(alike + direct), None)

    def of(self, contender: str, workload: str) -> list[Measured]:
        """All rounds of one contender under one workload, in order."""
        return [m for m in self.measured if (m.contender, m.workload) == (contender, workload)]

    def workloads(self) -> list[str]:
        return list(dict.fromkeys(m.workload for m in self.measured))

    def contenders(self, workload: str) -> list[str]:
        return list(dict.fromkeys(m.contender for m in self.measured if m.workload == workload))

    def save(self) -> None:
        needs.RESULTS.mkdir(exist_ok=True)
        LATEST.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Medians over the rounds, and their ratios to nginx, each taken within its round."""

    contender: str
    figures: dict[str, float | None]
    ratios: dict[str, float | None]
    ratio_range: tuple[float, float] | None
    driven_alike: bool  # as many clients or streams as nginx had
    rate: float
    parallel: int
    samples: int
    failed: int


def row(results: Results, contender: str, workload: str) -> Row:
    own = _by_round(results, contender, workload)
    base = _by_round(results, YARDSTICK, workload)
    values = {number: _figures(m, results.floor(m)) for number, m in own.items()}
    bases = {n: _figures(base[n], results.floor(base[n])) if n in base else {} for n in own}
    names = list(next(iter(values.values())))
    cpu = [figures.ratio(values[n]["cpu"], bases[n].get("cpu")) for n in own]
    known = figures.known(cpu)
    some = own[min(own)]
    return Row(
        contender=contender,
        figures={name: figures.median_known([values[n][name] for n in own]) for name in names},
        ratios={
            name: figures.paired_ratio([values[n][name] for n in own], [bases[n].get(name) for n in own])
            for name in names
        },
        ratio_range=(min(known), max(known)) if known else None,
        driven_alike=all(n in base and base[n].parallel == m.parallel for n, m in own.items()),
        rate=some.rate,
        parallel=some.parallel,
        samples=sum(m.samples for m in own.values()),
        failed=sum(m.failed for m in own.values()),
    )


def _by_round(results: Results, contender: str, workload: str) -> dict[int, Measured]:
    # Reversed: of several measurements of direct in one round, the first is the one by default.
    return {m.round: m for m in reversed(results.of(contender, workload))}


def _figures(m: Measured, floor: Measured | None) -> dict[str, float | None]:
    def added(name: str) -> float | None:
        value, least = getattr(m, name), getattr(floor, name, None)
        return None if value is None or least is None or m is floor else value - least

    return {
        "cpu": m.tree_us_per_unit,
        "worker": m.busiest_us_per_unit,
        "per_second": m.per_second,
        "p50": added("p50_us"),
        "p99": added("p99_us"),
        "rss": m.rss_mib,
        "worker_rss": m.busiest_rss_mib,
        "pss": m.pss_mib,
        "peak": m.peak_mib,
    }
