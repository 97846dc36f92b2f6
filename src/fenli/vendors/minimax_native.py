"""MiniMax's own text chat (v2): asked as its compatible chat is, but failures come inside a 200, and the last event of
a stream says everything once more.

Sources: its page on text chat (zh and en), litellm, higress.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from fenli.vendors.minimax import MINIMAX
from fenli.vendors.openai_compatible import OpenAICompatible
from fenli.wire.answers import Answer
from fenli.wire.frames import EventFrames
from fenli.wire.minimax.text_v2 import TextV2Reader
from fenli.wire.openai_chat import ChatRequest
from fenli.wire.openai_chat.writer import usage_object
from fenli.wire.translated import TranslatedStream, Translation


class MiniMaxNative(OpenAICompatible, frozen=True, kw_only=True):
    """Only its streams need to be said again."""

    def answer(self, ask: ChatRequest, now: int) -> Answer:
        if not ask.stream:
            return super().answer(ask, now)
        translation = Translation(
            reader=TextV2Reader,
            whole=TextV2Reader,
            shown_usage=lambda raw: usage_object(self.usage(raw)),
            model=ask.model,
            now=now,
        )
        return TranslatedStream(EventFrames(), TextV2Reader(), translation, wants_usage=ask.wants_usage)


_SHARED: Final[dict[str, Any]] = msgspec.structs.asdict(MINIMAX)

MINIMAX_NATIVE: Final = MiniMaxNative(
    **_SHARED
    | {
        "id": "minimax-native",
        "sells": "minimax",
        "title": "MiniMax, its own API (v2)",
        "title_zh": "MiniMax 稀宇科技(原生接口 v2)",
        "path": "/text/chatcompletion_v2",
        "key_variables": ("MINIMAX_NATIVE_API_KEY",),
        "asks_usage": False,
    }
)
