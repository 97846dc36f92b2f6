from __future__ import annotations

import json

import pytest

from fenli.errors import ConfigError, Kind, TicketRefused
from fenli.vendors.huawei_pangu import HUAWEI_PANGU, read_ticket
from fenli.vendors.tickets import Ticket
from fenli.wire.openai_chat import parse_request

BASE = "https://pangu.cn-southwest-2.myhuaweicloud.com/v1/0a1b/deployments"
DAY = 24 * 3_600 * 10**9


def test_a_deployment_is_a_path_and_the_ticket_a_header() -> None:
    address = HUAWEI_PANGU.address(BASE, "acme/ada:pass:word", "d-42")
    assert address.ticket is not None
    address.ticket.keep(Ticket("MIIF...", 0, DAY))
    ask = parse_request(b'{"model":"m","messages":[{"role":"user","content":"hi"}],"n":2}')
    request = HUAWEI_PANGU.request(address, ask, 1)
    assert request.target == b"/v1/0a1b/deployments/d-42/chat/completions"
    assert b"\r\nX-Auth-Token: MIIF...\r\n" in request.headers
    assert json.loads(bytes(request.body)) == {
        "messages": [{"role": "user", "content": "hi"}], "stream": False, "n": 2,
    }  # fmt: skip


def test_a_user_asks_the_iam_of_the_region() -> None:
    request = HUAWEI_PANGU.booth(BASE, "acme/ada:pass:word").request
    assert (request.origin.host, request.target) == (
        "iam.cn-southwest-2.myhuaweicloud.com", b"/v3/auth/tokens?nocatalog=true",
    )  # fmt: skip
    assert json.loads(bytes(request.body)) == {"auth": {
        "identity": {"methods": ["password"], "password": {"user": {
            "name": "ada", "password": "pass:word", "domain": {"name": "acme"}}}},
        "scope": {"project": {"id": "0a1b"}},
    }}  # fmt: skip


def test_an_access_key_asks_in_its_own_way() -> None:
    identity = json.loads(bytes(HUAWEI_PANGU.booth(BASE, "AK1:SK1").request.body))["auth"]["identity"]
    assert identity == {"methods": ["hw_ak_sk"], "hw_ak_sk": {"access": {"key": "AK1"}, "secret": {"key": "SK1"}}}


def test_at_another_host_it_is_asked_for_below_the_same_address() -> None:
    request = HUAWEI_PANGU.booth("http://proxy.example.com/pangu/v1/p1/deployments", "AK1:SK1").request
    assert (request.origin.host, request.target) == ("proxy.example.com", b"/pangu/v3/auth/tokens?nocatalog=true")
    assert json.loads(bytes(request.body))["auth"]["scope"] == {"project": {"id": "p1"}}


@pytest.mark.parametrize("base", [HUAWEI_PANGU.base_url, "https://pangu.cn-north-4.myhuaweicloud.com/v1"])
def test_region_and_project_must_be_named(base: str) -> None:
    with pytest.raises(ConfigError, match=r"set base_url to https://pangu\.REGION"):
        HUAWEI_PANGU.address(base, "AK1:SK1", "d-42")


@pytest.mark.parametrize("key", ["", "ada", "/ada:x", "acme/:x", "acme/ada:", ":x"])
def test_the_key_has_its_parts(key: str) -> None:
    with pytest.raises(ConfigError, match="DOMAIN/USER:PASSWORD, or AK:SK"):
        HUAWEI_PANGU.address(BASE, key, "d-42")


def test_a_ticket_stands_in_a_header_and_its_end_in_the_body() -> None:
    body = b'{"token":{"expires_at":"2023-11-15T22:13:20.000000Z","methods":["password"]}}'
    ticket = read_ticket(201, [(b"X-Subject-Token", b"MIIF")], body, 1_700_000_000 * 10**9)
    assert (ticket.text, ticket.until - ticket.since) == ("MIIF", DAY)
    assert read_ticket(201, [(b"x-subject-token", b"MIIF")], b"", 7).until == 7 + DAY


def test_a_ticket_lives_by_the_clock_of_who_lent_it() -> None:
    body = b'{"token":{"issued_at":"2023-11-14T22:13:20.5Z","expires_at":"2023-11-15T22:13:20.5Z"}}'
    for now in (1_600_000_000 * 10**9, 1_800_000_000 * 10**9):
        ticket = read_ticket(201, [(b"X-Subject-Token", b"MIIF")], body, now)
        assert (ticket.since, ticket.until) == (now, now + DAY)
    without_zone = b'{"token":{"expires_at":"2023-11-15T22:13:20"}}'
    assert read_ticket(201, [(b"X-Subject-Token", b"MIIF")], without_zone, 7).until == 7 + DAY


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind"),
    [
        (401, [], b'{"error":{"code":401,"message":"The username or password is wrong."}}', Kind.BAD_KEY),
        (201, [], b'{"token":{}}', Kind.SERVER_ERROR),
        (201, [(b"X-Subject-Token", b"a\xff")], b"", Kind.SERVER_ERROR),
        (403, [(b"X-Subject-Token", b"MIIF")], b"", Kind.NO_PERMISSION),
        (503, [], b"<html>", Kind.OVERLOADED),
    ],
)
def test_what_is_no_ticket_says_why(status: int, headers: list[tuple[bytes, bytes]], body: bytes, kind: Kind) -> None:
    with pytest.raises(TicketRefused) as caught:
        read_ticket(status, headers, body, 0)
    assert caught.value.failure.kind is kind


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "APIG.0301", Kind.BAD_KEY), (401, "APIG.0307", Kind.BAD_KEY), (429, "APIG.0308", Kind.RATE_LIMITED),
        (404, "APIG.0101", Kind.MODEL_NOT_FOUND), (504, "APIG.0203", Kind.TIMEOUT), (502, "APIG.0202", Kind.OVERLOADED),
        (400, "PANGU.0001", Kind.BAD_REQUEST), (500, "PANGU.0002", Kind.SERVER_ERROR),
    ],
)  # fmt: skip
def test_what_its_gateway_refuses(status: int, code: str, kind: Kind) -> None:
    body = json.dumps({"error_code": code, "error_msg": "x", "request_id": "r"}).encode()
    failure = HUAWEI_PANGU.classify(status, [], body)
    assert (failure.kind, failure.message) == (kind, "x")
    assert failure.spent is (code == "APIG.0301")


@pytest.mark.parametrize("model", ["..", "../../v3/auth/tokens", "a/b", ".", "", "x y", "x?y", "x\r\ny"])
def test_no_model_leads_elsewhere(model: str) -> None:
    with pytest.raises(ConfigError, match="cannot stand in the address"):
        HUAWEI_PANGU.address(BASE, "d/u:p", model)
