"""A persona in words: what a model without fields for it is told, in the language that the persona is written in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from fenli.wire.openai_chat.options import Persona

_CHINESE: Final = re.compile("[\u4e00-\u9fff]")


class _Words(msgspec.Struct, frozen=True):
    play: str
    name: str
    user_name: str
    user: str
    scene: str
    examples: str
    stay: str
    bot: str
    they: str


_ENGLISH_WORDS: Final = _Words(
    play="You play a character.",
    name="Your name is {}.",
    user_name="You talk with {}.",
    user="Of them: {}",
    scene="Scene: {}",
    examples="This is how you talk:",
    stay="Stay in your role.",
    bot="You",
    they="They",
)
_CHINESE_WORDS: Final = _Words(
    play="你扮演一个角色。",
    name="你的名字是{}。",
    user_name="与你对话的人是{}。",
    user="对方的情况:{}",
    scene="场景:{}",
    examples="你这样说话:",
    stay="始终保持角色。",
    bot="你",
    they="对方",
)


def persona_text(persona: Persona) -> str:
    """All that the persona says, as text for a system message."""
    everything = msgspec.json.encode(persona).decode()
    words = _CHINESE_WORDS if _CHINESE.search(everything) else _ENGLISH_WORDS
    lines = [words.play]
    if persona.bot_name:
        lines.append(words.name.format(persona.bot_name))
    if persona.bot_profile:
        lines.append(persona.bot_profile)
    if persona.user_name:
        lines.append(words.user_name.format(persona.user_name))
    if persona.user_profile:
        lines.append(words.user.format(persona.user_profile))
    if persona.scene:
        lines.append(words.scene.format(persona.scene))
    if persona.examples:
        lines.append(words.examples)
    for example in persona.examples:
        lines += [
            f"{persona.user_name or words.they}: {example.user}",
            f"{persona.bot_name or words.bot}: {example.bot}",
        ]
    return "\n".join([*lines, words.stay])


def role_messages(persona: Persona, roles: Mapping[str, str]) -> tuple[dict[str, str], list[dict[str, str]]]:
    """The message with the character, and those with the rest; ``roles`` has one for each field, and for both sides of
    an example (``user``, ``bot``)."""
    named = {"user": persona.user_name, "bot": persona.bot_name}
    first = _message(roles["bot_profile"], persona.bot_profile or persona.bot_name, persona.bot_name)
    others = []
    if persona.user_profile or persona.user_name:
        others.append(_message(roles["user_profile"], persona.user_profile or persona.user_name, persona.user_name))
    if persona.scene:
        others.append(_message(roles["scene"], persona.scene, ""))
    for example in persona.examples:
        others += [_message(roles[side], getattr(example, side), named[side]) for side in ("user", "bot")]
    return first, others


def named_turn(name: str, mark: str) -> bytes:
    """A last message that holds the character's name alone: the answer is what it says."""
    return msgspec.json.encode({"role": "assistant", "name": name, "content": "", mark: True})


def _message(role: str, content: str, name: str) -> dict[str, str]:
    return {"role": role, **({"name": name} if name else {}), "content": content}
