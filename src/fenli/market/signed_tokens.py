"""Tokens that callers sign with a secret that the vendor knows: JSON Web Tokens, HS256 (RFC 7515, RFC 7519)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Any

import msgspec


class SignedToken(msgspec.Struct, frozen=True):
    """``signing_input`` is what ``signature`` is over."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signing_input: bytes
    signature: bytes

    def is_signed_with(self, secret: str) -> bool:
        """Only HS256 counts: a token that names another algorithm, or none, is not signed."""
        if self.header.get("alg") != "HS256":
            return False
        wanted = hmac.digest(secret.encode(), self.signing_input, hashlib.sha256)
        return hmac.compare_digest(wanted, self.signature)

    def instant(self, claim: str, unit: int) -> int | None:
        """A claim that is a time since 1970, in ns; ``unit`` is its unit in ns. None where it is no whole number."""
        value = self.claims.get(claim)
        return value * unit if isinstance(value, int) and not isinstance(value, bool) else None


_decode = msgspec.json.Decoder(dict[str, Any]).decode


def read_token(text: str) -> SignedToken | None:
    """None where the text is no such token."""
    parts = text.split(".")
    if len(parts) != 3:
        return None
    try:
        header, claims, signature = (_plain(part) for part in parts)
        return SignedToken(_decode(header), _decode(claims), ".".join(parts[:2]).encode("ascii"), signature)
    except (msgspec.DecodeError, ValueError):
        return None


def _plain(part: str) -> bytes:
    """Base64 of the URL alphabet, without the padding. Raises ValueError for anything else."""
    if not {"=", "+", "/"}.isdisjoint(part):
        raise binascii.Error("not of the URL alphabet")
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
