"""Every option at every vendor: what is sent, and what is said to be missing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fenli.http.transport import Request
from fenli.vendors.catalog import VENDORS
from fenli.vendors.contract import Vendor
from fenli.vendors.openai_compatible import OpenAICompatible
from fenli.vendors.splicing import CONTINUE, SCHEMA
from fenli.vendors.switches import Gap, SearchSwitch, switch_of
from fenli.wire.openai_chat import ChatRequest, parse_request

QUESTION = {"role": "user", "content": "Hello"}
BEGUN = {"role": "assistant", "content": "Once"}
PERSONA = {"bot_name": "Lin", "bot_profile": "A merchant.", "user_name": "Wei", "user_profile": "A guest."}
SHAPE = {"type": "object", "properties": {"a": {"type": "integer"}}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "x", "schema": SHAPE}}
ASKS: dict[str, dict[str, Any]] = {
    "on": {"fenli": {"thinking": True}},
    "off": {"fenli": {"thinking": False}},
    "high": {"fenli": {"thinking": "high"}},
    "medium": {"fenli": {"thinking": "medium"}},
    "budget": {"fenli": {"thinking": {"budget": 2000}}},
    "effort": {"reasoning_effort": "high"},
    "no effort": {"reasoning_effort": "none"},
    "search": {"fenli": {"search": True}},
    "forced": {"fenli": {"search": {"citations": False, "force": True}}},
    "web": {"web_search_options": {}},
    "prefix": {"messages": [QUESTION, BEGUN], "fenli": {"prefix": True}},
    "persona": {"fenli": {"persona": PERSONA}},
    "schema": {"response_format": FORMAT},
}
SYSTEM = "\n".join(
    (
        "You play a character.",
        "Your name is Lin.",
        "A merchant.",
        "You talk with Wei.",
        "Of them: A guest.",
        "Stay in your role.",
    )
)
META = {"bot_name": "Lin", "bot_info": "A merchant.", "user_name": "Wei", "user_info": "A guest."}
ROLE = {"messages": [{"role": "system", "content": SYSTEM}, QUESTION]}
TOLD = {"role": "system", "content": SCHEMA + json.dumps(SHAPE)}
OBJECT = {"response_format": {"type": "json_object"}, "messages": [TOLD, QUESTION]}
ON_REQUEST = {"messages": [QUESTION, BEGUN, {"role": "user", "content": CONTINUE}]}
TYPED_ON, TYPED_OFF = {"thinking": {"type": "enabled"}}, {"thinking": {"type": "disabled"}}

# Of each model: what is sent beyond the plain request. `lacks` and `nearly`: what is said to be missing.
EXPECTED: dict[str, dict[str, Any]] = {
    "deepseek/deepseek-flash": {
        "on": TYPED_ON,
        "off": TYPED_OFF,
        "high": TYPED_ON | {"reasoning_effort": "high"},
        "medium": TYPED_ON | {"reasoning_effort": "medium"},
        "budget": TYPED_ON | {"reasoning_effort": "medium"},
        "effort": {"reasoning_effort": "high"},
        "no effort": TYPED_OFF,
        "prefix": {"messages": [QUESTION, BEGUN | {"prefix": True}]},
        "persona": ROLE,
        "schema": OBJECT,
        "lacks": ("search", "forced", "web", "persona", "schema"),
        "nearly": ("budget",),
    },
    "deepseek/deepseek-reasoner": {
        "lacks": ("off", "no effort", "search", "forced", "web", "persona", "schema"),
        "nearly": ("high", "medium", "budget", "effort"),
    },
    "moonshot/kimi-k2.6": {
        "on": TYPED_ON,
        "off": TYPED_OFF,
        "high": TYPED_ON,
        "effort": TYPED_ON,
        "no effort": TYPED_OFF,
        "search": {"tools": [{"type": "builtin_function", "function": {"name": "$web_search"}}]},
        "prefix": {"messages": [QUESTION, BEGUN | {"partial": True}]},
        "persona": {
            "messages": [*ROLE["messages"], {"role": "assistant", "name": "Lin", "content": "", "partial": True}]
        },
        "schema": {"response_format": FORMAT},
        "nearly": ("high", "medium", "budget", "effort", "search", "forced", "web"),
    },
    "moonshot/kimi-k3": {
        "on": {},
        "high": {"reasoning_effort": "high"},
        "medium": {"reasoning_effort": "high"},
        "budget": {"reasoning_effort": "high"},
        "off": {"reasoning_effort": "low"},
        "effort": {"reasoning_effort": "high"},
        "no effort": {"reasoning_effort": "low"},
        "lacks": ("off", "no effort"),
        "nearly": ("medium", "budget", "search", "forced", "web"),
    },
    "moonshot/moonshot-v1-8k": {
        "on": {},
        "off": {},
        "effort": {},
        "schema": OBJECT,
        "lacks": ("on", "high", "medium", "budget", "effort", "schema"),
        "nearly": ("search", "forced", "web"),
    },
    "zhipu/glm-5.3": {
        "off": {"reasoning_effort": "low"},
        "high": {"reasoning_effort": "high"},
        "lacks": ("off", "no effort", "prefix", "persona"),
        "nearly": ("medium", "budget", "forced"),
    },
    "zhipu/glm-4.6": {
        "on": TYPED_ON,
        "off": TYPED_OFF,
        "effort": TYPED_ON,
        "no effort": TYPED_OFF,
        "search": {"tools": [{"type": "web_search", "web_search": {"enable": True, "search_result": True}}]},
        "web": {"tools": [{"type": "web_search", "web_search": {"enable": True, "search_result": True}}]},
        "prefix": ON_REQUEST,
        "schema": {"response_format": FORMAT},
        "lacks": ("prefix", "persona"),
        "nearly": ("high", "medium", "budget", "effort", "forced"),
    },
    "zhipu/charglm-4": {
        "persona": {"meta": META},
        "lacks": ("on", "high", "medium", "budget", "effort", "prefix"),
        "nearly": ("forced",),
    },
    "zai/glm-4.6": {"schema": OBJECT, "lacks": ("prefix", "persona", "schema"),
                    "nearly": ("high", "medium", "budget", "effort", "forced")},
    "minimax/MiniMax-M3": {
        "on": {"thinking": {"type": "adaptive"}},
        "off": TYPED_OFF,
        "lacks": ("search", "forced", "web", "prefix", "persona"),
        "nearly": ("high", "medium", "budget", "effort"),
    },
    "minimax/M2-her": {
        "persona": {
            "messages": [
                {"role": "system", "name": "Lin", "content": "A merchant."},
                {"role": "user_system", "name": "Wei", "content": "A guest."},
                QUESTION,
            ]
        },
        "lacks": ("on", "high", "medium", "budget", "effort", "search", "forced", "web", "prefix"),
    },
    "stepfun/step-3.7-flash": {
        "on": {},
        "off": {"reasoning_effort": "low"},
        "high": {"reasoning_effort": "high"},
        "search": {"tools": [{"type": "web_search", "function": {"description": "Searches the web."}}]},
        "schema": OBJECT,
        "lacks": ("off", "no effort", "prefix", "persona", "schema"),
        "nearly": ("budget", "forced"),
    },
    "stepfun/step-3.5-flash": {
        "schema": {"response_format": FORMAT},
        "lacks": ("off", "no effort", "prefix", "persona"),
        "nearly": ("high", "medium", "budget", "effort", "forced"),
    },
    "baichuan/Baichuan4-Turbo": {
        "search": {"tools": [{"type": "web_search", "web_search": {"enable": True}}]},
        "schema": OBJECT,
        "lacks": ("on", "high", "medium", "budget", "effort", "prefix", "persona", "schema"),
        "nearly": ("forced",),
    },
    "baichuan/Baichuan-M3-Plus": {
        "search": {},
        "schema": {"messages": [TOLD, QUESTION]},
        "lacks": ("off", "no effort", "prefix", "persona", "schema"),
        "nearly": ("high", "medium", "budget", "effort"),
    },
    "baichuan/Baichuan-NPC-Turbo": {
        "persona": {
            "character_profile": {
                "character_name": "Lin", "character_info": "A merchant.", "user_name": "Wei", "user_info": "A guest.",
            }
        },
        "lacks": ("on", "high", "medium", "budget", "effort", "prefix", "schema"),
        "nearly": ("forced",),
    },
    "01ai/yi-large-rag": {
        "search": {},
        "schema": {"messages": [TOLD, QUESTION]},
        "lacks": ("on", "high", "medium", "budget", "effort", "prefix", "persona", "schema"),
    },
    "alibaba/qwen-plus": {
        "on": {"enable_thinking": True},
        "off": {"enable_thinking": False},
        "high": {"enable_thinking": True, "thinking_budget": 24576},
        "medium": {"enable_thinking": True, "thinking_budget": 8192},
        "budget": {"enable_thinking": True, "thinking_budget": 2000},
        "effort": {"enable_thinking": True, "thinking_budget": 24576},
        "no effort": {"enable_thinking": False},
        "search": {"enable_search": True, "search_options": {"enable_source": True, "enable_citation": True}},
        "forced": {"enable_search": True, "search_options": {"forced_search": True}},
        "prefix": {"messages": [QUESTION, BEGUN | {"partial": True}]},
        "schema": {"response_format": FORMAT},
        "lacks": ("persona",),
        "nearly": ("high", "medium", "effort"),
    },
    "bytedance/doubao-seed-1.8": {
        "on": TYPED_ON,
        "off": TYPED_OFF,
        "high": TYPED_ON | {"reasoning_effort": "high"},
        "schema": {"response_format": FORMAT},
        "lacks": ("search", "forced", "web", "prefix", "persona"),
        "nearly": ("budget",),
    },
    "bytedance/doubao-seed-character": {
        "persona": ROLE,
        "lacks": ("search", "forced", "web", "prefix"),
        "nearly": ("budget",),
    },
    "tencent/hunyuan-a13b": {
        "on": {"enable_thinking": True},
        "off": {"enable_thinking": False},
        "effort": {"enable_thinking": True},
        "search": {"enable_enhancement": True, "search_info": True, "citation": True},
        "forced": {"enable_enhancement": True, "force_search_enhancement": True},
        "lacks": ("prefix", "persona"),
        "nearly": ("high", "medium", "budget", "effort"),
    },
    "tencent/hy3": {
        "on": TYPED_ON,
        "budget": {"thinking": {"type": "enabled", "budget_tokens": 2000}},
        "lacks": ("search", "forced", "web", "prefix", "persona"),
        "nearly": ("high", "medium", "effort"),
    },
    "tencent/hunyuan-role-latest": {"persona": ROLE, "lacks": ("on", "high", "medium", "budget", "effort", "prefix")},
    "baidu/ernie-5.1": {
        "on": {"enable_thinking": True},
        "off": {"enable_thinking": False},
        "search": {"web_search": {"enable": True, "enable_citation": True, "enable_trace": True}},
        "lacks": ("prefix", "persona"),
        "nearly": ("high", "medium", "budget", "effort", "forced"),
    },
    "baidu/ernie-char-8k": {
        "persona": ROLE,
        "lacks": ("on", "high", "medium", "budget", "effort", "prefix"),
        "nearly": ("forced",),
    },
    "huawei/deepseek-v3.1": {
        "on": {"chat_template_kwargs": {"thinking": True}},
        "off": {"chat_template_kwargs": {"thinking": False}},
        "lacks": ("search", "forced", "web", "prefix", "persona"),
        "nearly": ("high", "medium", "budget", "effort"),
    },
    "huawei/qwen3-32b": {
        "on": {"chat_template_kwargs": {"enable_thinking": True}},
        "no effort": {"chat_template_kwargs": {"enable_thinking": False}},
        "lacks": ("search", "forced", "web", "prefix", "persona"),
        "nearly": ("high", "medium", "budget", "effort"),
    },
    "iflytek/spark-x2": {
        "on": TYPED_ON,
        "off": TYPED_OFF,
        "search": {
            "tools": [
                {
                    "type": "web_search",
                    "web_search": {"enable": True, "show_ref_label": True, "search_mode": "normal"},
                }
            ],
            "tool_calls_switch": True,
        },
        "schema": OBJECT,
        "lacks": ("prefix", "persona", "schema"),
        "nearly": ("high", "medium", "budget", "effort", "forced"),
    },
    "sensetime/SenseNova-V6-5-Pro": {
        "on": {"reasoning_effort": "medium"},
        "off": {"reasoning_effort": "none"},
        "high": {"reasoning_effort": "high"},
        "effort": {"reasoning_effort": "high"},
        "lacks": ("search", "forced", "web", "prefix", "persona"),
        "nearly": ("budget",),
    },
    "metaso/fast_thinking": {
        "on": {},
        "search": {},
        "web": {},
        "schema": {"messages": [TOLD, QUESTION]},
        "lacks": ("off", "no effort", "prefix", "persona", "schema"),
        "nearly": ("high", "medium", "budget", "effort"),
    },
    "openai/gpt-5.5": {
        "on": {"reasoning_effort": "medium"},
        "off": {"reasoning_effort": "none"},
        "high": {"reasoning_effort": "high"},
        "effort": {"reasoning_effort": "high"},
        "schema": {"response_format": FORMAT},
        "lacks": ("search", "forced", "web", "prefix", "persona"),
        "nearly": ("budget",),
    },
    "openai/gpt-4o": {"lacks": ("on", "high", "medium", "budget", "effort", "search", "forced", "web", "prefix",
                                "persona")},
    "openai/gpt-4o-search-preview": {
        "search": {"web_search_options": {}},
        "web": {"web_search_options": {}},
        "lacks": ("on", "high", "medium", "budget", "effort", "prefix", "persona"),
        "nearly": ("forced",),
    },
    "openai/acme-large": {
        "effort": {"reasoning_effort": "high"},
        "search": {"web_search_options": {}},
        "web": {"web_search_options": {}},
        "schema": {"response_format": FORMAT},
        "lacks": ("prefix", "persona"),
        "nearly": ("budget", "forced"),
    },
    "vllm/openbmb/MiniCPM4.1-8B": {
        "on": {"chat_template_kwargs": {"enable_thinking": True}},
        "off": {"chat_template_kwargs": {"enable_thinking": False}},
        "prefix": {"messages": [QUESTION, BEGUN], "continue_final_message": True, "add_generation_prompt": False},
        "schema": {"response_format": FORMAT},
        "lacks": ("search", "forced", "web", "persona"),
        "nearly": ("high", "medium", "budget", "effort"),
    },
    "vllm/openai/gpt-oss-20b": {
        "high": {"reasoning_effort": "high"},
        "lacks": ("off", "no effort", "search", "forced", "web", "persona"),
        "nearly": ("budget",),
    },
    "ollama/qwen3": {
        "on": {"reasoning_effort": "medium"},
        "off": {"reasoning_effort": "none"},
        "schema": {"response_format": FORMAT},
        "lacks": ("search", "forced", "web", "prefix", "persona"),
        "nearly": ("budget",),
    },
    "local/minicpm4.1": {
        "off": {"chat_template_kwargs": {"enable_thinking": False}},
        "lacks": ("search", "forced", "web", "prefix", "persona"),
        "nearly": ("high", "medium", "budget", "effort"),
    },
    "local/smollm2-135m-instruct": {
        "off": {},
        "lacks": ("on", "high", "medium", "budget", "effort", "search", "forced", "web", "prefix", "persona"),
    },
}  # fmt: skip


def ask(**fields: Any) -> ChatRequest:
    return parse_request(json.dumps({"model": "public", "messages": [QUESTION], **fields}).encode())


def request(name: str, **fields: Any) -> Request:
    vendor, _, model = name.partition("/")
    chosen = VENDORS[vendor]
    return chosen.request(chosen.address(chosen.base_url, "sk", model), ask(**fields), 0)


def sent(name: str, **fields: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(bytes(request(name, **fields).body))
    return body


def gaps(name: str, **fields: Any) -> list[Gap]:
    vendor, _, model = name.partition("/")
    options = ask(**fields).options
    assert options is not None
    return VENDORS[vendor].switches.gaps(model, options)


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("what", ASKS)
def test_each_option_in_the_vendors_own_words(name: str, what: str) -> None:
    expected, fields = EXPECTED[name], ASKS[what]
    found = gaps(name, **fields)
    assert any(not gap.near for gap in found) == (what in expected.get("lacks", ()))
    assert any(gap.near for gap in found) == (what in expected.get("nearly", ()))
    if what not in expected:
        return
    plain = sent(name)
    extra = {member: value for member, value in sent(name, **fields).items() if plain.get(member) != value}
    assert extra == {member: value for member, value in expected[what].items() if plain.get(member) != value}


def test_every_vendor_has_its_rows() -> None:
    compatible = [vendor for vendor in VENDORS.values() if isinstance(vendor, OpenAICompatible)]
    assert {vendor.id for vendor in compatible if not vendor.sells} <= {name.partition("/")[0] for name in EXPECTED}
    assert VENDORS["moonshot-intl"].switches == VENDORS["moonshot"].switches
    assert VENDORS["minimax-intl"].switches == VENDORS["minimax"].switches


def models_of(vendor: Vendor) -> list[str]:
    return [model.id for model in vendor.models if model.does == "chat"][:30]


@pytest.mark.parametrize("vendor", [one for one in VENDORS.values() if type(one) is OpenAICompatible])
def test_no_word_of_ours_reaches_a_vendor_and_no_other_bytes_change(vendor: OpenAICompatible) -> None:
    messages = b'[{"role" : "user","content":"\\u00e9"},{"content":"B","role":"assistant"}]'
    for model in models_of(vendor):
        for fields in ASKS.values():
            options = {name: value for name, value in fields.items() if name != "messages"}
            body = json.dumps({"model": "public", **options}).encode()[:-1] + b',"messages":' + messages + b',"x": 1.0}'
            address = vendor.address(vendor.base_url, "sk", model)
            out = bytes(vendor.request(address, parse_request(body), 0).body)
            assert b'"fenli"' not in out
            assert b'"x":1.0' in out
            assert b'{"role" : "user","content":"\\u00e9"}' in out


def test_prefixes_of_deepseek_go_to_its_beta_path_wherever_it_is() -> None:
    prefixed = ASKS["prefix"]
    assert request("deepseek/deepseek-flash", **prefixed).target == b"/beta/chat/completions"
    deepseek = VENDORS["deepseek"]
    for base, target in (
        ("https://api.deepseek.com/v1", b"/beta/chat/completions"),
        ("http://127.0.0.1:8420/deepseek", b"/deepseek/beta/chat/completions"),
    ):
        address = deepseek.address(base, "sk", "deepseek-flash")
        assert deepseek.request(address, ask(**prefixed), 0).target == target
    assert request("deepseek/deepseek-flash", fenli={"thinking": True}).target == b"/chat/completions"


# What the caller says in the vendor's own words


@pytest.mark.parametrize(
    ("name", "own", "fields"),
    [
        ("deepseek/deepseek-flash", {"thinking": {"type": "disabled"}}, {"fenli": {"thinking": True}}),
        ("alibaba/qwen-plus", {"enable_thinking": False, "thinking_budget": 7}, {"fenli": {"thinking": "high"}}),
        ("huawei/qwen3-32b", {"chat_template_kwargs": {"enable_thinking": True}}, {"fenli": {"thinking": False}}),
        ("zhipu/glm-5", {"tools": [{"type": "web_search", "web_search": {"count": 3}}]}, {"fenli": {"search": True}}),
        ("bytedance/doubao-seed-1.8", {"thinking": "auto"}, {"fenli": {"thinking": True}}),
        ("zhipu/glm-5", {"tools": "none"}, {"fenli": {"search": True}}),
    ],
)
def test_it_stands(name: str, own: dict[str, Any], fields: dict[str, Any]) -> None:
    found = sent(name, **own, **fields)
    assert {member: found[member] for member in own} == own


def test_what_it_leaves_unsaid_is_filled_in() -> None:
    found = sent("huawei/qwen3-32b", chat_template_kwargs={"other": 1}, fenli={"thinking": True})
    assert found["chat_template_kwargs"] == {"other": 1, "enable_thinking": True}
    function = {"type": "function", "function": {"name": "f"}}
    assert len(sent("zhipu/glm-5", tools=[function], fenli={"search": True})["tools"]) == 2
    found = sent("moonshot/kimi-k2.6", tools=[function], fenli={"search": True})
    assert [tool["type"] for tool in found["tools"]] == ["function", "builtin_function"]
    assert sent("deepseek/deepseek-flash", thinking=None, fenli={"thinking": True})["thinking"] == {"type": "enabled"}
    assert sent("alibaba/qwen-plus", enable_thinking=None, fenli={"thinking": True})["enable_thinking"] is True


# Words in the messages


def test_what_we_say_stands_before_the_callers_own_system_message() -> None:
    system = {"role": "system", "name": "boss", "content": "Be brief."}
    (first, second) = sent("deepseek/deepseek-flash", messages=[system, QUESTION], **ASKS["persona"])["messages"]
    assert first == {"role": "system", "name": "boss", "content": f"{SYSTEM}\n\nBe brief."}
    assert second == QUESTION
    parts = {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]}
    first = sent("deepseek/deepseek-flash", messages=[parts, QUESTION], **ASKS["persona"])["messages"][0]
    assert first["content"] == [{"type": "text", "text": SYSTEM}, {"type": "text", "text": "Be brief."}]


def test_a_role_and_a_schema_together() -> None:
    fields = ASKS["persona"] | ASKS["schema"]
    (first, _) = sent("deepseek/deepseek-flash", **fields)["messages"]
    assert first["content"] == f"{TOLD['content']}\n\n{SYSTEM}"


def test_a_persona_is_told_in_its_own_language() -> None:
    examples = [{"user": "好", "bot": "请"}]
    persona = {"bot_name": "林掌柜", "bot_profile": "卖茶的", "scene": "茶馆", "examples": examples}
    (first, _) = sent("deepseek/deepseek-flash", fenli={"persona": persona})["messages"]
    assert first["content"].splitlines() == [
        "你扮演一个角色。", "你的名字是林掌柜。", "卖茶的", "场景:茶馆", "你这样说话:", "对方: 好", "林掌柜: 请",
        "始终保持角色。",
    ]  # fmt: skip


def test_what_a_vendor_has_no_place_for_goes_with_the_profile() -> None:
    found = sent("zhipu/charglm-4", fenli={"persona": PERSONA | {"scene": "A shop."}})["meta"]
    assert found["bot_name"] == "Lin"
    assert found["bot_info"] == "You play a character.\nA merchant.\nScene: A shop.\nStay in your role."
    assert sent("zhipu/charglm-4", fenli={"persona": {"bot_name": "Lin"}})["meta"] == {"bot_name": "Lin"}


def test_roles_of_a_persona_with_a_system_message_of_the_callers() -> None:
    persona = PERSONA | {"scene": "A shop.", "examples": [{"user": "Fresh?", "bot": "Today's."}]}
    system = {"role": "system", "content": "Be brief."}
    found = sent("minimax/M2-her", messages=[system, QUESTION], fenli={"persona": persona})["messages"]
    assert found == [
        {"name": "Lin", "role": "system", "content": "A merchant.\n\nBe brief."},
        {"role": "user_system", "name": "Wei", "content": "A guest."},
        {"role": "group", "content": "A shop."},
        {"role": "sample_message_user", "name": "Wei", "content": "Fresh?"},
        {"role": "sample_message_ai", "name": "Lin", "content": "Today's."},
        QUESTION,
    ]


def test_a_name_goes_on_the_prefix_where_there_is_one() -> None:
    fields = {"messages": [QUESTION, BEGUN], "fenli": {"prefix": True, "persona": {"bot_name": "Lin"}}}
    assert sent("moonshot/kimi-k2.6", **fields)["messages"][-1] == BEGUN | {"name": "Lin", "partial": True}


def test_thinking_is_a_fact_that_prices_may_hang_on_however_it_is_asked_for() -> None:
    alibaba = VENDORS["alibaba"]
    for fields, thinks in (
        ({"fenli": {"thinking": True}}, True),
        ({"fenli": {"thinking": {"budget": 5}}}, True),
        ({"reasoning_effort": "high"}, True),
        ({"fenli": {"thinking": False}}, False),
        ({"reasoning_effort": "none"}, False),
        ({"fenli": {"search": True}}, False),
        ({"enable_thinking": False, "fenli": {"thinking": True}}, False),
        ({"enable_thinking": True, "fenli": {"thinking": False}}, True),
        ({"enable_thinking": None, "fenli": {"thinking": True}}, True),
    ):
        assert alibaba.facts(ask(**fields), None, {}) == ({"thinking": True} if thinks else None)


@pytest.mark.parametrize(
    ("name", "model", "said", "searches"),
    [
        ("zhipu", "glm-4.6", {"tools": [{"type": "web_search", "web_search": {"enable": True}}]}, True),
        ("zhipu", "glm-4.6", {"tools": [{"type": "function", "function": {"name": "search_orders"}}]}, False),
        ("moonshot", "kimi-k2.6", {"tools": [{"type": "builtin_function", "function": {"name": "$web_search"}}]}, True),
        ("anthropic", "claude-opus-4-8", {"tools": [{"type": "web_search_20270101", "name": "web_search"}]}, True),
        ("google", "gemini-2.5-pro", {"tools": [{"googleSearch": {}}]}, True),
        ("google", "gemini-2.5-pro", {"tools": [{"type": "function", "function": {"name": "f"}}]}, False),
        ("alibaba", "qwen-plus", {"enable_search": True}, True),
        ("alibaba", "qwen-plus", {"enable_search": False}, False),
        ("baidu", "ernie-4.5", {"web_search": {"enable": True}}, True),
        ("metaso", "fast", {}, True),
        ("alibaba", "qwen-plus", {}, False),
    ],
)
def test_what_may_search_is_seen_in_the_vendors_own_words(name, model, said, searches):
    switch = switch_of(VENDORS[name].switches.search, model)
    fields = {member: json.dumps(value, separators=(",", ":")).encode() for member, value in said.items()}
    assert switch.may_search(fields) is searches


def test_every_tool_that_searches_is_seen_among_tools():
    for vendor in VENDORS.values():
        for switch in vendor.switches.search:
            assert not switch.tool or switch.may_search({"tools": b"[" + switch.tool + b"]"})


@pytest.mark.parametrize("tool", [b"{}", b'{"type":5}', b'{"type":""}', b'{"find":{}}'])
def test_a_tool_of_ones_own_may_look_like_anything(tool):
    assert SearchSwitch(tool=tool).may_search({"tools": b"[" + tool + b', {"x":""}]'})
