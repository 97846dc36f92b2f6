"""MiniMax's text chat v2: OpenAI's chunks, and all of it once more in a last event that takes the end mark's place.
Beside it the older chat of characters (`fenli.market.dialects.minimax_pro`)."""

from __future__ import annotations

from typing import Any, Final

from fenli.market.dialects.minimax_pro import ProBody, ProPen, read_pro
from fenli.market.dialects.openai_chat import OpenAIChat, OpenAIPen
from fenli.market.flavours.flavour import Answer, Flavour, Place
from fenli.market.requests import Ask, ChatBody

_PATH: Final = "/text/chatcompletion_v2"
_OLDER: Final = "/text/chatcompletion_pro"


class MiniMaxText(OpenAIChat):
    """Implements `fenli.market.flavours.flavour.Dialect`."""

    def serves(self, vendor: Place, ask: Ask) -> bool:
        return ask.method == "POST" and ask.path in (vendor.prefix + _PATH, vendor.prefix + _OLDER)

    def read(self, vendor: Place, ask: Ask) -> ChatBody | str:
        return read_pro(ask.body) if ask.path == vendor.prefix + _OLDER else super().read(vendor, ask)

    def pen(self, flavour: Flavour, answer: Answer) -> MiniMaxTextPen | ProPen:
        if isinstance(answer.chat, ProBody):
            return ProPen(answer, answer.chat.speaker)
        return MiniMaxTextPen(flavour, answer)


MINIMAX_TEXT: Final = MiniMaxText()


class MiniMaxTextPen(OpenAIPen):
    """Implements `fenli.market.flavours.flavour.Pen`."""

    __slots__ = ("_finish", "_said", "_usage")

    def __init__(self, flavour: Flavour, answer: Answer) -> None:
        super().__init__(flavour, answer)
        self._said: dict[str, Any] = {"role": "assistant", "content": ""}
        self._finish: str | None = None
        self._usage: dict[str, Any] | None = None

    def chunk(
        self, index: int, delta: dict[str, Any], finish: str | None = None, *, usage: dict[str, Any] | None = None,
        choice_usage: dict[str, Any] | None = None,
    ) -> bytes:  # fmt: skip
        self._remember(delta)
        if finish is not None:
            self._finish, self._usage = finish, usage
        return super().chunk(index, delta, finish)

    def done(self) -> bytes:
        choice = {"index": 0, "message": self._said, "finish_reason": self._finish}
        return self.message(self.whole([choice], self._usage, ""))

    def _remember(self, delta: dict[str, Any]) -> None:
        for name in ("content", "reasoning_content"):
            if delta.get(name):
                self._said[name] = self._said.get(name, "") + delta[name]
        for part in delta.get("tool_calls", ()):
            calls = self._said.setdefault("tool_calls", [])
            if part["index"] == len(calls):
                calls.append({**part, "function": dict(part["function"])})
            else:
                calls[part["index"]]["function"]["arguments"] += part["function"]["arguments"]
