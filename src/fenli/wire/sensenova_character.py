"""SenseNova's chat of characters: everybody who speaks is described beforehand, and has a name. It streams nothing.

Facts: SenseNova's page on it, sensenova 1.0.6 and its tests. Its answers are those of `fenli.wire.sensenova`.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from fenli.errors import CallRefused, Code
from fenli.wire.openai_chat.decoded import ChatBody, Message
from fenli.wire.openai_chat.options import Persona

SETTINGS: Final = ("character_settings", "role_setting")
# Members that go on as they came.
TAKEN: Final = frozenset({"n", "extra", "know_ids", "knowledge_config", *SETTINGS})
PROFILE_MAX: Final = 500  # characters of a profile; what else there is of a character may be longer
_NAMES: Final = ("assistant", "user")  # of who was given none


class _Roles(msgspec.Struct, frozen=True):
    primary_bot_name: str
    user_name: str


_decode_roles = msgspec.json.Decoder(_Roles).decode
_encode = msgspec.json.encode


def encode_play(
    model: bytes, chat: ChatBody, fields: dict[str, bytes | msgspec.Raw], persona: Persona | None, *, vendor: str,
    gender: str, limit: int | None,
) -> bytes:  # fmt: skip
    """The request's body. ``model`` is JSON; ``limit`` is in tokens; ``gender`` is what is said of who has none, since
    the dialect asks for one. Where the request has settings of its own they stand. Raises CallRefused."""
    own = any(name in fields for name in SETTINGS)
    roles, settings = (_roles(fields), {}) if own else _described(chat, persona or Persona(), vendor, gender)
    body: dict[str, Any] = {"model": msgspec.Raw(model), **settings}
    said = [message for message in chat.messages if not _is_system(message)]
    body["messages"] = [_line(message, roles, vendor, own=own) for message in said]
    if limit is not None:
        body["max_new_tokens"] = limit
    body |= {name: msgspec.Raw(value) for name, value in fields.items() if name in TAKEN}
    return _encode(body)


def _roles(fields: dict[str, bytes | msgspec.Raw]) -> _Roles:
    try:
        return _decode_roles(fields["role_setting"])
    except (KeyError, msgspec.DecodeError, UnicodeDecodeError):
        message = (
            "'character_settings' and 'role_setting' go together: name user_name and primary_bot_name in the latter"
        )
        raise CallRefused(Code.INVALID_VALUE, message, "role_setting") from None


def _described(chat: ChatBody, persona: Persona, vendor: str, gender: str) -> tuple[_Roles, dict[str, Any]]:
    """Who speaks, and the members that say so."""
    bot, user = persona.bot_name or _NAMES[0], persona.user_name or _NAMES[1]
    if bot == user:
        raise _refused("fenli.persona.user_name", f"both sides are called {bot!r}, and {vendor} tells them by name")
    told = [persona.bot_profile, *(message.text for message in chat.messages if _is_system(message))]
    profile = "\n\n".join(filter(None, told))
    for text, member in ((profile, "bot_profile"), (persona.user_profile, "user_profile")):
        if len(text) > PROFILE_MAX:
            why = f"{vendor} takes a profile of {PROFILE_MAX} characters, system messages among them, not {len(text)}"
            raise _refused(f"fenli.persona.{member}", why)
    more: dict[str, Any] = {"scene": persona.scene} if persona.scene else {}
    if persona.examples:
        more["examples"] = [{user: one.user, bot: one.bot} for one in persona.examples]
    other = {"other_setting": _encode(more).decode()} if more else {}
    settings = [
        {"name": user, "gender": gender, **_detail(persona.user_profile)},
        {"name": bot, "gender": gender, **_detail(profile), **other},
    ]
    roles = {"user_name": user, "primary_bot_name": bot}
    return _Roles(bot, user), {"character_settings": settings, "role_setting": roles}


def _detail(text: str) -> dict[str, str]:
    return {"detail_setting": text} if text else {}


def _is_system(message: Message) -> bool:
    return message.role in ("system", "developer")


def _line(message: Message, roles: _Roles, vendor: str, *, own: bool) -> dict[str, str]:
    """Only settings of the caller's ``own`` may know a third who speaks."""
    if message.role not in ("user", "assistant") or any(part.get("type") != "text" for part in message.parts):
        why = f"characters exchange text alone, and this is a {message.role[:60]}'s message with something else"
        raise _refused("messages", f"{vendor}: {why}")
    name = roles.user_name if message.role == "user" else roles.primary_bot_name
    return {"name": (own and message.name) or name, "content": message.text}


def _refused(param: str, why: str) -> CallRefused:
    return CallRefused(Code.INVALID_VALUE, f"{why}: leave it out, or ask another model", param)
