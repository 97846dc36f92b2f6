"""MiniMax's older chat of characters (``/v1/text/chatcompletion_pro``): everybody who speaks has a name.

Sources: MiniMax's page on chat completion pro, higress. Its answers have ``messages`` in each choice and all of the
text in ``reply``; `fenli.wire.minimax.text_v2` reads them beside its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from fenli.errors import CallRefused, Code
from fenli.wire.openai_chat.decoded import Message, decoded, refuse_unknown
from fenli.wire.openai_chat.request import ChatRequest

_CARRIED: Final = ("temperature", "top_p", "mask_sensitive_info")


class Play(msgspec.Struct, frozen=True):
    """The names of both sides, what the character is told of itself, and lines of both to learn from (user, bot)."""

    bot: str
    user: str
    told: str
    samples: tuple[tuple[str, str], ...] = ()


def chat(ask: ChatRequest, model: bytes, vendor: str, play: Play) -> bytes:
    """The body of a request for ``model`` (JSON). Raises CallRefused for what the dialect cannot say."""
    refuse_unknown(ask, vendor, _CARRIED)
    messages = decoded(ask).messages
    told = [message.text for message in messages if _is_system(message)]
    wanted: dict[str, Any] = {
        "model": msgspec.Raw(model),
        "bot_setting": [{"bot_name": play.bot, "content": "\n\n".join(filter(None, (play.told, *told)))}],
        "reply_constraints": {"sender_type": "BOT", "sender_name": play.bot},
        "messages": [_said(message, play) for message in messages if not _is_system(message)],
        "stream": ask.stream,
    }
    if play.samples:
        wanted["sample_messages"] = list(_samples(play))
    if ask.output_limit is not None:
        wanted["tokens_to_generate"] = ask.output_limit
    wanted |= {name: msgspec.Raw(ask.fields[name]) for name in _CARRIED if name in ask.fields}
    return msgspec.json.encode(wanted)


def _is_system(message: Message) -> bool:
    return message.role in ("system", "developer")


def _said(message: Message, play: Play) -> dict[str, str]:
    if message.role not in ("user", "assistant") or any(part.get("type") != "text" for part in message.parts):
        why = f"characters exchange text alone, and this is a {message.role}'s message with something else"
        raise CallRefused(Code.INVALID_VALUE, f"{why}: leave it out, or ask without a persona", "messages")
    if message.role == "user":
        return _line("USER", message.name or play.user, message.text)
    return _line("BOT", play.bot, message.text)


def _samples(play: Play) -> Iterator[dict[str, str]]:
    for user, bot in play.samples:
        yield _line("USER", play.user, user)
        yield _line("BOT", play.bot, bot)


def _line(kind: str, name: str, text: str) -> dict[str, str]:
    return {"sender_type": kind, "sender_name": name, "text": text}
