from __future__ import annotations

import json
from typing import Any

import pytest
from recorded import meters
from test_alibaba import ERRORS

from fenli.errors import CallRefused, ConfigError, Kind, UsageError
from fenli.http.transport import Request
from fenli.vendors.alibaba import ALIBABA
from fenli.vendors.alibaba_native import ALIBABA_NATIVE
from fenli.wire.openai_chat import parse_request

TEXT = b"/api/v1/services/aigc/text-generation/generation"
MULTIMODAL = b"/api/v1/services/aigc/multimodal-generation/generation"
IMAGE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/i.png"}}]}]


def asked(model: str = "qwen-plus", **members: Any) -> Request:
    address = ALIBABA_NATIVE.address(ALIBABA_NATIVE.base_url, "sk-1", model)
    body = {"model": "public", "messages": [], **members}
    return ALIBABA_NATIVE.request(address, parse_request(json.dumps(body).encode()), 0)


def sent(model: str = "qwen-plus", **members: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(bytes(asked(model, **members).body))
    return body


def test_it_is_asked_for_a_stream_whatever_the_caller_wants() -> None:
    for stream in (True, False):
        request = asked(stream=stream)
        assert (request.method, request.target) == (b"POST", TEXT)
        assert b"\r\nX-DashScope-SSE: enable\r\n" in request.headers
        assert b"\r\nAuthorization: Bearer sk-1\r\n" in request.headers
        assert sent(stream=stream)["parameters"] == {"result_format": "message", "incremental_output": True}


def test_a_caller_who_wants_one_piece_gets_one() -> None:
    ask = parse_request(b'{"model":"public","messages":[]}')
    answer = ALIBABA_NATIVE.answer(ask, 0)
    usage = {"input_tokens": 20, "output_tokens": 2, "total_tokens": 22}
    for text, finish in (("four ", "null"), ("mills", "stop")):
        choice = {"message": {"role": "assistant", "content": text}, "finish_reason": finish}
        event = {"request_id": "r-1", "output": {"choices": [choice]}, "usage": usage}
        assert answer.feed(f"id:1\nevent:result\n:HTTP_STATUS/200\ndata:{json.dumps(event)}\n\n".encode()) == b""
    answer.end()
    completion = json.loads(answer.tail(None))
    assert (completion["id"], completion["model"]) == ("r-1", "public")
    assert completion["choices"][0]["message"]["content"] == "four mills"
    assert completion["usage"]["prompt_tokens"] == 20


@pytest.mark.parametrize("model", ["qwen-vl-max", "qwen3-vl-plus", "qwen2.5-vl-72b", "qwen3-omni-flash", "qvq-max"])
def test_models_that_see_or_hear_have_a_path_of_their_own(model: str) -> None:
    request = asked(model, messages=[{"role": "user", "content": "hi"}])
    assert request.target == MULTIMODAL
    assert json.loads(bytes(request.body))["input"]["messages"] == [{"role": "user", "content": [{"text": "hi"}]}]


def test_so_have_requests_with_something_to_see() -> None:
    assert asked("qwen3.7-plus").target == TEXT
    request = asked("qwen3.7-plus", messages=IMAGE)
    assert request.target == MULTIMODAL
    assert json.loads(bytes(request.body))["input"]["messages"][0]["content"] == [{"image": "https://x/i.png"}]


def test_an_address_of_ones_own_keeps_its_prefix() -> None:
    address = ALIBABA_NATIVE.address("http://10.0.0.1:81/dash", "", "qwen-plus")
    request = ALIBABA_NATIVE.request(address, parse_request(json.dumps({"model": "m", "messages": IMAGE}).encode()), 0)
    assert request.target == b"/dash/services/aigc/multimodal-generation/generation"
    assert b"Authorization" not in request.headers
    assert request.headers.startswith(b"Host: 10.0.0.1:81\r\n")


def test_a_key_that_no_header_can_carry_is_refused() -> None:
    with pytest.raises(ConfigError, match="alibaba-native"):
        ALIBABA_NATIVE.address(ALIBABA_NATIVE.base_url, "sk-1\r\nX: y", "m")


@pytest.mark.parametrize(
    ("option", "parameters"),
    [
        ({"thinking": True}, {"enable_thinking": True}),
        ({"thinking": False}, {"enable_thinking": False}),
        ({"thinking": {"budget": 512}}, {"enable_thinking": True, "thinking_budget": 512}),
        (
            {"search": {"force": True}},
            {
                "enable_search": True,
                "search_options": {"enable_source": True, "enable_citation": True, "forced_search": True},
            },
        ),
    ],
)
def test_options_are_parameters(option: dict[str, Any], parameters: dict[str, Any]) -> None:
    assert sent(fenli=option)["parameters"].items() >= parameters.items()


def test_a_prefix_is_marked_and_a_persona_is_told() -> None:
    turns = [{"role": "user", "content": "count"}, {"role": "assistant", "content": "one, "}]
    body = sent(messages=turns, fenli={"prefix": True, "persona": {"bot_name": "Lin"}})
    first, _, last = body["input"]["messages"]
    assert first["role"] == "system"
    assert "Lin" in first["content"]
    assert last == {"role": "assistant", "content": "one, ", "partial": True}


def test_what_it_has_no_word_for_is_refused() -> None:
    with pytest.raises(CallRefused, match="logit_bias") as refused:
        sent(logit_bias={"1": 1})
    assert refused.value.param == "logit_bias"


def test_its_usage_counts_searches_too() -> None:
    assert meters(
        "alibaba-native", input_tokens=100, output_tokens=50, total_tokens=150, image_tokens=7,
        prompt_tokens_details={"cached_tokens": 20, "cache_creation_input_tokens": 30},
        output_tokens_details={"reasoning_tokens": 10}, plugins={"search": {"count": 2, "strategy": "turbo"}},
    ) == {"input": 50, "cached_input": 20, "cache_write": 30, "output": 40, "reasoning": 10, "searches": 2}  # fmt: skip
    assert meters("alibaba-native", input_tokens=1, output_tokens=2) == {"input": 1, "output": 2}


@pytest.mark.parametrize("search", [{"count": -1}, {"count": "two"}, 7])
def test_searches_that_do_not_count_are_no_usage(search: Any) -> None:
    with pytest.raises(UsageError):
        meters("alibaba-native", input_tokens=1, output_tokens=2, plugins={"search": search})


def test_prices_hang_on_the_same_facts_as_in_its_compatible_mode() -> None:
    for extra in ("", ',"enable_thinking":true', ',"fenli":{"thinking":true}'):
        ask = parse_request(f'{{"model":"m","messages":[]{extra}}}'.encode())
        assert ALIBABA_NATIVE.facts(ask, None, {"input": 1}) == ALIBABA.facts(ask, None, {"input": 1})


@pytest.mark.parametrize(("status", "error", "wanted"), ERRORS)
def test_its_errors_are_bare_and_their_words_are_the_callers_in_our_envelope(
    status: int, error: dict[str, str | int], wanted: Kind
) -> None:
    body = json.dumps({**error, "request_id": "r-1"}).encode()
    failure = ALIBABA_NATIVE.classify(status, [(b"retry-after", b"2")], body)
    assert (failure.kind, failure.message, failure.body) == (wanted, error["message"], None)
    assert failure.retry_after_ms == 2000
    if wanted not in (Kind.CONTEXT_TOO_LONG, Kind.BAD_REQUEST, Kind.SERVER_ERROR):  # these need the status
        assert ALIBABA_NATIVE.classify(200, [], body).kind is wanted
