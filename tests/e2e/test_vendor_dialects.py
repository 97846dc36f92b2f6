"""The vendors' dialects through a whole fenli: tokens as the vendor says, cost as a hand calculation says."""

from __future__ import annotations

import json
import os
import time
from decimal import Decimal
from itertools import product
from pathlib import Path

import openai
import pytest
from fenli_service import on_the_market, price_file

from fenli.errors import Kind
from fenli.market.flavours import FLAVOURS
from fenli.market.market import market_key

UNPRICED = (  # under this name, by fenli's own book
    "vllm", "ollama", "alibaba-native", "minimax-native", "ollama-native", "iflytek-ws", "tiangong",
    "tiangong-cumulative", "tencent-native", "baidu-legacy", "huawei-pangu", "sensetime-native",
)  # fmt: skip
WITHOUT_TOOLS = ("tiangong", "tiangong-cumulative", "huawei-pangu")
# Prices per 1M tokens with digits down to the last pico: input, cached input, output.
PRICES = {
    "deepseek": ("deepseek-flash", "CNY", "1.000001", "0.020003", "4.000007"),
    "moonshot": ("kimi-k2.6", "CNY", "6.5", "1.1", "27"),
    "zhipu": ("glm-4.6", "CNY", "4.123457", "0.8", "15.999999"),
    "minimax": ("MiniMax-M2.7", "CNY", "2.100001", "0.42", "8.400003"),
    "stepfun": ("step-3.7-flash", "CNY", "1.350001", "0.27", "8.100007"),
    "baichuan": ("Baichuan-M3", "CNY", "10.000001", "10.000001", "30.000007"),
    "01ai": ("yi-lightning", "CNY", "0.990001", "0.990001", "0.990003"),
    "alibaba": ("qwen-plus", "CNY", "0.8", "0.160001", "2.000003"),
    "bytedance": ("doubao-seed-1.8", "CNY", "0.8", "0.16", "2.000009"),
    "tencent": ("hunyuan-turbos-latest", "CNY", "0.800001", "0.8", "2.000009"),
    "tencent-native": ("hunyuan-turbos-latest", "CNY", "0.800001", "0.640003", "2.000009"),
    "baidu": ("ernie-4.5-turbo-128k", "CNY", "0.800001", "0.2", "3.200003"),
    "baidu-legacy": ("ernie-3.5-8k", "CNY", "0.800003", "0.8", "2.000007"),
    "huawei": ("openpangu-2.0-pro", "CNY", "3.200001", "3.2", "14.500007"),
    "huawei-pangu": ("pangu-of-ours", "CNY", "0.300001", "0.3", "0.600003"),
    "iflytek": ("spark-x2", "CNY", "3.000001", "3", "3.000007"),
    "iflytek-ws": ("spark-max", "CNY", "2.100001", "2.1", "2.100007"),
    "tiangong": ("SkyChat-MegaVerse", "CNY", "1.000001", "1", "1.000003"),
    "tiangong-cumulative": ("SkyChat-MegaVerse", "CNY", "1.000001", "1", "1.000003"),
    "sensetime": ("SenseNova-V6-5-Pro", "CNY", "3.000001", "3", "9.000003"),
    "sensetime-native": ("SenseChat-5", "CNY", "8.000001", "8", "20.000003"),
    "metaso": ("fast", "CNY", "0.000001", "0.000001", "0.000003"),
    "openai": ("gpt-5-mini", "USD", "0.25", "0.025", "2.003625"),
    "anthropic": ("claude-sonnet-5-5", "USD", "2.000001", "0.100003", "10.000007"),
    "google": ("gemini-3.5-flash", "USD", "1.500001", "0.150003", "9.000007"),
    "vllm": ("openbmb/MiniCPM4.1-8B", "CNY", "0.100001", "0.1", "0.200003"),
    "ollama": ("openbmb/minicpm4.1", "CNY", "0.100001", "0.1", "0.200003"),
    "alibaba-native": ("qwen-plus", "CNY", "0.800001", "0.160001", "2.000003"),
    "minimax-native": ("MiniMax-M2.7", "CNY", "2.100001", "0.42", "8.400003"),
    "ollama-native": ("minicpm-v", "CNY", "0.100001", "0.1", "0.200003"),
    "local": ("smollm2-135m-instruct", "CNY", "0.000001", "0.000001", "0.000003"),
}
REFUSALS = (
    Kind.BAD_KEY,
    Kind.NO_BALANCE,
    Kind.RATE_LIMITED,
    Kind.OVERLOADED,
    Kind.CONTENT_FILTERED,
    Kind.CONTEXT_TOO_LONG,
    Kind.BAD_REQUEST,
    Kind.MODEL_NOT_FOUND,
    Kind.SERVER_ERROR,
)
QUESTION = [{"role": "user", "content": "How many mills make a cent? 一分等于几厘?"}]


def text_of_prices(vendor: str) -> str:
    model, currency, *amounts = PRICES[vendor]
    prices = dict(zip(("input", "cached_input", "output"), amounts, strict=True))
    head = f'names = {{ en = "{vendor}", zh = "{vendor}" }}\ncurrency = "{currency}"\ninstant_basis = "start"\n'
    return price_file(vendor, model, prices, currency=currency, head=head if vendor in UNPRICED else "")


@pytest.fixture(scope="module")
def fenli(tmp_path_factory):
    prices = {vendor: text_of_prices(vendor) for vendor in PRICES}
    config = 'api_key = "${env:LOCAL_KEY}"'  # of the last, which is local
    with on_the_market(tmp_path_factory.mktemp("vendors"), PRICES, config=config, prices=prices) as running:
        yield running


