"""A vendor that speaks a dialect of its own: all that such vendors have in common, and no dialect.

One is a struct of its own below `Translated` that brings at least `body`, `streamed` and `whole`. What is read from the
caller is OpenAI's dialect, and what the caller is told is, too (`fenli.wire.translated`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import msgspec

from fenli.errors import Failure
from fenli.http.transport import Request
from fenli.vendors.balances import BalanceMap
from fenli.vendors.contract import Address, Disconnect, Headers, Model, UsageMap, parse_base_url, retry_after_ms
from fenli.vendors.endpoints import Endpoint
from fenli.vendors.failing import ErrorRule, Told, kind_of, told
from fenli.vendors.headers import bearer, head_lines
from fenli.vendors.limits import LimitHeaders
from fenli.vendors.models import default_models
from fenli.vendors.splicing import prepared, spliced
from fenli.vendors.switches import Places, Switches
from fenli.vendors.withholding import without
from fenli.wire.answers import Answer
from fenli.wire.frames import EventFrames, Frames, WholeFrame
from fenli.wire.openai_chat import ChatRequest
from fenli.wire.openai_chat.writer import usage_object
from fenli.wire.translated import ANSWER_MAX, Reader, TranslatedStream, TranslatedWhole, Translation


class Translated(msgspec.Struct, frozen=True, kw_only=True):
    """Implements `fenli.vendors.contract.Vendor`, but for what a dialect brings.

    ``sells`` names the vendor whose models, and prices where it has none of its own, it sells; itself where empty.
    ``path``: behind the base URL, where a model has none of its own. ``lines``: header lines of every request.
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
    path: str = ""
    lines: tuple[str, ...] = ()
    disconnect: Disconnect = Disconnect.CANCEL
    usage_map: UsageMap = UsageMap()
    balance: BalanceMap | None = None
    limits: tuple[LimitHeaders, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    errors: tuple[ErrorRule, ...] = ()
    switches: Switches = Switches()
    returned: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()

    # What a dialect brings

    def body(self, ask: ChatRequest, model: bytes) -> bytes:
        """The request's body; ``model`` is JSON. Raises CallRefused for what the dialect cannot say.

        ``ask.options`` holds the options that ``switches`` say the model has, for the body to carry; the others have
        been taken care of.
        """
        raise NotImplementedError

    def streamed(self, ask: ChatRequest) -> Reader:
        """A fresh reader for the messages of a stream."""
        raise NotImplementedError

    def whole(self, ask: ChatRequest) -> Reader:
        """A fresh reader for an answer in one piece."""
        raise NotImplementedError

    def spelled(self, ask: ChatRequest, model: bytes) -> ChatRequest:
        """The request with its options as members, for a body whose dialect shares them with OpenAI's."""
        if ask.options is None:
            return ask
        return ask.replaced(spliced(ask, self.switches, msgspec.json.decode(model, type=str)), None)

    # What a dialect changes where it must

    def credential(self, secret: str) -> tuple[str, ...]:
        """The header lines that carry the key as it is; none where a request is signed instead."""
        return bearer(secret)

    def target(self, address: Address, ask: ChatRequest, now: int) -> bytes:
        """Where this request goes. A WebSocket's or a stream's own path, or a signature in the query, comes here."""
        return address.target

    def head(self, address: Address, ask: ChatRequest, body: bytes, now: int) -> bytes:
        """The header lines of this request, ready for the wire: a signature of ``body`` at ``now`` comes here."""
        return address.headers

    def frames(self) -> Frames:
        """How the messages of a stream are told apart."""
        return EventFrames()

    def gathered(self, ask: ChatRequest, translation: Translation) -> TranslatedWhole:
        """Reads the answer for a caller who wants one piece: of a vendor that only streams, made of its stream."""
        return TranslatedWhole(WholeFrame(ANSWER_MAX), self.whole(ask), translation)

    def told(self, body: bytes) -> Told:
        """What a failure's body, or the ``error`` that a reader found inside an answer, says."""
        return told(body)

    def usage(self, raw: bytes) -> dict[str, int]:
        return self.usage_map.meters(raw)

    def facts(
        self, ask: ChatRequest, service_tier: str | None, usage: Mapping[str, int]
    ) -> dict[str, bool | str] | None:
        return None

    # What all of them have in common

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
        headers = head_lines(self.id, origin, (*self.lines, *self.credential(secret)))
        name = msgspec.json.encode(entry.sent_as or model)
        return Address(origin, (prefix + (entry.path or self.path)).encode(), headers, name, secret)

    def signed(self, address: Address, headers: bytes, body: bytes, now: int) -> bytes:
        return headers

    def balance_request(self, base_url: str, secret: str) -> Request:
        assert self.balance is not None
        origin, prefix = parse_base_url(base_url)
        headers = head_lines(self.id, origin, (*self.lines, *self.credential(secret)))
        return Request(origin, b"GET", (prefix + self.balance.path).encode(), headers, b"")

    def request(self, address: Address, ask: ChatRequest, now: int) -> Request:
        if self.withheld:
            messages = without(ask.fields["messages"], self.withheld)
            ask = ask.replaced({**ask.fields, "messages": messages}, ask.options)
        if ask.options is not None:
            ask = prepared(ask, self.switches, msgspec.json.decode(address.model, type=str))
        body = self.body(ask, address.model)
        target, headers = self.target(address, ask, now), self.head(address, ask, body, now)
        method = b"GET" if address.origin.scheme in ("ws", "wss") else b"POST"
        return Request(address.origin, method, target, headers, body)

    def answer(self, ask: ChatRequest, now: int) -> Answer:
        translation = Translation(
            reader=lambda: self.streamed(ask),
            whole=lambda: self.whole(ask),
            shown_usage=lambda raw: usage_object(self.usage(raw)),
            model=ask.model,
            now=now,
            choices=ask.choices,
        )
        if not ask.stream:
            return self.gathered(ask, translation)
        return TranslatedStream(self.frames(), self.streamed(ask), translation, wants_usage=ask.wants_usage)

    def classify(self, status: int, headers: Headers, body: bytes) -> Failure:
        """Without the vendor's own body: the caller reads another dialect."""
        said = self.told(body)
        message = said.message or body[:300].decode(errors="replace")
        return Failure(kind_of(self.errors, status, said), message, status, None, retry_after_ms(headers))


def placed(body: dict[str, Any], places: Places) -> None:
    """Puts ``places`` into a body, where a dot goes down one level; nothing is put where something is."""
    for place, value in places.items():
        *levels, last = place.split(".")
        inner: Any = body
        for level in levels:
            inner = inner.setdefault(level, {}) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            inner.setdefault(last, msgspec.json.decode(value))
