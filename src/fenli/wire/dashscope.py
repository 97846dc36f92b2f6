"""DashScope's own generation API: ``input`` and ``parameters`` in, ``output`` and ``usage`` out.

Sources: dashscope SDK 2.0.2, one-api, higress. Text models take a message's content as text, multimodal ones as parts
without a type. A stream is server-sent events, each with all that was said so far, or, where ``incremental_output`` was
asked for, with what is new; it has no end mark of its own. ``finish_reason`` is the text "null" until the end. Of
several answers at once each event tells of one, its usage included: what was read is the same for all of them, what
was written adds up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from fenli.errors import CallRefused, Code
from fenli.wire.openai_chat.decoded import refuse_unknown
from fenli.wire.openai_chat.request import TRUE, ChatRequest, Member, encode_members
from fenli.wire.openai_chat.whole import given
from fenli.wire.translated import CallPart, Said, words_of

INCREMENTAL: Final = "incremental_output"
# Members of a request that `parameters` have under the same name.
PARAMETERS: Final = frozenset(
    {
        "temperature", "top_p", "top_k", "seed", "stop", "presence_penalty", "repetition_penalty", "tools",
        "tool_choice", "parallel_tool_calls", "response_format", "enable_thinking", "thinking_budget",
        "reasoning_effort", "preserve_thinking", "enable_search", "search_options", "translation_options",
        "vl_high_resolution_images", "asr_options", "ocr_options", "output_format", "logprobs", "top_logprobs", "n",
        INCREMENTAL,
    }
)  # fmt: skip
_PART_NAMES: Final = {"image_url": "image", "video_url": "video", "input_audio": "audio"}
_UNFINISHED: Final = (None, "", "null")

Turn = dict[str, Any]
_turns = msgspec.json.Decoder(list[Turn]).decode
_usage = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.encode


def is_multimodal(ask: ChatRequest) -> bool:
    """Whether a message has a part that is not text. Raises CallRefused."""
    if ask.is_text:
        return False
    contents = (turn.get("content") for turn in turns_of(ask))
    return any(part.get("type") != "text" for content in contents if isinstance(content, list) for part in content)


def turns_of(ask: ChatRequest) -> list[Turn]:
    """The messages, with whatever members the caller gave them. Raises CallRefused."""
    try:
        turns = _turns(ask.fields["messages"])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CallRefused(Code.INVALID_VALUE, f"'messages' must be a list of objects: {error}", "messages") from None
    for turn in turns:
        content = turn.get("content")
        if isinstance(content, list) and not all(isinstance(part, dict) for part in content):
            raise CallRefused(Code.INVALID_VALUE, "a message's content must be a text or a list of parts", "messages")
    return turns


def generation(ask: ChatRequest, model: bytes, vendor: str, said: Callable[[Turn], Turn]) -> bytes:
    """The body that asks ``model`` (JSON) for a stream. ``said`` is `as_text` or `as_parts`. Raises CallRefused."""
    refuse_unknown(ask, vendor, PARAMETERS)
    parameters: dict[str, Member] = {"result_format": b'"message"', INCREMENTAL: TRUE}
    parameters |= {name: value for name, value in ask.fields.items() if name in PARAMETERS}
    if ask.choices == 1:
        parameters.pop("n", None)
    if ask.output_limit is not None:
        parameters["max_tokens"] = str(ask.output_limit).encode()
    turns = [said(turn) for turn in turns_of(ask)]
    return b'{"model":%b,"input":{"messages":%b},"parameters":%b}' % (model, _encode(turns), encode_members(parameters))


def as_text(turn: Turn) -> Turn:
    """For text models: parts are joined, unless one of them is marked to be cached."""
    content = turn.get("content")
    if isinstance(content, list) and not any("cache_control" in part for part in content):
        content = "".join(str(part.get("text", "")) for part in content)
    return {**turn, "content": "" if content is None else content}


def as_parts(turn: Turn) -> Turn:
    """For multimodal models. Raises CallRefused for a part that they have no name for."""
    content = turn.get("content")
    if not isinstance(content, list):
        return {**turn, "content": [{"text": content or ""}]}
    return {**turn, "content": [_part(part) for part in content]}


def _part(part: Turn) -> Turn:
    kind = part.get("type")
    if not isinstance(kind, str):
        raise CallRefused(Code.INVALID_VALUE, "a part of a message must say what it is in 'type'", "messages")
    marks = {name: value for name, value in part.items() if name not in ("type", kind)}
    value = part.get(kind)
    if kind == "text" and isinstance(value, str):
        return {"text": value, **marks}
    if kind in _PART_NAMES:
        source = value.get("url" if kind != "input_audio" else "data") if isinstance(value, dict) else value
        if isinstance(source, str):
            return {_PART_NAMES[kind]: source, **marks}
    if kind == "video" and isinstance(value, list):
        return {"video": value, **marks}
    known = ", ".join(("text", *_PART_NAMES))
    raise CallRefused(Code.INVALID_VALUE, f"a part of type {kind!r} cannot be said here: write {known}", "messages")


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Part(msgspec.Struct):
    text: str = ""


class _Message(msgspec.Struct):
    content: str | list[_Part] | None = None
    reasoning_content: str | None = None
    tool_calls: list[_Call] | None = None


class _Logprobs(msgspec.Struct):
    content: list[msgspec.Raw] | None = None


class _Choice(msgspec.Struct):
    message: _Message | None = None
    finish_reason: str | None = None
    index: int = 0
    logprobs: _Logprobs | None = None


class _Output(msgspec.Struct):
    choices: list[_Choice] | None = None
    text: str | None = None
    finish_reason: str | None = None
    search_info: dict[str, Any] | None = None


class _Event(msgspec.Struct):
    request_id: str | None = None
    code: str | int | None = None
    output: _Output | None = None
    usage: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Event).decode


class GenerationReader:
    """Implements `fenli.wire.translated.Reader`: of increments, and of answers in one piece. ``choices``: how many
    answers were asked for at once."""

    __slots__ = ("_begun", "_choices_wanted", "_finished", "_named", "_search", "_used")

    def __init__(self, choices: int = 1) -> None:
        self._choices_wanted = choices
        self._used: dict[int, dict[str, Any]] = {}  # by choice, of several
        self._begun: set[int] = set()
        self._finished: set[int] = set()
        self._named: set[tuple[int, int]] = set()
        self._search: dict[str, Any] | None = None

    def read(self, name: bytes, data: bytes) -> Iterable[Said]:
        event = _decode(data)
        if name == b"error" or (event.output is None and event.code not in (None, "", 0, 200)):
            yield Said(error=data)
            return
        usage = given(event.usage)
        output = event.output or _Output()
        choices = self._choices(output)
        for choice in choices:
            yield self._said(choice, event.request_id)
        if output.search_info is not None and output.search_info != self._search:
            self._search = output.search_info
            yield Said(members={"search_info": output.search_info})
        if usage is not None:
            if self._choices_wanted > 1 and len(choices) == 1:
                usage = self._added(choices[0].index, usage)
            yield Said(usage=usage, id=event.request_id)

    def new(self, choice: int, place: str, said: str) -> str:
        """What of ``said`` has not been said before."""
        return said

    def new_logprobs(self, choice: int, told: list[msgspec.Raw]) -> list[msgspec.Raw]:
        """Those that have not been told before."""
        return told

    def _added(self, choice: int, usage: bytes) -> bytes:
        """All that was used so far. What does not count stays as it is: it is found where it is metered."""
        try:
            self._used[choice] = _usage(usage)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return usage
        used = list(self._used.values())
        whole = dict(used[0])
        try:
            read, written = max(one["input_tokens"] for one in used), sum(one["output_tokens"] for one in used)
            sums = [one["input_tokens"] + one["output_tokens"] for one in used]
            thought = [(one.get("output_tokens_details") or {}).get("reasoning_tokens") or 0 for one in used]
            whole |= {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}
            whole["output_tokens_details"] = {"reasoning_tokens": sum(thought)}
        except (KeyError, TypeError, AttributeError):
            return usage
        if any(one.get("total_tokens", total) != total for one, total in zip(used, sums, strict=True)):
            return usage
        if len(used) > 1 and any(one.get("plugins") for one in used):
            whole["plugins"] = {"search": {"count": None}}  # nobody says whether each of them counts all searches
        return _encode(whole)

    def _choices(self, output: _Output) -> list[_Choice]:
        if output.choices is None and (output.text is not None or output.finish_reason is not None):
            return [_Choice(_Message(output.text), output.finish_reason)]
        return output.choices or []

    def _said(self, choice: _Choice, request_id: str | None) -> Said:
        index = choice.index
        message = words_of(choice.message, index, self._begun, _Message())
        content = message.content or ""
        text = content if isinstance(content, str) else "".join(part.text for part in content)
        finish = None if choice.finish_reason in _UNFINISHED or index in self._finished else choice.finish_reason
        if finish is not None:
            self._finished.add(index)
        return Said(
            choice=index,
            text=self.new(index, "text", text),
            reasoning=self.new(index, "reasoning", message.reasoning_content or ""),
            calls=[self._call(index, at, call) for at, call in enumerate(message.tool_calls or ())],
            finish=finish,
            id=request_id,
            logprobs=self._logprobs(index, choice.logprobs),
        )

    def _logprobs(self, choice: int, told: _Logprobs | None) -> list[msgspec.Raw]:
        return [] if told is None or told.content is None else self.new_logprobs(choice, told.content)

    def _call(self, choice: int, at: int, call: _Call) -> CallPart:
        index = at if call.index is None else call.index
        function = call.function or _Function()
        arguments = self.new(choice, f"call {index}", function.arguments or "")
        if (choice, index) in self._named or not function.name:
            return CallPart(index, arguments=arguments)
        self._named.add((choice, index))
        return CallPart(index, call.id or None, function.name, arguments)


class TotalsReader(GenerationReader):
    """Of events that repeat all that was said so far. A model that cannot but send increments is found out by text that
    does not go on from what was said before."""

    __slots__ = ("_increments", "_logprobs_told", "_so_far")

    def __init__(self, choices: int = 1) -> None:
        super().__init__(choices)
        self._logprobs_told: dict[int, list[msgspec.Raw]] = {}
        self._so_far: dict[tuple[int, str], str] = {}
        self._increments = False

    def new(self, choice: int, place: str, said: str) -> str:
        before = self._so_far.get((choice, place), "")
        if self._increments or not said:
            return said
        if not said.startswith(before):
            self._increments = True
            return said
        self._so_far[choice, place] = said
        return said[len(before) :]

    def new_logprobs(self, choice: int, told: list[msgspec.Raw]) -> list[msgspec.Raw]:
        before = self._logprobs_told.get(choice, [])
        if self._increments or told[: len(before)] != before:
            return told
        self._logprobs_told[choice] = told
        return told[len(before) :]


def tells_totals(ask: ChatRequest) -> bool:
    """Whether the caller wants each event of the stream to repeat what was said before it."""
    return bytes(ask.fields.get(INCREMENTAL, b"")) == b"false"
