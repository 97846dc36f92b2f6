"""What the caller reads when a call fails: the vendor's own words where they are the caller's business, else ours."""

from __future__ import annotations

import re
from typing import Final

from fenli.errors import CODES, Code, Failure, Fault, Kind
from fenli.routing.targets import Target
from fenli.vendors.contract import header
from fenli.wire.openai_chat import error_body

# The longest wait that clients obey; beyond it they give up instead of waiting.
RETRY_AFTER_MAX_S: Final = 120
_CONTENT_TYPE: Final = re.compile(rb"[ -~]{1,200}")
_JSON: Final = b"content-type: application/json\r\n"
_NO_RETRY: Final = b"x-should-retry: false\r\n"

_CODES: Final[dict[Kind, Code]] = {
    Kind.BAD_KEY: Code.VENDOR_CREDENTIAL,
    Kind.NO_PERMISSION: Code.VENDOR_CREDENTIAL,
    Kind.NO_BALANCE: Code.VENDOR_CREDENTIAL,
    Kind.QUOTA_EXHAUSTED: Code.VENDOR_CREDENTIAL,
    Kind.RATE_LIMITED: Code.RATE_LIMIT_EXCEEDED,
    Kind.OVERLOADED: Code.VENDOR_OVERLOADED,
    Kind.CONTENT_FILTERED: Code.CONTENT_FILTERED,
    Kind.CONTEXT_TOO_LONG: Code.CONTEXT_LENGTH_EXCEEDED,
    Kind.BAD_REQUEST: Code.BAD_REQUEST,
    Kind.MODEL_NOT_FOUND: Code.MODEL_NOT_FOUND,
    Kind.SERVER_ERROR: Code.VENDOR_ERROR,
    Kind.TIMEOUT: Code.VENDOR_TIMEOUT,
    Kind.TRUNCATED: Code.ANSWER_TRUNCATED,
    Kind.REFUSED_BY_BUDGET: Code.INSUFFICIENT_QUOTA,
    Kind.CLIENT_GONE: Code.INTERNAL_ERROR,
}

_NEXT: Final[dict[Kind, str]] = {
    Kind.BAD_KEY: "check the key that this gateway holds for it",
    Kind.NO_PERMISSION: "open the model for the account that this gateway uses there",
    Kind.NO_BALANCE: "top up the account that this gateway uses there",
    Kind.QUOTA_EXHAUSTED: "raise the quota of the account that this gateway uses there",
    Kind.RATE_LIMITED: "retry later, or add a second target to the route",
    Kind.OVERLOADED: "retry later, or add a second target to the route",
    Kind.SERVER_ERROR: "retry, or add a second target to the route",
    Kind.TIMEOUT: "retry, or raise the vendor's deadlines",
    Kind.TRUNCATED: "retry",
    Kind.MODEL_NOT_FOUND: "check the model's name at the vendor",
}


def passes_through(failure: Failure, target: Target) -> bool:
    """A vendor's own 4xx reaches the caller byte for byte, unless it speaks of our account there."""
    return (
        failure.body is not None
        and failure.status is not None
        and 400 <= failure.status < 500
        and failure.fault is not Fault.CREDENTIAL
        and not any(hidden.encode() in failure.body for hidden in target.address.hidden)
    )


def error_reply(
    failure: Failure, target: Target, headers: list[tuple[bytes, bytes]], call: str
) -> tuple[int, bytes, bytes]:
    """Status, header lines and body of a call that failed before its reply began."""
    lines = _JSON + retry_lines(failure)
    if passes_through(failure, target):
        assert failure.status is not None
        assert failure.body is not None
        kind = header(headers, b"content-type")
        if kind is not None and _CONTENT_TYPE.fullmatch(kind):
            lines = b"content-type: " + kind + b"\r\n" + retry_lines(failure)
        return failure.status, lines, failure.body
    code = _CODES[failure.kind]
    return CODES[code][0], lines, error_body(code, _tell(failure, target), call=call)


def stream_error(failure: Failure, target: Target, call: str) -> bytes:
    """The error's JSON for a reply that has begun already."""
    return error_body(_CODES[failure.kind], _tell(failure, target), call=call)


def explain(failure: Failure, target: Target) -> str:
    """For the books: all that is known, without our secret."""
    return _sentence(failure, target, failure.message if failure.detail is None else failure.detail)


def _tell(failure: Failure, target: Target) -> str:
    """For the caller: without what a vendor says of our account there and without addresses, which are not its
    business."""
    return _sentence(failure, target, "" if failure.fault is Fault.CREDENTIAL else failure.message)


def _sentence(failure: Failure, target: Target, message: str) -> str:
    for hidden in target.address.hidden:
        message = message.replace(hidden, "***")
    said = " ".join(message[:1000].split())[:300].rstrip(".。 ")
    advice = _NEXT.get(failure.kind)
    return f"{_what(failure, target)}{': ' * bool(said)}{said}{f'. Next: {advice}.' if advice else ''}"


def _what(failure: Failure, target: Target) -> str:
    status = f" (HTTP {failure.status})" if failure.status is not None else ""
    return f"{target.vendor_id}/{target.model}: {failure.kind.value.replace('_', ' ')}{status}"


def retry_lines(failure: Failure) -> bytes:
    if failure.fault is Fault.CREDENTIAL:
        return _NO_RETRY
    if failure.retry_after_ms is None or failure.kind not in (Kind.RATE_LIMITED, Kind.OVERLOADED):
        return b""
    wait = min(failure.retry_after_ms, RETRY_AFTER_MAX_S * 1000)
    return b"retry-after: %d\r\nretry-after-ms: %d\r\n" % (-(-wait // 1000), wait)
