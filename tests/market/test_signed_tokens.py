"""Signed tokens: one that was made elsewhere, any that is made here, and what is none."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.clock import MILLISECOND, SECOND
from fenli.market.signed_tokens import read_token

KNOWN = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsInNpZ25fdHlwZSI6IlNJR04ifQ"
    ".eyJhcGlfa2V5IjoidGVzdGlkIiwiZXhwIjoxNzAwMDAwMjEwMDAwLCJ0aW1lc3RhbXAiOjE3MDAwMDAwMDAwMDB9"
    ".HSleQWryfoamdYe-XdU7zw-AErjCg0zD4NLq_ethpIw"
)


def part(value: object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def signed(claims: dict[str, object], secret: str, **header: object) -> str:
    over = f"{part({'alg': 'HS256', 'typ': 'JWT', **header})}.{part(claims)}"
    return f"{over}.{part(hmac.new(secret.encode(), over.encode(), hashlib.sha256).digest())}"


def test_a_token_that_was_made_elsewhere() -> None:
    token = read_token(KNOWN)
    assert token is not None
    assert token.header == {"alg": "HS256", "typ": "JWT", "sign_type": "SIGN"}
    assert token.claims["api_key"] == "testid"
    assert token.instant("exp", MILLISECOND) == 1_700_000_210 * SECOND
    assert token.is_signed_with("testsecret")
    assert not token.is_signed_with("testsecret2")


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9), max_size=4), st.text(), st.data())
def test_what_was_signed_is_read_back_and_one_changed_character_is_noticed(
    claims: dict[str, object], secret: str, data: st.DataObject
) -> None:
    text = signed(claims, secret)
    token = read_token(text)
    assert token is not None
    assert token.claims == claims
    assert token.is_signed_with(secret)
    at = data.draw(st.integers(0, text.rindex(".")))
    other = data.draw(st.sampled_from("Aa0-_.=+").filter(lambda character: character != text[at]))
    changed = read_token(text[:at] + other + text[at + 1 :])
    assert changed is None or not changed.is_signed_with(secret)


@pytest.mark.parametrize("alg", ["none", "HS512", "RS256", "", None, 256])
def test_no_other_algorithm_counts(alg: object) -> None:
    token = read_token(signed({"iss": "me"}, "secret", alg=alg))
    assert token is not None
    assert not token.is_signed_with("secret")


@pytest.mark.parametrize(
    "text",
    ["", "..", "a.b", "a.b.c", "id.secret", KNOWN + ".", KNOWN + "=", KNOWN.replace(".", "|"), "é.é.é",
     f"{part([])}.{part({})}.{part(b'x')}", f"{part({})}.{part(1)}.{part(b'x')}", f"{part(b'{')}.{part({})}.x"],
)  # fmt: skip
def test_what_is_no_token(text: str) -> None:
    assert read_token(text) is None


@pytest.mark.parametrize("value", ["1700000210000", 1.5, True, None])
def test_a_time_that_is_no_whole_number_is_none(value: object) -> None:
    token = read_token(signed({"exp": value}, "secret"))
    assert token is not None
    assert token.instant("exp", SECOND) is None
