"""How one vendor's answers differ from another's, as data.

A `Refusal` is one way in which a vendor says no; the first of its kind is the one shown when nothing asks for another.
"""

from __future__ import annotations

import enum
from typing import Any, Final

import msgspec

from fenli.errors import Kind
from fenli.market.accounts import Teller
from fenli.market.usage import UsageShape


class Placement(enum.StrEnum):
    """Where a stream carries its usage."""

    EXTRA_CHUNK = "extra_chunk"  # asked for with stream_options; a chunk of its own, ``usage: null`` on the others
    LAST_CHUNK = "last_chunk"  # unasked, on the chunk with the finish reason
    CHOICE = "choice"  # in ``choices[0].usage`` of that chunk; an extra chunk as well when asked for
    EVERY_CHUNK = "every_chunk"  # unasked, as a running total


class Envelope(enum.StrEnum):
    OPENAI = "openai"  # {error: {message, type, param, code}}
    TYPE = "type"  # {error: {type, message}}
    CODE = "code"  # {error: {code, message}}
    LLAMA = "llama"  # {error: {code: <status>, message, type}}
    TYPED = "typed"  # {type: "error", error: {type, message}}
    BASE_RESP = "base_resp"  # {choices: null, base_resp: {status_code, status_msg}}
    FLAT = "flat"  # {code, message}, under the flavour's names for them
    VLLM = "vllm"  # {object: "error", message, type, param, code: <status>}


class Refusal(msgspec.Struct, frozen=True):
    kind: Kind
    status: int
    message: str
    code: str | int | None = None
    type: str | None = None
    retry_after: int | None = None  # seconds
    envelope: Envelope | None = None  # where not the flavour's


class Flavour(msgspec.Struct, frozen=True, kw_only=True):
    """``keep_alive``: the span between signs of life while the first token is waited for; 0 for none.
    ``paths``: further paths, beside the catalogue's, at which chat is served. ``filtered``: the finish reason of an
    answer that a filter ended. ``model_prefixes``: of ids taken beside the catalogue's models. ``reasoning_member``:
    where a message has its reasoning. ``unfinished`` and ``delta_role``: what chunks before the last say of their
    finish reason, and those behind the first of their role (None: nothing). ``members``: what every part of an answer
    has beside OpenAI's. ``flat``: the names in a flat envelope. ``tags_reasoning``: it stands between tags in the text,
    unless asked for apart. ``lone_call``: a tool call comes as an object, unless a list is asked for."""

    id: str
    envelope: Envelope = Envelope.OPENAI
    placement: Placement = Placement.EXTRA_CHUNK
    usage: UsageShape = UsageShape()
    answer_id: str = "chatcmpl-"
    needs_key: bool = True
    shows_reasoning: bool = True
    reasoning_member: str = "reasoning_content"
    unfinished: str | None = None
    delta_role: str | None = None
    splits_arguments: bool = True
    keep_alive: int = 0
    filtered: str = "content_filter"
    request_id_header: bytes = b"x-request-id"
    request_id_member: str | None = None
    fingerprint: str | None = None
    tags_reasoning: bool = False
    lone_call: bool = False
    members: dict[str, Any] = {}
    flat: tuple[str, str] = ("code", "message")
    paths: tuple[str, ...] = ()
    model_prefixes: tuple[str, ...] = ()
    teller: Teller | None = None
    refusals: tuple[Refusal, ...]

    def refusal(self, kind: Kind) -> Refusal | None:
        return next((refusal for refusal in self.refusals if refusal.kind is kind), None)


TOO_LONG: Final = "This model's maximum context length is exceeded: reduce the length of the messages."
