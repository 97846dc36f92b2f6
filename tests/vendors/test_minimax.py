from __future__ import annotations

import json

import pytest
from recorded import kind, meters

from fenli.errors import Kind
from fenli.vendors.catalog import VENDORS
from fenli.wire.openai_chat import parse_request


def test_its_usage_has_openais_shape_and_a_count_of_characters() -> None:
    assert meters(
        "minimax", prompt_tokens=300, completion_tokens=120, total_tokens=420, total_characters=0,
        prompt_tokens_details={"cached_tokens": 256}, completion_tokens_details={"reasoning_tokens": 100},
    ) == {"input": 44, "cached_input": 256, "output": 20, "reasoning": 100}  # fmt: skip


def test_both_sites_sell_the_same_models() -> None:
    assert VENDORS["minimax-intl"].models == VENDORS["minimax"].models
    assert VENDORS["minimax"].models[0].id == "MiniMax-M3"


def sent(body: bytes) -> dict[str, object]:
    vendor = VENDORS["minimax"]
    address = vendor.address(vendor.base_url, "key", "MiniMax-M3")
    found: dict[str, object] = json.loads(bytes(vendor.request(address, parse_request(body), 0).body))
    return found


def test_thinking_is_asked_for_apart_from_the_text_unless_the_caller_decides() -> None:
    assert sent(b'{"model":"x","messages":[]}')["reasoning_split"] is True
    assert sent(b'{"model":"x","messages":[],"reasoning_split":false}')["reasoning_split"] is False


def test_its_limit_has_the_new_name() -> None:
    found = sent(b'{"model":"x","messages":[],"max_tokens":9}')
    assert (found["max_completion_tokens"], "max_tokens" in found) == (9, False)


def test_a_priority_that_it_tells_is_a_price_of_its_own() -> None:
    ask = parse_request(b'{"model":"x","messages":[]}')
    assert VENDORS["minimax"].facts(ask, "priority", {}) == {"service_tier": "priority"}
    assert VENDORS["minimax"].facts(ask, "standard", {}) is None


NUMBERS = [
    ("1000", Kind.SERVER_ERROR),
    ("1001", Kind.OVERLOADED),
    ("1002", Kind.RATE_LIMITED),
    ("1004", Kind.BAD_KEY),
    ("1008", Kind.NO_BALANCE),
    ("1013", Kind.SERVER_ERROR),
    ("1024", Kind.SERVER_ERROR),
    ("1026", Kind.CONTENT_FILTERED),
    ("1027", Kind.CONTENT_FILTERED),
    ("1033", Kind.OVERLOADED),
    ("1039", Kind.RATE_LIMITED),
    ("1041", Kind.RATE_LIMITED),
    ("1042", Kind.BAD_REQUEST),
    ("2013", Kind.BAD_REQUEST),
    ("2038", Kind.NO_PERMISSION),
    ("2045", Kind.RATE_LIMITED),
    ("2049", Kind.BAD_KEY),
    ("2056", Kind.QUOTA_EXHAUSTED),
]


@pytest.mark.parametrize("site", ["minimax", "minimax-intl"])
@pytest.mark.parametrize(("number", "wanted"), NUMBERS)
def test_what_its_numbers_mean_wherever_they_stand(site: str, number: str, wanted: Kind) -> None:
    body = json.dumps({"id": "x", "choices": None, "base_resp": {"status_code": int(number), "status_msg": "no"}})
    failure = VENDORS[site].classify(200, [], body.encode())
    assert (failure.kind, failure.message) == (wanted, "no")
    assert kind(site, 429, type="some_error", message=f"no ({number})") is wanted


def test_the_words_say_what_a_bad_parameter_is() -> None:
    assert kind("minimax", 400, message="invalid params, context window exceeds limit (2013)") is Kind.CONTEXT_TOO_LONG
    assert kind("minimax", 400, message="invalid params, unknown model 'x' (2013)") is Kind.MODEL_NOT_FOUND
    assert kind("minimax", 400, message="invalid params, temperature of this model (2013)") is Kind.BAD_REQUEST


def test_a_status_without_a_number_means_what_it_says() -> None:
    assert kind("minimax", 401, type="authorized_error", message="no such key") is Kind.BAD_KEY
    assert kind("minimax", 429, type="rate_limit_error", message="slow down") is Kind.RATE_LIMITED
    assert kind("minimax", 529, type="overloaded_error", message="busy") is Kind.OVERLOADED
