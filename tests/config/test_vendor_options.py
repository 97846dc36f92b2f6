from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fenli.config.load import load_config
from fenli.config.on_device import OnDevice
from fenli.config.problems import ConfigRefused
from fenli.config.settings import try_out
from fenli.http.transport import Request
from fenli.prices.book import PriceBook
from fenli.routing.directory import Directory
from fenli.routing.fitting import fitted
from fenli.routing.snapshot import Snapshot
from fenli.vendors.catalog import VENDORS
from fenli.vendors.switches import ThinkingSwitch
from fenli.wire.openai_chat import ChatRequest, parse_request

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text("utf-8")
(ACME,) = (block for block in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL) if "[vendors.acme.options" in block)
NO_DEVICE = OnDevice(None, "off", "")


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return PriceBook.load()


def snapshot(folder: Path, text: str, book: PriceBook) -> Snapshot:
    (folder / "fenli.toml").write_text(text)
    compiled = try_out(load_config(folder / "fenli.toml"), NO_DEVICE, book)
    return msgspec.msgpack.decode(msgspec.msgpack.encode(compiled), type=Snapshot)


def ask(**fields: Any) -> ChatRequest:
    return parse_request(json.dumps({"model": "acme/acme-large", "messages": [], **fields}).encode())


def sent(directory: Directory, request: ChatRequest) -> dict[str, Any]:
    assert request.options is not None
    (target,) = fitted(directory.plan(request.model), request.options).targets
    out: Request = target.vendor.request(target.address, request, 0)
    body: dict[str, Any] = json.loads(bytes(out.body))
    del body["model"]
    return body


def test_a_vendor_of_ones_own_is_asked_in_its_own_words(tmp_path: Path, book: PriceBook) -> None:
    directory = Directory(snapshot(tmp_path, ACME, book), lambda reference: "")
    thinking = {"chat_template_kwargs": {"thinking": True}}
    assert sent(directory, ask(fenli={"thinking": True})) == {"messages": [], **thinking}
    assert sent(directory, ask(fenli={"thinking": {"budget": 9}})) == {"messages": [], **thinking, "thinking_budget": 9}
    assert sent(directory, ask(reasoning_effort="none"))["chat_template_kwargs"] == {"thinking": False}
    tool = {"type": "web_search", "web_search": {"enable": True}}
    assert sent(directory, ask(fenli={"search": True})) == {"messages": [], "tools": [tool]}
    begun = {"role": "assistant", "content": "Once"}
    assert sent(directory, ask(messages=[begun], fenli={"prefix": True})) == {"messages": [begun | {"partial": True}]}
    persona = {"bot_name": "Lin", "bot_profile": "A merchant."}
    assert sent(directory, ask(fenli={"persona": persona})) == {
        "messages": [],
        "role": {"name": "Lin", "about": "A merchant."},
    }
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}
    body = sent(directory, ask(response_format=form, fenli={"missing": "downgrade"}))
    assert body["response_format"] == {"type": "json_object"}


def test_what_the_file_leaves_out_stays_as_fenli_knows_it(tmp_path: Path, book: PriceBook) -> None:
    text = '[vendors.moonshot]\nbase_url = "http://x/v1"\n[vendors.moonshot.options.thinking]\nlevels = ["low"]\n'
    (moonshot,) = (one for one in snapshot(tmp_path, text, book).vendors if one.id == "moonshot")
    assert moonshot.switches is not None
    assert moonshot.switches.thinking == (ThinkingSwitch(levels=("low",)),)
    assert moonshot.switches.prefix == VENDORS["moonshot"].switches.prefix


@pytest.mark.parametrize("name", ["zhipu", "anthropic"])
def test_what_a_search_finds_at_most_may_be_all_that_is_said_of_it(tmp_path: Path, book: PriceBook, name: str) -> None:
    text = f'[vendors.{name}]\nbase_url = "http://x/v4"\n[vendors.{name}.options.search]\ntokens = 9000\n'
    (found,) = (one for one in snapshot(tmp_path, text, book).vendors if one.id == name)
    assert found.switches is not None
    (known,) = VENDORS[name].switches.search
    assert found.switches.search == (msgspec.structs.replace(known, tokens=9000),)


def test_a_persona_may_be_told_in_words(tmp_path: Path, book: PriceBook) -> None:
    text = '[vendors.zhipu]\nbase_url = "http://x/v4"\n[vendors.zhipu.options.persona]\n'
    directory = Directory(snapshot(tmp_path, text, book), lambda reference: "")
    request = parse_request(
        b'{"model":"zhipu/charglm-4","messages":[],"fenli":{"persona":{"bot_profile":"A merchant."}}}'
    )
    [told] = sent(directory, request)["messages"]
    assert (told["role"], "A merchant." in told["content"]) == ("system", True)


def test_a_vendor_without_a_word_on_options_has_its_own(tmp_path: Path, book: PriceBook) -> None:
    compiled = snapshot(tmp_path, '[vendors.moonshot]\nbase_url = "http://x/v1"\n', book)
    assert [one.switches for one in compiled.vendors if one.id == "moonshot"] == [None]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('thinking = { effort = "x", levels = ["huge"] }', "huge"),
        ("search = { tools = {} }", "tools"),
        ("search = { tokens = 0 }", "tokens"),
        ('persona = { bot_name = "role.name" }', "needs bot_profile"),
        ('persona = { bot_name = "role", bot_profile = "role" }', "one place for two"),
        ('persona = { bot_name = "role.name", bot_profile = "role" }', "one place for two"),
        ('schema = "maybe"', "taken"),
        ("thinking = true", "section"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, line: str, told: str) -> None:
    (tmp_path / "fenli.toml").write_text(f"[vendors.deepseek.options]\n{line}\n")
    with pytest.raises(ConfigRefused) as caught:
        load_config(tmp_path / "fenli.toml")
    assert "vendors.deepseek.options" in str(caught.value)
    assert told in str(caught.value)


def test_a_dialect_of_its_own_takes_none(tmp_path: Path) -> None:
    (tmp_path / "fenli.toml").write_text('[vendors.anthropic.options]\nschema = "text"\n')
    with pytest.raises(ConfigRefused, match="dialect of its own"):
        load_config(tmp_path / "fenli.toml")
