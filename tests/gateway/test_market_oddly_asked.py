"""The market is asked as the gateway asks it, with one member changed: it answers or refuses, as a vendor does."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from matrix_list import matrix
from recorded_answers import Overheard

from fenli.vendors.catalog import VENDORS
from mutations import changed, places

CHANGES = (None, 5, 1.5, True, "", "x", [], {}, [None], ["x"], [{}], {"a": 1}, "nested too deeply")
EITHER = {"type": ["null", "string"], "enum": None}
TOOL = {
    "type": "function",
    "function": {"name": "look", "parameters": {"type": "object", "properties": {"at": EITHER}}},
}
MESSAGES = [{"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "a"}]}]


@pytest.fixture(scope="module")
def overheard() -> Overheard:
    return Overheard()


@pytest.mark.parametrize("name", VENDORS)
def test_whatever_a_member_becomes_the_market_answers(overheard: Overheard, name: str) -> None:
    model = next(matrix.chat_models(name))
    tools: dict[str, Any] = {"tools": [TOOL]} if matrix.has(name, model, "tools") else {}
    found = overheard.rehearsal.ask(f"{name}/{model}", messages=MESSAGES, temperature=0.5, **tools)
    assert found.status == 200
    if tools:
        (call,) = found.message["tool_calls"]
        assert json.loads(call["function"]["arguments"]) == {"at": '上海 "厘"'}
    assert overheard.last is not None
    emulated, ask, _ = overheard.last
    body = json.loads(ask.body)
    for path in places(body):
        for change in CHANGES:
            altered = json.dumps(changed(body, path, change)).replace('"nested too deeply"', "[" * 300 + "]" * 300)
            assert overheard.script(emulated, msgspec.structs.replace(ask, body=altered.encode())).actions
