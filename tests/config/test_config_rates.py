"""Files of rates: read whole, or refused with every mistake and its line."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from fenli.config.load import Config
from fenli.config.problems import ConfigRefused, Located
from fenli.config.rates import load_rates
from fenli.prices.rates import Rate
from fenli.values import parse_instant

Load = Callable[[str], Config]

GOOD = """
[[rates]]
pair = "USD/CNY"
rate = "7.1234"
effective_from = 2026-11-01T00:00:00+08:00
source = "PBoC central parity"
"""


@pytest.fixture
def refused(load: Load, tmp_path: Path) -> Callable[[str], tuple[Located, ...]]:
    def refused(text: str) -> tuple[Located, ...]:
        tmp_path.joinpath("fx.toml").write_text(text, encoding="utf-8")
        with pytest.raises(ConfigRefused) as caught:
            load_rates(load('[rates]\nfiles = ["fx.toml"]'))
        return caught.value.problems

    return refused


def test_the_files_that_are_named_are_read(load: Load, tmp_path: Path) -> None:
    tmp_path.joinpath("fx.toml").write_text(GOOD)
    tmp_path.joinpath("more.toml").write_text(GOOD.replace("11-01", "11-02").replace("7.1234", "7.13"))
    found = load_rates(load('[rates]\nfiles = ["fx.toml", "more.toml"]'))
    begins = parse_instant("2026-10-31T16:00:00Z")
    assert found[0] == Rate("USD", "CNY", Decimal("7.1234"), begins, "PBoC central parity")
    assert [rate.value for rate in found] == [Decimal("7.1234"), Decimal("7.13")]
    assert load_rates(load("")) == ()


def test_a_file_that_is_not_there_is_refused_by_the_line_that_names_it(load: Load) -> None:
    with pytest.raises(ConfigRefused) as caught:
        load('[rates]\nfiles = [\n  "fx.toml",\n]')
    [problem] = caught.value.problems
    assert (problem.line, problem.field) == (3, "rates.files[0]")


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "message"),
    [
        ('"USD/CNY"', '"USD/RMB"', 3, "rates[0].pair", "write one of CNY, USD"),
        ('"USD/CNY"', '"USDCNY"', 3, "rates[0].pair", "such as USD/CNY"),
        ('"7.1234"', "7.1234", 4, "rates[0].rate", 'write it in quotes, such as "7.1234"'),
        ('"7.1234"', '"0"', 4, "rates[0].rate", "money vanish"),
        ("T00:00:00+08:00", "", 5, "rates[0].effective_from", "with its offset, such as 2026-11-01T00:00:00+08:00"),
        ("+08:00", "", 5, "rates[0].effective_from", "with its offset"),
        ("source =", "sauce =", 6, "rates[0].sauce", 'did you mean "source"?'),
        ('rate = "7.1234"', "", 2, "rates[0]", 'needs the field "rate"'),
        ("[[rates]]", "[[rate]]", 2, "rate", 'did you mean "rates"?'),
        ('"7.1234"', '"7.1234', 4, None, "is not TOML"),
    ],
)
def test_a_mistake_is_named_with_its_line(
    refused: Callable[[str], tuple[Located, ...]], old: str, new: str, line: int, field: str | None, message: str
) -> None:
    [problem] = refused(GOOD.replace(old, new))
    assert problem.file.endswith("fx.toml")
    assert (problem.line, problem.field) == (line, field)
    assert message in problem.message


def test_two_rates_at_once_or_a_pair_turned_round_are_refused(refused: Callable[[str], tuple[Located, ...]]) -> None:
    turned = GOOD.replace("USD/CNY", "CNY/USD")
    twice, other_way = refused(GOOD + GOOD + turned)
    assert (twice.line, twice.field) == (11, "rates[1].effective_from")
    assert "has a rate from 2026-10-31T16:00:00.000Z already" in twice.message
    assert (other_way.line, other_way.field) == (15, "rates[2].pair")


def test_two_files_that_contradict_each_other_are_refused(load: Load, tmp_path: Path) -> None:
    for name in ("a.toml", "b.toml"):
        tmp_path.joinpath(name).write_text(GOOD)
    with pytest.raises(ConfigRefused, match="two rates from"):
        load_rates(load('[rates]\nfiles = ["a.toml", "b.toml"]'))
