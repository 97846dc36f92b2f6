"""A vendor keeps the last few thousand things, and no more."""

from fenli.market.last_few import KEPT, LastFew


def test_the_oldest_gives_way_to_one_too_many() -> None:
    kept: LastFew[int] = LastFew()
    for number in range(KEPT + 2):
        kept.keep(str(number), number)
    assert (len(kept), next(iter(kept))) == (KEPT, "2")
    kept.keep("2", 7)  # no new one: nothing gives way
    assert (len(kept), kept["2"]) == (KEPT, 7)
