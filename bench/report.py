"""The tables: on the terminal and, as Markdown that a page can include, in `results/latest.md`."""

from dataclasses import dataclass

import msgspec
from rich.table import Table

from . import needs, results, workloads
from .results import FLOOR, YARDSTICK, Results, Row
from .run import console

MARKDOWN = needs.RESULTS / "latest.md"
_PAGE = needs.HERE.parent / "docs" / "performance.md"
_BEGIN, _END = "<!-- tables: written by `python -m bench publish` -->\n", "<!-- end of tables -->\n"
_NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table. `figure` is a name of `Row.figures`; `ratio` adds the multiple of nginx.

    `needs_alike`: not where a contender was driven by fewer streams, since a chunk waits for those written before it.
    """

    title: str
    figure: str
    digits: int = 0
    ratio: bool = True
    needs_alike: bool = False


def _lines(unit: str) -> list[Line]:
    waits = "delay of a chunk" if unit == "chunk" else "latency"
    return [
        Line(f"CPU µs a {unit}, whole tree", "cpu", 1),
        Line("CPU µs, busiest process alone", "worker", 1),
        # The rate of a stream is the upstream's: how many chunks came says nothing about who relayed them.
        Line(f"{unit}s a second", "per_second", ratio=unit != "chunk"),
        Line(f"added {waits}, p50 µs", "p50", needs_alike=unit == "chunk"),
        Line(f"added {waits}, p99 µs", "p99", needs_alike=unit == "chunk"),
        Line("RSS MiB after the load, whole tree", "rss", 1),
        Line("RSS MiB, busiest process alone", "worker_rss", 1),
        Line("peak RSS MiB, whole tree", "peak", 1),
    ]


def show(found: Results) -> None:
    """Print every table and save the Markdown."""
    for workload in found.workloads():
        title, heads, rows = _table(found, workload)
        table = Table(title=title, title_justify="left")
        for index, head in enumerate(heads):
            table.add_column(head, justify="right" if index else "left", style="bold" if head == "fenli" else None)
        for cells in rows:
            table.add_row(*cells)
        console.print(table)
    for name, reason in found.absent.items():
        console.print(f"{name}: left out: {reason}")
    MARKDOWN.write_text(markdown(found))
    console.print(f"saved: bench/results/{results.LATEST.name}, bench/results/{MARKDOWN.name}")


def markdown(found: Results) -> str:
    facts = "; ".join(f"{name} {value}" for name, value in found.machine.items())
    rounds = max((m.round for m in found.measured), default=0)
    lines = [
        f"`{found.command}`, {found.started}: {rounds} rounds of {found.seconds:g} s.",
        "",
        f"Machine: {facts}.",
        "",
    ]
    for workload in found.workloads():
        title, heads, rows = _table(found, workload)
        lines += [f"**{title}**", "", _md(heads), _md(["---"] + ["---:"] * (len(heads) - 1))]
        lines += [_md(cells) for cells in rows] + [""]
    lines += [f"- {name} {found.versions[name]}: {about}." for name, about in found.about.items()]
    lines += [f"- {name}: left out of this run: {reason.splitlines()[0]}." for name, reason in found.absent.items()]
    return "\n".join(lines) + "\n"


def publish() -> int:
    """Put the tables of the last run into docs/performance.md; 0 when done, 1 when there was no run."""
    if not results.LATEST.exists():
        console.print("nothing to publish: no run has been saved yet")
        return 1
    before, _, rest = _PAGE.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    tables = markdown(msgspec.json.decode(results.LATEST.read_bytes(), type=Results))
    _PAGE.write_text(f"{before}{_BEGIN}\n{tables}\n{_END}{after}")
    return 0


def _table(found: Results, workload: str) -> tuple[str, list[str], list[list[str]]]:
    kind = workloads.ALL[workload]
    rows = [results.row(found, name, workload) for name in found.contenders(workload)]
    cells = [["driven by", *(_drive(row, kind.unit) for row in rows)]]
    cells += [[line.title, *(_cell(row, line) for row in rows)] for line in _lines(kind.unit)]
    cells += [["samples; failed", *(f"{row.samples:,}; {row.failed}" for row in rows)]]
    return kind.title, ["", *(row.contender for row in rows)], cells


def _drive(row: Row, unit: str) -> str:
    return _count(row.parallel, "stream") if unit == "chunk" else f"{_count(row.parallel, 'client')}, {row.rate:,.0f}/s"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _cell(row: Row, line: Line) -> str:
    value, ratio = row.figures[line.figure], row.ratios[line.figure]
    if value is None:
        return _NOTHING
    text = f"{value:,.{line.digits}f}"
    if ratio is None or not line.ratio or row.contender in (FLOOR, YARDSTICK):
        return text
    if line.needs_alike and not row.driven_alike:
        return text
    if line.figure == "cpu" and row.ratio_range:
        return f"{text} ({_times(ratio)}×, {_times(row.ratio_range[0])}–{_times(row.ratio_range[1])})"
    return f"{text} ({_times(ratio)}×)"


def _times(ratio: float) -> str:
    """Two digits behind the point near 1, fewer above, three figures that mean something below."""
    return f"{ratio:.2f}" if 0.1 <= ratio < 10 else f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.2g}"


def _md(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
