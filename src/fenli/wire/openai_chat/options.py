"""What callers ask for in one way of every vendor: the members of ``fenli``, and OpenAI's own where there are some.

    "fenli": {"thinking": true | false | "low" | "medium" | "high" | {"budget": 2048},
              "search": true | {"citations": true, "force": false},
              "prefix": true,
              "persona": {"bot_name", "bot_profile", "user_name", "user_profile", "scene", "examples"},
              "missing": "refuse" | "downgrade"}

``reasoning_effort``, ``web_search_options`` and ``response_format`` with a JSON schema ask for the same things. Here
they are read; what they come to at a vendor is the vendor's affair.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from fenli.errors import CallRefused, Code

LEVELS: Final = ("low", "medium", "high")
BUDGET_MAX: Final = 2**31 - 1


class Option(enum.StrEnum):
    THINKING = "thinking"
    SEARCH = "search"
    PREFIX = "prefix"
    PERSONA = "persona"
    SCHEMA = "schema"


class Missing(enum.StrEnum):
    """What to do where a model lacks an option."""

    REFUSE = "refuse"
    DOWNGRADE = "downgrade"


class Thinking(msgspec.Struct, frozen=True):
    """``effort`` is a level as the caller wrote it, ``budget`` the most tokens of thinking; mostly neither is said.

    ``member`` is where the caller said it.
    """

    on: bool
    effort: str | None = None
    budget: int | None = None
    member: str = "fenli.thinking"


class Search(msgspec.Struct, frozen=True):
    """``citations``: with the sources. ``force``: it searches even where the model sees no need. ``hints``: the caller
    wishes more of it, in OpenAI's words."""

    citations: bool = True
    force: bool = False
    hints: bool = False
    member: str = "fenli.search"


