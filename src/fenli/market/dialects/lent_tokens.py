"""Tokens that a vendor lends for a key, for a while. Each says for whom and until when, and is signed, so that nothing
need be kept: the look of one is made up."""

from __future__ import annotations

import hmac
from hashlib import sha256

from fenli.clock import SECOND


def lend(key: str, until: int) -> str:
    """``until`` is an instant. The key has the parts that it is written with."""
    name = key.partition(":")[0]
    return f"{until // SECOND}.{hmac.digest(key.encode(), f'{name}.{until // SECOND}'.encode(), sha256).hex()}"


def lent(token: str, keys: frozenset[str]) -> int | None:
    """Until which instant a token is good; None where nobody lent it."""
    ends = token.partition(".")[0]
    if not ends.isdecimal() or len(ends) > 12:
        return None
    until = int(ends) * SECOND
    return until if any(hmac.compare_digest(lend(key, until), token) for key in keys) else None
