"""A chat request: decoded only where routing, holds and usage need it, spliced where a vendor needs another value.

The top level is taken apart into its members, each left as the bytes that came; a changed member is replaced and the
rest is put back untouched. This also settles what a doubled member means (the last one wins) before any vendor sees it.
"""

from __future__ import annotations

import re
from codecs import utf_8_decode
from copy import copy
from typing import Any, Final

import msgspec

from fenli.errors import CallRefused, Code
from fenli.wire.openai_chat.options import Options, read_options
from fenli.wire.openai_chat.whole import BYTES_PER_TOKEN

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_string = msgspec.json.Decoder(str).decode
_flag = msgspec.json.Decoder(bool | None).decode
_count = msgspec.json.Decoder(int | None).decode
_stream_options = msgspec.json.Decoder(dict[str, msgspec.Raw] | None).decode
_encode = msgspec.json.encode

# What a caller may ask for: beyond it no vendor answers, and the worst case no longer fits the books' 64 bits.
LIMIT_MAX: Final = 2**31 - 1
CHOICES_MAX: Final = 128
MODEL_MAX: Final = 256

# A body beyond this size is checked and passed on in pieces, never copied: fresh memory costs more than the work on it.
LARGE: Final = 64 * 1024
# What every message has around its words: {"role":"user","content":""}
ENVELOPE: Final = 28
TRUE: Final = b"true"
TOO_DEEP: Final = "the body is nested too deeply: flatten it"
_BRACKET: Final = ord("[")
_INLINE: Final = re.compile(rb'"data:[^"]*"')
_ASK_USAGE: Final = b'{"include_usage":true}'
_SCHEMA: Final = "see https://platform.openai.com/docs/api-reference/chat/create for the fields"

# The members that may ask for an option, and those that few requests have.
_ASKING: Final = frozenset(("fenli", "reasoning_effort", "response_format", "web_search_options"))
_RARE: Final = _ASKING | {"n", "stream_options"}

Member = bytes | msgspec.Raw


class Streamable:
    """What has members to ask for a stream's usage with."""

    fields: dict[str, Member]

    __slots__ = ()

    def asking_usage(self) -> bytes:
        """``stream_options`` with usage asked for, whatever else the caller set in it."""
        if "stream_options" not in self.fields:
            return _ASK_USAGE
        options: dict[str, Member] = dict(_stream_options(self.fields["stream_options"]) or {})
        options["include_usage"] = TRUE
        return encode_members(options)


