from __future__ import annotations

import json
from typing import Any

import pytest

from fenli.errors import CallRefused, Code
from fenli.wire.openai_chat import ChatRequest, parse_request
from fenli.wire.openai_chat.options import Example, Missing, Options, Persona, Schema, Search, Thinking

QUESTION = {"role": "user", "content": "Hello"}
BEGUN = {"role": "assistant", "content": "Once"}


def ask(*messages: dict[str, Any], **fields: Any) -> ChatRequest:
    return parse_request(json.dumps({"model": "m", "messages": messages or [QUESTION], **fields}).encode())


def asked(**options: Any) -> Options | None:
    return ask(QUESTION, BEGUN, fenli=options).options


@pytest.mark.parametrize(
    "fields",
    [{}, {"temperature": 1, "tools": []}, {"response_format": {"type": "json_object"}}, {"reasoning_effort": None}],
)
def test_a_request_that_asks_for_nothing_has_no_options(fields: dict[str, Any]) -> None:
    assert ask(**fields).options is None


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (True, Thinking(True)),
        (False, Thinking(False)),
        ("low", Thinking(True, "low")),
        ({"budget": 2048}, Thinking(True, budget=2048)),
        (None, None),
    ],
)
def test_thinking(said: Any, meant: Thinking | None) -> None:
    assert asked(thinking=said) == Options(thinking=meant)


def test_search() -> None:
    assert asked(search=True) == Options(search=Search())
    assert asked(search={"citations": False, "force": True}) == Options(search=Search(citations=False, force=True))
    assert asked(search=False) == asked(search=None) == Options()


def test_prefix_and_what_to_do_where_something_is_missing() -> None:
    assert asked(prefix=True, missing="downgrade") == Options(prefix=True, missing=Missing.DOWNGRADE)
    assert asked(prefix=False, missing="refuse") == Options(missing=Missing.REFUSE)


def test_a_persona() -> None:
    told = {"bot_name": "林", "user_name": "Wei", "examples": [{"user": "Fresh?", "bot": "Today's."}]}
    persona = Persona(bot_name="林", user_name="Wei", examples=(Example("Fresh?", "Today's."),))
    assert asked(persona=told) == Options(persona=persona)


def test_openais_own_members_ask_for_the_same_things() -> None:
    assert ask(reasoning_effort="xhigh").options == Options(thinking=Thinking(True, "xhigh", member="reasoning_effort"))
    assert ask(reasoning_effort="none").options == Options(thinking=Thinking(False, member="reasoning_effort"))
    assert ask(web_search_options={}).options == Options(search=Search(member="web_search_options"))
    wished = ask(web_search_options={"search_context_size": "high"}).options
    assert wished == Options(search=Search(hints=True, member="web_search_options"))
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    found = ask(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}).options
    assert found is not None
    assert found.schema is not None
    assert found.schema.name == "x"
    assert json.loads(found.schema.text) == schema
    assert isinstance(found.schema, Schema)


@pytest.mark.parametrize(
    "fields",
    [
        {"reasoning_effort": 3},
        {"web_search_options": "yes"},
        {"response_format": "json_schema"},
        {"response_format": {"type": "json_schema"}},
        {"response_format": {"type": "json_schema", "json_schema": []}},
    ],
)
def test_one_of_openais_that_cannot_be_read_is_the_vendors_to_judge(fields: dict[str, Any]) -> None:
    assert ask(**fields).options is None


@pytest.mark.parametrize(
    ("options", "param", "word"),
    [
        ({"thinkin": True}, "fenli", "thinkin"),
        ({"thinking": "much"}, "fenli.thinking", '"medium"'),
        ({"thinking": 1}, "fenli.thinking", "budget"),
        ({"thinking": {"budget": 0}}, "fenli.thinking.budget", "from 1"),
        ({"thinking": {"budget": 2**40}}, "fenli.thinking.budget", "from 1"),
        ({"thinking": {"tokens": 5}}, "fenli.thinking", "tokens"),
        ({"search": "yes"}, "fenli.search", "citations"),
        ({"search": {"sites": []}}, "fenli.search", "sites"),
        ({"prefix": 1}, "fenli.prefix", "true or false"),
        ({"persona": {}}, "fenli.persona", "bot_name"),
        ({"persona": {"name": "x"}}, "fenli.persona", "name"),
        ({"persona": {"examples": [{"user": "x"}]}}, "fenli.persona", "examples"),
        ({"missing": "ignore"}, "fenli.missing", "downgrade"),
        ("all", "fenli", "thinking"),
        ([], "fenli", "thinking"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(options: Any, param: str, word: str) -> None:
    with pytest.raises(CallRefused) as caught:
        ask(QUESTION, BEGUN, fenli=options)
    refusal = caught.value
    assert (refusal.code, refusal.param) == (Code.INVALID_VALUE, param)
    assert word in refusal.message


def test_the_same_thing_is_asked_for_once() -> None:
    for fields in (
        {"fenli": {"thinking": False}, "reasoning_effort": "high"},
        {"fenli": {"search": True}, "web_search_options": {}},
    ):
        with pytest.raises(CallRefused, match="send one of the two"):
            ask(**fields)


@pytest.mark.parametrize("messages", [[QUESTION], [BEGUN, QUESTION]])
def test_a_prefix_is_the_assistants(messages: list[dict[str, Any]]) -> None:
    with pytest.raises(CallRefused, match="'user'") as caught:
        ask(*messages, fenli={"prefix": True})
    assert caught.value.param == "fenli.prefix"


@pytest.mark.parametrize("options", [{"prefix": True}, {"persona": {"bot_name": "x"}}])
def test_messages_that_are_none_are_refused_where_something_is_told_among_them(options: dict[str, Any]) -> None:
    with pytest.raises(CallRefused) as caught:
        parse_request(json.dumps({"model": "m", "messages": [1], "fenli": options}).encode())
    assert caught.value.param == "messages"


def test_a_limit_set_by_us_leaves_the_options_as_they_are() -> None:
    request = ask(fenli={"thinking": True})
    assert request.limited(7).options == request.options


@pytest.mark.parametrize("options", [{"prefix": True}, {"persona": {"bot_name": "Lin"}}])
@pytest.mark.parametrize("messages", [{}, {"messages": None}, {"messages": "hi"}])
def test_options_without_messages_are_refused_for_the_messages(options, messages):
    with pytest.raises(CallRefused) as refused:
        parse_request(json.dumps({"model": "m", "fenli": options, **messages}).encode())
    assert refused.value.param == "messages"
