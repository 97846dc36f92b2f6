"""Every option at every vendor, through the app against the emulated market: what is asked for happens, or is refused.

The vendors' switches are stated twice, by the adapters and by the market: here they meet.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from rehearsed import Exchange, Rehearsal

from fenli.market.flavours import FLAVOURS
from fenli.market.senses import SOURCE
from fenli.market.served import Serving
from fenli.prices.book import PriceBook
from fenli.routing.snapshot import Route
from fenli.vendors.catalog import VENDORS
from fenli.vendors.openai_compatible import OpenAICompatible
from fenli.vendors.switches import Gap, switch_of
from fenli.vendors.translated import Translated
from fenli.wire.openai_chat import parse_request
from fenli.wire.openai_chat.options import Option

NAMES = [name for name in VENDORS if name in FLAVOURS]
QUESTION = {"role": "user", "content": "Hello"}
BEGUN = {"role": "assistant", "content": "Once upon a time"}
SHAPE = {"type": "object", "properties": {"mills": {"type": "integer"}, "name": {"type": "string"}}}
ASKS: dict[str, dict[str, Any]] = {
    "on": {"fenli": {"thinking": True}},
    "level": {"fenli": {"thinking": "high"}},
    "budget": {"fenli": {"thinking": {"budget": 500}}},
    "effort": {"reasoning_effort": "low"},
    "off": {"fenli": {"thinking": False}},
    "no effort": {"reasoning_effort": "none"},
    "search": {"fenli": {"search": True}},
    "web": {"web_search_options": {}},
    "prefix": {"messages": [QUESTION, BEGUN], "fenli": {"prefix": True}},
    "persona": {"fenli": {"persona": {"bot_name": "Lin", "bot_profile": "A merchant.", "user_name": "Wei"}}},
    "schema": {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SHAPE}}},
}


def different(name: str) -> Iterator[str]:
    """A model of each combination of switches that the vendor has."""
    switches, seen = VENDORS[name].switches, set()
    for model in VENDORS[name].models:
        ways = tuple(id(switch_of(getattr(switches, option.value), model.id)) for option in Option)
        if model.does == "chat" and ways not in seen:
            seen.add(ways)
            yield model.id


MODELS = [f"{name}/{model}" for name in NAMES for model in different(name)]


@pytest.fixture(scope="module")
def rehearsal() -> Rehearsal:
    routes = (
        Route("either", ("deepseek/deepseek-flash", "alibaba/qwen-plus")),
        Route("neither", ("deepseek/deepseek-flash", "huawei/glm-5.2")),
    )
    tariff = PriceBook.load().tariff("alibaba", "qwen-plus", "CNY")
    assert tariff is not None
    return Rehearsal(NAMES, routes=routes, offers={"alibaba": tariff.offers})


def gaps(name: str, fields: dict[str, Any]) -> list[Gap]:
    vendor, _, model = name.partition("/")
    body = json.dumps({"model": "m", "messages": [QUESTION], **fields}).encode()
    options = parse_request(body).options
    assert options is not None
    return VENDORS[vendor].switches.gaps(model, options)


def downgraded(fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "fenli": {**fields.get("fenli", {}), "missing": "downgrade"}}


def check(what: str, name: str, found: Exchange, serving: Serving) -> None:
    """That what was asked for has happened."""
    vendor = name.partition("/")[0]
    flavour, text = FLAVOURS[vendor], found.message.get("content") or ""
    thoughts = flavour.reasoning_member if isinstance(VENDORS[vendor], OpenAICompatible) else "reasoning_content"
    if what in ("on", "level", "budget", "effort"):
        assert serving.reasoning_tokens > 0
        assert found.message.get(thoughts) or not flavour.shows_reasoning
    elif what in ("off", "no effort"):
        assert serving.reasoning_tokens == 0
        assert not found.message.get(thoughts)
    elif what in ("search", "web"):
        assert flavour.senses is not None
        if flavour.senses.echoed:
            assert found.message["tool_calls"][0]["function"]["name"] == flavour.senses.echoed
            return
        assert serving.searches == 1
        if isinstance(VENDORS[vendor], Translated):
            switch = switch_of(VENDORS[vendor].switches.search, name.partition("/")[2])
            if switch is not None and switch.shown == "message.annotations":
                cited = found.message["annotations"][0]["url_citation"]
                assert (cited["url"], text[cited["start_index"] : cited["end_index"]]) == (SOURCE["url"], text)
            return  # where else its own dialect has the sources is shown with that
        if flavour.senses.evidence and re.match(flavour.senses.searching or "", name.partition("/")[2]):
            assert any(choice.get(flavour.beside[0]) for part in found.parts for choice in part["choices"])
            return
        top, _, inner = flavour.senses.sources.partition(".")
        source = found.message.get(inner) if not top else found.parts[0].get(top)
        assert source if flavour.senses.sources else text.endswith("[1]")
    elif what == "prefix":
        assert text.startswith(" (on from 'Once upon a time')")
    elif what == "persona":
        assert text.startswith("Lin: ")
    else:
        assert set(json.loads(text)) == {"mills", "name"}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("what", ASKS)
@pytest.mark.parametrize("name", MODELS)
def test_what_is_asked_for_happens_or_is_refused(rehearsal: Rehearsal, name: str, what: str, stream: bool) -> None:
    fields = ASKS[what] | ({"stream": True} if stream else {})
    before, missing = len(rehearsal.served), gaps(name, ASKS[what])
    found = rehearsal.ask(name, **fields)
    if all(gap.near for gap in missing):
        assert found.status == 200
        assert len(rehearsal.served) == before + 1
        assert found.header("x-fenli-downgraded") == ("thinking" if missing and what not in ("search", "web") else
                                                      "search" if missing else "")  # fmt: skip
        check(what, name, found, rehearsal.served[-1])
        return
    assert (found.status, found.json["error"]["code"]) == (400, "option_not_supported")
    assert found.json["error"]["param"] == missing[0].member
    assert len(rehearsal.served) == before
    found = rehearsal.ask(name, **downgraded(fields))
    assert found.status == 200
    assert found.header("x-fenli-downgraded") == missing[0].option
    if what in ("persona", "schema"):  # these are told in words
        check(what, name, found, rehearsal.served[-1])
    elif what == "prefix":
        assert "on from" not in found.message["content"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_several_answers_of_dashscope_come_with_their_probabilities_and_add_up(
    rehearsal: Rehearsal, stream: bool
) -> None:
    asked = {"n": 2, "logprobs": True, "top_logprobs": 1, "fenli": {"thinking": True}}
    found = rehearsal.ask("alibaba-native/qwen-plus", stream=stream, stream_options={"include_usage": True}, **asked)
    assert found.status == 200
    choices = [choice for part in found.parts for choice in part["choices"]]
    told = [[], []]
    for choice in choices:
        told[choice["index"]] += (choice.get("logprobs") or {}).get("content", ())
    texts = ["".join(one["token"] for one in tokens) for tokens in told]
    assert texts[0] == texts[1]
    assert texts[0]
    assert all(one["top_logprobs"] for tokens in told for one in tokens)
    usage = next(part["usage"] for part in found.parts if part.get("usage"))
    serving = rehearsal.served[-1]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (serving.prompt_tokens, serving.completion_tokens)
    assert usage["completion_tokens_details"]["reasoning_tokens"] == serving.reasoning_tokens > 0


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", ["google/gemini-3.5-flash", "ollama-native/minicpm-v", "alibaba-native/qwen-plus"])
def test_probabilities_are_those_of_the_text(rehearsal: Rehearsal, name: str, stream: bool) -> None:
    found = rehearsal.ask(name, stream=stream, logprobs=True, top_logprobs=1)
    assert found.status == 200
    choices = [choice for part in found.parts for choice in part["choices"]]
    told = [one for choice in choices for one in (choice.get("logprobs") or {}).get("content", ())]
    assert "".join(one["token"] for one in told) == found.message["content"]
    assert all(len(one["top_logprobs"]) == 1 for one in told)
    assert rehearsal.ask(name, stream=stream, logprobs=True, top_logprobs=99).status == 400


def test_an_echoed_search_is_done_when_it_comes_back(rehearsal: Rehearsal) -> None:
    asked = {"messages": [QUESTION], "fenli": {"search": True}}
    first = rehearsal.ask("moonshot/kimi-k2.6", **asked)
    (call,) = first.message["tool_calls"]
    said = [
        QUESTION,
        first.message,
        {"role": "tool", "tool_call_id": call["id"], "content": call["function"]["arguments"]},
    ]
    second = rehearsal.ask("moonshot/kimi-k2.6", messages=said, fenli={"search": True})
    assert second.message["content"].endswith("[1]")
    assert rehearsal.served[-1].searches == 1


def test_the_target_that_has_it_is_asked_at_once(rehearsal: Rehearsal) -> None:
    before = len(rehearsal.served)
    found = rehearsal.ask("either", fenli={"search": True})
    assert (found.header("x-fenli-vendor"), found.header("x-fenli-attempts")) == ("alibaba", "1")
    assert len(rehearsal.served) == before + 1
    assert rehearsal.ask("either").header("x-fenli-vendor") == "deepseek"


def test_where_no_target_has_it_each_is_named(rehearsal: Rehearsal) -> None:
    error = rehearsal.ask("neither", fenli={"search": True}).json["error"]
    assert "deepseek/deepseek-flash has no web search; huawei/glm-5.2 has no web search" in error["message"]
    found = rehearsal.ask("neither", fenli={"search": True, "missing": "downgrade"})
    assert (found.header("x-fenli-vendor"), found.header("x-fenli-downgraded")) == ("deepseek", "search")


def test_a_price_that_hangs_on_thinking_sees_the_option(rehearsal: Rehearsal) -> None:
    offers = {offer.id: offer for offer in rehearsal.offers["alibaba"]}
    for fields, thinks in (
        ({"fenli": {"thinking": True}}, True),
        ({"reasoning_effort": "high"}, True),
        ({"fenli": {"thinking": False}}, False),
        ({"enable_thinking": True}, True),
    ):
        details = rehearsal.ask("alibaba/qwen-plus", cost=True, **fields).json["usage"]["cost_details"]
        assert offers[details["offer"]].conditions.thinking is thinks


def test_searches_that_a_vendor_counts_are_metered(rehearsal: Rehearsal) -> None:
    found = rehearsal.ask("baichuan/Baichuan4-Turbo", fenli={"search": True})
    assert found.json["usage"]["search_count"] == 1
    usage = json.dumps(found.json["usage"]).encode()
    assert VENDORS["baichuan"].usage(usage)["searches"] == 1
