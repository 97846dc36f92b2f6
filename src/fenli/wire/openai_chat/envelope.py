"""The OpenAI error envelope: ``{"error": {"message", "type", "param", "code"}}``."""

from __future__ import annotations

import msgspec

from fenli.errors import CODES, CallRefused, Code


def error_body(code: Code, message: str, param: str | None = None, call: str | None = None) -> bytes:
    error: dict[str, str | None] = {"message": message, "type": CODES[code][1], "param": param, "code": code.value}
    if call is not None:
        error["call_id"] = call
    return msgspec.json.encode({"error": error})


def refusal_body(refusal: CallRefused) -> bytes:
    return error_body(refusal.code, refusal.message, refusal.param)
