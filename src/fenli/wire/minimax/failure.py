"""Where every body of MiniMax says how it went."""

from __future__ import annotations

from fenli.wire.openai_chat import FailurePlace, FailureReader

BASE_RESP = FailurePlace(within="base_resp", code="status_code", message="status_msg")
failure_in = FailureReader((BASE_RESP,)).told
