"""Tencent Cloud's API 3.0, as it serves Hunyuan: signed requests, failures in a 200, streams without an end mark."""

from __future__ import annotations

import hmac
import re
from itertools import pairwise
from typing import Any, Final

import msgspec

from fenli.clock import SECOND
from fenli.errors import Kind
from fenli.market.dialects.spelling import encode
from fenli.market.flavours.flavour import Answer, Flavour, Place, Plain, Refusal
from fenli.market.requests import Ask, ChatBody, parse_chat
from fenli.market.senses import SOURCE
from fenli.market.usage import Count
from fenli.sim.random import Stream
from fenli.wire.signing import sign_tc3

_AUTHORIZATION: Final = re.compile(
    r"TC3-HMAC-SHA256 Credential=([^/]+)/[0-9-]{10}/hunyuan/tc3_request, "
    r"SignedHeaders=([a-z0-9;-]+), Signature=[0-9a-f]+"
)
_UNSIGNED_BODY: Final = "UNSIGNED-PAYLOAD"
_SKEW: Final = 300
_MESSAGES_MAX: Final = 40
_INSIDE: Final = 4000  # a failure in the middle of a stream

_MISSING: Final = Refusal(Kind.BAD_KEY, 200, "The signature is not found", "AuthFailure.InvalidAuthorization")
_UNKNOWN: Final = Refusal(Kind.BAD_KEY, 200, "The SecretId is not found", "AuthFailure.SecretIdNotFound")
_STALE: Final = Refusal(Kind.BAD_KEY, 200, "The signature has expired", "AuthFailure.SignatureExpire")
_WRONG: Final = Refusal(Kind.BAD_KEY, 200, "The provided credentials could not be validated",
                        "AuthFailure.SignatureFailure")  # fmt: skip


