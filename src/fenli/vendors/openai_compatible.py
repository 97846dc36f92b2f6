"""A vendor that speaks OpenAI's chat completions, with its differences stated as data."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final, Self

import msgspec

from fenli.errors import Failure
from fenli.http.transport import Origin, Pieces, Request
from fenli.vendors.balances import BalanceMap
from fenli.vendors.contract import Address, Disconnect, Headers, Model, UsageMap, parse_base_url, retry_after_ms
from fenli.vendors.endpoints import Endpoint
from fenli.vendors.failing import ErrorRule, Told, kind_of, told
from fenli.vendors.headers import bearer, head_lines
from fenli.vendors.limits import LimitHeaders
from fenli.vendors.models import default_models
from fenli.vendors.splicing import spliced
from fenli.vendors.switches import Switches, switch_of
from fenli.vendors.withholding import without
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


class Added(msgspec.Struct, frozen=True):
    """A member that the vendor's requests need, as JSON: sent where the caller says nothing of it; where ``beside`` is
    named, only together with that member."""

    member: str
    value: bytes
    beside: str = ""


class _Thinking(msgspec.Struct):
    type: str | None = None


_decode_thinking = msgspec.json.Decoder(bool | _Thinking | None).decode


class OpenAICompatible(msgspec.Struct, frozen=True, kw_only=True):
    """Implements `fenli.vendors.contract.Vendor`.

    ``asks_usage``: streams carry usage only when ``stream_options`` asks (asking is harmless elsewhere).
    ``thinking_field``: the member that switches thinking, ``true`` or ``{"type": "enabled"}``; off where it is absent.
    ``cache_mark``: what stands in messages that are to be cached at a price of its own. ``standard_tiers``: what it
    calls the usual service tier in its answers; none where tiers are not told, or have no prices.
    ``sells`` names the vendor whose models, and prices where it has none of its own, it sells; itself where empty.
    ``path``: of chat, behind the base URL, where a model has none of its own, nor one among ``paths``, by how its name
    begins.
    ``limit_field``: the only name under which the vendor takes an output limit; None when it takes both.
    ``adds``: what its requests need beyond the caller's. ``failures``: where its bodies tell one beside ``error``,
    whatever the status: an answer with a 200 is searched for it, too. ``switches``: what it calls the options.
    ``withheld``: members of messages that it is not told, since they are other vendors'.
    """

    id: str
    title: str
    title_zh: str
    base_url: str
    key_variables: tuple[str, ...]
    keys_at: str = ""
    key_form: str = ""
    sells: str = ""
    path: str = "/chat/completions"
    paths: tuple[tuple[str, str], ...] = ()
    disconnect: Disconnect = Disconnect.CANCEL
    asks_usage: bool = True
    limit_field: str | None = None
    thinking_field: str | None = None
    cache_mark: bytes | None = None
    standard_tiers: tuple[str, ...] = ()
    usage_map: UsageMap = UsageMap()
    balance: BalanceMap | None = None
    limits: tuple[LimitHeaders, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    adds: tuple[Added, ...] = ()
    failures: tuple[FailurePlace, ...] = ()
    errors: tuple[ErrorRule, ...] = ()
    switches: Switches = Switches()
    returned: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()

    @property
    def models(self) -> tuple[Model, ...]:
        return default_models(self.sells or self.id)

    def switched(self, switches: Switches) -> Self:
        return msgspec.structs.replace(self, switches=switches)

    def telling(self, limits: tuple[LimitHeaders, ...]) -> Self:
        return msgspec.structs.replace(self, limits=limits)

    def withholding(self, members: tuple[str, ...]) -> Self:
        return msgspec.structs.replace(self, withheld=members)

    def address(self, base_url: str, secret: str, model: str) -> Address:
        origin, prefix = parse_base_url(base_url)
        entry = next((entry for entry in self.models if entry.id == model), Model(model))
        path = next((path for beginning, path in self.paths if model.startswith(beginning)), self.path)
        target = prefix + (entry.path or path)
        name = msgspec.json.encode(entry.sent_as or model)
        return Address(origin, target.encode(), self._headers(origin, secret), name, secret)

    def signed(self, address: Address, headers: bytes, body: bytes, now: int) -> bytes:
        return headers

    def balance_request(self, base_url: str, secret: str) -> Request:
        assert self.balance is not None
        origin, prefix = parse_base_url(base_url)
        return Request(origin, b"GET", (prefix + self.balance.path).encode(), self._headers(origin, secret), b"")

    def request(self, address: Address, ask: ChatRequest, now: int) -> Request:
        fields, target = ask.fields.copy(), address.target
        if ask.options is not None:
            fields, target = self._optional(address, ask)
        if self.withheld:
            fields["messages"] = without(fields["messages"], self.withheld)
        fields["model"] = address.model
        if ask.stream and self.asks_usage:
            fields["stream_options"] = ask.asking_usage()
        if self.limit_field is not None:
            self._rename_limit(fields, ask)
        for added in self.adds:
            if added.member not in fields and (not added.beside or added.beside in fields):
                fields[added.member] = added.value
        body = encode_members(fields) if ask.size <= LARGE else Pieces(encode_pieces(fields))
        return Request(address.origin, b"POST", target, address.headers, body)

    def _optional(self, address: Address, ask: ChatRequest) -> tuple[dict[str, bytes | msgspec.Raw], bytes]:
        """The members and the path of a request with options."""
        assert ask.options is not None
        model = msgspec.json.decode(address.model, type=str)
        prefix = switch_of(self.switches.prefix, model) if ask.options.prefix else None
        target = address.target
        if prefix is not None and prefix.base:
            path = self.path.encode()
            target = target.removesuffix(path).removesuffix(b"/v1") + prefix.base.encode() + path
        return spliced(ask, self.switches, model), target

    def facts(
        self, ask: ChatRequest, service_tier: str | None, usage: Mapping[str, int]
    ) -> dict[str, bool | str] | None:
        facts: dict[str, bool | str] | None = None
        field = self.thinking_field
        if field is not None and (field in ask.fields or ask.options is not None) and self._thinks(ask):
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
            switch = _decode_thinking(ask.fields.get(self.thinking_field, b"null"))
        except NO_ANSWER:
            return False  # the vendor will refuse it
        if switch is None:
            return ask.options is not None and ask.options.thinking is not None and ask.options.thinking.on
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
        said = self._told(body)
        message = said.message or body[:300].decode(errors="replace")
        return Failure(kind_of(self.errors, status, said), message, status, body, retry_after_ms(headers))

    def _told(self, body: bytes) -> Told:
        """What stands in the vendor's own place, else the error object of an envelope, or the bare one that a stream
        carries. Empty where there is none."""
        own = _reader_of(self.failures).told(body) if self.failures else None
        return told(body) if own is None else Told((own[0],), own[1])

    def _headers(self, origin: Origin, secret: str) -> bytes:
        return head_lines(self.id, origin, bearer(secret))

    def _rename_limit(self, fields: dict[str, bytes | msgspec.Raw], ask: ChatRequest) -> None:
        """One limit under the name that the vendor takes; the stricter reading of two is the newer name's."""
        limits = [fields.pop(name) for name in ("max_completion_tokens", "max_tokens") if name in fields]
        if ask.output_limit is not None and limits:
            assert self.limit_field is not None
            fields[self.limit_field] = str(ask.output_limit).encode()


_reader_of = cache(FailureReader)
