"""Errors of the dialect: ``{error: {code, message, status, details}}``, the wait they ask for, and blocked prompts."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from fenli.wire.openai_chat.whole import NO_ANSWER

BLOCKED: Final = "PROMPT_BLOCKED"
_SPAN: Final = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,9}))?s")


class _Violation(msgspec.Struct, rename="camel"):
    quota_id: str = ""


class _Detail(msgspec.Struct, rename="camel"):
    reason: str = ""
    retry_delay: str = ""
    violations: tuple[_Violation, ...] = ()


class _Error(msgspec.Struct):
    code: int | None = None
    message: str = ""
    status: str = ""
    details: tuple[_Detail, ...] = ()


class _Feedback(msgspec.Struct, rename="camel"):
    block_reason: str = ""
    block_reason_message: str = ""


class _Envelope(msgspec.Struct, rename="camel"):
    error: _Error | None = None
    prompt_feedback: _Feedback | None = None


_decode: Final = msgspec.json.Decoder(_Envelope | list[_Envelope]).decode


class GeminiError(msgspec.Struct, frozen=True):
    """``codes``: the status, the reasons and the quotas that it names; ``wait_ms``: what it asks for."""

    codes: tuple[str, ...] = ()
    message: str = ""
    wait_ms: int | None = None


def told(body: bytes) -> GeminiError:
    """Empty where the body says nothing. A stream without events is a list."""
    try:
        found = _decode(body)
    except NO_ANSWER:
        return GeminiError()
    envelope = found[0] if isinstance(found, list) and found else found
    if isinstance(envelope, list):
        return GeminiError()
    error, feedback = envelope.error, envelope.prompt_feedback
    if error is None:
        if feedback is None:
            return GeminiError()
        reason = feedback.block_reason
        return GeminiError((BLOCKED, reason), feedback.block_reason_message or f"the prompt was blocked ({reason})")
    reasons = [detail.reason for detail in error.details]
    quotas = [violation.quota_id for detail in error.details for violation in detail.violations]
    code = () if error.code is None else (str(error.code),)
    codes = (error.status, *reasons, *quotas, *code)
    waits = [wait for detail in error.details if (wait := _milliseconds(detail.retry_delay)) is not None]
    return GeminiError(tuple(filter(None, codes)), error.message, max(waits, default=None))


def _milliseconds(span: str) -> int | None:
    """Of seconds as the dialect writes them: ``34s``, ``34.074824224s``."""
    found = _SPAN.fullmatch(span)
    return None if found is None else int(found[1]) * 1000 + int(((found[2] or "") + "000")[:3])
