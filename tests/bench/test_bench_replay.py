"""The replay's benchmark in small: the same traffic each time, and sums that agree with rating call by call."""

from pathlib import Path

import pytest

from bench import rerate, traffic
from fenli.planner.archive import read_manifest


def test_a_sample_of_the_traffic_is_rated_alike_one_by_one(tmp_path: Path) -> None:
    done: list[int] = []
    traffic.generate(tmp_path, 6_000, done.append)
    assert done[-1] == read_manifest(tmp_path).entries == 6_000
    for name, options in rerate.REPLAYS.items():
        assert rerate._agree(tmp_path, name, options)


def test_a_wrong_sum_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    traffic.generate(tmp_path, 3_000, lambda _: None)
    monkeypatch.setattr(rerate, "_one_by_one", lambda *_: iter([("CNY", 1)]))
    assert not rerate._agree(tmp_path, "at their own instants", [])
