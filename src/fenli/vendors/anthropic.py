"""Anthropic (Claude), in its own dialect.

Sources: anthropic SDK 2.12 (types, errors), its pages on models, thinking and version 2026-10-21 of the API. Requests
name version 2023-06-01: the newer one differs for callers only in that it refuses every temperature, top_p and top_k.
Models up to 4.5 limit thinking in tokens, those from 4.6 on decide for themselves, at a level of effort.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from fenli.errors import CallRefused, Code, Kind
from fenli.vendors.contract import Model
from fenli.vendors.failing import ErrorRule
from fenli.vendors.limits import LimitHeaders, Reset
from fenli.vendors.switches import (
    PrefixSwitch,
    SchemaSwitch,
    SchemaWay,
    SearchSwitch,
    Switches,
    ThinkingSwitch,
    switch_of,
)
from fenli.vendors.translated import Translated, placed
from fenli.wire.anthropic_messages import TAKEN, EventReader, MessageReader, messages_body, meters, searches
from fenli.wire.openai_chat import ChatRequest
from fenli.wire.openai_chat.decoded import decoded, refuse_unknown

BUDGET_MIN: Final = 1024
_SEARCHES: Final = 5  # of one answer
_LIMITED: Final = r"claude-(3-7|(opus|sonnet)-4($|-0|-1|-2|-5)|haiku-4-5)"
_ALWAYS: Final = r"claude-(fable|mythos|opus-5-5)"
_LEVELS: Final = ("low", "medium", "high", "xhigh", "max")
_name = msgspec.json.Decoder(str).decode


class Anthropic(Translated, frozen=True, kw_only=True):
    """``version`` is that of the API, as its header has it."""

    version: str

    def credential(self, secret: str) -> tuple[str, ...]:
        key = (f"x-api-key: {secret}",) if secret else ()
        return (*key, f"anthropic-version: {self.version}")

    def body(self, ask: ChatRequest, model: bytes) -> bytes:
        refuse_unknown(ask, self.title, TAKEN)
        name, options = _name(model), ask.options
        limit = ask.output_limit or self._limit(name)
        body = messages_body(ask, decoded(ask), name, limit, self.title)
        if options is not None and options.thinking is not None:
            placed(body, self.switches.thinks(name, options.thinking).places)
            self._fit(body, limit)
        if options is not None and options.search is not None:
            self._search(body, name)
        if options is not None and options.schema is not None:
            form = b'{"type":"json_schema","schema":%b}' % options.schema.text
            placed(body, {"output_config.format": form})
        return msgspec.json.encode(body)

    def streamed(self, ask: ChatRequest) -> EventReader:
        return EventReader()

    def whole(self, ask: ChatRequest) -> MessageReader:
        return MessageReader()

    def usage(self, raw: bytes) -> dict[str, int]:
        return meters(raw)

    def facts(
        self, ask: ChatRequest, service_tier: str | None, usage: Mapping[str, int]
    ) -> dict[str, bool | str] | None:
        facts: dict[str, bool | str] = {}
        if service_tier not in (None, "standard"):
            facts["service_tier"] = str(service_tier)
        if bytes(ask.fields.get("speed", b"null")) == b'"fast"':
            facts["speed"] = "fast"
        return facts or None

    def _search(self, body: dict[str, Any], name: str) -> None:
        """Unless the caller has brought a tool for it."""
        switch = switch_of(self.switches.search, name)
        tools = body.setdefault("tools", [])
        if switch is not None and switch.tool and not any(map(searches, tools)):
            tools.append(msgspec.json.decode(switch.tool))

    def _limit(self, name: str) -> int:
        """Requests must name a limit: the model's own where the caller names none. A name may go on behind the model's
        (``-20251001``)."""
        known = [entry for entry in self.models if name.startswith(entry.id) and entry.output is not None]
        entry = max(known, key=lambda entry: len(entry.id), default=Model(name))
        if entry.output is None:
            message = (
                f"{self.title} wants a limit for the answer, and none is known of {name}: send max_completion_tokens"
            )
            raise CallRefused(Code.INVALID_VALUE, message, "max_completion_tokens")
        return entry.output

    def _fit(self, body: dict[str, object], limit: int) -> None:
        """A budget has to be below the limit: half of it is left for the answer, where there is that much."""
        thinking = body.get("thinking")
        if not isinstance(thinking, dict) or not isinstance(budget := thinking.get("budget_tokens"), int):
            return
        if limit <= BUDGET_MIN:
            message = f"to think, {self.title} wants a limit above {BUDGET_MIN} tokens for the answer, not {limit}"
            raise CallRefused(Code.INVALID_VALUE, message, "max_completion_tokens")
        thinking["budget_tokens"] = max(BUDGET_MIN, min(budget, limit // 2))


ANTHROPIC = Anthropic(
    id="anthropic",
    title="Anthropic (Claude)",
    title_zh="Anthropic(Claude)",
    base_url="https://api.anthropic.com",
    key_variables=("ANTHROPIC_API_KEY",),
    keys_at="https://console.anthropic.com/settings/keys",
    path="/v1/messages",
    version="2023-06-01",
    returned=("thinking_blocks",),
    limits=tuple(
        LimitHeaders(
            of.replace("-", "_"),
            f"anthropic-ratelimit-{of}-limit",
            f"anthropic-ratelimit-{of}-remaining",
            f"anthropic-ratelimit-{of}-reset",
            Reset.INSTANT,
        )
        for of in ("requests", "tokens", "input-tokens", "output-tokens")
    ),
    switches=Switches(
        thinking=(
            ThinkingSwitch(
                models=_LIMITED,
                on={"thinking.type": b'"enabled"', "thinking.budget_tokens": b"8192"},
                off={"thinking.type": b'"disabled"'},
                budget="thinking.budget_tokens",
            ),
            ThinkingSwitch(
                models=_ALWAYS,
                on={"thinking.type": b'"adaptive"'},
                effort="output_config.effort",
                levels=_LEVELS,
            ),
            ThinkingSwitch(
                models=r"claude-(opus|sonnet|haiku)-(4-[6-9]|[5-9])",
                on={"thinking.type": b'"adaptive"'},
                off={"thinking.type": b'"disabled"'},
                effort="output_config.effort",
                levels=_LEVELS,
            ),
        ),
        search=(
            SearchSwitch(
                models=r"claude-(3-7|(opus|sonnet|haiku)-[4-9]|fable|mythos)",
                tool=b'{"type":"web_search_20250305","name":"web_search","max_uses":%d}' % _SEARCHES,
                shown="message.annotations",
                most=_SEARCHES,
            ),
        ),
        prefix=(PrefixSwitch(models=_LIMITED),),
        schema=(SchemaSwitch(way=SchemaWay.TAKEN, models=r"claude-((opus|sonnet|haiku)-(4-[5-9]|[5-9])|fable|mythos)"),
                SchemaSwitch(way=SchemaWay.TEXT)),
    ),
    errors=(
        ErrorRule(Kind.NO_BALANCE, code="billing_error"),
        ErrorRule(Kind.NO_BALANCE, text="credit balance is too low"),
        ErrorRule(Kind.QUOTA_EXHAUSTED, text="reached your specified .*usage limits"),
        ErrorRule(Kind.BAD_KEY, code="authentication_error"),
        ErrorRule(Kind.NO_PERMISSION, code="permission_error"),
        ErrorRule(Kind.MODEL_NOT_FOUND, code="not_found_error"),
        ErrorRule(Kind.CONTEXT_TOO_LONG, text="prompt is too long|exceed context limit"),
        ErrorRule(Kind.CONTEXT_TOO_LONG, code="request_too_large"),
        ErrorRule(Kind.CONTENT_FILTERED, text="content filtering policy|usage policy"),
        ErrorRule(Kind.RATE_LIMITED, code="rate_limit_error"),
        ErrorRule(Kind.OVERLOADED, code="overloaded_error"),
        ErrorRule(Kind.TIMEOUT, code="timeout_error"),
        ErrorRule(Kind.BAD_REQUEST, code="invalid_request_error"),
        ErrorRule(Kind.SERVER_ERROR, code="api_error"),
    ),
)  # fmt: skip
