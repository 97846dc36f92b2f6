"""The OpenAI chat completions dialect."""

from fenli.wire.openai_chat.envelope import error_body, refusal_body
from fenli.wire.openai_chat.failures import FailurePlace, FailureReader, TellingStream, TellingWhole
from fenli.wire.openai_chat.request import ChatRequest, parse_request
from fenli.wire.openai_chat.stream import StreamAnswer
from fenli.wire.openai_chat.whole import WholeAnswer

__all__ = [
    "ChatRequest",
    "FailurePlace",
    "FailureReader",
    "StreamAnswer",
    "TellingStream",
    "TellingWhole",
    "WholeAnswer",
    "error_body",
    "parse_request",
    "refusal_body",
]
