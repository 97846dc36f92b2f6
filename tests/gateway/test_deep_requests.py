"""Requests nested so deeply that they can just be taken apart, in a place that each vendor looks into."""

from __future__ import annotations

import json

import pytest
from rehearsed import Rehearsal

from fenli.vendors.catalog import VENDORS

PREFIX = {"fenli": {"prefix": True, "missing": "downgrade"}}
MESSAGES = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hel"}]


@pytest.fixture(scope="module")
def rehearsal() -> Rehearsal:
    return Rehearsal(VENDORS)


@pytest.mark.parametrize("name", VENDORS)
def test_a_request_that_is_too_deep_is_refused_and_no_fault_of_ours(rehearsal: Rehearsal, name: str) -> None:
    model = next(iter(VENDORS[name].models)).id if VENDORS[name].models else "m"
    statuses = set()
    for depth in (*range(880, 1_000), 100_000):
        nested = "[" * depth + "]" * depth
        message = json.dumps({"model": f"{name}/{model}", "messages": [*MESSAGES[:1], "deep", MESSAGES[1]], **PREFIX})
        body = message.replace('"deep"', f'{{"role":"user","content":[{{"type":{nested}}}]}}').encode()
        statuses.add(rehearsal.send(body, {}).status)
    assert 400 in statuses
    assert statuses <= {200, 400}
