from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from fenli.clock import SECOND
from fenli.config.load import load_config
from fenli.config.on_device import OnDevice
from fenli.config.problems import ConfigRefused
from fenli.config.settings import try_out
from fenli.prices.book import PriceBook
from fenli.routing.directory import Directory
from fenli.routing.snapshot import Snapshot
from fenli.vendors.limits import LimitHeaders, Reset, Room, rooms

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text("utf-8")
(LIMITS,) = (block for block in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL) if ".limits]]" in block)
VENDOR = '[vendors.our-vllm]\nadapter = "vllm"\nbase_url = "http://10.0.0.5:8000/v1"\nmodels = ["m"]\n'
DOCUMENTED = LimitHeaders(
    "requests",
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
    Reset.DURATION,
)


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return PriceBook.load()


def told(folder: Path, text: str, book: PriceBook, name: str) -> tuple[LimitHeaders, ...]:
    """What the gateway reads of that target, by way of a stored snapshot."""
    (folder / "fenli.toml").write_text(text)
    compiled = try_out(load_config(folder / "fenli.toml"), OnDevice(None, "off", ""), book)
    stored = msgspec.msgpack.decode(msgspec.msgpack.encode(compiled), type=Snapshot)
    return Directory(stored, lambda reference: "sk-x").plan(name).targets[0].vendor.limits


def test_a_vendor_of_ones_own_tells_its_limits_in_its_own_headers(tmp_path: Path, book: PriceBook) -> None:
    limits = told(tmp_path, VENDOR + LIMITS, book, "our-vllm/m")
    assert limits == (DOCUMENTED,)
    heard = [(b"X-RateLimit-Remaining-Requests", b"0"), (b"x-ratelimit-reset-requests", b"6m0s")]
    assert rooms(limits, heard, 0) == [Room("requests", None, 0, 360 * SECOND)]


def test_what_is_not_said_is_the_adapters(tmp_path: Path, book: PriceBook) -> None:
    assert told(tmp_path, VENDOR, book, "our-vllm/m") == ()
    openai = VENDOR.replace('"vllm"', '"openai"')
    assert [each.of for each in told(tmp_path, openai, book, "our-vllm/m")] == ["requests", "tokens"]
    assert told(tmp_path, openai + "limits = []", book, "our-vllm/m") == ()


@pytest.mark.parametrize(
    ("rows", "line", "field", "said"),
    [
        ('{ of = "requests" }', 5, "[0]", "names no header"),
        ('{ of = "Requests!", limit = "x" }', 5, "[0].of", "Requests!"),
        ('{ of = "requests", limit = "x limit" }', 5, "[0].limit", "is no name of a header"),
        ('{ of = "a", limit = "x" },\n{ of = "a", limit = "y" }', 6, "[1].of", "stands above already"),
        ('{ of = "a", limit = "x" },\n{ of = "b", limit = "X" }', 6, "[1].limit", "says something else already"),
        ('{ of = "a", limit = "x", form = "soon" }', 5, "[0].form", "duration"),
        ('{ of = "a", limt = "x" }', 5, "[0].limt", 'did you mean "limit"?'),
    ],
)
def test_mistakes_are_named(tmp_path: Path, rows: str, line: int, field: str, said: str) -> None:
    (tmp_path / "fenli.toml").write_text(f"{VENDOR}limits = [{rows}]")
    with pytest.raises(ConfigRefused) as caught:
        load_config(tmp_path / "fenli.toml")
    (problem,) = caught.value.problems
    assert (problem.line, problem.field) == (line, f"vendors.our-vllm.limits{field}")
    assert said in problem.message
