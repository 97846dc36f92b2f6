from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fenli.values.ids import call_id, run_id

MILLISECOND = 10**6
instants = st.integers(0, 2**44).map(lambda ms: ms * MILLISECOND)
chances = st.integers(0, 2**30 - 1)
numbers = st.integers(0, 2**32 - 1)


@given(instants, instants, chances, chances)
def test_runs_sort_by_time(one, other, chance, mischance):
    assert one == other or (one < other) is (run_id(one, chance) < run_id(other, mischance))


@given(instants, chances, numbers, numbers)
def test_calls_of_a_run_sort_by_number(instant, chance, one, other):
    run = run_id(instant, chance)

    assert (one < other) is (call_id(run, one) < call_id(run, other))


@given(instants, chances, chances)
def test_runs_of_the_same_millisecond_differ_by_chance(instant, one, other):
    assert (one == other) is (run_id(instant, one) == run_id(instant, other))


def test_an_id_is_short_and_plain():
    name = call_id(run_id(1_790_000_000_000 * MILLISECOND), 7)

    assert name.startswith("call_")
    assert name.endswith("00000007")
    assert len(name) == 28
    assert name.isascii()
    assert name == name.lower()


def test_two_runs_are_not_alike():
    assert len({run_id(0) for _ in range(100)}) > 90
