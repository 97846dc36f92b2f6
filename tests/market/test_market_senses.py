"""An emulated vendor reads its own switches, and those of others mean nothing to it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from fenli.market.flavours import FLAVOURS
from fenli.market.replies import Reply
from fenli.market.requests import Ask, ChatBody, parse_chat
from fenli.market.senses import SOURCE, Noticed, Senses, notice

HELLO = {"role": "user", "content": "Hello"}
BEGUN = {"role": "assistant", "content": "Once"}
THINKING = {
    "thinking.type": {"thinking": {"type": "enabled"}},
    "enable_thinking": {"enable_thinking": True},
    "reasoning_effort": {"reasoning_effort": "high"},
    "chat_template_kwargs.thinking": {"chat_template_kwargs": {"thinking": True}},
    "chat_template_kwargs.enable_thinking": {"chat_template_kwargs": {"enable_thinking": True}},
}
OFF = {
    "thinking.type": {"thinking": {"type": "disabled"}},
    "enable_thinking": {"enable_thinking": False},
    "reasoning_effort": {"reasoning_effort": "none"},
    "chat_template_kwargs.thinking": {"chat_template_kwargs": {"thinking": False}},
    "chat_template_kwargs.enable_thinking": {"chat_template_kwargs": {"enable_thinking": False}},
}
UNASKED = ("deepseek", "huawei", "vllm", "ollama")
# A model of each that can be told to think and not to.
HYBRIDS = {
    "deepseek": "deepseek-flash",
    "moonshot": "kimi-k2.6",
    "zhipu": "glm-4.6",
    "minimax": "MiniMax-M3",
    "alibaba": "qwen-plus",
    "bytedance": "doubao-seed-1.8",
    "tencent": "hunyuan-a13b",
    "baidu": "ernie-5.1",
    "huawei": "qwen3-32b",
    "iflytek": "spark-x",
    "sensetime": "SenseNova-V6-5-Pro",
    "openai": "gpt-5.5",
    "vllm": "openbmb/MiniCPM4.1-8B",
    "ollama": "openbmb/minicpm4.1",
}


def noticed(vendor: str, model: str, *messages: dict[str, Any], path: str = "", **fields: Any) -> Noticed:
    body = json.dumps({"model": model, "messages": messages or [HELLO], **fields}).encode()
    chat = parse_chat(body)
    assert isinstance(chat, ChatBody)
    return notice(FLAVOURS[vendor].senses, chat, Ask("POST", path, {}, body))


@pytest.mark.parametrize("vendor", HYBRIDS)
@pytest.mark.parametrize("place", THINKING)
def test_thinking_is_switched_in_the_vendors_own_place_alone(vendor: str, place: str) -> None:
    senses = FLAVOURS[vendor].senses
    assert senses is not None
    model = HYBRIDS[vendor]
    own = next(places for names, places in senses.thinking.items() if re.match(names, model, re.IGNORECASE))
    unasked = vendor in UNASKED
    assert noticed(vendor, model).thinks is unasked
    assert noticed(vendor, model, **THINKING[place]).thinks is (place in own or unasked)
    assert noticed(vendor, model, **OFF[place]).thinks is (place not in own and unasked)


def test_a_model_that_thinks_unasked_can_be_told_not_to() -> None:
    body = json.dumps({"model": "m", "messages": [HELLO], "thinking": {"type": "disabled"}}).encode()
    chat = parse_chat(body)
    assert isinstance(chat, ChatBody)
    senses = Senses(thinking={"": ("thinking.type",)}, unasked="m")
    assert not notice(senses, chat, Ask("POST", "", {}, body)).thinks
    plain = json.dumps({"model": "m", "messages": [HELLO]}).encode()
    assert notice(senses, chat, Ask("POST", "", {}, plain)).thinks


def test_a_prefix_is_continued_where_the_vendor_takes_it_and_as_it_marks_it() -> None:
    assert noticed("deepseek", "m", HELLO, BEGUN | {"prefix": True}, path="/beta/chat/completions").begun == "Once"
    assert noticed("deepseek", "m", HELLO, BEGUN | {"prefix": True}, path="/chat/completions").begun == ""
    assert noticed("alibaba", "m", HELLO, BEGUN | {"partial": True}).begun == "Once"
    assert noticed("alibaba", "m", HELLO, BEGUN | {"prefix": True}).begun == ""
    assert noticed("vllm", "m", HELLO, BEGUN, continue_final_message=True).begun == "Once"
    assert noticed("vllm", "m", HELLO, BEGUN).begun == ""


def test_a_search_and_its_sources() -> None:
    found = noticed("tencent", "m", enable_enhancement=True, search_info=True)
    assert (found.searches, list(found.members)) == (1, ["search_info"])
    assert noticed("tencent", "m", enable_enhancement=True).members == {}
    assert noticed("tencent", "m", enable_search=True).searches == 0
    tool = {"type": "web_search", "web_search": {"enable": True}}
    assert noticed("zhipu", "m", tools=[tool]).searches == 1
    assert noticed("openai", "m", tools=[tool]).searches == 0
    assert noticed("openai", "m", web_search_options={}).inner == {"annotations": [SOURCE]}
    assert noticed("metaso", "fast").searches == 1
    assert noticed("baichuan", "Baichuan4", tools=[tool]).members == {"knowledge_base": {"cites": [SOURCE]}}
    assert noticed("baichuan", "Baichuan-M2-Plus").inner == {"grounding": {"evidence": [SOURCE]}}


def test_a_name_where_the_vendor_looks_for_it_and_in_words() -> None:
    assert noticed("zhipu", "charglm-4", meta={"bot_name": "Lin"}).name == "Lin"
    assert noticed("minimax", "M2-her", {"role": "system", "name": "Lin", "content": "x"}, HELLO).name == "Lin"
    assert noticed("moonshot", "m", HELLO, BEGUN | {"partial": True, "name": "Lin"}).name == "Lin"
    assert noticed("openai", "m", meta={"bot_name": "Lin"}).name == ""
    told = {"role": "system", "content": "You play a character.\nYour name is Lin."}
    assert noticed("openai", "m", told, HELLO).name == "Lin"
    assert noticed("huawei", "m", {"role": "system", "content": "你的名字是林。"}, HELLO).name == "林"


def test_a_schema_where_the_vendor_knows_them_and_in_words() -> None:
    shape = {"type": "object", "properties": {}}
    asked = {"type": "json_schema", "json_schema": {"name": "x", "schema": shape}}
    assert noticed("openai", "m", response_format=asked).schema == shape
    assert noticed("deepseek", "m", response_format=asked).schema is None
    told = {"role": "system", "content": f"It fits this JSON Schema:\n{json.dumps(shape)}\n\nBe brief."}
    found = noticed("deepseek", "m", told, HELLO)
    assert (found.schema, found.json) == (shape, True)


def test_what_was_noticed_shows_in_the_words() -> None:
    reply = Reply(text="ten mills")
    assert Noticed(name="Lin", begun="Once", searches=1).shaped(reply).text == " (on from 'Once') Lin: ten mills [1]"
    echoed = Noticed(echo="$web_search").shaped(reply)
    assert (echoed.text, echoed.tool_calls[0].name) == ("", "$web_search")
