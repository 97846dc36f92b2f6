"""What a vendor of another dialect was asked, said and refused comes through both ways, however the bytes come."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from native_calls import Native

from fenli.errors import Kind, UsageError
from fenli.market.flavours import FLAVOURS
from fenli.market.replies import Reply, ToolCall

MODELS = {
    "alibaba-native": "qwen-plus",
    "minimax-native": "MiniMax-M3",
    "ollama-native": "minicpm-v",
    "anthropic": "claude-sonnet-5-5",
    "google": "gemini-3.5-flash",
}
# What of its tokens one tells beside input and output, where that is not all.
TELLS = {"ollama-native": ()}
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=60)
ARGUMENTS = st.dictionaries(TEXTS, TEXTS, max_size=2).map(lambda value: json.dumps(value, ensure_ascii=False))
CALLS = st.builds(ToolCall, name=st.sampled_from(["get_weather", "查询"]), arguments=ARGUMENTS)
REPLIES = st.builds(
    Reply, text=TEXTS, reasoning=st.one_of(st.just(""), TEXTS), tool_calls=st.lists(CALLS, max_size=2).map(tuple),
    cached=st.integers(0, 3),
)  # fmt: skip
REFUSALS = [
    (name, refusal.kind)
    for name in MODELS
    for refusal in FLAVOURS[name].refusals
    if refusal is FLAVOURS[name].refusal(refusal.kind)
]


@pytest.mark.parametrize("name", MODELS)
@settings(deadline=None, max_examples=25)
@given(reply=REPLIES, stream=st.booleans(), seed=st.integers(1, 99), piece=st.sampled_from([1, 7, 64, 4096]))
def test_an_answer_is_told_exactly(name: str, reply: Reply, stream: bool, seed: int, piece: int) -> None:
    native = Native(name, MODELS[name], reply, seed, piece)
    told = native.call(stream=stream)
    assert (told.failure, told.answer.damage) == (None, None)
    assert (told.text, told.reasoning) == (reply.text, reply.reasoning)
    assert [(call["name"], json.loads(call["arguments"])) for call in told.calls] == [
        (call.name, json.loads(call.arguments)) for call in reply.tool_calls
    ]
    assert told.finish == ("tool_calls" if reply.tool_calls else "stop")


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_its_usage_is_what_it_served(name: str, stream: bool) -> None:
    native = Native(name, MODELS[name], Reply(text="ten mills", reasoning="let me see", cached=3))
    told, serving = native.call(stream=stream), native.serving
    tells = TELLS.get(name, ("cached", "reasoning"))
    reasoning = serving.reasoning_tokens if "reasoning" in tells else 0
    wanted = {"input": serving.prompt_tokens - 3, "output": serving.completion_tokens - reasoning}
    wanted |= {"cached_input": 3} if "cached" in tells else {}
    wanted |= {"reasoning": reasoning} if reasoning else {}
    assert told.usage == wanted


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_limit_ends_the_answer(name: str, stream: bool) -> None:
    native = Native(name, MODELS[name], Reply(text="four" * 10))
    told = native.call(stream=stream, max_tokens=3)
    assert (told.finish, told.text, native.serving.completion_tokens) == ("length", "four" * 3, 3)


@pytest.mark.parametrize(("name", "kind"), REFUSALS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_its_refusals_mean_what_they_mean(name: str, kind: Kind, stream: bool) -> None:
    told = Native(name, MODELS[name]).call(stream=stream, fault=f"!{kind}")
    refusal = FLAVOURS[name].refusal(kind)
    assert refusal is not None
    assert told.failure is not None
    assert (told.failure.kind, told.failure.message, told.heard.status) == (kind, refusal.message, refusal.status)
    assert not told.answer.begun


@pytest.mark.parametrize("name", [name for name in MODELS if FLAVOURS[name].needs_key])
def test_only_its_key_lets_in(name: str) -> None:
    for key in ("nobodys", "", "sk-market-openai"):
        told = Native(name, MODELS[name]).call(key=key)
        assert told.failure is not None
        assert told.failure.kind is Kind.BAD_KEY
    assert Native(name, MODELS[name]).call().failure is None


@pytest.mark.parametrize("name", [name for name in MODELS if name != "ollama-native"])  # it tells no sum
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_usage_that_is_missing_or_wrong_is_noticed(name: str, stream: bool) -> None:
    assert Native(name, MODELS[name]).call(stream=stream, fault="!usage_null").answer.finished
    with pytest.raises(UsageError):
        Native(name, MODELS[name]).call(stream=stream, fault="!usage_inconsistent")


@pytest.mark.parametrize("name", MODELS)
def test_a_stream_that_breaks_off_with_an_error_says_which(name: str) -> None:
    told = Native(name, MODELS[name]).call(stream=True, fault="!error_inside@3")
    assert told.failure is not None
    assert told.failure.kind is Kind.SERVER_ERROR
    assert not told.answer.finished


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_older_model_of_minimax_plays_a_role(stream: bool) -> None:
    native = Native("minimax-native", "abab6.5s-chat", Reply(text="Sit down first."))
    told = native.call(stream=stream, fenli={"persona": {"bot_name": "Lin", "bot_profile": "A tea merchant."}})
    assert (told.failure, told.finish) == (None, "stop")
    assert told.text == "Lin: Sit down first."  # the market's characters say who they are
    assert told.usage is not None
    assert told.usage["output"] == native.serving.completion_tokens
    refused = native.call(stream=stream, fault="!rate_limited", fenli={"persona": {"bot_name": "Lin"}})
    assert refused.failure is not None
    assert refused.failure.kind is Kind.RATE_LIMITED


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_model_of_sensetime_for_roles_plays_one(stream: bool) -> None:
    native = Native("sensetime-native", "SenseChat-Character-Pro", Reply(text="Sit down first. 先坐"))
    persona = {"bot_name": "Lin", "bot_profile": "A tea merchant.", "user_name": "Wei", "scene": "A shop."}
    told = native.call(stream=stream, fenli={"persona": persona})
    assert (told.failure, told.finish) == (None, "stop")
    assert told.text == "Lin: Sit down first. 先坐"
    assert told.usage == {"input": native.serving.prompt_tokens, "output": native.serving.completion_tokens}
    cut = native.call(stream=stream, max_tokens=2, fenli={"persona": persona})
    assert (cut.finish, native.serving.completion_tokens) == ("length", 2)
    refused = native.call(stream=stream, fault="!rate_limited", fenli={"persona": persona})
    assert refused.failure is not None
    assert refused.failure.kind is Kind.RATE_LIMITED
    assert native.call(stream=stream).failure is None  # without a persona it is just an assistant


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("fault", "end"), [("cut@700", "lost"), ("garbage", "completed")])
def test_a_stream_that_is_cut_or_garbled_is_not_whole(name: str, fault: str, end: str) -> None:
    told = Native(name, MODELS[name]).call(stream=True, fault=f"!{fault}")
    assert told.heard.status == 200
    assert (told.heard.end == "completed") is (end == "completed")
    assert not told.answer.finished
    assert told.finish is None
    assert (told.answer.damage is not None) is (fault == "garbage")
