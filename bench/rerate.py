"""How long does it take to rate ten million calls again, in how much memory, and is the sum exact?

Each measurement is `fenli replay` itself, in a process of its own that has two cores. Beside it: DuckDB's bare `sum`
over the same files. The sample is rated once more call by call, by the code that rates a call when it is served.
"""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import msgspec
from rich.progress import Progress
from rich.table import Table

from fenli.planner.archive import USAGE, read_manifest
from fenli.prices import Facts, PriceBook, Tariff
from fenli.values import METERS, parse_instant
from fenli.values.money import decimal_of

from . import machine, needs, traffic
from .run import console, stage

CORES = 2
SECONDS_MAX, MIB_MAX = 20, 1024  # for ten million calls
_SUM = (
    "import duckdb, sys, time; started = time.perf_counter(); "
    "duckdb.execute('SELECT sum(picos) FROM read_parquet(?)', [sys.argv[1]]).fetchall(); "
    "print(time.perf_counter() - started)"
)
AS_OF, SWAP = "2026-08-20T00:00:00+08:00", "qwen-plus=deepseek/deepseek-v4-pro"
REPLAYS: dict[str, list[str]] = {
    "at their own instants": [],
    f"as of {AS_OF}": ["--as-of", AS_OF],
    f"with {SWAP}": ["--swap", SWAP],
}


class Run(msgspec.Struct, frozen=True):
    """One process: wall and CPU seconds, and its highest resident memory."""

    name: str
    seconds: float
    cpu_seconds: float
    peak_mib: float


def rerate(calls: int) -> int:
    """0 when the sums agree to the pico; time and memory are printed and saved in `results/replay.json`."""
    with stage() as folder:
        with Progress(console=console, transient=True) as bar:
            task = bar.add_task(f"writing {calls:,} calls of {len(traffic.MODELS)} models", total=calls)
            traffic.generate(folder, calls, lambda done: bar.update(task, completed=done))
        size = sum(path.stat().st_size for path in folder.glob("day=*/*.parquet"))
        console.print(f"{calls:,} calls of {len(traffic.MODELS)} models in {size / 2**20:,.0f} MiB of Parquet")
        summed, bare = _process("DuckDB's bare sum", [sys.executable, "-c", _SUM, str(folder / "day=*/*.parquet")])
        runs, agreed = [summed], True
        for name, options in REPLAYS.items():
            run, _ = _process(f"replay {name}", _command(folder, *options))
            runs.append(run)
        for name, options in REPLAYS.items():
            agreed &= _agree(folder, name, options)
    _show(runs, float(bare), calls)
    found = {"command": machine.command_line(), "machine": machine.facts(), "calls": calls, "bytes": size,
             "bare_sum_query_seconds": float(bare), "runs": runs, "sums_agree": agreed}  # fmt: skip
    needs.RESULTS.mkdir(exist_ok=True)
    (needs.RESULTS / "replay.json").write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    return 0 if agreed else 1


def _command(folder: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "fenli", "replay", "--archive", str(folder), "--json", *options]


def _process(name: str, command: list[str]) -> tuple[Run, str]:
    """Runs it on so many cores, and tells what it used and said."""
    cores = sorted(os.sched_getaffinity(0))[:CORES]
    started = time.monotonic()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: os.sched_setaffinity(0, cores)
    ) as child:
        assert child.stdout is not None
        said = child.stdout.read()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - started
    if child.returncode:
        raise needs.NotReady(f"{' '.join(command[1:])} ended with {child.returncode}")
    run = Run(name, seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
    console.print(f"{name}: {run.seconds:.2f} s, {run.cpu_seconds:.2f} s of CPU, {run.peak_mib:.0f} MiB")
    return run, said


def _agree(folder: Path, name: str, options: list[str]) -> bool:
    """Whether the replay of the sample comes to what its calls come to one by one."""
    _, said = _process(f"the sample, {name}", _command(folder, "--key", traffic.SAMPLE_KEY, *options))
    found = {total["currency"]: total["cost"] for total in json.loads(said)["totals"]}
    started = time.monotonic()
    rated, sums = 0, Counter[str]()
    for currency, picos in _one_by_one(folder, options):
        sums[currency] += picos
        rated += 1
    wanted = {currency: decimal_of(picos) for currency, picos in sums.items()}
    console.print(f"  {rated:,} calls one by one: {time.monotonic() - started:.1f} s; {wanted}")
    if wanted != found:
        console.print(f"  WRONG: the replay says {found}", style="red")
    return wanted == found


def _one_by_one(folder: Path, options: list[str]) -> Iterator[tuple[str, int]]:
    """Currency and picos of each call of the sample, rated by its tariff, at its own hour where a date is given."""
    book = PriceBook.load()
    meters = ", ".join(USAGE + meter for meter in METERS)
    files = [str(folder / part.path) for part in read_manifest(folder).parts]
    rows = duckdb.connect().execute(
        f"SELECT vendor, model, currency, facts, opened_at, closed_at, {meters} FROM read_parquet(?) WHERE key = ?",
        [files, traffic.SAMPLE_KEY],
    )
    prices = _Prices(book, options)
    while page := rows.fetchmany(10_000):
        for vendor, model, currency, facts, opened_at, closed_at, *units in page:
            tariff = prices.tariff(vendor, model, currency)
            usage = {meter: count for meter, count in zip(METERS, units, strict=True) if count is not None}
            given = Facts(**msgspec.json.decode(facts)) if facts else None
            rating = tariff.rate(usage, closed_at if tariff.basis == "end" else opened_at, given)
            yield rating.currency, rating.picos


class _Prices:
    """The tariffs that `options` ask for, put together without the code that is measured."""

    def __init__(self, book: PriceBook, options: list[str]) -> None:
        self._book = book
        self._options = options
        self._known: dict[tuple[str, str, str | None], Tariff] = {}

    def tariff(self, vendor: str, model: str, currency: str | None) -> Tariff:
        name = vendor, model, currency
        if name not in self._known:
            self._known[name] = self._made(vendor, model, currency)
        return self._known[name]

    def _made(self, vendor: str, model: str, currency: str | None) -> Tariff:
        if "--swap" in self._options:
            served, _, target = SWAP.partition("=")
            if model == served:
                vendor, _, model = target.partition("/")
                currency = None
        tariff = self._book.tariff(vendor, model, currency)
        assert tariff is not None
        if "--as-of" not in self._options:
            return tariff
        at = parse_instant(AS_OF)
        held = [offer for offer in tariff.offers if offer.effective_from <= at < (offer.effective_to or at + 1)]
        always = [msgspec.structs.replace(offer, effective_from=0, effective_to=None) for offer in held]
        return Tariff(always, tariff.basis)


def _show(runs: list[Run], bare: float, calls: int) -> None:
    table = Table("", "seconds", "CPU seconds", "peak MiB", "calls a second", title=f"{calls:,} calls on {CORES} cores")
    for run in runs:
        rate = f"{calls / run.seconds:,.0f}"
        table.add_row(run.name, f"{run.seconds:.2f}", f"{run.cpu_seconds:.2f}", f"{run.peak_mib:,.0f}", rate)
    console.print(table)
    console.print(f"The bare sum took {bare:.2f} s of its process's time.")
    if calls >= 10_000_000:
        slow = [run.name for run in runs if run.seconds > SECONDS_MAX or run.peak_mib > MIB_MAX]
        aim = f"at most {SECONDS_MAX} s and {MIB_MAX} MiB"
        console.print(f"Aim ({aim}): " + (f"missed by {', '.join(slow)}" if slow else "met"))
