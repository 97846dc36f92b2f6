"""DashScope's own generation API, as Alibaba serves it: a path for text, one for models that see and hear."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from fenli.market.dialects.spelling import encode
from fenli.market.flavours.flavour import Answer, Flavour, Place, Plain, Refusal
from fenli.market.requests import Ask, ChatBody
from fenli.market.usage import Count, split_tokens
from fenli.sim.random import Stream

_TEXT: Final = "/services/aigc/text-generation/generation"
_MULTIMODAL: Final = "/services/aigc/multimodal-generation/generation"
_SEES: Final = re.compile(r"qwen[\w.]*-(vl|omni|audio|ocr)|qvq")
_STREAMS_ONLY: Final = re.compile("qwq|qvq")
_KINDS: Final = frozenset({"text", "image", "video", "audio"})


class _Parameters(msgspec.Struct):
    result_format: str = "text"
    incremental_output: bool = False
    max_tokens: int | None = None
    n: int | None = None
    logprobs: bool = False
    top_logprobs: int = 0
    tools: list[dict[str, Any]] | None = None
    tool_choice: Any = None
    response_format: dict[str, Any] | None = None
    enable_thinking: bool | None = None
    temperature: float | None = None
    top_p: float | None = None


class _Message(msgspec.Struct):
    role: str
    content: str | list[dict[str, Any]] | None = None


class _Input(msgspec.Struct):
    messages: list[_Message] | None = None
    prompt: str | None = None


class _Body(msgspec.Struct):
    model: str
    input: _Input
    parameters: _Parameters = msgspec.field(default_factory=_Parameters)


class GenerationBody(ChatBody, kw_only=True):
    """``messages_wanted``: the answer's shape is a message, not a bare text."""

    incremental: bool = False
    messages_wanted: bool = False
    sees: bool = False
    logprobs: bool = False
    top_logprobs: int = 0


_decode = msgspec.json.Decoder(_Body).decode


