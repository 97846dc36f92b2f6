"""Every error fenli raises or reports, in one tree.

FenliError
├── ValueRefused            a value that must not exist
│   ├── MoneyError          a float, two currencies, finer than a pico
│   ├── UsageError          a negative or unknown meter
│   ├── BalanceError        a vendor's reply that tells no balance
│   ├── BillRefused         a vendor's bill in another shape than expected: file, line, column
│   ├── InstantError        a date without a zone
│   ├── AccountRefused      a customer, plan, lot or transfer that cannot be made or found
│   ├── KeyRefused          a key that cannot be made or found
│   └── BudgetRefused       a budget that cannot be made or found
├── ConfigError             a configuration that does not load: file, line, field, next step
├── PriceError              a price file or a look-up that has no single answer
│   ├── PriceFileError      refused at load: file, line, row, what to write instead
│   ├── NoOffer             no row was in force
│   ├── AmbiguousOffer      two rows or more were in force
│   ├── RateRefused         a rate of exchange that cannot be kept
│   └── NoRate              no rate of exchange was in force
├── BooksError              the journal or the store contradicts itself
├── CallRefused             a call that goes to no vendor (carries a code of the closed list)
├── TicketNeeded            a request that cannot be made before its vendor has lent a ticket
├── TicketRefused           the vendor lent none (carries the failure): nothing of the call has reached it
├── RequestError            HTTP: what a client sent cannot be served (carries the status)
└── TransportError          HTTP: a request of ours did not come back whole
    ├── ConnectFailed       refused, unresolved, unreachable, TLS not accepted
    ├── TimedOut            connect, head, first byte or idle deadline
    ├── ConnectionLost      the peer closed before the reply was whole
    └── ProtocolError       the peer does not speak HTTP/1.1, or WebSocket where it granted one

What becomes of a call is not an exception but a `Failure`: a `Kind` and whose `Fault` it is.
"""

from __future__ import annotations

import enum
from typing import Final

import msgspec


class FenliError(Exception):
    pass


class ValueRefused(FenliError, ValueError):
    pass


class MoneyError(ValueRefused):
    pass


class UsageError(ValueRefused):
    pass


class BalanceError(ValueRefused):
    pass


class BillRefused(ValueRefused):
    """Each line of the message is one problem, with its next step."""


class InstantError(ValueRefused):
    pass


class AccountRefused(ValueRefused):
    """The message ends with the next step."""


class KeyRefused(ValueRefused):
    """The message ends with the next step."""


class BudgetRefused(ValueRefused):
    """The message ends with the next step."""


class ConfigError(FenliError):
    pass


class PriceError(FenliError):
    pass


class PriceFileError(PriceError):
    pass


class NoOffer(PriceError):
    pass


class AmbiguousOffer(PriceError):
    pass


class RateRefused(PriceError):
    pass


class NoRate(PriceError):
    pass


class BooksError(FenliError):
    pass


class Code(enum.StrEnum):
    """What clients see in ``error.code``: a closed list. Status and type are in `CODES`."""

    MALFORMED_JSON = "malformed_json"
    INVALID_VALUE = "invalid_value"
    BAD_HTTP = "bad_http"
    MISSING_API_KEY = "missing_api_key"
    INVALID_API_KEY = "invalid_api_key"
    INSUFFICIENT_QUOTA = "insufficient_quota"
    MODEL_NOT_ALLOWED = "model_not_allowed"
    MODEL_NOT_FOUND = "model_not_found"
    OPTION_NOT_SUPPORTED = "option_not_supported"
    PATH_NOT_FOUND = "path_not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    REQUEST_TIMEOUT = "request_timeout"
    REQUEST_TOO_LARGE = "request_too_large"
    HEADERS_TOO_LARGE = "headers_too_large"
    CONTENT_FILTERED = "content_filtered"
    CONTEXT_LENGTH_EXCEEDED = "context_length_exceeded"
    RATE_LIMIT_EXCEEDED = "rate_limit_exceeded"
    BAD_REQUEST = "bad_request"
    VENDOR_CREDENTIAL = "vendor_credential"
    VENDOR_OVERLOADED = "vendor_overloaded"
    VENDOR_ERROR = "vendor_error"
    VENDOR_TIMEOUT = "vendor_timeout"
    ANSWER_TRUNCATED = "answer_truncated"
    JOURNAL_UNAVAILABLE = "journal_unavailable"
    BUDGET_UNAVAILABLE = "budget_unavailable"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    SHUTTING_DOWN = "shutting_down"
    INTERNAL_ERROR = "internal_error"


