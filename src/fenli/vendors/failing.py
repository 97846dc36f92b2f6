"""What a vendor's error body says, and what kind of failure that is: read alike for every dialect."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from fenli.errors import Kind
from fenli.wire.openai_chat.whole import NO_ANSWER

UNTOLD: Final = 0  # the status of an error that came inside a 200


class ErrorRule(msgspec.Struct, frozen=True):
    """``code`` is a pattern for the whole of ``error.code``, ``error.type`` or a code of the vendor's own; ``text`` one
    to find in the message.

    Both regardless of case. ``status`` None fits any, and any fits an error that came inside a 200. The first rule that
    fits names the kind.
    """

    kind: Kind
    status: int | None = None
    code: str | None = None
    text: str | None = None


class Told(msgspec.Struct, frozen=True):
    """What a vendor says of a failure: its codes as text, and its words. Empty where it says nothing."""

    codes: tuple[str, ...] = ()
    message: str = ""


class _Error(msgspec.Struct):
    message: str | None = None
    code: str | int | None = None
    type: str | None = None


class _Envelope(msgspec.Struct):
    error: _Error | str


_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_error = msgspec.json.Decoder(_Error).decode

# What a status means where the vendor's own rules say nothing (a survey of their error pages, 2026-11).
_BY_STATUS: Final = {
    400: Kind.BAD_REQUEST,
    401: Kind.BAD_KEY,
    402: Kind.NO_BALANCE,
    403: Kind.NO_PERMISSION,
    404: Kind.MODEL_NOT_FOUND,
    408: Kind.TIMEOUT,
    410: Kind.MODEL_NOT_FOUND,  # a vendor that has left, and what it sold with it
    413: Kind.CONTEXT_TOO_LONG,
    422: Kind.BAD_REQUEST,
    429: Kind.RATE_LIMITED,
    451: Kind.CONTENT_FILTERED,
    503: Kind.OVERLOADED,
    504: Kind.TIMEOUT,
    529: Kind.OVERLOADED,
}

# What the words that many vendors share for their codes and types mean where an error came without a status. None of
# them makes it the caller's fault but what a filter says: some call everything an invalid request.
_BY_WORD: Final = {
    Kind.BAD_KEY: "authentication(_error)?|unauthorized|(invalid|incorrect)_api_key(_error)?",
    Kind.NO_PERMISSION: "permission_?denied(_error)?|permission_error|(request_)?forbidden",
    Kind.NO_BALANCE: "insufficient_balance",
    Kind.RATE_LIMITED: "rate_?limit(ed|_error|_exceeded|_reached)?|too_?many_?requests|requests",
    Kind.OVERLOADED: "(server_?|engine_?)?overloaded(_error)?|service_?unavailable(_?error)?",
    Kind.CONTENT_FILTERED: "content_filter(ed)?|content_policy_violation|censorship_block",
}


def told(body: bytes) -> Told:
    """What stands in the ``error`` of an envelope (an object or a text), or in the body itself."""
    try:
        error = _decode_envelope(body).error
    except NO_ANSWER:
        try:
            error = _decode_error(body)
        except NO_ANSWER:
            return Told()
    if isinstance(error, str):
        return Told(message=error)
    codes = tuple(str(code) for code in (error.code, error.type) if code is not None)
    return Told(codes, error.message or "")


def kind_of(rules: Iterable[ErrorRule], status: int, told: Told) -> Kind:
    """``status`` below 300: the error came inside a good answer, and names the status itself or goes without."""
    if status < 300:
        status = _told_status(told.codes)
    for rule in rules:
        if rule.status is not None and rule.status != status != UNTOLD:
            continue
        if rule.code is not None and not _says(told, rule.code):
            continue
        if rule.text is not None and not re.search(rule.text, told.message, re.IGNORECASE):
            continue
        return rule.kind
    if status == UNTOLD:
        return next((kind for kind, words in _BY_WORD.items() if _says(told, words)), Kind.SERVER_ERROR)
    return _BY_STATUS.get(status) or (Kind.BAD_REQUEST if 400 <= status < 500 else Kind.SERVER_ERROR)


def _says(told: Told, words: str) -> bool:
    return any(re.fullmatch(words, code, re.IGNORECASE) for code in told.codes)


def _told_status(codes: Sequence[str]) -> int:
    """The HTTP status that an error inside a 200 names itself, as llama.cpp's do; UNTOLD where it names none."""
    return next((int(code) for code in codes if re.fullmatch("[45][0-9]{2}", code)), UNTOLD)