class SignedRequest:
    """Implements `fenli.market.flavours.flavour.Admission`. A key is ``SecretId:SecretKey``."""

    def refused(self, vendor: Place, ask: Ask, now: int) -> Refusal | None:
        sent = ask.headers.get("authorization", "")
        found, at = _AUTHORIZATION.fullmatch(sent), ask.headers.get("x-tc-timestamp", "")
        if found is None or not at.isdecimal():
            return _MISSING
        names = found[2].split(";")
        if not {"content-type", "host"} <= set(names) <= ask.headers.keys():
            return _WRONG
        secret = next((key.partition(":")[2] for key in vendor.keys if key.partition(":")[0] == found[1]), None)
        if secret is None:
            return _UNKNOWN
        if abs(now // SECOND - int(at)) > _SKEW:
            return _STALE
        unsigned = ask.headers.get("x-tc-content-sha256") == _UNSIGNED_BODY
        body = _UNSIGNED_BODY.encode() if unsigned else ask.body
        wanted = sign_tc3((found[1], secret), "hunyuan", {name: ask.headers[name] for name in names}, body, int(at))
        return None if hmac.compare_digest(wanted, sent) else _WRONG


class _Function(msgspec.Struct, forbid_unknown_fields=True):
    Name: str
    Description: str = ""
    Parameters: str = "{}"


class _Tool(msgspec.Struct, forbid_unknown_fields=True):
    Function: _Function
    Type: str = "function"


class _Message(msgspec.Struct, forbid_unknown_fields=True):
    Role: str
    Content: str | None = None
    Contents: list[dict[str, Any]] | None = None
    ToolCallId: str | None = None
    ToolCalls: list[dict[str, Any]] | None = None
    FileIDs: list[str] | None = None
    ReasoningContent: str | None = None


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    Model: str
    Messages: list[_Message]
    Stream: bool = False
    StreamModeration: bool | None = None
    TopP: float | None = None
    Temperature: float | None = None
    Seed: int | None = None
    Stop: list[str] | None = None
    Tools: list[_Tool] | None = None
    ToolChoice: str | None = None
    CustomTool: _Tool | None = None
    EnableEnhancement: bool = False
    SearchInfo: bool = False
    Citation: bool = False
    EnableSpeedSearch: bool | None = None
    EnableMultimedia: bool | None = None
    EnableDeepSearch: bool | None = None
    EnableDeepRead: bool | None = None
    EnableRecommendedQuestions: bool | None = None
    ForceSearchEnhancement: bool = False
    WebSearchOptions: dict[str, Any] | None = None
    TopicChoice: str | None = None
    EnableThinking: bool | None = None


_decode = msgspec.json.Decoder(_Body).decode


class SearchingBody(ChatBody, kw_only=True):
    """``shows_search``: the answer is to say what was found."""

    shows_search: bool = False


class TencentCloud:
    """Implements `fenli.market.flavours.flavour.Dialect`."""

    def serves(self, vendor: Place, ask: Ask) -> bool:
        return (ask.method, ask.path) == ("POST", "/") and ask.headers.get("x-tc-action") == "ChatCompletions"

    def aside(self, vendor: Place, ask: Ask, now: int, chance: Stream) -> Plain | None:
        return None

    def read(self, vendor: Place, ask: Ask) -> ChatBody | str:
        try:
            body = _decode(ask.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return str(error)
        wrong = _wrong(body)
        if wrong is not None:
            return wrong
        tools = [body.CustomTool] if body.ToolChoice == "custom" else body.Tools
        plain = {
            "model": body.Model,
            "messages": [{"role": one.Role, "content": _content(one)} for one in body.Messages],
            "stream": body.Stream,
            "tools": [_tool(tool) for tool in tools or () if tool is not None],
            "tool_choice": "none" if body.ToolChoice == "none" else None,
            "enable_thinking": body.EnableThinking,
        }
        chat = parse_chat(msgspec.json.encode(plain))
        if isinstance(chat, str):
            return chat
        shows = (body.EnableEnhancement or body.ForceSearchEnhancement) and body.SearchInfo
        return msgspec.convert({**plain, "shows_search": shows}, SearchingBody)

    def pen(self, flavour: Flavour, answer: Answer) -> TencentCloudPen:
        return TencentCloudPen(flavour, answer)

    def error_body(self, flavour: Flavour, refusal: Refusal, request_id: str) -> bytes:
        return encode(
            {"Response": {"Error": {"Code": refusal.code, "Message": refusal.message}, "RequestId": request_id}}
        )


TENCENT_CLOUD: Final = TencentCloud()


class TencentUsage(msgspec.Struct, frozen=True):
    """Implements `fenli.market.usage.UsageObject`."""

    def object(self, count: Count, surplus: int = 0) -> dict[str, Any]:
        return {
            "PromptTokens": count.prompt,
            "CompletionTokens": count.completion,
            "TotalTokens": count.prompt + count.completion + surplus,
            "PromptTokensDetails": {"CachedTokens": count.cached},
        }


class TencentCloudPen:
    """Implements `fenli.market.flavours.flavour.Pen`. The part with the finish reason is the last."""

    __slots__ = ("_answer", "_base", "_searched")

    whole_type: Final = b"application/json"
    stream_type: Final = b"text/event-stream"

    def __init__(self, flavour: Flavour, answer: Answer) -> None:
        chat = answer.chat
        assert isinstance(chat, SearchingBody)
        self._answer = answer
        self._base = {"Id": answer.id, "Created": answer.at // SECOND, "Note": flavour.members["note"]}
        found = {"Index": 1, "Title": SOURCE["title"], "Url": SOURCE["url"]}
        self._searched = {"SearchInfo": {"SearchResults": [found]}} if chat.shows_search else {}

    def whole(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None, request_id: str) -> bytes:
        said = [{"Index": one["index"], "FinishReason": one["finish_reason"], "Message": _words(one["message"])}
                for one in choices]  # fmt: skip
        told = {**self._base, **self._searched, "Choices": said, **_told(usage), "RequestId": request_id}
        return encode({"Response": told}, self._answer.spelling)

    def chunk(
        self, index: int, delta: dict[str, Any], finish: str | None = None, *, usage: dict[str, Any] | None = None,
        choice_usage: dict[str, Any] | None = None,
    ) -> bytes:  # fmt: skip
        choice = {"Index": index, "FinishReason": finish or "", "Delta": _words({"role": "assistant", **delta})}
        told = {**self._base, **self._searched, "Choices": [choice], **_told(usage)}
        return self.message(encode(told, self._answer.spelling))

    def usage_chunk(self, usage: dict[str, Any] | None) -> bytes:
        return b""

    def done(self) -> bytes:
        return b""

    def message(self, data: bytes) -> bytes:
        return self._answer.event_prefix + data + b"\n\n"

    def error(self, refusal: Refusal) -> bytes:
        told = {**self._base, "Choices": [], "ErrorMsg": {"Msg": refusal.message, "Code": _INSIDE}}
        return self.message(encode(told, self._answer.spelling))


def _wrong(body: _Body) -> str | None:
    if len(body.Messages) > _MESSAGES_MAX:
        return f"Messages: more than {_MESSAGES_MAX}"
    turns = [message.Role for message in body.Messages]
    if "system" in turns[1:]:
        return "Messages: the role system comes first or not at all"
    sides = ["user" if role in ("user", "tool") else role for role in turns if role not in ("system", "tool")]
    if not sides or sides[0] != "user" or any(a == b for a, b in pairwise(sides)):
        return "Messages: user and assistant must take turns, user first"
    if any(message.ReasoningContent is not None for message in body.Messages):
        return "Messages: ReasoningContent is not taken"
    if any(message.Content is None and not message.Contents for message in body.Messages):
        return "Messages: Content is missing"
    if body.Temperature is not None and not 0 <= body.Temperature <= 2:
        return "Temperature must be from 0 to 2"
    if body.TopP is not None and not 0 <= body.TopP <= 1:
        return "TopP must be from 0 to 1"
    if body.Seed is not None and not 1 <= body.Seed <= 10_000:
        return "Seed must be from 1 to 10000"
    if body.ToolChoice not in (None, "none", "auto", "custom") or (body.ToolChoice == "custom" and not body.CustomTool):
        return "ToolChoice must be none, auto, or custom with a CustomTool"
    return None


def _content(message: _Message) -> str:
    if message.Contents is None:
        return message.Content or ""
    return "".join(part.get("Text") or "" for part in message.Contents)


def _tool(tool: _Tool) -> dict[str, Any]:
    function = tool.Function
    return {"type": "function", "function": {
        "name": function.Name, "description": function.Description,
        "parameters": msgspec.json.decode(function.Parameters or "{}")}}  # fmt: skip


def _told(usage: dict[str, Any] | None) -> dict[str, Any]:
    return {} if usage is None else {"Usage": usage}


def _words(said: dict[str, Any]) -> dict[str, Any]:
    words: dict[str, Any] = {"Role": said["role"], "Content": said.get("content") or ""}
    if said.get("reasoning_content"):
        words["ReasoningContent"] = said["reasoning_content"]
    if "tool_calls" in said:
        words["ToolCalls"] = [
            {"Id": call.get("id"), "Type": "function", "Index": call["index"],
             "Function": {"Name": call["function"].get("name"), "Arguments": call["function"]["arguments"]}}
            for call in said["tool_calls"]
        ]  # fmt: skip
    return words
