"""SenseNova's chat of characters: strict about who speaks, and never streamed."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from fenli.market.requests import ChatBody

_LONGEST: Final = {"name": 50, "gender": 50, "identity": 200, "nickname": 50, "detail_setting": 500,
                   "other_setting": 2_000}  # fmt: skip
_LIMIT_MAX: Final = 1_024
_LIMIT: Final = 300  # of answers that were given none


class _Feeling(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    level: int


class _Character(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    gender: str
    identity: str = ""
    nickname: str = ""
    detail_setting: str = ""
    other_setting: str = ""
    feeling_toward: list[_Feeling] = []


class _Roles(msgspec.Struct, forbid_unknown_fields=True):
    user_name: str
    primary_bot_name: str


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    content: str


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    model: str
    messages: list[_Line]
    character_settings: list[_Character]
    role_setting: _Roles
    max_new_tokens: int = _LIMIT
    n: int | None = None
    extra: str | None = None
    know_ids: list[str] | None = None
    knowledge_config: dict[str, Any] | None = None
    stream: bool = False


class Played(ChatBody, kw_only=True):
    """A chat of characters. ``reply`` stands beside its choices."""


_decode: Final = msgspec.json.Decoder(_Body).decode


def read_characters(body: bytes) -> Played | str:
    """The request, or what is wrong with it."""
    try:
        asked = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return str(error)
    wrong = _wrong(asked)
    if wrong is not None:
        return wrong
    bot = next(one for one in asked.character_settings if one.name == asked.role_setting.primary_bot_name)
    told = "\n".join(filter(None, (bot.identity, bot.detail_setting, bot.other_setting))) or bot.name
    turns = [
        {"role": "assistant" if line.name == bot.name else "user", "content": line.content} for line in asked.messages
    ]
    plain: dict[str, Any] = {
        "model": asked.model,
        "messages": [{"role": "system", "content": told}, *turns],
        "max_tokens": asked.max_new_tokens,
        "n": asked.n,
    }
    return msgspec.convert(plain, Played)


def _wrong(asked: _Body) -> str | None:
    for character in asked.character_settings:
        for member, most in _LONGEST.items():
            if len(getattr(character, member)) > most:
                return f"character_settings.{member} must have at most {most} characters"
        if not character.name or not character.gender:
            return "character_settings: name and gender are required"
    known = {character.name for character in asked.character_settings}
    named = {*(line.name for line in asked.messages), *msgspec.structs.astuple(asked.role_setting)}
    if not named <= known:
        return f"{', '.join(sorted(named - known))}: not in character_settings"
    if not asked.messages:
        return "messages is required"
    if not 1 <= asked.max_new_tokens <= _LIMIT_MAX:
        return f"max_new_tokens must be from 1 to {_LIMIT_MAX}"
    if asked.n is not None and not 1 <= asked.n <= 4:
        return "n must be from 1 to 4"
    return None
