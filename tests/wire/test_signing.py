"""Signatures against vectors that were worked out apart from this code, at 2023-11-14T22:13:20Z."""

from __future__ import annotations

import pytest

from fenli.wire.signing import sign_jwt, sign_tc3

AT = 1_700_000_000
BODY = b'{"Model":"hunyuan-lite","Messages":[{"Role":"user","Content":"hi"}]}'
HEADERS = {"content-type": "application/json", "host": "hunyuan.tencentcloudapi.com"}
TC3 = (
    "TC3-HMAC-SHA256 Credential=TESTID/2023-11-14/hunyuan/tc3_request, SignedHeaders=content-type;host, "
    "Signature=6c0ff0f7c9c8cde45bd3fb20224f81c1d149e4fe1d0ffb7e2aaab51e2bf9ade0"
)


def test_tencents_signature_is_the_known_one() -> None:
    assert sign_tc3(("TESTID", "TESTSECRETKEY"), "hunyuan", HEADERS, BODY, AT) == TC3


@pytest.mark.parametrize(
    ("key", "body", "at"),
    [
        ("TESTSECRETKEz", BODY, AT),
        ("TESTSECRETKEY", BODY.replace(b"hi", b"ho"), AT),
        ("TESTSECRETKEY", BODY, AT + 1),
    ],
)
def test_another_key_body_or_second_is_another_signature(key: str, body: bytes, at: int) -> None:
    assert sign_tc3(("TESTID", key), "hunyuan", HEADERS, body, at) != TC3


def test_more_signed_headers_are_listed_in_order_and_signed() -> None:
    more = sign_tc3(("TESTID", "K"), "hunyuan", HEADERS | {"x-tc-action": "ChatCompletions"}, BODY, AT)
    assert "SignedHeaders=content-type;host;x-tc-action," in more
    assert more != sign_tc3(("TESTID", "K"), "hunyuan", HEADERS | {"x-tc-action": "GetEmbedding"}, BODY, AT)


def test_sensenovas_token_is_the_known_one() -> None:
    assert sign_jwt({"iss": "TESTAK", "exp": AT + 1800, "nbf": AT - 5}, "TESTSK") == (
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJURVNUQUsiLCJleHAiOjE3MDAwMDE4MDAsIm5iZiI6MTY5OTk5OTk5NX0"
        ".bS8nfldu9hftxO3SAWJ0_Q_XMDr3HGY1LxEGkC5StnE"
    )
