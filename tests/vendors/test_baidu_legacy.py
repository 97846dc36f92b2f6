from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest
from recorded import meters

from fenli.errors import CallRefused, ConfigError, Kind, TicketNeeded, TicketRefused
from fenli.vendors.baidu_legacy import BAIDU_LEGACY, read_ticket
from fenli.vendors.tickets import Ticket
from fenli.wire.openai_chat import parse_request

ASK = parse_request(b'{"model":"m","messages":[{"role":"user","content":"hi"}],"user":"u1","max_tokens":9}')
DAY = 24 * 3_600 * 10**9

ERRORS = [
    (1, Kind.SERVER_ERROR), (2, Kind.OVERLOADED), (3, Kind.MODEL_NOT_FOUND), (4, Kind.QUOTA_EXHAUSTED),
    (6, Kind.NO_PERMISSION), (13, Kind.BAD_KEY), (14, Kind.BAD_KEY), (15, Kind.BAD_KEY),
    (17, Kind.QUOTA_EXHAUSTED), (18, Kind.RATE_LIMITED), (19, Kind.QUOTA_EXHAUSTED), (100, Kind.BAD_REQUEST),
    (110, Kind.BAD_KEY), (111, Kind.BAD_KEY), (336000, Kind.SERVER_ERROR), (336001, Kind.BAD_REQUEST),
    (336002, Kind.BAD_REQUEST), (336003, Kind.BAD_REQUEST), (336004, Kind.NO_PERMISSION),
    (336005, Kind.MODEL_NOT_FOUND), (336007, Kind.CONTEXT_TOO_LONG), (336100, Kind.OVERLOADED),
    (336103, Kind.CONTEXT_TOO_LONG), (336104, Kind.BAD_REQUEST), (336105, Kind.BAD_REQUEST),
    (336501, Kind.RATE_LIMITED), (336502, Kind.RATE_LIMITED),
]  # fmt: skip


@pytest.mark.parametrize(("code", "expected"), ERRORS)
def test_failures_come_with_a_200(code: int, expected: Kind) -> None:
    failure = BAIDU_LEGACY.classify(200, [], json.dumps({"error_code": code, "error_msg": "x"}).encode())
    assert failure.kind is expected
    assert failure.spent is (code in (110, 111))


def test_what_a_wrong_parameter_says_tells_a_prompt_that_is_too_long() -> None:
    body = '{"error_code":336003,"error_msg":"the max length of current question is 2000"}'
    assert BAIDU_LEGACY.classify(200, [], body.encode()).kind is Kind.CONTEXT_TOO_LONG


def test_its_usage_has_openais_three_numbers() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
    assert meters("baidu-legacy", **usage) == {"input": 9, "output": 4}


@pytest.mark.parametrize(
    ("model", "path"),
    [("ERNIE-4.0-8K", "completions_pro"), ("ernie-3.5-8k", "completions"), ("ernie-speed-8k", "ernie_speed"),
     ("ERNIE-Lite-8K-0922", "eb-instant"), ("Yi-34B-Chat", "yi-34b-chat")],
)  # fmt: skip
def test_a_model_is_a_path_and_the_ticket_stands_in_the_query(model: str, path: str) -> None:
    address = BAIDU_LEGACY.address(BAIDU_LEGACY.base_url, "ak:sk", model)
    assert address.ticket is not None
    with pytest.raises(TicketNeeded):
        BAIDU_LEGACY.request(address, ASK, 0)
    address.ticket.keep(Ticket("24.a b", 0, DAY))
    request = BAIDU_LEGACY.request(address, ASK, 1)
    target, _, query = request.target.decode().partition("?")
    assert target == f"/rpc/2.0/ai_custom/v1/wenxinworkshop/chat/{path}"
    assert parse_qs(query) == {"access_token": ["24.a b"]}
    assert b"uthorization" not in request.headers
    assert json.loads(bytes(request.body)) == {
        "messages": [{"role": "user", "content": "hi"}], "stream": False, "max_output_tokens": 9, "user_id": "u1",
    }  # fmt: skip


def test_what_cannot_be_said_is_refused_before_a_ticket_is_asked_for() -> None:
    address = BAIDU_LEGACY.address(BAIDU_LEGACY.base_url, "ak:sk", "ernie-3.5-8k")
    ask = parse_request(b'{"model":"m","messages":[{"role":"user","content":"hi"}],"logprobs":true}')
    with pytest.raises(CallRefused) as caught:
        BAIDU_LEGACY.request(address, ask, 0)
    assert caught.value.param == "logprobs"


def test_a_ticket_is_had_at_the_same_address() -> None:
    for base, target in (
        (BAIDU_LEGACY.base_url, "/oauth/2.0/token"),
        ("http://proxy.example.com/baidu/rpc/2.0/ai_custom/v1/wenxinworkshop", "/baidu/oauth/2.0/token"),
    ):
        booth = BAIDU_LEGACY.booth(base, "a k:s&k")
        path, _, query = booth.request.target.decode().partition("?")
        assert path == target
        assert parse_qs(query)["client_secret"] == ["s&k"]
        assert "s&k" not in repr(booth)
    for key in ("ak", "ak:", ":sk", ""):
        with pytest.raises(ConfigError, match="API_KEY:SECRET_KEY"):
            BAIDU_LEGACY.booth(BAIDU_LEGACY.base_url, key)


def test_a_ticket_is_read() -> None:
    ticket = read_ticket(200, [], b'{"access_token":"24.x","expires_in":2592000,"scope":"public"}', 5)
    assert (ticket.text, ticket.since, ticket.until) == ("24.x", 5, 5 + 30 * DAY)


@pytest.mark.parametrize(
    ("status", "body", "kind", "says"),
    [
        (401, b'{"error":"invalid_client","error_description":"unknown client id"}', Kind.BAD_KEY, "unknown client id"),
        (200, b'{"error":"invalid_client"}', Kind.BAD_KEY, "invalid_client"),
        (500, b"<html>", Kind.SERVER_ERROR, "no access token"),
        (200, b'{"access_token":"x","expires_in":0}', Kind.SERVER_ERROR, "no access token"),
        (200, b"[]", Kind.SERVER_ERROR, "no access token"),
    ],
)
def test_what_is_no_ticket_says_why(status: int, body: bytes, kind: Kind, says: str) -> None:
    with pytest.raises(TicketRefused) as caught:
        read_ticket(status, [], body, 0)
    assert caught.value.failure.kind is kind
    assert says in caught.value.failure.message


@pytest.mark.parametrize("model", ["../../../../oauth/2.0/token", "..", "a/b", "a!../b", "a b", "a?b", "a\r\nb"])
def test_no_model_leads_elsewhere(model: str) -> None:
    with pytest.raises(ConfigError, match="cannot stand in the address"):
        BAIDU_LEGACY.address(BAIDU_LEGACY.base_url, "key:secret", model)