class ChatRequest(Streamable):
    """``fields`` holds the JSON text of every top-level member. ``output_limit`` is None where the caller set none, and
    ``options`` where the request has no member that could ask for one."""

    model: str
    stream: bool

    __slots__ = ("choices", "fields", "model", "options", "output_limit", "size", "stream", "wants_usage")

    def __init__(self, fields: dict[str, Member], size: int) -> None:
        self.fields = fields
        self.size = size
        self.choices = 1
        self.stream = self.wants_usage = False
        self.output_limit: int | None = None
        self.options: Options | None = None
        try:
            self.model = _string(fields["model"])
            if "stream" in fields:
                self.stream = bool(_flag(fields["stream"]))
        except (KeyError, msgspec.DecodeError, UnicodeDecodeError):
            self.model = _field(fields, "model", _string, "a string")
            self.stream = _field(fields, "stream", _flag, "true or false")
        if len(self.model) > MODEL_MAX:
            message = f"'model' has {len(self.model)} characters, and no name has more than {MODEL_MAX}: shorten it"
            raise CallRefused(Code.INVALID_VALUE, message, "model")
        if "max_tokens" in fields:
            self.output_limit = _positive(fields, "max_tokens", LIMIT_MAX)
        if "max_completion_tokens" in fields:
            self.output_limit = _positive(fields, "max_completion_tokens", LIMIT_MAX) or self.output_limit
        if "messages" not in fields or memoryview(fields["messages"])[0] != _BRACKET:
            found = "is missing" if "messages" not in fields else "must be an array"
            raise CallRefused(Code.INVALID_VALUE, f"'messages' {found}; {_SCHEMA}", "messages")
        if not _RARE.isdisjoint(fields):
            self._read_rare(fields)

    def _read_rare(self, fields: dict[str, Member]) -> None:
        if "n" in fields:
            self.choices = _positive(fields, "n", CHOICES_MAX) or 1
        if "stream_options" in fields:
            options = _field(fields, "stream_options", _stream_options, "an object")
            if options and "include_usage" in options:
                self.wants_usage = bool(_field(options, "include_usage", _flag, "true or false", "stream_options."))
        if not _ASKING.isdisjoint(fields):
            self.options = read_options(fields)

    def limited(self, output: int) -> ChatRequest:
        """The same request with ``output`` as the limit of each answer, in tokens."""
        fields = {name: value for name, value in self.fields.items() if name != "max_tokens"}
        fields["max_completion_tokens"] = str(output).encode()
        request = ChatRequest(fields, self.size)
        request.wants_usage = self.wants_usage
        return request

    def replaced(self, fields: dict[str, Member], options: Options | None) -> ChatRequest:
        """The same request with other members; what has been read of them stays as it was."""
        request = copy(self)
        request.fields, request.options = fields, options
        return request

    def foreign(self) -> tuple[int, int]:
        """What is not text in the prompt: how many parts are named by an address, and the bytes of those written out.

        Counted where they could be, not parsed: text that speaks of them counts, too.
        """
        messages = bytes(self.fields["messages"])
        named = messages.count(b'_url"')
        inline = sum(len(data) for data in _INLINE.findall(messages)) if b'"data:' in messages else 0
        return named, inline

    @property
    def is_text(self) -> bool:
        """Whether nothing in the prompt could be anything else."""
        return self.foreign() == (0, 0)

    def estimate(self, counted: int) -> dict[str, int]:
        """Units by meter where the vendor did not count them: a token for 4 bytes of the messages, at least 1, and for
        each of the ``counted`` of the answer."""
        messages = bytes(self.fields["messages"])
        words = len(messages) - ENVELOPE * messages.count(b'"role"')
        return {"input": max(1, words // BYTES_PER_TOKEN), "output": max(1, counted)}


def parse_request(body: bytes | memoryview) -> ChatRequest:
    """Raises CallRefused (malformed_json or invalid_value) with what is wrong and where.

    The fields are views of ``body`` and keep it alive.
    """
    try:
        if not isinstance(body, bytes) or not body.isascii():
            _check_utf8(body)
        fields: Any = _members(body)
    except msgspec.ValidationError:
        raise CallRefused(Code.MALFORMED_JSON, f"the body must be a JSON object; {_SCHEMA}") from None
    except msgspec.DecodeError as error:
        raise CallRefused(Code.MALFORMED_JSON, f"the body is not JSON: {error}") from None
    except RecursionError:
        raise CallRefused(Code.MALFORMED_JSON, TOO_DEEP) from None
    return ChatRequest(fields, len(body))


def encode_members(fields: dict[str, Member]) -> bytes:
    names = tuple(fields)
    return (_FRAMES.get(names) or _learn_frame(names)) % tuple(fields.values())


def encode_pieces(fields: dict[str, Member]) -> list[bytes | memoryview]:
    """The same text, with large members as they lie and only what is between them joined."""
    pieces: list[bytes | memoryview] = []
    between: list[Member] = [b"{"]
    for number, (name, value) in enumerate(fields.items()):
        between.append((b"," if number else b"") + _encode(name) + b":")
        if len(value) < LARGE:
            between.append(value)
        else:
            pieces += (b"".join(between), memoryview(value))
            between.clear()
    pieces.append(b"".join((*between, b"}")))
    return pieces


# What stands around the values of each set of members seen, since callers send the same ones over and over.
_FRAMES: Final[dict[tuple[str, ...], bytes]] = {}
_FRAMES_MAX: Final = 1_024
_FRAME_MAX: Final = 1_024


def _learn_frame(names: tuple[str, ...]) -> bytes:
    members = [_encode(name).replace(b"%", b"%%") + b":%b" for name in names]
    frame = b"{" + b",".join(members) + b"}"
    if len(frame) <= _FRAME_MAX:
        if len(_FRAMES) >= _FRAMES_MAX:
            _FRAMES.clear()
        _FRAMES[names] = frame
    return frame


def _check_utf8(body: bytes | memoryview) -> None:
    at, size = 0, len(body)
    try:
        while size - at > LARGE:
            # In pieces small enough for memory that is there already; a divided character is left for the next one.
            at += utf_8_decode(memoryview(body)[at : at + LARGE])[1]
        utf_8_decode(memoryview(body)[at:] if at else body, "strict", True)
    except UnicodeDecodeError as error:
        message = f"the body is not UTF-8 (byte {at + error.start}): encode it as UTF-8"
        raise CallRefused(Code.MALFORMED_JSON, message) from None


def _field(fields: dict[str, Any], name: str, decode: Any, wanted: str, prefix: str = "") -> Any:
    try:
        return decode(fields[name])
    except KeyError:
        message = f"{prefix + name!r} is missing: it must be {wanted}; {_SCHEMA}"
    except (msgspec.DecodeError, UnicodeDecodeError):
        message = f"{prefix + name!r} must be {wanted}, not {bytes(fields[name])[:60].decode(errors='replace')}"
    raise CallRefused(Code.INVALID_VALUE, message, prefix + name) from None


def _positive(fields: dict[str, Any], name: str, most: int) -> int | None:
    count: int | None = _field(fields, name, _count, "a whole number")
    if count is not None and not 1 <= count <= most:
        shown = bytes(fields[name])[:60].decode()
        raise CallRefused(Code.INVALID_VALUE, f"{name!r} must be from 1 to {most}, not {shown}", name)
    return count
