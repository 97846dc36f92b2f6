"""How many tokens the bytes of prompts come to, as vendors measured them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from books import SECOND, StoppedClock, Worker, attempted, held, post_all, released, settled
from sqlalchemy import update

from fenli.ledger.records import Grade
from fenli.office.calibration import BYTES_MIN, SAMPLES_MIN, prompt_ratios, ratio_of
from fenli.office.desk import CALIBRATE_SPAN, Desk
from fenli.office.posting import Posting
from fenli.office.settings import Settings
from fenli.office.tables import calibrations
from fenli.routing.snapshot import read_snapshot
from fenli.store import Database

NAME = "deepseek/deepseek-chat"


class Days:
    """Calls of one worker, as many as a story needs."""

    def __init__(self, data: Path, posting: Posting) -> None:
        self._worker = Worker(data)
        self._posting = posting
        self._number = 0

    def calls(self, count: int, tokens: int, prompt_bytes: int = 1_000, text: bool | None = True, **ended: Any) -> None:
        for _ in range(count):
            self._number += 1
            usage = {"cached_input": tokens // 2, "input": tokens - tokens // 2, "output": 10**6}
            self._worker.write(
                held(self._number, prompt_bytes=prompt_bytes, text=text), settled(self._number, usage=usage, **ended)
            )
        post_all(self._posting)

    def fails_over(self, tokens: int) -> None:
        self._number += 1
        self._worker.write(
            held(self._number, prompt_bytes=1_000, text=True), released(self._number), attempted(self._number),
            settled(self._number, 2, usage={"input": tokens}),
        )  # fmt: skip
        post_all(self._posting)


@pytest.fixture
def days(data: Path, posting: Posting) -> Days:
    return Days(data, posting)


def ratios(database: Database) -> dict[str, int]:
    with database.read() as connection:
        return prompt_ratios(connection)


def test_the_most_that_was_seen_counts_with_a_quarter_on_top(database: Database, days: Days) -> None:
    days.calls(SAMPLES_MIN - 2, 150)
    days.calls(1, 200)
    assert ratios(database) == {}, "too few to rely on"
    days.calls(1, 100)
    assert ratios(database) == {NAME: 250}
    days.calls(1, 201)
    assert ratios(database) == {NAME: 300}, "in steps of 50, up"


@pytest.mark.parametrize(
    "changed",
    [
        {"text": False},
        {"text": None},
        {"prompt_bytes": BYTES_MIN - 1, "tokens": 255},
        {"tokens": 1_001},
        {"grade": Grade.ESTIMATED},
    ],
)
def test_what_says_nothing_of_text_is_no_sample(database: Database, days: Days, changed: dict[str, Any]) -> None:
    days.calls(SAMPLES_MIN, **{"tokens": 900} | changed)
    days.calls(SAMPLES_MIN - 1, 200)
    assert ratios(database) == {}
    days.calls(1, 200)
    assert ratios(database) == {NAME: 250}


def test_each_attempt_speaks_for_the_model_that_answered(database: Database, days: Days) -> None:
    for _ in range(SAMPLES_MIN):
        days.fails_over(400)
    assert ratios(database) == {"moonshot/kimi-k3": 500}


@pytest.mark.parametrize(("ppm", "ratio"), [(1, 50), (40_000, 50), (40_001, 100), (799_000, 1_000), (10**6, 1_000)])
def test_a_ratio_is_never_less_than_what_was_seen_nor_more_than_a_token_a_byte(ppm: int, ratio: int) -> None:
    assert ratio_of(ppm) == ratio


def test_the_snapshot_learns_of_it_once_a_minute_at_most(database: Database, data: Path, days: Days) -> None:
    clock, path = StoppedClock(), data / "snapshot"
    desk = Desk(database, path, Settings, {"DEEPSEEK_API_KEY": "x"}, (), clock)
    desk.reload()
    days.calls(SAMPLES_MIN, 200)
    desk.check()
    first = read_snapshot(path)
    assert first.prompt_ratios == {}
    clock.instant += CALIBRATE_SPAN
    days.calls(1, 10)
    desk.check()
    second = read_snapshot(path)
    assert second.prompt_ratios == {NAME: 250}
    for most in (200_001, 210_000, 240_000):
        clock.instant += CALIBRATE_SPAN + SECOND
        with database.write() as connection:
            connection.execute(update(calibrations).values(most_ppm=most))
        desk.check()
    assert read_snapshot(path).prompt_ratios == {NAME: 300}
