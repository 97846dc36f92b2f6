"""Vendors whose answers lie: whatever stands where, the call and its hold end, and nothing that came is free."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_holding import lease, purse
from test_service_call import PICO_EACH, ServiceStage

from fenli.ledger.records import Grade
from fenli.wire.capabilities import Capability
from mutations import LEFT_OUT, changed, places

URL = "https://v.example/1"
TOKENS = {"prompt_tokens": 7, "total_tokens": 7}
ANSWERS: dict[tuple[str, str], tuple[dict[str, Any], dict[str, Any]]] = {
    ("embeddings", "zhipu/embedding-3"): (
        {"input": ["a", "b"]},
        {"object": "list", "model": "m", "data": [{"embedding": [0.5], "index": 0}], "usage": TOKENS},
    ),
    ("rerank", "alibaba/qwen3-rerank"): (
        {"query": "q", "documents": ["a", "b"]},
        {"id": "r", "results": [{"index": 0, "relevance_score": 0.5}], "usage": TOKENS},
    ),
    ("images", "zhipu/cogview-4"): (
        {"prompt": "cat", "n": 2},
        {"created": 1, "data": [{"url": URL}, {"b64_json": "R0"}], "usage": {"generated_images": 2}},
    ),
    ("images", "minimax/image-01"): (
        {"prompt": "cat", "n": 2},
        {"id": "i", "data": {"image_urls": [URL, URL]}, "metadata": {"success_count": "2"},
         "base_resp": {"status_code": 0, "status_msg": "success"}},
    ),
    ("images", "alibaba/qwen-image-plus"): (
        {"prompt": "cat"},
        {"request_id": "r", "output": {"choices": [{"message": {"content": [{"image": URL}]}}]},
         "usage": {"image_count": 1}},
    ),
    ("speech", "minimax/speech-02-hd"): (
        {"input": "分厘"},
        {"data": {"audio": "494433", "status": 2}, "extra_info": {"usage_characters": 4}, "trace_id": "t",
         "base_resp": {"status_code": 0}},
    ),
    ("search", "zhipu/search-std"): (
        {"query": "q"}, {"id": "s", "search_result": [{"title": "t", "link": URL, "content": "c"}]},
    ),
    ("search", "metaso/search"): (
        {"query": "q"}, {"credits": 3, "webpages": [{"title": "t", "link": URL, "snippet": "c"}], "total": 1},
    ),
    ("reader", "zhipu/reader"): ({"url": URL}, {"id": "r", "reader_result": {"content": "c", "title": "t"}}),
    ("videos", "zhipu/cogvideox-3"): ({"prompt": "x"}, {"id": "t-1", "task_status": "PROCESSING"}),
}  # fmt: skip
LIES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, -1, 2**31, 2**63, 10**30, 1.5, -0.0, 1e300]),
    st.sampled_from(["", "null", "0", "x" * 300, "\r\nx-fenli-cost: {}", "../../x", "javascript:x", "\u0000"]),
    st.sampled_from([[], {}, [[]], [None], [{}], {"error": {"code": "x"}}, [[[[[[1]]]]]]]),
)


def lied(answer: dict[str, Any], lies: list[tuple[int, Any]]) -> Any:
    told: Any = answer
    for at, lie in lies:
        found = list(places(told))
        told = changed(told, found[at % len(found)], lie)
    return told


@pytest.mark.parametrize(("capability", "target"), ANSWERS)
@settings(max_examples=60, deadline=None)
@given(lies=st.lists(st.tuples(st.integers(0, 40), LIES | st.just(LEFT_OUT)), min_size=1, max_size=3))
def test_whatever_a_vendor_says_the_call_ends_and_costs_what_it_says_it_does(capability, target, lies):
    asked, answer = ANSWERS[capability, target]
    PICO_EACH.setdefault(capability, {"reader": "pages"}.get(capability, "input"))
    stage = ServiceStage(
        Capability(capability), target, unit="1M_tokens", purse=purse(1_000_000), wants_cost=True, **asked
    ).ask()
    held = lease(stage).held
    stage.answer(200, json.dumps(lied(answer, lies)).encode())
    stage.check()
    (entry,) = stage.entries
    assert (lease(stage).held, stage.poster.open) == (0, {})
    if stage.reply.status == 200:
        assert entry.outcome == "ok"
        told = json.loads(stage.header["x-fenli-cost"] if capability == "speech" else stage.reply.body)
        usage = told if capability == "speech" else told["usage"]
        if isinstance(usage, dict):  # what is no object has no place for it
            cost = usage["cost"]
            assert (cost is None) == (entry.picos is None)
            assert cost is None or round(cost * 10**12) == entry.picos
        assert entry.picos is None or entry.picos > 0
    else:
        assert entry.outcome != "ok"
        assert entry.picos is None or (entry.usage and entry.grade is Grade.MEASURED)
    owed = 0 if entry.grade is Grade.NONE else held if entry.picos is None else entry.picos
    assert lease(stage).spent == owed
