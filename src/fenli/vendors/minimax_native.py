"""MiniMax's own text chat (v2): asked as its compatible chat is, but failures come inside a 200, and the last event of
a stream says everything once more. Its older models play roles by a dialect that is older still (pro).

Sources: its pages on text chat and chat completion pro (zh and en), litellm, higress. A key may be ``GroupId:key``, for
accounts whose group the older models want to be told.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from fenli.http.transport import Origin, Request
from fenli.vendors.contract import Address
from fenli.vendors.headers import bearer, head_lines
from fenli.vendors.minimax import MINIMAX
from fenli.vendors.openai_compatible import OpenAICompatible
from fenli.vendors.role_play import persona_text
from fenli.vendors.splicing import prepared
from fenli.vendors.switches import PersonaSwitch
from fenli.wire.answers import Answer
from fenli.wire.frames import EventFrames, WholeFrame
from fenli.wire.minimax.pro import Play, chat
from fenli.wire.minimax.text_v2 import TextV2Reader
from fenli.wire.openai_chat import ChatRequest
from fenli.wire.openai_chat.options import Persona
from fenli.wire.openai_chat.writer import usage_object
from fenli.wire.translated import ANSWER_MAX, TranslatedStream, TranslatedWhole, Translation

_OLDER: Final = b'"abab'
_PLAYS: Final = PersonaSwitch(
    models="abab",
    places={
        "bot_name": "reply_constraints",
        "bot_profile": "bot_setting",
        "user_name": "messages.sender_name",
        "examples": "sample_messages",
    },
)


class MiniMaxNative(OpenAICompatible, frozen=True, kw_only=True):
    """``play_path``: where older models are asked to play a role."""

    play_path: str = "/text/chatcompletion_pro"

    def request(self, address: Address, ask: ChatRequest, now: int) -> Request:
        if ask.options is None or ask.options.persona is None or not address.model.startswith(_OLDER):
            return super().request(address, ask, now)
        said = prepared(ask, self.switches, msgspec.json.decode(address.model, type=str))
        body = chat(said, address.model, self.title, _play(ask.options.persona))
        group = address.secret.rpartition(":")[0]
        target = address.target.removesuffix(self.path.encode()) + self.play_path.encode()
        target += f"?{urlencode({'GroupId': group})}".encode() if group else b""
        return Request(address.origin, b"POST", target, address.headers, body)

    def answer(self, ask: ChatRequest, now: int) -> Answer:
        plays = ask.options is not None and ask.options.persona is not None
        if not ask.stream and not plays:
            return super().answer(ask, now)
        translation = Translation(
            reader=TextV2Reader,
            whole=TextV2Reader,
            shown_usage=lambda raw: usage_object(self.usage(raw)),
            model=ask.model,
            now=now,
            choices=ask.choices,
        )
        if not ask.stream:
            return TranslatedWhole(WholeFrame(ANSWER_MAX), TextV2Reader(), translation)
        return TranslatedStream(EventFrames(), TextV2Reader(), translation, wants_usage=ask.wants_usage)

    def _headers(self, origin: Origin, secret: str) -> bytes:
        return head_lines(self.id, origin, bearer(secret.rpartition(":")[2]))


def _play(persona: Persona) -> Play:
    told = persona_text(msgspec.structs.replace(persona, examples=()))
    samples = tuple((example.user, example.bot) for example in persona.examples)
    return Play(persona.bot_name or "assistant", persona.user_name or "user", told, samples)


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
        "switches": msgspec.structs.replace(MINIMAX.switches, persona=(*MINIMAX.switches.persona, _PLAYS)),
    }
)
