from __future__ import annotations

import pytest

from fenli.sim.random import Chance


def test_a_stream_draws_the_same_whatever_the_others_do() -> None:
    alone = Chance(7).stream("market")
    chance = Chance(7)
    other, market = chance.stream("clients"), chance.stream("market")
    for _ in range(20):
        other.integer(0, 10)
        assert market.integer(0, 1000) == alone.integer(0, 1000)


def test_known_draws_stay_what_they_are() -> None:
    stream = Chance(7).stream("market")
    drawn = [stream.integer(0, 99) for _ in range(5)]
    again = Chance(7).stream("market")
    assert drawn == [again.integer(0, 99) for _ in range(5)]
    assert drawn == [31, 4, 55, 54, 2]


def test_seed_and_name_do_not_run_into_each_other() -> None:
    assert Chance("1").stream("1/a").integer(0, 2**60) != Chance("1/1").stream("a").integer(0, 2**60)
    assert Chance(1).stream("a").stream("b").integer(0, 2**60) != Chance(1).stream("ab").integer(0, 2**60)


def test_the_helpers_keep_to_their_ranges() -> None:
    stream = Chance(1).stream("x")
    assert {stream.integer(3, 5) for _ in range(200)} == {3, 4, 5}
    assert {stream.choice("ab") for _ in range(50)} == {"a", "b"}
    assert not any(stream.probability(0.0) for _ in range(50))
    assert all(stream.probability(1.0) for _ in range(50))
    spans = [stream.exponential(1000) for _ in range(5000)]
    assert min(spans) >= 0
    assert 900 < sum(spans) / len(spans) < 1100
    assert len(stream.bytes(5)) == 5
    with pytest.raises(ValueError, match="no integer"):
        stream.integer(2, 1)
