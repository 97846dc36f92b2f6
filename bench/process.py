"""CPU time and memory of a process tree, read from /proc."""

import os
from dataclasses import dataclass
from pathlib import Path

TICK_US = 1_000_000 // os.sysconf("SC_CLK_TCK")
PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024


@dataclass(frozen=True, slots=True)
class Stat:
    """The fields of /proc/PID/stat that a bill needs (proc_pid_stat(5)); times in clock ticks."""

    pid: int
    command: str
    parent: int
    own_ticks: int
    reaped_ticks: int


def parse_stat(text: str) -> Stat:
    """The command may hold spaces and brackets, so fields are counted from the last closing one."""
    head, _, tail = text.rpartition(")")
    pid, _, command = head.partition(" (")
    fields = tail.split()
    user, system, reaped_user, reaped_system = (int(field) for field in fields[11:15])
    return Stat(int(pid), command, int(fields[1]), user + system, reaped_user + reaped_system)


def parse_kib(text: str, name: str) -> int:
    """The value in kB of one line of /proc/PID/status or smaps_rollup; 0 if the line is not there."""
    for line in text.splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    return 0


def descendants(root: int, stats: dict[int, Stat]) -> list[int]:
    """`root` and all processes below it, parents first."""
    found = [root] if root in stats else []
    for pid in found:
        found.extend(stat.pid for stat in stats.values() if stat.parent == pid)
    return found


def every_stat() -> dict[int, Stat]:
    stats = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (text := _read(f"/proc/{entry}/stat")):
            stat = parse_stat(text)
            stats[stat.pid] = stat
    return stats


def tree(root: int) -> dict[int, Stat]:
    """`root` and all its descendants now."""
    stats = every_stat()
    return {pid: stats[pid] for pid in descendants(root, stats)}


@dataclass(frozen=True, slots=True)
class Bill:
    """CPU time that a tree used between two looks: all of it, and its busiest process alone (a gateway's worker)."""

    tree_us: int
    busiest_us: int
    busiest_pid: int


def bill(before: dict[int, Stat], after: dict[int, Stat]) -> Bill:
    """A child that ended in between is whole in its parent's reaped time; what it had used before is taken off."""
    total = sum(s.own_ticks + s.reaped_ticks for s in after.values())
    total -= sum(s.own_ticks + s.reaped_ticks for s in before.values())
    own = {pid: s.own_ticks - (before[pid].own_ticks if pid in before else 0) for pid, s in after.items()}
    busiest = max(own, key=lambda pid: own[pid])
    return Bill(total * TICK_US, own[busiest] * TICK_US, busiest)


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory in KiB. RSS counts pages shared with another process in full, PSS its share of them; peak is VmHWM."""

    pid: int
    command: str
    rss_kib: int
    pss_kib: int
    peak_kib: int


def memory(root: int) -> list[Memory]:
    """The memory of every process of the tree."""
    return [
        Memory(
            stat.pid,
            stat.command,
            parse_kib(status, "VmRSS"),
            parse_kib(_read(f"/proc/{stat.pid}/smaps_rollup"), "Pss"),
            parse_kib(status, "VmHWM"),
        )
        for stat in tree(root).values()
        if (status := _read(f"/proc/{stat.pid}/status"))
    ]


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except (FileNotFoundError, ProcessLookupError, PermissionError):  # it ended between the listing and the look
        return ""
