"""How one vendor's answers differ from another's, as data; and what a dialect has to bring that is not OpenAI's.

A `Refusal` is one way in which a vendor says no; the first of its kind is the one shown when nothing asks for another.
"""

from __future__ import annotations

import enum
from typing import Any, Final, Protocol

import msgspec

from fenli.errors import Kind
from fenli.market.accounts import Teller
from fenli.market.dialects.spelling import Spelling
from fenli.market.requests import Ask, ChatBody
from fenli.market.senses import Senses
from fenli.market.services.files import FileShape
from fenli.market.services.films import FilmShape
from fenli.market.services.service import Form, Service
from fenli.market.tasks import TaskShape
from fenli.market.usage import UsageObject, UsageShape
from fenli.sim.random import Stream


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


class Place(msgspec.Struct, frozen=True):
    """Where an emulated vendor is found: ``prefix`` is the path of its base URL, ``keys`` are those that it knows,
    ``chat_paths`` where it is asked for chat when its dialect does not know better."""

    vendor: str
    prefix: str
    keys: frozenset[str]
    chat_paths: frozenset[str]


class Plain(msgspec.Struct, frozen=True):
    """A reply that is no answer of a model: a token, say."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ((b"content-type", b"application/json"),)


class Answer(msgspec.Struct, frozen=True):
    """What a pen is made for. ``at`` is the instant of the request, ns; ``members`` are what the answer has beside the
    flavour's; the rest varies how the same is written."""

    id: str
    request_id: str
    chat: ChatBody
    at: int
    spelling: Spelling = Spelling.COMPACT
    event_prefix: bytes = b"data: "
    members: dict[str, Any] = {}


class Pen(Protocol):
    """Writes one answer. What is to be written comes in OpenAI's words: a delta has ``role``, ``content``, the
    flavour's reasoning member or ``tool_calls``. Where a dialect has nothing to say, it returns no bytes."""

    @property
    def whole_type(self) -> bytes: ...
    @property
    def stream_type(self) -> bytes: ...

    def whole(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None, request_id: str) -> bytes: ...

    def chunk(
        self, index: int, delta: dict[str, Any], finish: str | None = None, *, usage: dict[str, Any] | None = None,
        choice_usage: dict[str, Any] | None = None,
    ) -> bytes: ...  # fmt: skip

    def usage_chunk(self, usage: dict[str, Any] | None) -> bytes:
        """The usage in a chunk of its own, where the flavour's placement says so."""

    def done(self) -> bytes:
        """The mark that ends a stream."""

    def message(self, data: bytes) -> bytes:
        """``data``, whatever it is, framed as a part of the stream."""

    def error(self, refusal: Refusal) -> bytes:
        """An error in the middle of a stream, framed."""


class Dialect(Protocol):
    """How a vendor is spoken to that does not speak as OpenAI does."""

    def serves(self, vendor: Place, ask: Ask) -> bool:
        """Whether this asks for chat."""

    def aside(self, vendor: Place, ask: Ask, now: int, chance: Stream) -> Plain | None:
        """The reply to what the dialect needs beside chat and asks for without a key (a token); else None."""

    def read(self, vendor: Place, ask: Ask) -> ChatBody | str:
        """The request in OpenAI's words, or what is wrong with it."""

    def pen(self, flavour: Flavour, answer: Answer) -> Pen: ...

    def error_body(self, flavour: Flavour, refusal: Refusal, request_id: str) -> bytes: ...


class Admission(Protocol):
    """How a vendor knows who asks, where that is not a bearer key."""

    def refused(self, vendor: Place, ask: Ask, now: int) -> Kind | Refusal | None:
        """Why the caller is not let in; None where it is. ``now`` is in ns: signatures and tokens run out."""


class Flavour(msgspec.Struct, frozen=True, kw_only=True):
    """``keep_alive``: the span between signs of life while the first token is waited for; 0 for none.
    ``paths``: further paths, beside the catalogue's, at which chat is served. ``filtered``: the finish reason of an
    answer that a filter ended. ``model_prefixes``: of ids taken beside the catalogue's models. ``reasoning_member``:
    where a message has its reasoning. ``unfinished`` and ``delta_role``: what chunks before the last say of their
    finish reason, and those behind the first of their role (None: nothing). ``members``: what every part of an answer
    has beside OpenAI's. ``beside``: members of a message that stand beside it instead, in its choice.
    ``flat``: the names in a flat envelope. ``tags_reasoning``: it stands between tags in the text, unless asked for
    apart. ``lone_call``: a tool call comes as an object, unless a list is asked for. ``dialect`` and
    ``admission`` are None where it speaks as OpenAI does, and knows callers by a bearer key. ``key``: the one that it
    knows unless it is given others, where that has parts; empty for ``sk-market-`` and its id. ``in_messages``: a
    stream is one of messages, which come whole or not at all (a WebSocket's).
    ``senses``: which of its own switches it reads. ``services``: what it offers beside chat, by path;
    ``forms``: where that is asked with a form. ``tasks``: how answers are asked for that are fetched later. ``films``:
    how it makes videos, and images that take as long. ``files``: how it keeps files."""

    id: str
    key: str = ""
    in_messages: bool = False
    envelope: Envelope = Envelope.OPENAI
    placement: Placement = Placement.EXTRA_CHUNK
    usage: UsageObject = UsageShape()
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
    beside: tuple[str, ...] = ()
    flat: tuple[str, str] = ("code", "message")
    paths: tuple[str, ...] = ()
    model_prefixes: tuple[str, ...] = ()
    teller: Teller | None = None
    dialect: Dialect | None = None
    admission: Admission | None = None
    tasks: TaskShape | None = None
    senses: Senses | None = None
    services: dict[str, Service] = {}
    forms: dict[str, Form] = {}
    films: tuple[FilmShape, ...] = ()
    files: FileShape | None = None
    refusals: tuple[Refusal, ...]

    def refusal(self, kind: Kind) -> Refusal | None:
        return next((refusal for refusal in self.refusals if refusal.kind is kind), None)


TOO_LONG: Final = "This model's maximum context length is exceeded: reduce the length of the messages."