class DashScope:
    """Implements `fenli.market.flavours.flavour.Dialect`."""

    def serves(self, vendor: Place, ask: Ask) -> bool:
        return ask.method == "POST" and ask.path in (vendor.prefix + _TEXT, vendor.prefix + _MULTIMODAL)

    def aside(self, vendor: Place, ask: Ask, now: int, chance: Stream) -> Plain | None:
        return None

    def read(self, vendor: Place, ask: Ask) -> ChatBody | str:
        try:
            body = _decode(ask.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return str(error)
        sees, streams = ask.path.endswith(_MULTIMODAL), ask.headers.get("x-dashscope-sse") == "enable"
        return _wrong(body, sees, streams) or _chat(body, sees, streams)

    def pen(self, flavour: Flavour, answer: Answer) -> DashScopePen:
        return DashScopePen(answer)

    def error_body(self, flavour: Flavour, refusal: Refusal, request_id: str) -> bytes:
        return encode({"code": refusal.code, "message": refusal.message, "request_id": request_id})


DASHSCOPE: Final = DashScope()


def _wrong(body: _Body, sees: bool, streams: bool) -> str | None:
    name = body.model.partition("!")[0]
    parameters = body.parameters
    if (_SEES.match(name) is not None) is not sees:
        return "url error, please check url!"
    if body.input.messages is None and body.input.prompt is None:
        return "Either messages or prompt is required."
    if _STREAMS_ONLY.match(name) and not streams:
        return "This model only supports stream mode."
    for message in body.input.messages or ():
        content = message.content
        if isinstance(content, list) is not sees and not _is_marked(content):
            return "Input should be a valid " + ("list" if sees else "string")
        if sees and not all(_KINDS.intersection(part) and "type" not in part for part in content or ()):
            return "Input should have a text, an image, a video or an audio"
    if parameters.temperature is not None and not 0 <= parameters.temperature < 2:
        return "Temperature should be in [0.0, 2.0)"
    if parameters.top_p is not None and not 0 < parameters.top_p <= 1:
        return "top_p should be in (0.0, 1.0]"
    if parameters.n is not None and not 1 <= parameters.n <= 4:
        return "Range of n should be [1, 4]"
    if parameters.top_logprobs and not (parameters.logprobs and 0 <= parameters.top_logprobs <= 5):
        return "Range of top_logprobs should be [0, 5], and logprobs should be true"
    if parameters.max_tokens is not None and parameters.max_tokens < 1:
        return "Range of max_tokens should be [1, 16384]"
    return None


def _is_marked(content: object) -> bool:
    """Text in parts is taken where one of them is to be cached."""
    return isinstance(content, list) and any("cache_control" in part for part in content)


def _chat(body: _Body, sees: bool, streams: bool) -> GenerationBody:
    parameters = body.parameters
    messages = body.input.messages or [_Message("user", body.input.prompt)]
    plain: dict[str, Any] = {
        "model": body.model,
        "messages": [{"role": message.role, "content": message.content} for message in messages],
        "stream": streams,
        "max_tokens": parameters.max_tokens,
        "n": parameters.n,
        "tools": parameters.tools,
        "tool_choice": parameters.tool_choice,
        "response_format": parameters.response_format,
        "enable_thinking": parameters.enable_thinking,
        "incremental": parameters.incremental_output,
        "messages_wanted": sees or parameters.result_format == "message",
        "sees": sees,
        "logprobs": parameters.logprobs,
        "top_logprobs": parameters.top_logprobs,
    }
    return msgspec.convert(plain, GenerationBody)


class GenerationUsage(msgspec.Struct, frozen=True):
    """Implements `fenli.market.usage.UsageObject`."""

    def object(self, count: Count, surplus: int = 0) -> dict[str, Any]:
        found = {"plugins": {"search": {"count": count.searches}}} if count.searches else {}
        return {
            "input_tokens": count.prompt,
            "output_tokens": count.completion,
            "total_tokens": count.prompt + count.completion + surplus,
            "prompt_tokens_details": {"cached_tokens": count.cached},
            "output_tokens_details": {"reasoning_tokens": count.reasoning},
            **found,
        }


class DashScopePen:
    """Implements `fenli.market.flavours.flavour.Pen`."""

    __slots__ = ("_answer", "_before", "_chat", "_events", "_mine", "_so_far")

    whole_type: Final = b"application/json"
    stream_type: Final = b"text/event-stream;charset=UTF-8"

    def __init__(self, answer: Answer) -> None:
        chat = answer.chat
        assert isinstance(chat, GenerationBody)
        self._answer = answer
        self._chat = chat
        self._before = (0, 0)  # tokens written and thought, by all
        self._mine: dict[int, tuple[int, int]] = {}  # by each of several
        self._events = 0
        self._so_far: dict[int, dict[str, Any]] = {}

    def whole(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None, request_id: str) -> bytes:
        said = [self._choice(one["message"], one["finish_reason"], one["index"]) for one in choices]
        return encode(self._body(said, usage), self._answer.spelling)

    def chunk(
        self, index: int, delta: dict[str, Any], finish: str | None = None, *, usage: dict[str, Any] | None = None,
        choice_usage: dict[str, Any] | None = None,
    ) -> bytes:  # fmt: skip
        message = {"role": "assistant", "content": "", **delta} if self._chat.incremental else self._total(index, delta)
        if usage is not None and (self._chat.n or 1) > 1:
            usage = self._own(index, usage)
        body = self._body([self._choice(message, finish or "null", index)], usage)
        return self.message(encode(body, self._answer.spelling))

    def usage_chunk(self, usage: dict[str, Any] | None) -> bytes:
        return b""

    def done(self) -> bytes:
        return b""

    def message(self, data: bytes) -> bytes:
        return self._event(b"result", b"200", data)

    def error(self, refusal: Refusal) -> bytes:
        wrong = {"code": refusal.code, "message": refusal.message, "request_id": self._answer.id}
        return self._event(b"error", str(refusal.status).encode(), encode(wrong, self._answer.spelling))

    def _event(self, name: bytes, status: bytes, data: bytes) -> bytes:
        self._events += 1
        return b"id:%d\nevent:%b\n:HTTP_STATUS/%b\ndata:%b\n\n" % (self._events, name, status, data)

    def _body(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None) -> dict[str, Any]:
        told = {} if usage is None else {"usage": usage}
        output = {"choices": choices} if self._chat.messages_wanted else _bare(choices[0])
        return {"output": output | self._answer.members, **told, "request_id": self._answer.id}

    def _choice(self, message: dict[str, Any], finish: str, index: int) -> dict[str, Any]:
        content: Any = message.get("content") or ""
        if self._chat.sees:
            content = [{"text": content}] if content else []
        choice = {"index": index, "message": {**message, "content": content}, "finish_reason": finish}
        return choice | {"logprobs": {"content": self._logprobs(message)}} if self._chat.logprobs else choice

    def _logprobs(self, message: dict[str, Any]) -> list[dict[str, Any]]:
        """Of each token; made up."""
        tokens = split_tokens(str(message.get("content") or ""))
        return [
            {"token": token, "logprob": -0.5, "bytes": list(token.encode()),
             "top_logprobs": [{"token": token, "logprob": -0.5, "bytes": None}] * self._chat.top_logprobs}
            for token in tokens
        ]  # fmt: skip

    def _own(self, index: int, usage: dict[str, Any]) -> dict[str, Any]:
        """Of several answers each event tells what its own has used."""
        written, thought = usage["output_tokens"], usage["output_tokens_details"]["reasoning_tokens"]
        before, mine = self._before, self._mine.get(index, (0, 0))
        self._before = (written, thought)
        mine = self._mine[index] = (mine[0] + written - before[0], mine[1] + thought - before[1])
        return {
            **usage, "output_tokens": mine[0], "total_tokens": usage["input_tokens"] + mine[0],
            "output_tokens_details": {"reasoning_tokens": mine[1]},
        }  # fmt: skip

    def _total(self, index: int, delta: dict[str, Any]) -> dict[str, Any]:
        """The message so far."""
        message = self._so_far.setdefault(index, {"role": "assistant", "content": ""})
        for name in ("content", "reasoning_content"):
            if delta.get(name):
                message[name] = message.get(name, "") + delta[name]
        for part in delta.get("tool_calls", ()):
            calls = message.setdefault("tool_calls", [])
            if part["index"] == len(calls):
                calls.append({**part, "function": {"name": "", "arguments": "", **part["function"]}})
            else:
                calls[part["index"]]["function"]["arguments"] += part["function"]["arguments"]
        return message


def _bare(choice: dict[str, Any]) -> dict[str, Any]:
    return {"text": choice["message"]["content"], "finish_reason": choice["finish_reason"]}
