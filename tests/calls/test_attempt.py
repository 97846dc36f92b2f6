from __future__ import annotations

import json
from typing import Any

import pytest

from fenli.calls.attempt import estimated_input
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
    assert estimated_input(parse_request(body)) == tokens


def test_messages_that_are_no_objects_are_estimated_all_the_same() -> None:
    assert estimated_input(parse_request(b'{"model":"m","messages":[1,2,3]}')) == 1
