"""What must go back to a vendor goes back through a whole fenli: the openai client, whole and streamed, with tools."""

from __future__ import annotations

import json
from decimal import Decimal

import openai
import pytest
from fenli_service import entry_of, on_the_market

VENDORS_HERE = ("anthropic", "google")
MARK = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}  # who caches unasked makes nothing of it
QUESTION = {"role": "user", "content": [{"type": "text", "text": "How is the weather in 上海? " * 20, **MARK}]}
TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
# Models that refuse a history without the signatures that they gave.
MODELS = {"anthropic": "anthropic/claude-haiku-4-5", "google": "google/gemini-3.5-flash"}


@pytest.fixture(scope="module")
def fenli(tmp_path_factory):
    with on_the_market(tmp_path_factory.mktemp("natives"), VENDORS_HERE) as running:
        yield running


def asked(client, vendor, stream, messages):
    """The assistant's message as a client keeps it, the finish reason and the usage."""
    create = client.chat.completions.create
    wanted = {"model": MODELS[vendor], "messages": messages, "tools": [TOOL], "reasoning_effort": "low"}
    if not stream:
        answer = create(**wanted)
        choice = answer.choices[0]
        return choice.message.model_dump(exclude_none=True), choice.finish_reason, answer.usage
    with client.chat.completions.stream(**wanted, stream_options={"include_usage": True}) as events:
        answer = events.until_done().get_final_completion()
    choice = answer.choices[0]
    message = choice.message.model_dump(exclude_none=True)
    for call in message.get("tool_calls", ()):
        call["function"].pop("parsed_arguments", None)
    message.pop("parsed", None)
    return message, choice.finish_reason, answer.usage


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("vendor", VENDORS_HERE)
def test_a_tools_result_goes_back_with_what_the_model_wants_back(client, vendor, stream):
    message, finish, usage = asked(client, vendor, stream, [QUESTION])
    assert finish == "tool_calls"
    assert message["reasoning_content"]
    assert usage.completion_tokens_details.reasoning_tokens > 0
    [call] = message["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"city": '上海 "厘"'}
    result = {"role": "tool", "tool_call_id": call["id"], "content": "sunny"}
    said, finish, usage = asked(client, vendor, stream, [QUESTION, message, result])
    assert (bool(said["content"]), finish) == (True, "stop")
    assert usage.prompt_tokens_details.cached_tokens >= 64


def test_what_is_written_to_a_cache_for_an_hour_has_its_own_price(fenli, client):
    """At the list's price: a million tokens read, written for an hour and answered cost $1, $2 and $5."""
    question = {"role": "user", "content": [{"type": "text", "text": "Once upon a time " * 30, **MARK}]}
    raw = client.chat.completions.with_raw_response.create(model=MODELS["anthropic"], messages=[question])
    entry = entry_of(fenli, raw.headers)
    usage = entry["usage"]
    assert usage["cache_write_1h"] == raw.parse().usage.prompt_tokens_details.cache_write_tokens > 100
    assert Decimal(entry["cost"]) == Decimal(usage["input"] + 2 * usage["cache_write_1h"] + 5 * usage["output"]) / 10**6


def test_what_is_forged_is_refused_in_openais_words(client):
    for vendor, stream in (("anthropic", False), ("google", True)):
        message, *_ = asked(client, vendor, stream, [QUESTION])
        forged = json.loads(json.dumps(message).replace('signature": "', 'signature": "00'))
        result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "sunny"}
        with pytest.raises(openai.BadRequestError) as caught:
            asked(client, vendor, stream, [QUESTION, forged, result])
        assert (caught.value.code, "signature" in caught.value.message) == ("bad_request", True)


@pytest.mark.parametrize("vendor", VENDORS_HERE)
def test_what_it_has_no_word_for_is_refused_by_name(client, vendor):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=MODELS[vendor], messages=[QUESTION], logit_bias={"1": 1})
    assert (caught.value.code, caught.value.param) == ("invalid_value", "logit_bias")
