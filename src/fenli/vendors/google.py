"""Google Gemini, in its own dialect.

Sources: google-genai SDK 3.4 (types, errors), its pages on errors, thinking, thought signatures and on Gemini 4. A key
that is not valid comes with a 400. Models up to 2.5 limit thinking in tokens, those from 3 on have levels of it and
cannot be kept from it. What a search costs: Google's pricing page, by way of clients in the open (2026-09).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import msgspec

from fenli.errors import Failure, Kind
from fenli.vendors.contract import Address, Headers
from fenli.vendors.failing import ErrorRule, Told
from fenli.vendors.switches import SearchSwitch, Switches, ThinkingSwitch, switch_of
from fenli.vendors.translated import Translated, placed
from fenli.wire.gemini import TAKEN, ContentReader, contents_body, meters, told
from fenli.wire.openai_chat import ChatRequest
from fenli.wire.openai_chat.decoded import decoded, refuse_unknown

_SIGNED: Final = re.compile(r"gemini-([3-9]|[1-9][0-9])")
_SEARCHES: Final = b'{"googleSearch":{}}'
_SOURCES: Final = "message.annotations"
_QUERIES: Final = 10  # nothing limits them; budgets hold so many
_THINKING: Final = "generationConfig.thinkingConfig"
_SHOWN: Final = {f"{_THINKING}.includeThoughts": b"true"}
_BUDGET: Final = f"{_THINKING}.thinkingBudget"
_LEVEL: Final = f"{_THINKING}.thinkingLevel"
_name = msgspec.json.Decoder(str).decode


class Google(Translated, frozen=True, kw_only=True):
    def credential(self, secret: str) -> tuple[str, ...]:
        return (f"x-goog-api-key: {secret}",) if secret else ()

    def address(self, base_url: str, secret: str, model: str) -> Address:
        address = super().address(base_url, secret, model)
        name = quote(_name(address.model), safe="").encode()
        return msgspec.structs.replace(address, target=b"%b/models/%b" % (address.target, name))

    def target(self, address: Address, ask: ChatRequest, now: int) -> bytes:
        return address.target + (b":streamGenerateContent?alt=sse" if ask.stream else b":generateContent")

    def body(self, ask: ChatRequest, model: bytes) -> bytes:
        refuse_unknown(ask, self.title, TAKEN)
        name, options = _name(model), ask.options
        body = contents_body(ask, decoded(ask), self.title, signed=_SIGNED.match(name) is not None)
        if options is not None and options.thinking is not None:
            placed(body, self.switches.thinks(name, options.thinking).places)
        if options is not None and options.search is not None:
            switch = switch_of(self.switches.search, name)
            if switch is not None and switch.tool:
                body.setdefault("tools", []).append(msgspec.json.decode(switch.tool))
        return msgspec.json.encode(body)

    def streamed(self, ask: ChatRequest) -> ContentReader:
        return ContentReader(searches=ask.options is not None and ask.options.search is not None)

    def whole(self, ask: ChatRequest) -> ContentReader:
        return self.streamed(ask)

    def usage(self, raw: bytes) -> dict[str, int]:
        return meters(raw)

    def facts(
        self, ask: ChatRequest, service_tier: str | None, usage: Mapping[str, int]
    ) -> dict[str, bool | str] | None:
        """Models think unasked: whether one did shows in what it counts."""
        return {"thinking": True} if usage.get("reasoning") else None

    def told(self, body: bytes) -> Told:
        error = told(body)
        return Told(error.codes, error.message)

    def classify(self, status: int, headers: Headers, body: bytes) -> Failure:
        """The wait that it asks for stands in the body."""
        failure = super().classify(status, headers, body)
        if failure.retry_after_ms is not None:
            return failure
        return msgspec.structs.replace(failure, retry_after_ms=told(body).wait_ms)


GOOGLE = Google(
    id="google",
    title="Google Gemini",
    title_zh="谷歌 Gemini",
    base_url="https://generativelanguage.googleapis.com/v1beta",
    key_variables=("GEMINI_API_KEY",),
    keys_at="https://aistudio.google.com/apikey",
    returned=("extra_content",),
    switches=Switches(
        thinking=(
            ThinkingSwitch(models="gemini-2.5-pro", on=_SHOWN, budget=_BUDGET),
            ThinkingSwitch(models="gemini-2.5-", on=_SHOWN, off={_BUDGET: b"0"}, budget=_BUDGET),
            ThinkingSwitch(
                models="gemini-3.*-flash", on=_SHOWN, effort=_LEVEL, levels=("minimal", "low", "medium", "high")
            ),
            ThinkingSwitch(models="gemini-3-pro", on=_SHOWN, effort=_LEVEL, levels=("low", "high")),
            ThinkingSwitch(models=_SIGNED.pattern, on=_SHOWN, effort=_LEVEL),
        ),
        search=(
            SearchSwitch(models=r"gemini-2\.", tool=_SEARCHES, shown=_SOURCES),
            SearchSwitch(models=_SIGNED.pattern, tool=_SEARCHES, shown=_SOURCES, most=_QUERIES),
        ),
    ),
    errors=(
        ErrorRule(Kind.CONTENT_FILTERED, code="PROMPT_BLOCKED"),
        ErrorRule(Kind.BAD_KEY, code="API_KEY_(INVALID|EXPIRED|SERVICE_BLOCKED)|UNAUTHENTICATED"),
        ErrorRule(Kind.BAD_KEY, text="api key (not valid|not found|expired)|unregistered callers"),
        ErrorRule(Kind.NO_BALANCE, code="BILLING_(DISABLED|NOT_ACTIVE)"),
        ErrorRule(Kind.NO_BALANCE, text="billing|prepay|credits? (are|is) depleted"),
        ErrorRule(Kind.NO_PERMISSION, code="PERMISSION_DENIED|SERVICE_DISABLED|CONSUMER_SUSPENDED|FAILED_PRECONDITION"),
        ErrorRule(Kind.QUOTA_EXHAUSTED, status=429, code=".*PerDay.*"),
        ErrorRule(Kind.RATE_LIMITED, code="RESOURCE_EXHAUSTED"),
        ErrorRule(Kind.CONTEXT_TOO_LONG, text="exceeds the maximum number of tokens|input token count"),
        ErrorRule(Kind.MODEL_NOT_FOUND, code="NOT_FOUND"),
        ErrorRule(Kind.BAD_REQUEST, code="INVALID_ARGUMENT|OUT_OF_RANGE"),
        ErrorRule(Kind.OVERLOADED, code="UNAVAILABLE"),
        ErrorRule(Kind.TIMEOUT, code="DEADLINE_EXCEEDED|CANCELLED"),
        ErrorRule(Kind.SERVER_ERROR, code="INTERNAL|UNKNOWN|MALFORMED_.*|.*_TOOL_CALLS?|MISSING_THOUGHT_SIGNATURE"),
    ),
)
