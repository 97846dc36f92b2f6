"""The server face, asked by the openai client, one flavour at a time."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from faces import ASKED_FOR, EMULATED, MODELS

from fenli.errors import ConfigError, Kind
from fenli.market.__main__ import options_of
from fenli.market.faults import FAULT_NAMES
from fenli.market.flavours import FLAVOURS
from fenli.market.market import market_key
from fenli.market.options import MarketOptions, build_market
from fenli.market.served import Serving, read_served
from fenli.sim.kernel import Simulation
from fenli.vendors.catalog import VENDORS

TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}}}]  # fmt: skip
ASK = [{"role": "user", "content": "What does a token cost?"}]


class Stall:
    """A running market process."""

    def __init__(self, file: Path, *arguments: str) -> None:
        self.file = file
        command = [sys.executable, "-m", "fenli.market", "--port", "0", "--at-once", "--served", str(file), *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        found = re.search(r"http://[0-9.]+:[0-9]+", self.process.stdout.readline())
        assert found is not None
        self.url = found[0]

    def client(self, vendor: str, key: str | None = None, **headers: str) -> openai.OpenAI:
        prefix = json.loads(self.get("/market/vendors"))[vendor]
        return openai.OpenAI(
            base_url=self.url + prefix, api_key=key or market_key(vendor), max_retries=0, default_headers=headers
        )

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=10) as reply:
            return reply.read()

    def last(self) -> Serving:
        return read_served(self.file.read_bytes())[-1]

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture(scope="module")
def stall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stall]:
    opened = Stall(tmp_path_factory.mktemp("market") / "served.jsonl")
    yield opened
    opened.close()


@pytest.mark.parametrize("vendor", EMULATED)
def test_chat(stall: Stall, vendor: str) -> None:
    answer = stall.client(vendor).chat.completions.create(model=MODELS[vendor], messages=ASK)
    entry = stall.last()
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert (answer.id, answer.usage.prompt_tokens, answer.usage.completion_tokens) == (
        entry.id, entry.prompt_tokens, entry.completion_tokens)  # fmt: skip
    assert (entry.vendor, entry.outcome, entry.stream) == (vendor, "whole", False)


@pytest.mark.parametrize("vendor", EMULATED)
def test_stream(stall: Stall, vendor: str) -> None:
    chunks = list(stall.client(vendor).chat.completions.create(
        model=MODELS[vendor], messages=ASK, stream=True, stream_options={"include_usage": True}))  # fmt: skip
    entry = stall.last()
    usage = chunks[-1].usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens) == (entry.prompt_tokens, entry.completion_tokens)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert {chunk.id for chunk in chunks} == {entry.id}
    assert entry.stream


@pytest.mark.parametrize("vendor", EMULATED)
@pytest.mark.parametrize("stream", [False, True])
def test_tools(stall: Stall, vendor: str, stream: bool) -> None:
    completions, more = stall.client(vendor).chat.completions, ASKED_FOR.get(vendor)
    if stream:
        arguments, name, finish = "", None, None
        for chunk in completions.create(model=MODELS[vendor], messages=ASK, tools=TOOLS, stream=True, extra_body=more):
            for call in chunk.choices[0].delta.tool_calls or () if chunk.choices else ():
                assert call.function is not None
                arguments += call.function.arguments or ""
                name = name or call.function.name
            if chunk.choices:
                finish = chunk.choices[0].finish_reason
    else:
        choice = completions.create(model=MODELS[vendor], messages=ASK, tools=TOOLS, extra_body=more).choices[0]
        assert choice.message.tool_calls
        arguments, name = choice.message.tool_calls[0].function.arguments, choice.message.tool_calls[0].function.name
        finish = choice.finish_reason
    assert (name, finish) == ("get_weather", "tool_calls")
    assert json.loads(arguments) == {"city": '上海 "厘"', "days": 42}


def test_after_a_tools_result_comes_text(stall: Stall) -> None:
    said = [*ASK, {"role": "assistant", "content": None, "tool_calls": [
        {"id": "c", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "sunny"}]  # fmt: skip
    answer = stall.client("openai").chat.completions.create(model=MODELS["openai"], messages=said, tools=TOOLS)
    assert answer.choices[0].message.content


TYPED = {"thinking": {"type": "enabled"}}
THINKS = {"minimax": {"thinking": {"type": "adaptive"}}, "stepfun": {}, "alibaba": {"enable_thinking": True}}


@pytest.mark.parametrize("vendor", ["deepseek", "moonshot", "zhipu", "minimax", "stepfun", "alibaba", "bytedance"])
def test_reasoning(stall: Stall, vendor: str) -> None:
    answer = stall.client(vendor).chat.completions.create(
        model=MODELS[vendor], messages=ASK, extra_body={**THINKS.get(vendor, TYPED), **ASKED_FOR.get(vendor, {})}
    )
    assert answer.choices[0].message.model_extra is not None
    assert answer.choices[0].message.model_extra["reasoning" if vendor == "stepfun" else "reasoning_content"]
    assert stall.last().reasoning_tokens > 0


def test_json_mode(stall: Stall) -> None:
    schema = {"type": "object", "properties": {"price": {"type": "number"}, "tags": {"type": "array"}}}
    asked = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    answer = stall.client("openai").chat.completions.create(model=MODELS["openai"], messages=ASK, response_format=asked)
    assert json.loads(answer.choices[0].message.content or "") == {"price": 1.5, "tags": []}
    answer = stall.client("zhipu").chat.completions.create(
        model=MODELS["zhipu"], messages=ASK, response_format={"type": "json_object"}
    )
    assert isinstance(json.loads(answer.choices[0].message.content or ""), dict)


def test_a_limit(stall: Stall) -> None:
    answer = stall.client("openai").chat.completions.create(model=MODELS["openai"], messages=ASK, max_tokens=2)
    assert answer.choices[0].finish_reason == "length"
    assert stall.last().completion_tokens == 2


@pytest.mark.parametrize("vendor", [name for name in EMULATED if FLAVOURS[name].needs_key])
def test_a_wrong_key(stall: Stall, vendor: str) -> None:
    with pytest.raises(openai.AuthenticationError):
        stall.client(vendor, key="sk-wrong").chat.completions.create(model=MODELS[vendor], messages=ASK)
    assert stall.last().outcome == "refused"


@pytest.mark.parametrize("vendor", EMULATED)
def test_429_and_500(stall: Stall, vendor: str) -> None:
    refusal = FLAVOURS[vendor].refusal(Kind.RATE_LIMITED)
    if refusal is not None:
        limited = stall.client(vendor, **{"x-market-fault": "rate_limited@2"}).chat.completions
        if refusal.status == 200:
            raw = limited.with_raw_response.create(model=MODELS[vendor], messages=ASK)
            assert not raw.parse().choices
            headers = raw.headers
        else:
            with pytest.raises(openai.RateLimitError) as caught:
                limited.create(model=MODELS[vendor], messages=ASK)
            headers = caught.value.response.headers
        assert headers["retry-after"] == "2"
    with pytest.raises(openai.InternalServerError):
        stall.client(vendor, **{"x-market-fault": "server_error"}).chat.completions.create(
            model=MODELS[vendor], messages=ASK)  # fmt: skip


def test_a_stream_that_breaks_is_seen_to(stall: Stall) -> None:
    with pytest.raises((openai.APIConnectionError, Exception), match=r"peer closed|incomplete|Connection"):
        list(stall.client("openai", **{"x-market-fault": "cut@400"}).chat.completions.create(
            model=MODELS["openai"], messages=ASK, stream=True))  # fmt: skip
    assert stall.last().outcome == "cut"


def test_the_models_are_listed(stall: Stall) -> None:
    listed = {model.id for model in stall.client("zhipu").models.list()}
    assert listed == {model.sent_as or model.id for model in VENDORS["zhipu"].models}


def test_the_book_can_be_read_over_http_and_in_the_file(stall: Stall) -> None:
    stall.client("openai").chat.completions.create(model=MODELS["openai"], messages=ASK)
    assert stall.get("/market/served") == stall.file.read_bytes()


def test_what_is_elsewhere_is_a_404(stall: Stall) -> None:
    for path in ("/nothing", "/nobody/v1/chat/completions", "/market"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            stall.get(path)


def test_the_book_survives_kill_9(tmp_path: Path) -> None:
    stall = Stall(tmp_path / "served.jsonl", "--vendor", "openai")
    answer = stall.client("openai").chat.completions.create(model=MODELS["openai"], messages=ASK)
    stall.process.kill()
    stall.process.wait(10)
    assert stall.process.stdout is not None
    stall.process.stdout.close()
    assert stall.last().id == answer.id


def test_the_help_is_the_commands_own_and_names_every_fault(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options_of(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert text.startswith("usage: fenli market serve [OPTION ...]")
    assert "python" not in text
    assert all(name in text for name in FAULT_NAMES)
    assert "deepseek/deepseek-flash!cut@120" in text


def test_options_are_checked() -> None:
    given = "--vendor zhipu --fault zhipu:0.5*cut --fault html --tokens-per-second 8"
    options = options_of(given.split())
    market = build_market(options, Simulation())
    assert [str(rule.fault) for rule in market.vendors["zhipu"].faults.rules] == ["cut", "html"]
    assert market.vendors["zhipu"].pace.token == 125_000_000
    for wrong in (
        MarketOptions(vendors=("nobody",)),
        MarketOptions(faults=("nobody:cut",)),
        MarketOptions(faults=("explode",)),
        MarketOptions(tokens_per_second=0),
    ):
        with pytest.raises(ConfigError):
            build_market(wrong, Simulation())


def test_the_command_tells_what_happens_and_where_the_scenario_stands(tmp_path: Path) -> None:
    file = tmp_path / "now.toml"
    file.write_text(
        'title = "now"\n[[events]]\nat = "0s"\nkind = "exit"\nhow = "gone"\nvendor = "zhipu"\nsays = "it is gone"\n'
        '[[events]]\nat = "9h"\nkind = "back"\nvendor = "zhipu"\n'
    )
    command = [sys.executable, "-m", "fenli", "--lang", "zh", "market", "serve", "--port", "0", "--scenario", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines = []
            while not lines or "zhipu: 离场:一律返回 410" not in lines[-1]:
                lines.append(process.stdout.readline())
                assert lines[-1], "".join(lines)
            assert "it is gone" in lines[-1]
            found = re.search(r"http://[0-9.]+:[0-9]+", lines[0])
            assert found is not None
            with urllib.request.urlopen(found[0] + "/", timeout=10) as reply:
                scenario = json.load(reply)["scenario"]
            assert [each["kind"] for each in scenario["happened"]] == ["exit"]
            assert [(each["at"], each["kind"]) for each in scenario["to_come"]] == [("9h", "back")]
        finally:
            process.terminate()
