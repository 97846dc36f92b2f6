"""The production gateway against the market in virtual time. A failing world says how to run it again."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from checkers import (
    check_answers,
    check_books,
    check_callers_and_books,
    check_holds,
    check_restarts,
    check_unasked,
    complaints_of,
)  # fmt: skip
from visitors import Visitor
from world import World

from fenli.clock import SECOND
from fenli.ledger.records import Grade

SEEDS = (1, 2, 3, 4)
# So that no two stories tell of the same worlds.
FIRST = {"test_the_invariants_hold_without_crashes": 1000, "test_the_invariants_hold_while_the_disk_fails": 2000}
CALLS = 5_000


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--seed", default=None)
        first = FIRST.get(metafunc.function.__name__, 0)
        metafunc.parametrize("seed", [first + seed for seed in SEEDS] if chosen is None else [chosen])


def run(request: pytest.FixtureRequest, seed: int, calls: int = CALLS, **troubles: object) -> World:
    calls = request.config.getoption("--calls", default=None) or calls
    return World(seed, calls, **troubles).run()  # type: ignore[arg-type]


def judge(world: World, found: list[str]) -> None:
    shown = "\n  ".join(found[:20])
    test = os.environ.get("PYTEST_CURRENT_TEST", "").partition("::")[2].partition("[")[0]
    again = f"pytest tests/simulator -k {test} --seed {world.seed} --calls {world.calls}"
    assert not found, f"{len(found)} complaints; again with: {again}\n  {shown}"


def test_the_invariants_hold(request: pytest.FixtureRequest, seed: int) -> None:
    world = run(request, seed, disk_troubles=("write", "sync"))
    judge(world, complaints_of(world))


def test_the_invariants_hold_without_crashes(request: pytest.FixtureRequest, seed: int) -> None:
    world = run(request, seed, 500, crashing=False)
    judge(world, complaints_of(world))


def test_the_invariants_hold_while_the_disk_fails(request: pytest.FixtureRequest, seed: int) -> None:
    world = run(request, seed, 500, disk_troubles=("write", "sync"), disk_mean=4 * SECOND)
    judge(world, complaints_of(world))


def test_everything_that_can_happen_happens() -> None:
    """A world in which nothing goes wrong proves nothing."""
    world = World(1, 2_500).run()
    ends = {visitor.end for visitor in world.visitors.values()}
    assert ends == {"reply", "finish", "abort", "left", "crash"}
    assert {worker.crash for worker in world.workers} >= {"kill", None}
    faults = {serving.fault.partition("@")[0] for serving in world.market.book if serving.fault}
    assert len(faults) >= 20
    assert {serving.outcome.value for serving in world.market.book} == {"whole", "cut", "refused", "gone"}
    assert any(visitor.slow or visitor.wish.reads for visitor in world.visitors.values())


# Invariant 8


def fingerprint(seed: int, calls: int) -> str:
    return World(seed, calls).run().sim.trace.digest()


def test_the_same_seed_is_the_same_run_bit_for_bit(request: pytest.FixtureRequest) -> None:
    seed = request.config.getoption("--seed", default=None) or 5
    program = f"from test_simulator import fingerprint; print(fingerprint({seed}, 600))"
    paths = [str(Path(__file__).parent), *sys.path]
    other = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert fingerprint(seed, 600) == other.stdout.strip()
    assert fingerprint(seed + 1, 600) != other.stdout.strip()


# The checkers themselves: each must notice what it is there for


@pytest.fixture
def world() -> World:
    return World(11, 300, crashing=False).run()


def whole_stream(world: World) -> Visitor:
    return next(
        visitor for visitor in world.visitors.values()
        if visitor.end == "finish" and visitor.wish.words > 5 and not visitor.wish.tools and not visitor.wish.limit
    )  # fmt: skip


def test_a_world_in_order_has_no_complaints(world: World) -> None:
    assert complaints_of(world) == []


def test_a_truncated_answer_that_looks_complete_is_noticed(world: World) -> None:
    visitor = whole_stream(world)
    events = bytes(visitor.got).split(b"\n\n")
    del events[5]
    visitor.got[:] = b"\n\n".join(events)
    assert list(check_answers(world))


def test_a_doubled_event_is_noticed(world: World) -> None:
    visitor = whole_stream(world)
    events = bytes(visitor.got).split(b"\n\n")
    events.insert(5, events[5])
    visitor.got[:] = b"\n\n".join(events)
    assert list(check_answers(world))


def test_a_missing_end_and_a_second_end_are_noticed(world: World) -> None:
    first, second, *_ = world.visitors.values()
    first.end = None
    second.end = "finish"
    second.reply(200, b"", b"{}")
    found = list(check_answers(world))
    assert any("no terminal event" in what for what in found)
    assert any("reply on an exchange that was finish" in what for what in found)


def test_a_pico_too_much_is_noticed(world: World) -> None:
    honest = [serving for serving in world.market.book if serving.outcome == "whole" and not serving.fault]
    serving = next(serving for serving in honest if serving.vendor != "local")
    kept = list(world.market.book)
    at = kept.index(serving)
    kept[at] = msgspec.structs.replace(serving, completion_tokens=serving.completion_tokens + 1)
    world.market.book._entries.clear()
    world.market.book._entries.extend(kept)
    assert any("at the vendor" in what for what in check_books(world))


def test_a_lost_frame_is_noticed(world: World) -> None:
    disk = world.workers[0].disk
    length = int.from_bytes(disk.data[8:12], "little")
    first = 16 + length
    size = 8 + int.from_bytes(disk.data[first : first + 4], "little")
    del disk.data[first : first + size]
    assert list(check_books(world))
    assert list(check_callers_and_books(world))


def test_a_hold_that_outlives_its_call_is_noticed(world: World) -> None:
    disk = world.workers[0].disk
    number = next(iter(disk.witness.final))
    held = [1, 9999, 0, "key-1", "chat", False, 1, "openai", "m", None, None, 0, "c-9999"]
    settled = [3, 9999, 1, 0, True, "ok", Grade.NONE.value]
    disk.witness.frame([held, [2, 9999, 2, 0, "openai", "m", None, None], settled, [4, number, 1, 0, True, "ok"]])
    found = list(check_holds(world))
    assert any("hold money" in what for what in found)
    assert any("after its final one" in what for what in found)


def test_damage_in_the_journal_is_noticed(world: World) -> None:
    world.workers[0].disk.data[500] ^= 1
    assert list(check_books(world))


def test_restarts_are_compared(world: World) -> None:
    assert list(check_restarts(world, cuts=20)) == []


def test_a_cost_that_nobody_can_have_charged_is_noticed(world: World) -> None:
    world.asked.pop(0)
    assert list(check_unasked(world))


@pytest.mark.slow
@pytest.mark.parametrize("first", range(10_000, 10_100, 10))
def test_many_worlds(request: pytest.FixtureRequest, first: int) -> None:
    chosen = request.config.getoption("--seed", default=None)
    for seed in range(first, first + 10) if chosen is None else (chosen,):
        world = run(request, seed, 1_000, disk_troubles=("write", "sync"), disk_mean=10 * SECOND)
        judge(world, complaints_of(world))
