"""Baidu's tokens: given for a signature that is right and fresh, good for as long as was asked."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import msgspec
import pytest
from faces import MODELS

from fenli.clock import SECOND
from fenli.market.flavours.baidu_tokens import GIVEN_AT
from fenli.market.market import emulate
from fenli.market.requests import Ask
from fenli.market.script import Body
from fenli.sim.random import Chance

AT = int(datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC).timestamp()) * SECOND
QUERY = "expireInSeconds=43200"
# What baidubce 0.9.79 signs with ak and sk at that second.
SIGNED = {
    "authorization": "bce-auth-v1/ak/2023-11-14T22:13:20Z/300/x-bce-date;content-type;host/"
    "be4be11191c5b358bfdbed242516afba1796967564e16ab199ab9e1d4b0b244c",
    "content-type": "application/json",
    "host": "127.0.0.1:8420",
    "x-bce-date": "2023-11-14T22:13:20Z",
}


def ask(
    method: str, path: str, headers: dict[str, str], body: bytes = b"", query: str = "", now: int = AT
) -> tuple[int, dict]:
    emulated = emulate("baidu", keys=["ak:sk", "other:secret"])
    target = path + "?" * bool(query) + query
    script = emulated.script(Ask(method, path, headers, body, target), now, Chance(1).stream("baidu"))
    [told] = [action.data for action in script.actions if isinstance(action, Body)]
    return script.status, json.loads(told)


def token(now: int = AT, query: str = QUERY, **headers: str) -> tuple[int, dict]:
    return ask(
        "GET",
        GIVEN_AT,
        SIGNED | {name.replace("_", "-"): value for name, value in headers.items()},
        query=query,
        now=now,
    )


def chat(bearer: str, now: int = AT) -> tuple[int, dict]:
    body = msgspec.json.encode({"model": MODELS["baidu"], "messages": [{"role": "user", "content": "hi"}]})
    return ask("POST", "/v2/chat/completions", {"authorization": f"Bearer {bearer}"}, body, now=now)


def test_a_token_is_good_for_as_long_as_was_asked() -> None:
    status, told = token()
    assert (status, told["createTime"], told["expireTime"]) == (200, "2023-11-14T22:13:20Z", "2023-11-15T10:13:20Z")
    assert chat(told["token"], AT + 43_200 * SECOND - 1)[0] == 200
    status, refused = chat(told["token"], AT + 43_200 * SECOND)
    assert (status, refused["error"]["code"]) == (401, "invalid_iam_token")


def test_a_token_cannot_be_made_to_last() -> None:
    given = token()[1]["token"]
    version, name, ends, digest = given.split("/")
    for other in (
        f"{version}/{name}/{int(ends) + 1}/{digest}",
        f"{version}/other/{ends}/{digest}",
        given[:-1],
        f"{given}/",
    ):
        assert chat(other)[0] == 401


def test_keys_are_let_in_as_they_are() -> None:
    assert chat("ak:sk")[0] == 200
    assert chat("ak")[0] == 401


def test_a_signature_runs_out() -> None:
    assert token(AT + 300 * SECOND - 1)[0] == 200
    assert (token(AT + 300 * SECOND)[0], token(AT + 300 * SECOND)[1]["code"]) == (403, "RequestExpired")


@pytest.mark.parametrize(
    "changed",
    [
        {"query": "expireInSeconds=43201"},
        {"query": QUERY + "&more="},
        {"host": "127.0.0.1:8421"},
        {"content_type": "text/plain"},
        {"x_bce_date": "2023-11-14T22:13:21Z"},
        {"x_bce_more": "unsigned"},
        {"authorization": SIGNED["authorization"].replace("/300/", "/301/")},
        {"authorization": SIGNED["authorization"].replace(";host/", "/")},
        {"authorization": SIGNED["authorization"].replace("/ak/", "/other/")},
    ],
)  # fmt: skip
def test_what_was_changed_behind_the_signature(changed: dict[str, str]) -> None:
    status, told = token(**changed)
    assert (status, told["code"]) == (403, "SignatureDoesNotMatch")


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer x", "bce-auth-v1/nobody/2023-11-14T22:13:20Z/300/host/x", "bce-auth-v1/ak/yesterday/300/host/x",
     "bce-auth-v1/ak/2023-11-14T22:13:20Z/x/host/x", "bce-auth-v2/ak/2023-11-14T22:13:20Z/300/host/x"],
)  # fmt: skip
def test_nobody_we_know(authorization: str) -> None:
    status, told = token(authorization=authorization)
    assert (status, told["code"]) == (403, "NotFound")
