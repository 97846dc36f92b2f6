"""Where a vendor offers what is not chat, as data: which path, and how it is asked there."""

from __future__ import annotations

import msgspec

from fenli.wire.capabilities import Capability
from fenli.wire.openai_chat import FailurePlace
from fenli.wire.services import Codec


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """``path`` stands behind the vendor's base URL; where ``instead_of`` is named, in place of that end of it.
    ``failures``: where an answer with a 200 tells one, beside ``error``."""

    capability: Capability
    path: str
    codec: Codec
    instead_of: str = ""
    failures: tuple[FailurePlace, ...] = ()
