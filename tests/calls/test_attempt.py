from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from call_stage import DONE, EXTRA, STOP, WHOLE, CallStage, words

from fenli.ledger.records import Grade
from fenli.prices import Conditions, Offer, Tariff
from fenli.routing.targets import Plan
from fenli.wire.openai_chat import parse_request


def said(*texts: Any, **fields: Any) -> bytes:
    return json.dumps(
        {"messages": [{"role": "user", "content": text} for text in texts], "model": "m", **fields}
    ).encode()


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        (b'{"model":"m","messages":[{"role":"user","content":"hi"}]}', 1),
        (b'{"model":"m","messages":[]}', 1),
        (said("hi", stream=True, stream_options={"include_usage": False}, metadata={"much": "x" * 4000}), 1),
        (said("x" * 400), 101),
        (said("x" * 400, "x" * 400, "x" * 400), 303),
    ],
)
def test_the_prompt_is_estimated_from_its_messages_alone(body: bytes, tokens: int) -> None:
    assert parse_request(body).estimate(0)["input"] == tokens


def test_messages_that_are_no_objects_are_estimated_all_the_same() -> None:
    assert parse_request(b'{"model":"m","messages":[1,2,3]}').estimate(7) == {"input": 1, "output": 7}


def tiers() -> Plan:
    """OpenAI with a flex row at half the price of the standard one: a token costs 2 picos in and 4 out."""
    ask = CallStage("openai").call.plan
    prices = {"standard": {"input": 2, "output": 4}, "flex": {"input": 1, "output": 2}}
    offers = [
        Offer(tier, "openai", "gpt-4o-mini", "CNY", 0, None, "1M_tokens", price, Conditions(service_tier=tier))
        for tier, price in prices.items()
    ]
    (target,) = ask.targets
    return msgspec.structs.replace(ask, targets=(msgspec.structs.replace(target, tariff=Tariff(offers, "start")),))


@pytest.mark.parametrize(
    ("served", "picos", "facts"),
    [('"default"', 36, None), ('"flex"', 18, {"service_tier": "flex"}), ("null", 36, None), ("7", 36, None)],
)
@pytest.mark.parametrize("stream", [False, True])
def test_the_tier_that_served_it_is_paid_not_the_one_asked_for(stream, served, picos, facts) -> None:
    stage = CallStage(plan_=tiers(), service_tier="flex", stream=stream).ask().head()
    told = b'"service_tier":' + served.encode() + b","
    if stream:
        stage.body(words("Hi").replace(b"{", b"{" + told, 1), STOP, EXTRA.replace(b"{", b"{" + told, 1), DONE)
    else:
        stage.body(WHOLE.replace(b"{", b"{" + told, 1))
    stage.complete()
    stage.write_journal()

    (entry,) = stage.entries
    assert (entry.picos, entry.facts, entry.grade) == (picos, facts, Grade.MEASURED)


def test_a_tier_without_a_price_is_unknown() -> None:
    stage = CallStage(plan_=tiers()).ask().head()
    stage.body(WHOLE.replace(b"{", b'{"service_tier":"priority",', 1)).complete()
    stage.write_journal()

    (entry,) = stage.entries
    assert (entry.picos, entry.grade, entry.facts) == (None, Grade.UNKNOWN, {"service_tier": "priority"})
    assert "no row in force has these conditions" in (entry.note or "")
