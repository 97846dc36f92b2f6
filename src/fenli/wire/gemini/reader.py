"""Answers of the dialect: one response, or a stream of them, each with what is new and the usage so far.

Nothing marks the end of a stream but each candidate's ``finishReason``. A call of a function comes whole. What the
model wants back with its turn (``thoughtSignature``) is told in ``extra_content``, as by the compatible endpoint of
those who made the dialect.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest
from typing import Final

import msgspec

from fenli.wire.gemini.grounding import Grounding, Searches
from fenli.wire.openai_chat.logprobs import Likely, Logprob
from fenli.wire.openai_chat.whole import given
from fenli.wire.translated import CallPart, Said, spelled

# Of ids that are made here, since calls need one and the vendor gave none; they are not sent back to it.
MADE: Final = "fenli_"
FINISHES: Final = {"STOP": "stop", "MAX_TOKENS": "length", "CONTINUATION": "length"}
# The model wrote something that is no answer: another try may bring one. Every other reason is a filter's, or unknown.
BROKEN: Final = frozenset(
    {
        "MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
    }
)  # fmt: skip
_UNFINISHED: Final = (None, "", "FINISH_REASON_UNSPECIFIED")
_NONE: Final = msgspec.Raw()
_encode = msgspec.json.encode


class _Function(msgspec.Struct, gc=False):
    name: str = ""
    id: str | None = None
    args: msgspec.Raw = _NONE


class _Part(msgspec.Struct, gc=False, rename="camel"):
    text: str = ""
    thought: bool = False
    thought_signature: str | None = None
    function_call: _Function | None = None


class _Content(msgspec.Struct, gc=False):
    parts: list[_Part] = []


class _Likely(msgspec.Struct, gc=False, rename="camel"):
    token: str = ""
    log_probability: float = 0.0


class _Top(msgspec.Struct, gc=False):
    candidates: list[_Likely] = []


class _Logprobs(msgspec.Struct, gc=False, rename="camel"):
    chosen_candidates: list[_Likely] = []
    top_candidates: list[_Top] = []


class _Candidate(msgspec.Struct, gc=False, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None
    grounding_metadata: Grounding | None = None
    logprobs_result: _Logprobs | None = None
    index: int = 0


class _Feedback(msgspec.Struct, gc=False, rename="camel"):
    block_reason: str = ""


class _Response(msgspec.Struct, gc=False, rename="camel"):
    candidates: list[_Candidate] = []
    prompt_feedback: _Feedback | None = None
    usage_metadata: msgspec.Raw = _NONE
    model_version: str | None = None
    response_id: str | None = None
    error: msgspec.Raw = _NONE


_decode: Final = msgspec.json.Decoder(_Response).decode


class ContentReader:
    """Reads one answer, streamed or whole. ``searches``: whether the web may be searched for it."""

    __slots__ = ("_called", "_model", "_searches")

    def __init__(self, *, searches: bool = False) -> None:
        self._called: dict[int, int] = {}  # calls so far, by candidate
        self._searches = Searches() if searches else None
        self._model: str | None = None

    def read(self, name: bytes, data: bytes) -> Iterable[Said]:
        response = _decode(data)
        if given(response.error) is not None:
            return [Said(error=data)]
        said = [Said(id=response.response_id, model=response.model_version)]
        if not response.candidates and response.prompt_feedback is not None and response.prompt_feedback.block_reason:
            said.append(Said(error=data))
        for candidate in response.candidates:
            said += self._candidate(candidate, response.response_id or "")
        usage = given(response.usage_metadata)
        if self._searches is not None:
            self._model = response.model_version or self._model
            usage = self._searches.counted(usage, self._model)
        said.append(Said(usage=usage))  # of all that stands before it
        return said

    def _candidate(self, candidate: _Candidate, response: str) -> Iterable[Said]:
        if candidate.finish_reason in BROKEN:
            message = candidate.finish_message or "the model's answer is broken"
            yield Said(error=_encode({"error": {"status": candidate.finish_reason, "message": message}}))
            return
        for part in candidate.content.parts if candidate.content is not None else ():
            yield self._part(candidate.index, part, response)
        if candidate.logprobs_result is not None:
            yield Said(choice=candidate.index, logprobs=_logprobs(candidate.logprobs_result))
        if self._searches is not None and candidate.grounding_metadata is not None:
            members = self._searches.told(candidate.index, candidate.grounding_metadata)
            if members is not None:
                yield Said(choice=candidate.index, members=members)
        if candidate.finish_reason not in _UNFINISHED:
            finish = FINISHES.get(candidate.finish_reason, "content_filter")
            called = finish == "stop" and candidate.index in self._called
            yield Said(choice=candidate.index, finish="tool_calls" if called else finish)

    def _part(self, choice: int, part: _Part, response: str) -> Said:
        signature = {"extra_content": {"google": {"thought_signature": part.thought_signature}}}
        members = signature if part.thought_signature is not None else None
        function = part.function_call
        if function is not None:
            number = self._called.get(choice, 0)
            self._called[choice] = number + 1
            made = f"{MADE}{response}_{choice}_{number}"
            call = CallPart(number, function.id or made, function.name, spelled(function.args), members)
            return Said(choice=choice, calls=(call,))
        if part.thought:
            return Said(choice=choice, reasoning=part.text, members=members)
        if self._searches is not None:
            self._searches.heard(choice, part.text)
        return Said(choice=choice, text=part.text, members=members)


def _logprobs(told: _Logprobs) -> list[msgspec.Raw]:
    chosen = []
    for one, top in zip_longest(told.chosen_candidates, told.top_candidates[: len(told.chosen_candidates)]):
        likely = [Likely(other.token, other.log_probability) for other in (top.candidates if top is not None else ())]
        chosen.append(Logprob(one.token, one.log_probability, top_logprobs=likely).raw)
    return chosen
