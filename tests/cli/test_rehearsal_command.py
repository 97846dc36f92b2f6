"""`fenli market scenarios`, and what `fenli serve --market` makes of a configuration before it starts anything."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from fenli_command import Fenli

from fenli.cli.happenings import line_of
from fenli.cli.language import LANGUAGES, speak
from fenli.cli.orders import Rehearsed
from fenli.cli.rehearsal import KEPT, free_ports, rehearse
from fenli.cli.running import is_rehearsal, lock
from fenli.config.load import load_config
from fenli.config.on_device import on_device
from fenli.config.settings import try_out
from fenli.config.vendors import vendor_states
from fenli.errors import ConfigError, FenliError
from fenli.market.flavours import FLAVOURS
from fenli.market.market import market_key
from fenli.market.scenario import KINDS
from fenli.market.scenario_files import read_scenario, shipped
from fenli.market.timeline import Timeline
from fenli.prices.book import PriceBook

BOOK = PriceBook.load()
CONFIG = """
[gateway]
port = 0

[[routes]]
name = "chat"
targets = ["moonshot/kimi-k2.6", "zhipu/glm-5.2"]

[prices]
directories = ["mine"]

[rates]
files = ["rates.toml"]

[vendors.moonshot]
base_url = "https://proxy.example/v1"
api_key = "${env:SECRET_KEY}"
enabled = false
currency = "CNY"
low_balance = "20"

[vendors.vllm]
base_url = "http://10.0.0.5:8000/v1"
models = ["mine"]

