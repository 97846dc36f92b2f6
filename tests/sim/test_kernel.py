from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fenli.sim.kernel import START, Simulation


def test_timers_run_by_instant_and_then_in_the_order_they_were_set() -> None:
    sim, seen = Simulation(), []
    sim.call_later(20, seen.append, "late")
    sim.call_later(10, seen.append, "first")
    sim.call_later(10, seen.append, "second")
    sim.call_soon(seen.append, "now")
    assert sim.run() == 4
    assert seen == ["now", "first", "second", "late"]
    assert sim.now() == START + 20


def test_time_stands_still_while_a_callback_runs() -> None:
    sim, seen = Simulation(0), []

    def wake() -> None:
        seen.append(sim.now())
        sim.call_soon(lambda: seen.append(sim.now()))
        sim.call_later(5, lambda: seen.append(sim.now()))

    sim.call_at(7, wake)
    sim.run()
    assert seen == [7, 7, 12]


def test_a_cancelled_timer_never_runs() -> None:
    sim, seen = Simulation(), []
    timer = sim.call_later(1, seen.append, "cancelled")
    sim.call_later(2, seen.append, "kept")
    timer.cancel()
    timer.cancel()
    assert sim.pending == 1
    sim.run()
    assert seen == ["kept"]


def test_cancelling_what_has_run_is_harmless() -> None:
    sim = Simulation()
    timer = sim.call_soon(int)
    sim.run()
    timer.cancel()
    assert sim.pending == 0


def test_a_run_stops_at_an_instant_or_after_so_many_steps() -> None:
    sim, seen = Simulation(0), []
    for instant in (1, 2, 3, 4):
        sim.call_at(instant, seen.append, instant)
    assert sim.run(max_steps=1) == 1
    assert sim.run(until=3) == 2
    assert (seen, sim.now(), sim.steps) == ([1, 2, 3], 3, 3)
    sim.run(until=100)
    assert sim.now() == 100
    assert not sim.step()


def test_a_past_instant_means_now() -> None:
    sim, seen = Simulation(50), []
    sim.call_at(10, lambda: seen.append(sim.now()))
    sim.run()
    assert seen == [50]


def test_cancelled_deadlines_do_not_pile_up() -> None:
    sim = Simulation()
    for _ in range(20_000):
        sim.call_later(10**12, int).cancel()
    assert sim.pending == 0
    assert len(sim._agenda._heap) < 10_000


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=60))
def test_whatever_is_set_and_cancelled_the_rest_runs_in_order(plans: list[tuple[int, bool]]) -> None:
    sim, seen = Simulation(0), []
    for number, (instant, cancelled) in enumerate(plans):
        timer = sim.call_at(instant, seen.append, (instant, number))
        if cancelled:
            timer.cancel()
    sim.run()
    assert seen == sorted((instant, number) for number, (instant, cancelled) in enumerate(plans) if not cancelled)


def test_the_trace_tells_runs_apart() -> None:
    one, other, third = Simulation().trace, Simulation().trace, Simulation().trace
    one.feed("ab", b"c", 1)
    other.feed("ab", b"c", 1)
    third.feed("a", b"bc", 1)
    assert one.digest() == other.digest() != third.digest()
