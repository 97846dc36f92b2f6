"""Signatures that vendors ask for in the place of a key: made of the request itself and of the instant."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

import msgspec

TC3: Final = "TC3-HMAC-SHA256"


def sign_tc3(key: tuple[str, str], service: str, headers: Mapping[str, str], body: bytes, at: int) -> str:
    """The Authorization header of a POST to ``/``, as Tencent Cloud's API 3.0 asks for it.

    ``key`` is the SecretId and the SecretKey; ``headers`` are those that are signed, by lower-case name; ``at`` is the
    instant of the request in seconds.
    """
    names = sorted(headers)
    lines = "".join(f"{name}:{headers[name].strip().lower()}\n" for name in names)
    signed = ";".join(names)
    canonical = f"POST\n/\n\n{lines}\n{signed}\n{sha256(body).hexdigest()}"
    date = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")
    scope = f"{date}/{service}/tc3_request"
    text = f"{TC3}\n{at}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
    secret = f"TC3{key[1]}".encode()
    for part in (date, service, "tc3_request"):
        secret = _hmac(secret, part)
    return f"{TC3} Credential={key[0]}/{scope}, SignedHeaders={signed}, Signature={_hmac(secret, text).hex()}"


def sign_jwt(payload: Mapping[str, Any], key: str) -> str:
    """A JSON Web Token, HS256 (RFC 7519)."""
    head = _part({"alg": "HS256", "typ": "JWT"}) + "." + _part(payload)
    return f"{head}.{_encoded(_hmac(key.encode(), head))}"


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), sha256)


def _part(members: Mapping[str, Any]) -> str:
    return _encoded(msgspec.json.encode(members))


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