[vendors.acme]
adapter = "openai"
base_url = "https://llm.acme.example/v1"
api_key = "${env:ACME_API_KEY}"
models = ["acme-large"]
"""


@pytest.fixture
def configured(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    (tmp_path / "rates.toml").write_text("")
    file = tmp_path / "fenli.toml"
    file.write_text(CONFIG)
    return file


def rehearsal(file: Path, data: Path, scenario: str | None = None, speed: str | None = None) -> Rehearsed:
    return rehearse(load_config(file), data, scenario, speed)


def test_every_emulated_vendor_is_on_and_none_of_them_is_the_real_one(configured: Path, tmp_path: Path) -> None:
    made = rehearsal(configured, tmp_path / "books")
    states = {
        state.id: state
        for state in vendor_states(load_config(made.config), {"SECRET_KEY": "sk-real", "ACME_API_KEY": "x"})
    }
    assert {name for name, state in states.items() if state.on} == {*FLAVOURS, "acme"} == set(states)
    for name, state in states.items():
        assert state.base_url.partition("://")[2].startswith(f"127.0.0.1:{made.market.ports[name]}/{name}")
        assert Path(state.credential.removeprefix("file:")).read_text().strip() == market_key(state.adapter)
    assert len({*made.market.ports.values(), made.market.port}) == len(states) + 1
    assert made.market.own == {"acme": ("openai", ("acme-large",)), "vllm": ("vllm", ("mine",))}
    assert states["alibaba-native"].price_list == made.market.lists["alibaba-native"] == "alibaba"
    assert states["alibaba"].price_list is None
    assert (states["moonshot"].currency, states["moonshot"].low_balance) == ("CNY", "20")
    assert made.market.currencies == {"moonshot": "CNY"}


def test_the_rest_of_the_file_stays_and_its_paths_still_lead_there(configured: Path, tmp_path: Path) -> None:
    made = rehearsal(configured, tmp_path / "books")
    config = load_config(made.config)
    document = config.document
    assert [route.name for route in document.routes] == ["chat"]
    assert document.gateway.port == 0
    assert document.prices.directories == [str(tmp_path / "mine"), str(tmp_path / "books" / "prices")]
    assert document.rates.files == [str(tmp_path / "rates.toml")]
    assert try_out(config, on_device(config)).routes[0].targets == ("moonshot/kimi-k2.6", "zhipu/glm-5.2")
    assert is_rehearsal(tmp_path / "books")
    assert not is_rehearsal(tmp_path)


def test_without_a_file_everything_is_as_by_default(tmp_path: Path) -> None:
    made = rehearse(load_config(None), tmp_path / "books", "kimi-exits-at-noon", "100")
    assert made.config == tmp_path / "books" / "rehearsal.toml"
    assert (made.market.scenario, made.market.speed) == ("kimi-exits-at-noon", "100")


def test_of_its_own_folders_the_last_that_are_over_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "rehearsals"
    monkeypatch.setattr("fenli.cli.rehearsal.OWN_FOLDERS", own)
    monkeypatch.delenv("FENLI_DATA", raising=False)
    names = [f"2026010{day}T000000-{day}" for day in range(1, 9)]
    for name in names:
        (own / name / "journal").mkdir(parents=True)
        (own / name / "rehearsal.toml").write_text("")
    (own / "mine").mkdir()  # named by somebody
    (own / "mine" / "rehearsal.toml").write_text("")
    (own / "20250101T000000-1").mkdir()  # not a rehearsal's, or not yet
    running = lock(own / names[0])
    made = rehearse(load_config(None), None, None, None)
    assert made.cleared == 2
    stay = {names[0], *names[-KEPT:], "mine", "20250101T000000-1", made.folder.name}
    assert {folder.name for folder in own.iterdir()} == stay
    os.close(running)
    again = rehearse(load_config(None), tmp_path / "elsewhere", None, None)
    assert again.cleared == 0
    assert {folder.name for folder in own.iterdir()} == stay


def test_books_are_never_mixed(configured: Path, tmp_path: Path) -> None:
    books = tmp_path / "books"
    books.mkdir()
    (books / "fenli.db").write_text("")
    with pytest.raises(FenliError, match="is not empty"):
        rehearsal(configured, books)
    assert [file.name for file in books.iterdir()] == ["fenli.db"]


def test_a_mistake_is_found_before_anything_is_made(configured: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('title = "x"\n[[events]]\nat = "1s"\nkind = "exit"\nhow = "gone"\nvendor = "monshot"\n')
    for scenario, speed, why in (
        (str(file), None, "did you mean moonshot"),
        ("kimi", None, "there is no scenario 'kimi'"),
        ("rises-2026", "fast", "is no speed"),
        (None, "60", "--speed is a scenario's"),
    ):
        with pytest.raises(ConfigError, match=why):
            rehearsal(configured, tmp_path / "books", scenario, speed)
        assert not (tmp_path / "books").exists()


def test_the_folder_of_real_books_in_the_environment_is_left_alone(
    configured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FENLI_DATA", str(tmp_path / "real"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    made = rehearsal(configured, tmp_path / "real")
    assert made.folder.parent == tmp_path / "home" / ".local" / "share" / "fenli-rehearsals"
    assert not (tmp_path / "real").exists()


def test_ports_are_free_and_none_that_the_system_gives_away() -> None:
    ports = free_ports(50)
    assert len(set(ports)) == 50
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", ports[7]))
        taken.listen()
        others = free_ports(50)
    assert not set(others) & set(ports)
    assert max((*ports, *others)) < 32_768


def test_scenario_and_speed_are_of_a_rehearsal(fenli: Fenli) -> None:
    assert "--market" in fenli.refused("serve", "--scenario", "rises-2026", code=2)
    fenli.data.mkdir()
    (fenli.data / "rehearsal.toml").write_text("")
    assert "are of a rehearsal" in fenli.refused("serve", code=1)


def test_the_scenarios_are_listed(fenli: Fenli) -> None:
    told = fenli.out("market", "scenarios")
    assert all(name in told for name in shipped())
    assert {each["name"] for each in fenli.json("market", "scenarios")} == set(shipped())


def test_one_of_them_in_full_and_a_file_of_ones_own(fenli: Fenli) -> None:
    assert "12:00  moonshot, moonshot-intl: leaves: its address refuses" in fenli.out(
        "market", "scenarios", "kimi-exits-at-noon"
    )
    shown = fenli.json("market", "scenarios", "may-2024-price-war")
    assert shown["events"][-1]["vendors"] == ["iflytek"]
    file = fenli.write(
        "own.toml", 'title = "x"\n[[events]]\nat = "1s"\nkind = "exit"\nhow = "gone"\nvendor = "zhipu"\n'
    )
    assert "+1s  zhipu: leaves: 410" in fenli.out("market", "scenarios", str(file))
    file = fenli.write(
        "bad.toml", 'title = "x"\n[[events]]\nat = "1s"\nkind = "exit"\nhow = "gome"\nvendor = "zhipu"\n'
    )
    told = fenli.refused("market", "scenarios", str(file), code=2)
    assert f"{file}:5: event 1: how is 'gome' (did you mean gone?)" in told


EVENTS = {
    "price": 'model = "kimi-k2.6"\nprices = { input = "1", output = "2" }\nfor = "1m"',
    "latency": 'first_token = "3s"\ntoken = "80ms"\nfor = "1m"',
    "errors": "shares = { overloaded = 0.25 }\nfor = '1m'",
    "brown_out": 'share = 0.5\nfor = "1m"',
    "cuts": 'share = 0.5\nmodel = "kimi-k2.6"\nfor = "1m"',
    "rate_limit": 'requests_per_minute = 1_000\nconcurrency = 2\nfor = "1m"',
    "quota_end": 'tokens = 5_000\nfor = "1m"',
    "retired": 'model = "kimi-k2.6"\nfor = "1m"',
    "exit": 'how = "no_dns"\nfor = "1m"',
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_that_can_happen_can_be_told(language: str) -> None:
    assert {*EVENTS, "back"} == set(KINDS)
    speak(language)
    try:
        told = []
        for kind, rest in EVENTS.items():
            text = f'title = "x"\n[[events]]\nat = "1m"\nkind = "{kind}"\nvendor = "moonshot"\n{rest}\n'
            happenings = Timeline(read_scenario("x", text, BOOK), 0).happenings()
            told += [line_of(each) for each in happenings]
        gone = 'title = "x"\n[[events]]\nat = "1m"\nkind = "exit"\nhow = "gone"\nvendor = "zhipu"\n'
        back = gone + '[[events]]\nat = "2m"\nkind = "back"\nvendor = "zhipu"\nsays = { en = "hello", zh = "你好" }\n'
        told += [line_of(each) for each in Timeline(read_scenario("x", back, BOOK), 0).happenings()]
    finally:
        speak("en")
    assert len(told) == 2 * len(EVENTS) + 2 == len(set(told))
    assert told[-1] == {"en": "+2m  zhipu: is back  (hello)", "zh": "+2m  zhipu: 恢复  (你好)"}[language]
    assert all(number in "\n".join(told) for number in ("1/2 CNY", "3s", "80ms", "25%", "50%", "1,000", "5,000"))
