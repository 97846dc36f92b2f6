"""Ids that say where something lies that a vendor keeps for its owner, and codes in them that say whose it is.

All that a gateway sends lies in one account at the vendor. A code is made with the key that the account is used by, so
that nobody else can make one, and any gateway can check it.
"""

from __future__ import annotations

import base64
import hmac
from typing import Final, TypeVar

import msgspec

_CODE_CHARACTERS: Final = 24
_LONGEST: Final = 2_000
_Handle = TypeVar("_Handle", bound=msgspec.Struct)


def write_id(prefix: str, handle: msgspec.Struct) -> str:
    return prefix + base64.urlsafe_b64encode(msgspec.json.encode(handle)).decode().rstrip("=")


def read_id(prefix: str, text: str, kind: type[_Handle]) -> _Handle | None:
    """What `write_id` wrote; None for anything else."""
    if not text.startswith(prefix) or len(text) > _LONGEST:
        return None
    coded = text.removeprefix(prefix)
    try:
        data = base64.b64decode(coded + "=" * (-len(coded) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(data, type=kind)
    except (ValueError, msgspec.DecodeError):
        return None


def code_of(secret: str, *said: str | int) -> str:
    """Of what is ``said``, made with ``secret``."""
    return hmac.digest(secret.encode(), msgspec.json.encode(said), "sha256").hex()[:_CODE_CHARACTERS]


def same_code(code: str, wanted: str) -> bool:
    return hmac.compare_digest(code.encode(), wanted.encode())
