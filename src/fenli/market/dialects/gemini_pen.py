"""How Gemini's generateContent writes an answer: responses, each a part of a stream or the whole."""

from __future__ import annotations

from base64 import b64encode
from hashlib import blake2b
from typing import Any, Final

import msgspec

from fenli.errors import Kind
from fenli.market.dialects.spelling import encode
from fenli.market.flavours.flavour import Answer, Refusal
from fenli.market.requests import ChatBody
from fenli.market.usage import Count, split_tokens

_REASONS: Final = {"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS"}

Part = dict[str, Any]


class GeminiChat(ChatBody, kw_only=True):
    """``signs``: calls come with a signature."""

    signs: bool = False
    logprobs: bool = False
    top_logprobs: int = 0


def signature_of(name: str, arguments: dict[str, Any]) -> str:
    said = encode([name, arguments])
    return b64encode(blake2b(said, digest_size=24).digest()).decode()


def error_of(refusal: Refusal) -> dict[str, Any]:
    if refusal.kind is Kind.CONTENT_FILTERED:
        return {"promptFeedback": {"blockReason": refusal.code}}
    details: list[dict[str, Any]] = []
    if refusal.type == "RESOURCE_EXHAUSTED":
        failure = "type.googleapis.com/google.rpc.QuotaFailure"
        details.append({"@type": failure, "violations": [{"quotaId": refusal.code}]})
    elif refusal.code is not None:
        reason = {"reason": refusal.code, "domain": "googleapis.com"}
        details.append({"@type": "type.googleapis.com/google.rpc.ErrorInfo", **reason})
    if refusal.retry_after is not None:
        wait = {"retryDelay": f"{refusal.retry_after}s"}
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", **wait})
    error = {"code": refusal.status, "message": refusal.message, "status": refusal.type}
    return {"error": {**error, "details": details} if details else error}


class GenerateContentUsage(msgspec.Struct, frozen=True):
    """Implements `fenli.market.usage.UsageObject`. What is zero is left out."""

    def object(self, count: Count, surplus: int = 0) -> dict[str, Any]:
        told = {
            "promptTokenCount": count.prompt,
            "cachedContentTokenCount": count.cached,
            "candidatesTokenCount": count.completion - count.reasoning,
            "thoughtsTokenCount": count.reasoning,
            "totalTokenCount": count.prompt + count.completion + surplus,
        }
        return {name: number for name, number in told.items() if number}


class GenerateContentPen:
    """Implements `fenli.market.flavours.flavour.Pen`."""

    __slots__ = ("_answer", "_chat", "_sources", "_texts")

    whole_type: Final = b"application/json; charset=UTF-8"
    stream_type: Final = b"text/event-stream"

    def __init__(self, answer: Answer) -> None:
        chat = answer.chat
        assert isinstance(chat, GeminiChat)
        self._answer = answer
        self._chat = chat
        self._sources: dict[int, list[dict[str, Any]]] = {}
        self._texts: dict[int, str] = {}

    def whole(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None, request_id: str) -> bytes:
        for one in choices:
            self._hear(one["index"], one["message"])
        told = [self._candidate(one["index"], self._parts(one["message"]), one["finish_reason"]) for one in choices]
        return encode(self._response(told, usage), self._answer.spelling)

    def chunk(
        self, index: int, delta: dict[str, Any], finish: str | None = None, *, usage: dict[str, Any] | None = None,
        choice_usage: dict[str, Any] | None = None,
    ) -> bytes:  # fmt: skip
        parts = self._parts(delta)
        self._hear(index, delta)
        if not parts and finish is None:
            return b""
        response = self._response([self._candidate(index, parts, finish)], usage)
        return self.message(encode(response, self._answer.spelling))

    def usage_chunk(self, usage: dict[str, Any] | None) -> bytes:
        return b""

    def done(self) -> bytes:
        return b""

    def message(self, data: bytes) -> bytes:
        return b"data: " + data + b"\r\n\r\n"

    def error(self, refusal: Refusal) -> bytes:
        return self.message(encode(error_of(refusal)))

    def _hear(self, index: int, said: dict[str, Any]) -> None:
        self._texts[index] = self._texts.get(index, "") + (said.get("content") or "")
        self._sources.setdefault(index, []).extend(said.get("sources", ()))

    def _grounding(self, index: int) -> dict[str, Any]:
        sources, text = self._sources.get(index, []), self._texts.get(index, "")
        chunks = [{"web": {"uri": source["url"], "title": source["title"]}} for source in sources]
        segment = {"endIndex": len(text.encode()), "text": text}  # one that begins at 0 has no startIndex
        supports = [{"segment": segment, "groundingChunkIndices": list(range(len(chunks)))}]
        return {
            "searchEntryPoint": {"renderedContent": "<div>market</div>"}, "webSearchQueries": ["market"],
            "groundingChunks": chunks, "groundingSupports": supports,
        }  # fmt: skip

    def _parts(self, said: dict[str, Any]) -> list[Part]:
        parts: list[Part] = []
        if said.get("reasoning_content"):
            parts.append({"text": said["reasoning_content"], "thought": True})
        if said.get("content"):
            parts.append({"text": said["content"]})
        return [*parts, *(part for call in said.get("tool_calls", ()) if (part := self._call(call)) is not None)]

    def _call(self, call: dict[str, Any]) -> Part | None:
        """None where the limit cut its arguments: half an object cannot be sent."""
        function = call["function"]
        try:
            arguments = msgspec.json.decode(function["arguments"], type=dict[str, Any])
        except msgspec.DecodeError:
            return None
        made = {"name": function["name"], "args": arguments}
        if not self._chat.signs:
            return {"functionCall": made}
        return {
            "functionCall": {"id": call["id"], **made},
            "thoughtSignature": signature_of(function["name"], arguments),
        }

    def _candidate(self, index: int, parts: list[Part], finish: str | None) -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": index}
        text = "".join(part["text"] for part in parts if "text" in part and not part.get("thought"))
        if self._chat.logprobs and text:
            candidate["logprobsResult"] = self._logprobs(text)
        if finish is None:
            return candidate
        found = {"groundingMetadata": self._grounding(index)} if self._sources.get(index) else {}
        return {**candidate, "finishReason": _REASONS.get(finish, finish), **found}

    def _logprobs(self, text: str) -> dict[str, Any]:
        """Of each token; made up."""
        chosen = [{"token": token, "tokenId": 7, "logProbability": -0.5} for token in split_tokens(text)]
        top = self._chat.top_logprobs
        others = {"topCandidates": [{"candidates": [one] * top} for one in chosen]} if top else {}
        return {"chosenCandidates": chosen, "logProbabilitySum": -0.5 * len(chosen), **others}

    def _response(self, candidates: list[dict[str, Any]], usage: dict[str, Any] | None) -> dict[str, Any]:
        told = {} if usage is None else {"usageMetadata": usage}
        return {
            "candidates": candidates, **told, "modelVersion": self._answer.chat.model, "responseId": self._answer.id,
        }  # fmt: skip
