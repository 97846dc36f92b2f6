"""A vendor that is asked over a WebSocket, through a whole fenli: what is particular to that way in."""

from __future__ import annotations

import json
from decimal import Decimal

import openai
import pytest
from fenli_service import emulated_market, entries, entries_of, entry_of, price_file, served, serving, wait_for

from fenli.market.market import market_key

QUESTION = [{"role": "user", "content": "How many mills make a cent? 一分等于几厘?"}]
SPARK = "iflytek-ws/spark-max"
CONFIG = """
[local]
enabled = false
[prices]
directories = ["{folder}"]
[vendors.iflytek-ws]
base_url = "ws://127.0.0.1:{port}/iflytek-ws"
[vendors.another]
adapter = "iflytek-ws"
base_url = "ws://127.0.0.1:{port}/iflytek-ws"
api_key = "${{env:ANOTHER_KEY}}"
models = ["spark-max"]
[vendors.busy]
adapter = "iflytek-ws"
base_url = "ws://127.0.0.1:{port}/iflytek-ws"
api_key = "${{env:SPARK_WS_KEY}}"
models = ["spark-max!overloaded"]
[vendors.broken]
adapter = "iflytek-ws"
base_url = "ws://127.0.0.1:{port}/iflytek-ws"
api_key = "${{env:SPARK_WS_KEY}}"
models = {broken}
[vendors.deepseek]
base_url = "http://127.0.0.1:{port}/deepseek"
[[routes]]
name = "safe"
targets = ["another/spark-max", "busy/spark-max!overloaded", "deepseek/deepseek-flash"]
"""


# What a caller is told of each, who asked for one piece and who asked for a stream.
BROKEN = {
    "cut@600": ("answer_truncated", "answer_truncated"),
    "no_done": ("vendor_error", "answer_truncated"),
    "garbage": ("vendor_error", "vendor_error"),
    "html": ("answer_truncated", "answer_truncated"),
    "error_inside@3": ("vendor_error", "vendor_error"),
}
PRICE = price_file(
    "iflytek-ws",
    "spark-max",
    {"input": "2.000001", "output": "3.000007"},
    head='names = { en = "Spark", zh = "星火" }\ncurrency = "CNY"\ninstant_basis = "start"\n',
)


@pytest.fixture(scope="module")
def market():
    pace = ("--tokens-per-second", "500", "--first-token-ms", "1")
    with emulated_market(*pace, "--vendor=iflytek-ws", "--vendor=deepseek") as port:
        yield port


@pytest.fixture(scope="module")
def fenli(tmp_path_factory, market):
    app, name, _ = market_key("iflytek-ws").split(":")
    environ = {"SPARK_WS_KEY": market_key("iflytek-ws"), "DEEPSEEK_API_KEY": market_key("deepseek")}
    environ["ANOTHER_KEY"] = f"{app}:{name}:wrong"
    folder = tmp_path_factory.mktemp("socket")
    (folder / "prices").mkdir()
    (folder / "prices" / "iflytek-ws.toml").write_text(PRICE)
    models = json.dumps([f"generalv3.5!{fault}" for fault in BROKEN])
    config = CONFIG.format(port=market, broken=models, folder=folder / "prices")
    with serving(folder / "data", config=config, environ=environ) as running:
        yield running


def test_tokens_and_cost_are_exact(fenli, client, market):
    for stream in (False, True):
        more = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
        raw = client.chat.completions.with_raw_response.create(model=SPARK, messages=QUESTION, **more)
        answer = list(raw.parse())[-1] if stream else raw.parse()
        book = next(serving for serving in served(market) if serving.id == answer.id)
        told = answer.usage
        assert (book.prompt_tokens, book.completion_tokens) == (told.prompt_tokens, told.completion_tokens)
        entry = entry_of(fenli, raw.headers)
        assert (entry["grade"], entry["currency"], entry["status"]) == ("measured", "CNY", 101)
        cost = book.prompt_tokens * Decimal("2.000001") + book.completion_tokens * Decimal("3.000007")
        assert Decimal(entry["cost"]) == cost / 10**6


def test_a_wrong_secret_and_a_busy_engine_are_passed_over(fenli, client):
    raw = client.chat.completions.with_raw_response.create(model="safe", messages=QUESTION, stream=True)
    assert list(raw.parse())[-1].choices[0].finish_reason == "stop"
    assert raw.headers["x-fenli-vendor"] == "deepseek"
    attempts = entries_of(fenli, raw.headers)
    assert [(one["vendor"], one["outcome"], one["grade"]) for one in attempts] == [
        ("another", "bad_key", "none"),
        ("busy", "overloaded", "none"),
        ("deepseek", "ok", "measured"),
    ]


def test_a_wrong_secret_is_ours_to_mend(client):
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model="another/spark-max", messages=QUESTION)
    assert caught.value.code == "vendor_credential"
    assert "HMAC" not in str(caught.value)


def test_what_it_has_no_word_for_is_refused_by_name(client):
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    history = [
        *QUESTION,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "4"},
    ]
    for members in ({"messages": history}, {"messages": QUESTION, "seed": 7}):
        with pytest.raises(openai.BadRequestError) as caught:
            client.chat.completions.create(model=SPARK, **members)
        assert caught.value.code == "invalid_value"
        assert caught.value.param in members


@pytest.mark.parametrize("fault", BROKEN)
def test_an_answer_that_breaks_off_is_none(client, fault):
    def ask(stream: bool) -> None:
        list(client.chat.completions.create(model=f"broken/generalv3.5!{fault}", messages=QUESTION, stream=stream))

    for stream in (False, True):
        with pytest.raises(openai.APIError) as caught:
            ask(stream)
        assert caught.value.code == BROKEN[fault][stream]


def test_who_leaves_is_followed_to_the_vendor(fenli, client, market):
    long = [{"role": "user", "content": "go on " * 200}]
    before = len(served(market))
    stream = client.chat.completions.create(model=SPARK, messages=long, stream=True)
    next(iter(stream))
    stream.close()
    gone = wait_for("the vendor's book", lambda: served(market)[before:])
    assert [serving.outcome for serving in gone] == ["gone"]
    assert wait_for(
        "our book",
        lambda: [entry["grade"] for entry in entries(fenli) if entry["outcome"] == "client_gone"],
    ) == ["estimated"]
