"""A vendor that speaks OpenAI's chat completions, with its differences stated as data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

import msgspec

from fenli import __version__
from fenli.errors import ConfigError, Failure, Kind
from fenli.http.transport import Origin, Pieces, Request
from fenli.vendors.balances import BalanceMap
from fenli.vendors.contract import Address, Disconnect, Headers, Model, UsageMap, parse_base_url, retry_after_ms
from fenli.vendors.models import default_models
from fenli.wire.answers import Answer
from fenli.wire.openai_chat import (
    ChatRequest,
    FailurePlace,
    FailureReader,
    StreamAnswer,
    TellingStream,
    TellingWhole,
    WholeAnswer,
)
from fenli.wire.openai_chat.request import LARGE, encode_members, encode_pieces
from fenli.wire.openai_chat.whole import NO_ANSWER

ANSWER_MAX: Final = 64 * 1024 * 1024
UNTOLD: Final = 0  # the status of an error that came inside a 200


class ErrorRule(msgspec.Struct, frozen=True):
    """``code`` is a pattern for the whole of ``error.code`` or ``error.type``; ``text`` one to find in the message.

    Both regardless of case. ``status`` None fits any, and any fits an error that came inside a 200. The first rule that
    fits names the kind.
    """

    kind: Kind
    status: int | None = None
    code: str | None = None
    text: str | None = None


class Added(msgspec.Struct, frozen=True):
    """A member that the vendor's requests need, as JSON: sent where the caller says nothing of it; where ``beside`` is
    named, only together with that member."""

    member: str
    value: bytes
    beside: str = ""


class _Error(msgspec.Struct):
    message: str | None = None
    code: str | int | None = None
    type: str | None = None


class _Envelope(msgspec.Struct):
    error: _Error | str


_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_error = msgspec.json.Decoder(_Error).decode


class _Thinking(msgspec.Struct):
    type: str | None = None


_decode_thinking = msgspec.json.Decoder(bool | _Thinking | None).decode

# What a status means where the vendor's own rules say nothing (a survey of their error pages, 2026-11).
_BY_STATUS = {
    400: Kind.BAD_REQUEST,
    401: Kind.BAD_KEY,
    402: Kind.NO_BALANCE,
    403: Kind.NO_PERMISSION,
    404: Kind.MODEL_NOT_FOUND,
    408: Kind.TIMEOUT,
    413: Kind.CONTEXT_TOO_LONG,
    422: Kind.BAD_REQUEST,
    429: Kind.RATE_LIMITED,
    451: Kind.CONTENT_FILTERED,
    503: Kind.OVERLOADED,
    504: Kind.TIMEOUT,
    529: Kind.OVERLOADED,
}


class OpenAICompatible(msgspec.Struct, frozen=True, kw_only=True):
    """Implements `fenli.vendors.contract.Vendor`.

    ``asks_usage``: streams carry usage only when ``stream_options`` asks (asking is harmless elsewhere).
    ``thinking_field``: the member that switches thinking, ``true`` or ``{"type": "enabled"}``; off where it is absent.
    ``cache_mark``: what stands in messages that are to be cached at a price of its own. ``standard_tiers``: what it
    calls the usual service tier in its answers; none where tiers are not told, or have no prices.
    ``sells`` names the vendor whose models, and prices where it has none of its own, it sells; itself where empty.
    ``path``: of chat, behind the base URL, where a model has none of its own.
    ``limit_field``: the only name under which the vendor takes an output limit; None when it takes both.
    ``adds``: what its requests need beyond the caller's. ``failures``: where its bodies tell one beside ``error``,
    whatever the status: an answer with a 200 is searched for it, too.
    """

    id: str
    title: str
    title_zh: str
    base_url: str
    key_variables: tuple[str, ...]
    sells: str = ""
    path: str = "/chat/completions"
    disconnect: Disconnect = Disconnect.CANCEL
    asks_usage: bool = True
    limit_field: str | None = None
    thinking_field: str | None = None
    cache_mark: bytes | None = None
    standard_tiers: tuple[str, ...] = ()
    usage_map: UsageMap = UsageMap()
    balance: BalanceMap | None = None
    adds: tuple[Added, ...] = ()
    failures: tuple[FailurePlace, ...] = ()
    errors: tuple[ErrorRule, ...] = ()

    @property
    def models(self) -> tuple[Model, ...]:
        return default_models(self.sells or self.id)

    def address(self, base_url: str, secret: str, model: str) -> Address:
        origin, prefix = parse_base_url(base_url)
        entry = next((entry for entry in self.models if entry.id == model), Model(model))
        target = prefix + (entry.path or self.path)
        name = msgspec.json.encode(entry.sent_as or model)
        return Address(origin, target.encode(), self._headers(origin, secret), name, secret)

    def balance_request(self, base_url: str, secret: str) -> Request:
        assert self.balance is not None
        origin, prefix = parse_base_url(base_url)
        return Request(origin, b"GET", (prefix + self.balance.path).encode(), self._headers(origin, secret), b"")

    def request(self, address: Address, ask: ChatRequest, now: int) -> Request:
        fields = ask.fields.copy()
        fields["model"] = address.model
        if ask.stream and self.asks_usage:
            fields["stream_options"] = ask.asking_usage()
        if self.limit_field is not None:
            self._rename_limit(fields, ask)
        for added in self.adds:
            if added.member not in fields and (not added.beside or added.beside in fields):
                fields[added.member] = added.value
        body = encode_members(fields) if ask.size <= LARGE else Pieces(encode_pieces(fields))
        return Request(address.origin, b"POST", address.target, address.headers, body)

    def facts(
        self, ask: ChatRequest, service_tier: str | None, usage: Mapping[str, int]
    ) -> dict[str, bool | str] | None:
        facts: dict[str, bool | str] | None = None
        if self.thinking_field is not None and self.thinking_field in ask.fields and self._thinks(ask):
            facts = {"thinking": True}
        mark = self.cache_mark if usage.get("cached_input") or usage.get("cache_write") else None
        if mark is not None and mark in bytes(ask.fields["messages"]):  # they may be megabytes
            facts = {**(facts or {}), "cache_scheme": "explicit"}
        if service_tier is not None and self.standard_tiers and service_tier not in self.standard_tiers:
            facts = {**(facts or {}), "service_tier": service_tier}
        return facts

    def _thinks(self, ask: ChatRequest) -> bool:
        assert self.thinking_field is not None
        try:
            switch = _decode_thinking(ask.fields[self.thinking_field])
        except NO_ANSWER:
            return False  # the vendor will refuse it
        return switch.type == "enabled" if isinstance(switch, _Thinking) else bool(switch)

    def answer(self, ask: ChatRequest, now: int) -> Answer:
        if not self.failures:
            return StreamAnswer(ask.wants_usage, ask.choices) if ask.stream else WholeAnswer(ANSWER_MAX)
        failures = _reader_of(self.failures)
        if ask.stream:
            return TellingStream(failures, ask.wants_usage, ask.choices)
        return TellingWhole(failures, ANSWER_MAX)

    def usage(self, raw: bytes) -> dict[str, int]:
        return self.usage_map.meters(raw)

    def classify(self, status: int, headers: Headers, body: bytes) -> Failure:
        error = self._error_of(body)
        message = error.message or body[:300].decode(errors="replace")
        codes = [str(code) for code in (error.code, error.type) if code is not None]
        kind = self._kind(_told_status(codes) if status < 300 else status, codes, message)
        return Failure(kind, message, status, body, retry_after_ms(headers))

    def _error_of(self, body: bytes) -> _Error:
        """What stands in the vendor's own place, else the error object of an envelope, or the bare one that a stream
        carries. Empty where there is none."""
        told = _reader_of(self.failures).told(body) if self.failures else None
        if told is not None:
            return _Error(told[1], told[0])
        try:
            envelope = _decode_envelope(body).error
            return envelope if isinstance(envelope, _Error) else _Error(message=envelope)
        except NO_ANSWER:
            pass
        try:
            return _decode_error(body)
        except NO_ANSWER:
            return _Error()

    def _kind(self, status: int, codes: list[str], message: str) -> Kind:
        for rule in self.errors:
            if rule.status is not None and rule.status != status != UNTOLD:
                continue
            if rule.code is not None and not any(re.fullmatch(rule.code, code, re.IGNORECASE) for code in codes):
                continue
            if rule.text is not None and not re.search(rule.text, message, re.IGNORECASE):
                continue
            return rule.kind
        return _BY_STATUS.get(status) or (Kind.BAD_REQUEST if 400 <= status < 500 else Kind.SERVER_ERROR)

    def _headers(self, origin: Origin, secret: str) -> bytes:
        if not (secret.isascii() and secret.isprintable()):
            raise ConfigError(f"the key of {self.id} has characters that no HTTP header can carry")
        default_port = {"http": 80, "https": 443}.get(origin.scheme)
        host = f"[{origin.host}]" if ":" in origin.host else origin.host
        host = host if origin.port == default_port else f"{host}:{origin.port}"
        lines = [f"Host: {host}", "Content-Type: application/json", "Accept: */*", f"User-Agent: fenli/{__version__}"]
        if secret:
            lines.append(f"Authorization: Bearer {secret}")
        return "".join(line + "\r\n" for line in lines).encode()

    def _rename_limit(self, fields: dict[str, bytes | msgspec.Raw], ask: ChatRequest) -> None:
        """One limit under the name that the vendor takes; the stricter reading of two is the newer name's."""
        limits = [fields.pop(name) for name in ("max_completion_tokens", "max_tokens") if name in fields]
        if ask.output_limit is not None and limits:
            assert self.limit_field is not None
            fields[self.limit_field] = str(ask.output_limit).encode()


def _told_status(codes: list[str]) -> int:
    """The HTTP status that an error inside a 200 names itself, as llama.cpp's do; UNTOLD where it names none."""
    return next((int(code) for code in codes if re.fullmatch("[45][0-9]{2}", code)), UNTOLD)


_reader_of = cache(FailureReader)