class Example(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One exchange, to show how the character talks."""

    user: str
    bot: str


class Persona(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who the model plays, to whom and where. What is empty was not said."""

    bot_name: str = ""
    bot_profile: str = ""
    user_name: str = ""
    user_profile: str = ""
    scene: str = ""
    examples: tuple[Example, ...] = ()


class Schema(msgspec.Struct, frozen=True):
    """``text`` is the JSON schema that the answer has to fit, as the caller wrote it."""

    name: str
    text: bytes


class Options(msgspec.Struct, frozen=True):
    """What one request asks for. ``missing`` is None where it leaves that to the configuration."""

    thinking: Thinking | None = None
    search: Search | None = None
    prefix: bool = False
    persona: Persona | None = None
    schema: Schema | None = None
    missing: Missing | None = None


class _Neutral(msgspec.Struct, forbid_unknown_fields=True):
    thinking: msgspec.Raw = msgspec.Raw(b"null")
    search: msgspec.Raw = msgspec.Raw(b"null")
    prefix: msgspec.Raw = msgspec.Raw(b"null")
    persona: msgspec.Raw = msgspec.Raw(b"null")
    missing: msgspec.Raw = msgspec.Raw(b"null")


class _Budget(msgspec.Struct, forbid_unknown_fields=True):
    budget: int


class _Search(msgspec.Struct, forbid_unknown_fields=True):
    citations: bool = True
    force: bool = False


class _Schema(msgspec.Struct):
    name: str = ""
    schema: msgspec.Raw = msgspec.Raw()


class _Format(msgspec.Struct):
    type: str
    json_schema: _Schema | None = None


class _Turn(msgspec.Struct):
    role: str = ""


_neutral = msgspec.json.Decoder(_Neutral | None).decode
_thinking = msgspec.json.Decoder(bool | str | _Budget | None).decode
_search = msgspec.json.Decoder(bool | _Search | None).decode
_flag = msgspec.json.Decoder(bool | None).decode
_persona = msgspec.json.Decoder(Persona | None).decode
_missing = msgspec.json.Decoder(Missing | None).decode
_format = msgspec.json.Decoder(_Format | None).decode
_word = msgspec.json.Decoder(str | None).decode
_object = msgspec.json.Decoder(dict[str, msgspec.Raw] | None).decode
_turns = msgspec.json.Decoder(list[_Turn]).decode
# What decoding raises for bytes of another shape.
_ELSE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read_options(fields: Mapping[str, bytes | msgspec.Raw]) -> Options | None:
    """What the members of a request ask for; None where they ask for nothing and there is no ``fenli``.

    OpenAI's own members are a vendor's to judge: one that cannot be read asks for nothing. Raises CallRefused.
    """
    names = ", ".join(_Neutral.__struct_fields__)
    neutral = _read(_neutral, fields.get("fenli", b"null"), "fenli", f"an object with some of {names}") or _Neutral()
    thinking = _thinking_of(neutral.thinking) or _effort_of(fields)
    search = _search_of(neutral.search) or _web_search_of(fields)
    schema = _schema_of(fields)
    if thinking is None and search is None and schema is None and "fenli" not in fields:
        return None
    _check_once(thinking, "reasoning_effort", fields)
    _check_once(search, "web_search_options", fields)
    persona = _persona_of(neutral.persona)
    prefix = bool(_read(_flag, neutral.prefix, "fenli.prefix", "true or false"))
    if prefix or persona is not None:
        _check_turns(fields, prefix=prefix)
    missing = _read(_missing, neutral.missing, "fenli.missing", '"refuse" or "downgrade"')
    return Options(thinking, search, prefix, persona, schema, missing)


def _thinking_of(raw: msgspec.Raw) -> Thinking | None:
    wanted = 'true, false, "low", "medium", "high" or {"budget": tokens}'
    said: Any = _read(_thinking, raw, "fenli.thinking", wanted)
    if isinstance(said, str):
        if said not in LEVELS:
            raise _wrong("fenli.thinking", raw, wanted)
        return Thinking(True, said)
    if isinstance(said, _Budget):
        if not 1 <= said.budget <= BUDGET_MAX:
            raise _wrong("fenli.thinking.budget", str(said.budget).encode(), f"from 1 to {BUDGET_MAX}")
        return Thinking(True, budget=said.budget)
    return None if said is None else Thinking(said)


def _effort_of(fields: Mapping[str, bytes | msgspec.Raw]) -> Thinking | None:
    said = _tried(_word, fields.get("reasoning_effort"))
    if said is None:
        return None
    return Thinking(said != "none", None if said == "none" else said, member="reasoning_effort")


def _search_of(raw: msgspec.Raw) -> Search | None:
    said: Any = _read(_search, raw, "fenli.search", 'true, false or {"citations": true, "force": false}')
    if isinstance(said, _Search):
        return Search(said.citations, said.force)
    return Search() if said else None


def _web_search_of(fields: Mapping[str, bytes | msgspec.Raw]) -> Search | None:
    said = _tried(_object, fields.get("web_search_options"))
    return None if said is None else Search(hints=bool(said), member="web_search_options")


def _persona_of(raw: msgspec.Raw) -> Persona | None:
    names = ", ".join(field.name for field in msgspec.structs.fields(Persona))
    wanted = f'an object with some of {names}, all of them text but examples: [{{"user": text, "bot": text}}]'
    persona: Persona | None = _read(_persona, raw, "fenli.persona", wanted)
    if persona == Persona():
        raise _wrong("fenli.persona", raw, wanted)
    return persona


def _schema_of(fields: Mapping[str, bytes | msgspec.Raw]) -> Schema | None:
    said = _tried(_format, fields.get("response_format"))
    if said is None or said.type != "json_schema" or said.json_schema is None:
        return None
    return Schema(said.json_schema.name, bytes(said.json_schema.schema) or b"{}")


def _check_turns(fields: Mapping[str, bytes | msgspec.Raw], *, prefix: bool) -> None:
    """These options may be told among the messages. A prefix is what the answer begins with, so the last of them must
    be the assistant's."""
    turns: list[_Turn] = _read(_turns, fields["messages"], "messages", "a list of objects")
    last = turns[-1].role if turns else "none"
    if prefix and last != "assistant":
        message = f"'fenli.prefix' continues the last message, whose role is {last!r}: end with an assistant's message"
        raise CallRefused(Code.INVALID_VALUE, message, "fenli.prefix")


def _check_once(asked: Thinking | Search | None, standard: str, fields: Mapping[str, bytes | msgspec.Raw]) -> None:
    if asked is None or asked.member == standard or bytes(fields.get(standard, b"null")) == b"null":
        return
    message = f"{asked.member!r} and {standard!r} ask for the same thing: send one of the two"
    raise CallRefused(Code.INVALID_VALUE, message, asked.member)


def _read(decode: Any, raw: bytes | msgspec.Raw, name: str, wanted: str) -> Any:
    try:
        return decode(raw)
    except _ELSE as error:
        raise _wrong(name, raw, wanted, str(error)) from None


def _tried(decode: Any, raw: bytes | msgspec.Raw | None) -> Any:
    try:
        return None if raw is None else decode(raw)
    except _ELSE:
        return None


def _wrong(name: str, raw: bytes | msgspec.Raw, wanted: str, why: str = "") -> CallRefused:
    shown = bytes(raw)[:60].decode(errors="replace")
    told = f" ({why})" if why.startswith("Object contains unknown field") else ""
    return CallRefused(Code.INVALID_VALUE, f"{name!r} must be {wanted}, not {shown}{told}", name)
