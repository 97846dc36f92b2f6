from __future__ import annotations

import json

import pytest
from recorded import kind, meters

from fenli.errors import Kind
from fenli.vendors.catalog import VENDORS
from fenli.wire.openai_chat import parse_request


def test_its_searches_are_counted_beside_the_tokens() -> None:
    usage = {"prompt_tokens": 40, "completion_tokens": 60, "total_tokens": 100}
    assert meters("baichuan", **usage) == {"input": 40, "output": 60}
    assert meters("baichuan", **usage, search_count=2) == {"input": 40, "output": 60, "searches": 2}
    assert meters("baichuan", **usage, search_count=None) == {"input": 40, "output": 60}


def test_what_its_medical_models_take_of_their_own_goes_on_as_it_came() -> None:
    vendor = VENDORS["baichuan"]
    said = {
        "messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}],
        "metadata": {"evidence_scope": "cited"},
        "top_k": 5,
        "with_search_enhance": True,
        "tools": [{"type": "retrieval", "retrieval": {"kb_ids": ["kb-1"], "answer_mode": "knowledge-base-only"}}],
    }
    address = vendor.address(vendor.base_url, "sk-1", "Baichuan-M3-Plus")
    ask = parse_request(json.dumps({"model": "x", **said, "fenli": {"search": True}}).encode())
    assert json.loads(bytes(vendor.request(address, ask, 0).body)) == said | {"model": "Baichuan-M3-Plus"}


def test_its_medical_flagship_comes_first() -> None:
    assert VENDORS["baichuan"].models[0].id == "Baichuan-M3-Plus"


ERRORS = [
    (400, {"message": "Invalid request parameter"}, Kind.BAD_REQUEST),
    (400, {"message": "the context length of the model is exceeded"}, Kind.CONTEXT_TOO_LONG),
    (400, {"message": "模型不存在"}, Kind.MODEL_NOT_FOUND),
    (401, {"message": "Invalid Authentication"}, Kind.BAD_KEY),
    (429, {"message": "Rate limit reached for requests"}, Kind.RATE_LIMITED),
    (429, {"message": "insufficient account balance"}, Kind.NO_BALANCE),
    (429, {"message": "账户余额不足"}, Kind.NO_BALANCE),
    (500, {"message": "The server is busy"}, Kind.OVERLOADED),
    (500, {"message": "x"}, Kind.SERVER_ERROR),
    (503, {"message": "x"}, Kind.OVERLOADED),
]


@pytest.mark.parametrize(("status", "error", "wanted"), ERRORS)
def test_what_its_errors_mean(status: int, error: dict[str, str | int], wanted: Kind) -> None:
    assert kind("baichuan", status, **error) is wanted
