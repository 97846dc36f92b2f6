import os

from bench.process import TICK_US, Stat, bill, descendants, memory, parse_kib, parse_stat, tree


def stat(pid: int, parent: int, own: int = 0, reaped: int = 0) -> Stat:
    return Stat(pid, "x", parent, own, reaped)


def test_a_command_may_hold_spaces_and_brackets():
    line = "42 (tmux: (a) b) S 7 42 42 0 -1 4194304 100 0 0 0 11 22 3 4 20 0 1 0 500 1000 50 18446744073709551615\n"
    assert parse_stat(line) == Stat(42, "tmux: (a) b", 7, 33, 7)


def test_memory_is_read_by_its_name():
    status = "Name:\tfenli\nVmHWM:\t   81920 kB\nVmRSS:\t   65536 kB\n"
    assert parse_kib(status, "VmRSS") == 65536
    assert parse_kib(status, "VmHWM") == 81920
    assert parse_kib("", "VmRSS") == 0


def test_a_tree_has_grandchildren_and_no_strangers():
    stats = {s.pid: s for s in (stat(1, 0), stat(10, 1), stat(11, 10), stat(12, 11), stat(20, 1))}
    assert descendants(10, stats) == [10, 11, 12]
    assert descendants(99, stats) == []


def test_the_bill_counts_the_tree_and_names_the_busiest():
    before = {1: stat(1, 0, own=10), 2: stat(2, 1, own=100)}
    after = {1: stat(1, 0, own=11), 2: stat(2, 1, own=150), 3: stat(3, 1, own=4)}
    billed = bill(before, after)
    assert billed.tree_us == (1 + 50 + 4) * TICK_US
    assert (billed.busiest_pid, billed.busiest_us) == (2, 50 * TICK_US)


def test_a_child_that_ended_is_billed_once():
    before = {1: stat(1, 0, own=10), 2: stat(2, 1, own=30)}
    after = {1: stat(1, 0, own=10, reaped=35)}
    assert bill(before, after).tree_us == 5 * TICK_US


def test_this_process_is_in_its_own_tree():
    assert os.getpid() in tree(os.getpid())
    assert any(m.rss_kib > 1024 for m in memory(os.getpid()))
