"""Whom the emulated Zhipu lets in: a key as it is, or a token that its secret signed and that has not run out."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import msgspec
import pytest
from faces import MODELS

from fenli.clock import MILLISECOND, SECOND
from fenli.market.market import emulate
from fenli.market.requests import Ask
from fenli.sim.random import Chance

NOW = 1_700_000_000 * SECOND
MS = NOW // MILLISECOND
KEY = "testid.testsecret"
# Made elsewhere, with that key, at that second; good for 210 s.
KNOWN = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsInNpZ25fdHlwZSI6IlNJR04ifQ"
    ".eyJhcGlfa2V5IjoidGVzdGlkIiwiZXhwIjoxNzAwMDAwMjEwMDAwLCJ0aW1lc3RhbXAiOjE3MDAwMDAwMDAwMDB9"
    ".HSleQWryfoamdYe-XdU7zw-AErjCg0zD4NLq_ethpIw"
)


def part(value: object) -> str:
    return (
        base64.urlsafe_b64encode(value if isinstance(value, bytes) else json.dumps(value).encode()).decode().rstrip("=")
    )


def token(secret: str = "testsecret", alg: str = "HS256", sign_type: str | None = "SIGN", **claims: object) -> str:
    header = {"alg": alg, "sign_type": sign_type} if sign_type else {"alg": alg}
    claims = {"api_key": "testid", "exp": MS + 210_000, "timestamp": MS} | claims
    over = f"{part(header)}.{part({name: value for name, value in claims.items() if value is not None})}"
    return f"{over}.{part(hmac.new(secret.encode(), over.encode(), hashlib.sha256).digest())}"


def answer(vendor: str, authorization: str | None, now: int = NOW) -> tuple[int, str | None]:
    """The status, and the code of the error."""
    emulated = emulate(vendor, keys=[KEY, "a-key-without-a-secret"])
    body = msgspec.json.encode({"model": MODELS["zhipu"], "messages": [{"role": "user", "content": "hi"}]})
    headers = {} if authorization is None else {"authorization": authorization}
    ask = Ask("POST", emulated.prefix + "/chat/completions", headers, body)
    script = emulated.script(ask, now, Chance(1).stream("zhipu"))
    told = json.loads(next(action.data for action in script.actions if hasattr(action, "data")))
    return script.status, told.get("error", {}).get("code")


@pytest.mark.parametrize("vendor", ["zhipu", "zai"])
@pytest.mark.parametrize("sent", [KEY, "a-key-without-a-secret", KNOWN, token()])
def test_let_in(vendor: str, sent: str) -> None:
    assert answer(vendor, f"Bearer {sent}") == (200, None)


def test_a_token_runs_out() -> None:
    assert answer("zhipu", f"Bearer {KNOWN}", NOW + 210 * SECOND - 1) == (200, None)
    assert answer("zhipu", f"Bearer {KNOWN}", NOW + 210 * SECOND) == (401, "1003")


def test_without_the_header() -> None:
    assert answer("zhipu", None) == (401, "1001")


@pytest.mark.parametrize(
    "authorization",
    [
        "", KEY, f"Basic {KEY}", "Bearer", "Bearer testid", "Bearer testid.", f"Bearer {KEY}x", f"Bearer {KNOWN[:-1]}",
        f"Bearer {token('another secret')}",
        f"Bearer {token('')}",
        f"Bearer {token(api_key='another')}",
        f"Bearer {token(api_key=None)}",
        f"Bearer {token(api_key=['testid'])}",
        f"Bearer {token(alg='none')}",
        f"Bearer {token(sign_type=None)}",
        f"Bearer {token(exp=None)}",
        f"Bearer {token(exp=str(MS + 210_000))}",
        f"Bearer {token('', api_key='a-key-without-a-secret')}",
    ],
)  # fmt: skip
def test_not_let_in(authorization: str) -> None:
    assert answer("zhipu", authorization) == (401, "1000")


def test_a_token_in_seconds_has_long_run_out() -> None:
    assert answer("zhipu", f"Bearer {token(exp=MS // 1000 + 210)}") == (401, "1003")
