"""What a vendor says where no model answers: refusals, last pages, lists, plain replies."""

from __future__ import annotations

from typing import Final

import msgspec

from fenli.errors import Kind
from fenli.market.dialects.openai_chat import OPENAI_CHAT
from fenli.market.faults import Fault, Trouble
from fenli.market.flavours.flavour import Dialect, Flavour, Plain, Refusal
from fenli.market.requests import Ask
from fenli.market.scenario import Way
from fenli.market.script import Action, Body, Cut, End, Enter, Head, Outcome, Script
from fenli.market.troubles import HALF, Wrong
from fenli.market.usage import Count

_ANY_REFUSAL: Final = Refusal(Kind.SERVER_ERROR, 500, "Internal error")


class Voice:
    """One vendor's. Its ``flavour`` may change, its dialect stays."""

    def __init__(self, flavour: Flavour) -> None:
        self.flavour = flavour
        self.dialect: Dialect = flavour.dialect or OPENAI_CHAT

    def nowhere(self, ask: Ask, request_id: str) -> Script:
        nowhere = Refusal(Kind.MODEL_NOT_FOUND, 404, f"no such endpoint: {ask.method} {ask.path}")
        return self.refusal(nowhere, request_id)

    def refused(
        self, kind: Kind, request_id: str, *, detail: str = "", retry_after: int | None = None,
        fault: Fault | None = None,
    ) -> Script:  # fmt: skip
        """By what the vendor says of that ``kind``, with more words behind it; ``retry_after`` in seconds."""
        refusal = self.flavour.refusal(kind) or self.flavour.refusal(Kind.SERVER_ERROR) or _ANY_REFUSAL
        if detail:
            refusal = msgspec.structs.replace(refusal, message=f"{refusal.message} {detail}")
        return self.refusal(refusal, request_id, retry_after, fault)

    def refusal(
        self, refusal: Refusal, request_id: str, retry_after: int | None = None, fault: Fault | None = None
    ) -> Script:
        headers = [*self.headers(request_id), (b"content-type", b"application/json")]
        wait = refusal.retry_after if retry_after is None else retry_after
        if wait is not None:
            headers.append((b"retry-after", str(wait).encode()))
        refusal = msgspec.structs.replace(refusal, retry_after=wait)  # some tell it in the body
        body = self.dialect.error_body(self.flavour, refusal, request_id)
        actions: tuple[Action, ...] = (
            Head(refusal.status, tuple(headers)), Enter(Outcome.REFUSED), Body(body), End(),
        )  # fmt: skip
        named = None if fault is None else str(fault)
        return Script(request_id, "", refusal.status, False, Count(), actions, None, named)

    def away(self, way: Way, request_id: str) -> Script:
        """A vendor that has left: its last page, or nothing at all, which is the transport's to show."""
        if way is Way.GONE:
            return self.refusal(Refusal(Kind.SERVER_ERROR, 410, "This service has been discontinued."), request_id)
        fault = Fault(Trouble.UNREACHABLE if way is Way.REFUSED else Trouble.UNRESOLVED)
        return Script(request_id, "", 0, False, Count(), (Enter(Outcome.REFUSED), Cut()), None, str(fault))

    def wrong(self, refusal: Refusal) -> Wrong:
        """What goes wrong with a reply in one piece."""
        return Wrong(HALF, self.dialect.error_body(self.flavour, refusal, ""))

    def plain(self, plain: Plain, request_id: str) -> Script:
        head = Head(plain.status, (*self.headers(request_id), *plain.headers))
        return Script(request_id, "", plain.status, False, Count(), (head, Body(plain.body), End()))

    def in_one_piece(self, body: bytes, request_id: str) -> tuple[Action, ...]:
        head = Head(200, (*self.headers(request_id), (b"content-type", b"application/json")))
        return head, Body(body), End()

    def headers(self, request_id: str) -> tuple[tuple[bytes, bytes], ...]:
        return ((self.flavour.request_id_header, request_id.encode()),)


def status_of(actions: list[Action]) -> int:
    return next((action.status for action in actions if type(action) is Head), 0)