def by_hand(vendor: str, usage: dict[str, int]) -> Decimal:
    _, _, plain, cached, output = PRICES[vendor]
    millions = (
        usage["input"] * Decimal(plain)
        + usage.get("cached_input", 0) * Decimal(cached)
        + (usage["output"] + usage.get("reasoning", 0)) * Decimal(output)
    )
    return millions / 10**6


@pytest.fixture(scope="module")
def answered(fenli, client):
    """Of each vendor: the usage that it told and the entry, of an answer in one piece and of a streamed one."""
    told = {}
    for vendor, stream in product(PRICES, (False, True)):
        raw = client.chat.completions.with_raw_response.create(
            model=f"{vendor}/{PRICES[vendor][0]}",
            messages=QUESTION,
            stream=stream,
            extra_headers={"x-fenli-cost": "true"},
            **({"stream_options": {"include_usage": True}} if stream else {}),
        )
        last = list(raw.parse())[-1] if stream else raw.parse()
        told[vendor, stream] = (raw.headers["x-fenli-call-id"], last.usage)
    entries = {entry["call"]: entry for entry in fenli.listing("ledger", "list", "--limit", "1000")}
    return {which: (usage, entries[call]) for which, (call, usage) in told.items()}


@pytest.mark.parametrize("vendor", PRICES)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_tokens_and_cost_are_exact(answered, vendor, stream):
    told, entry = answered[vendor, stream]
    model, currency, *_ = PRICES[vendor]
    assert (entry["vendor"], entry["model"], entry["grade"], entry["outcome"]) == (vendor, model, "measured", "ok")
    usage = entry["usage"]
    assert usage["input"] + usage.get("cached_input", 0) == told.prompt_tokens
    assert usage["output"] + usage.get("reasoning", 0) == told.completion_tokens
    assert entry["currency"] == currency
    assert Decimal(entry["cost"]) == by_hand(vendor, usage)
    assert Decimal(str(told.model_extra["cost"])) == pytest.approx(by_hand(vendor, usage))
    assert told.model_extra["cost_details"]["currency"] == currency


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("vendor", [vendor for vendor in PRICES if vendor not in WITHOUT_TOOLS])
def test_tools_come_back_as_calls(client, vendor, stream):
    tool = {
        "type": "function",
        "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
    }
    answer = client.chat.completions.create(
        model=f"{vendor}/{PRICES[vendor][0]}", messages=QUESTION, tools=[tool], stream=stream
    )
    choices = [choice for part in answer for choice in part.choices] if stream else answer.choices
    said = [choice.delta if stream else choice.message for choice in choices]
    functions = [call.function for part in said for call in part.tool_calls or ()]
    assert "".join(function.name or "" for function in functions) == "weather"
    assert json.loads("".join(function.arguments or "" for function in functions)) == {"city": '上海 "厘"'}
    assert choices[-1].finish_reason == "tool_calls"


@pytest.fixture(scope="module")
def refused(fenli, client):
    """Of each vendor: the kinds that it refused with, each call's entry beside it."""
    calls = {}
    for vendor, kind, stream in product(PRICES, REFUSALS, (False, True)):
        if FLAVOURS[vendor].refusal(kind) is None:
            continue
        with pytest.raises(openai.APIStatusError) as caught:
            client.chat.completions.create(
                model=f"{vendor}/{PRICES[vendor][0]}!{kind}", messages=QUESTION, stream=stream
            )
        calls[caught.value.response.headers["x-fenli-call-id"]] = (vendor, kind)
    entries = {entry["call"]: entry for entry in fenli.listing("ledger", "list", "--limit", "1000")}
    found = {vendor: [] for vendor in PRICES}
    for call, (vendor, kind) in calls.items():
        found[vendor].append((kind, entries[call]))
    return found


@pytest.mark.parametrize("vendor", PRICES)
def test_whatever_it_refuses_with_is_an_error_and_is_booked_as_what_it_is(refused, vendor):
    """Refusals inside a 200 included: they never look like answers."""
    assert len(refused[vendor]) >= 8
    for kind, entry in refused[vendor]:
        assert (entry["vendor"], entry["outcome"], entry["cost"]) == (vendor, kind, None)
        assert entry["grade"] == "none"  # a refusal owes nothing, whatever its status


def test_the_books_prove_themselves_and_add_up(fenli):
    fenli.command("ledger", "verify")
    entries = fenli.listing("ledger", "list", "--limit", "1000")
    for line in fenli.listing("usage", "--by", "vendor"):
        if line["currency"] is None:
            continue  # what was refused
        mine = [e for e in entries if e["vendor"] == line["vendor"] and e["cost"] is not None]
        assert Decimal(line["cost"]) == sum(Decimal(e["cost"]) for e in mine)


def test_no_secret_is_written_anywhere(fenli):
    time.sleep(0.3)
    secrets = [fenli.first_key.encode(), *(market_key(vendor).encode() for vendor in PRICES)]
    for folder, _, names in os.walk(fenli.data):
        for name in names:
            if not Path(folder, name).is_file():
                continue  # a socket holds nothing
            content = Path(folder, name).read_bytes()
            assert not [secret for secret in secrets if secret in content], name


def test_a_fault_can_be_asked_for_by_the_models_name(client):
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model=f"deepseek/{PRICES['deepseek'][0]}!cut_head", messages=QUESTION)
    assert caught.value.code == "answer_truncated"
    assert caught.value.response.headers["x-fenli-model"].endswith("!cut_head")