# HTTP status and OpenAI error type of each code.
CODES: Final[dict[Code, tuple[int, str]]] = {
    Code.MALFORMED_JSON: (400, "invalid_request_error"),
    Code.INVALID_VALUE: (400, "invalid_request_error"),
    Code.BAD_HTTP: (400, "invalid_request_error"),
    Code.MISSING_API_KEY: (401, "authentication_error"),
    Code.INVALID_API_KEY: (401, "authentication_error"),
    Code.INSUFFICIENT_QUOTA: (402, "insufficient_quota"),
    Code.MODEL_NOT_ALLOWED: (403, "permission_error"),
    Code.MODEL_NOT_FOUND: (404, "invalid_request_error"),
    Code.OPTION_NOT_SUPPORTED: (400, "invalid_request_error"),
    Code.PATH_NOT_FOUND: (404, "invalid_request_error"),
    Code.METHOD_NOT_ALLOWED: (405, "invalid_request_error"),
    Code.REQUEST_TIMEOUT: (408, "invalid_request_error"),
    Code.REQUEST_TOO_LARGE: (413, "invalid_request_error"),
    Code.HEADERS_TOO_LARGE: (431, "invalid_request_error"),
    Code.CONTENT_FILTERED: (400, "invalid_request_error"),
    Code.CONTEXT_LENGTH_EXCEEDED: (400, "invalid_request_error"),
    Code.RATE_LIMIT_EXCEEDED: (429, "rate_limit_error"),
    Code.BAD_REQUEST: (400, "invalid_request_error"),
    Code.VENDOR_CREDENTIAL: (502, "vendor_error"),
    Code.VENDOR_OVERLOADED: (503, "vendor_error"),
    Code.VENDOR_ERROR: (502, "vendor_error"),
    Code.VENDOR_TIMEOUT: (504, "vendor_error"),
    Code.ANSWER_TRUNCATED: (502, "vendor_error"),
    Code.JOURNAL_UNAVAILABLE: (503, "server_error"),
    Code.BUDGET_UNAVAILABLE: (503, "server_error"),
    Code.TOO_MANY_CONNECTIONS: (503, "server_error"),
    Code.SHUTTING_DOWN: (503, "server_error"),
    Code.INTERNAL_ERROR: (500, "server_error"),
}


class CallRefused(FenliError):
    """``message`` ends with the next step; ``param`` names the field at fault, where there is one."""

    def __init__(self, code: Code, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param


class TicketNeeded(FenliError):
    pass


class TicketRefused(FenliError):
    sent = False  # of the call

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class RequestError(FenliError):
    """``status`` is the HTTP status to answer with; the connection closes after it, since framing is in doubt."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class TransportError(FenliError):
    """``sent`` is False only when it is certain that no byte of the request reached the peer."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class ConnectFailed(TransportError):
    pass


class TimedOut(TransportError):
    """``phase`` is one of ``connect``, ``head``, ``first_byte``, ``idle``."""

    def __init__(self, phase: str, message: str, *, sent: bool) -> None:
        super().__init__(message, sent=sent)
        self.phase = phase


class ConnectionLost(TransportError):
    pass


class ProtocolError(TransportError):
    pass


class Fault(enum.StrEnum):
    CALLER = "caller"
    VENDOR = "vendor"
    CREDENTIAL = "credential"


class Kind(enum.StrEnum):
    """How a call or an attempt can fail: a closed list."""

    BAD_KEY = "bad_key"
    NO_PERMISSION = "no_permission"
    NO_BALANCE = "no_balance"
    QUOTA_EXHAUSTED = "quota_exhausted"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    CONTENT_FILTERED = "content_filtered"
    CONTEXT_TOO_LONG = "context_too_long"
    BAD_REQUEST = "bad_request"
    MODEL_NOT_FOUND = "model_not_found"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    TRUNCATED = "truncated"
    REFUSED_BY_BUDGET = "refused_by_budget"
    CLIENT_GONE = "client_gone"


# Whose fault a vendor's failure is. Only the caller's own are worth no second target.
FAULT_OF: Final[dict[Kind, Fault]] = {
    Kind.BAD_KEY: Fault.CREDENTIAL,
    Kind.NO_PERMISSION: Fault.CREDENTIAL,
    Kind.NO_BALANCE: Fault.CREDENTIAL,
    Kind.QUOTA_EXHAUSTED: Fault.CREDENTIAL,
    Kind.RATE_LIMITED: Fault.VENDOR,
    Kind.OVERLOADED: Fault.VENDOR,
    Kind.CONTENT_FILTERED: Fault.CALLER,
    Kind.CONTEXT_TOO_LONG: Fault.CALLER,
    Kind.BAD_REQUEST: Fault.CALLER,
    Kind.MODEL_NOT_FOUND: Fault.VENDOR,
    Kind.SERVER_ERROR: Fault.VENDOR,
    Kind.TIMEOUT: Fault.VENDOR,
    Kind.TRUNCATED: Fault.VENDOR,
    Kind.REFUSED_BY_BUDGET: Fault.CALLER,
    Kind.CLIENT_GONE: Fault.CALLER,
}


class Failure(msgspec.Struct, frozen=True, gc=False):
    """Why an attempt or a call failed. ``status`` and ``body`` are the vendor's own, where it answered at all.

    ``detail`` is for the books, where it says more than the caller may know; without it they get ``message`` too.
    ``spent``: the ticket that the request bore is no longer taken, and a fresh one may be.
    """

    kind: Kind
    message: str
    status: int | None = None
    body: bytes | None = None
    retry_after_ms: int | None = None
    detail: str | None = None
    spent: bool = False

    @property
    def fault(self) -> Fault:
        return FAULT_OF[self.kind]
