"""A request with its options in the vendor's own words; what the vendor lacks is said in words that any model reads.

    spliced   for vendors that speak OpenAI's dialect: everything the request asks for
    prepared  for vendors whose bodies are made afresh: only what they lack; the rest stays in `ChatRequest.options`

Only what an option touches is taken apart, and the caller's request stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from fenli.errors import CallRefused, Code
from fenli.vendors.role_play import named_turn, persona_text, role_messages
from fenli.vendors.switches import (
    TRUE,
    PersonaSwitch,
    Places,
    SchemaWay,
    SearchSwitch,
    Served,
    Switches,
    switch_of,
)
from fenli.wire.openai_chat import ChatRequest
from fenli.wire.openai_chat.options import Options, Persona
from fenli.wire.openai_chat.request import Member, encode_members

_object = msgspec.json.Decoder(dict[str, msgspec.Raw] | None).decode
_list = msgspec.json.Decoder(list[msgspec.Raw] | None).decode
_encode = msgspec.json.encode
_NULL: Final = b"null"
_ELSE: Final = (msgspec.DecodeError, UnicodeDecodeError)

CONTINUE: Final = (
    "Continue your last message from exactly where it ends. Begin with the next character; do not repeat or comment."
)
SCHEMA: Final = "Answer with JSON alone, which fits this JSON Schema:\n"
_JSON_OBJECT: Final = b'{"type":"json_object"}'


def spliced(ask: ChatRequest, switches: Switches, model: str) -> dict[str, Member]:
    """The members of the request for ``model``, a fresh dict. Only for a request with options. Raises CallRefused."""
    options = ask.options
    assert options is not None
    fields = ask.fields.copy()
    fields.pop("fenli", None)
    splice_thinking(fields, options, switches, model)
    if options.search is not None:
        served = switches.searches(model, options.search)
        _place(fields, served, options.search.member)
        switch = switch_of(switches.search, model)
        if switch is not None and switch.tool:
            _add_tool(fields, switch)
    if options.persona is not None:
        _play(fields, options.persona, switch_of(switches.persona, model))
    _fit_schema(fields, options, switches.schema_way(model))
    if options.prefix:
        prefix = switch_of(switches.prefix, model)
        if prefix is None:
            _ask_to_continue(fields)
        else:
            _put(fields, prefix.on)
            if prefix.mark:
                _mark_last(fields, {prefix.mark: TRUE})
    return fields


def prepared(ask: ChatRequest, switches: Switches, model: str) -> ChatRequest:
    """The request with what ``model`` lacks said in words, and the rest of its options; ``ask`` itself where there are
    none. Of the members that options were read from only a ``response_format`` that is taken is left."""
    options = ask.options
    if options is None:
        return ask
    fields = ask.fields.copy()
    for name in ("fenli", "reasoning_effort", "web_search_options"):
        fields.pop(name, None)
    if options.thinking is not None and switch_of(switches.thinking, model) is None:
        options = msgspec.structs.replace(options, thinking=None)
    if options.search is not None and switch_of(switches.search, model) is None:
        options = msgspec.structs.replace(options, search=None)
    if options.persona is not None and switch_of(switches.persona, model) is None:
        _play(fields, options.persona, None)
        options = msgspec.structs.replace(options, persona=None)
    if options.schema is not None and (way := switches.schema_way(model)) is not SchemaWay.TAKEN:
        _fit_schema(fields, options, way)
        options = msgspec.structs.replace(options, schema=None)
    if options.prefix and switch_of(switches.prefix, model) is None:
        _ask_to_continue(fields)
        options = msgspec.structs.replace(options, prefix=False)
    return ask.replaced(fields, options)


def splice_thinking(fields: dict[str, Member], options: Options, switches: Switches, model: str) -> None:
    """Only the thinking: what prices may depend on."""
    if options.thinking is not None:
        _place(fields, switches.thinks(model, options.thinking), options.thinking.member)


def _place(fields: dict[str, Member], served: Served, member: str) -> None:
    """OpenAI's own member goes where the vendor reads another."""
    if not served.kept:
        if not member.startswith("fenli."):
            fields.pop(member, None)
        _put(fields, served.places)


def _put(fields: dict[str, Member], places: Places) -> None:
    for place, value in places.items():
        name, _, rest = place.partition(".")
        if not rest:
            if bytes(fields.get(name, _NULL)) == _NULL:
                fields[name] = value
            continue
        try:
            inner: dict[str, Member] = dict(_object(fields.get(name, _NULL)) or {})
        except _ELSE:
            continue  # the vendor's own word in another shape: it stands
        _put(inner, {rest: value})
        fields[name] = encode_members(inner)


def _add_tool(fields: dict[str, Member], switch: SearchSwitch) -> None:
    """Beside the caller's tools, unless one of the same kind is among them."""
    try:
        tools = _list(fields.get("tools", _NULL)) or []
    except _ELSE:
        return
    if _kind(switch.tool) not in map(_kind, tools):
        fields["tools"] = _joined([*tools, switch.tool])


def _kind(tool: bytes | msgspec.Raw) -> tuple[Any, Any]:
    try:
        told: Any = msgspec.json.decode(tool)
    except _ELSE:
        return None, None
    kind = told.get("type") if isinstance(told, dict) else None
    function = told.get("function") if kind == "builtin_function" else None
    return kind, function.get("name") if isinstance(function, dict) else None


def _play(fields: dict[str, Member], persona: Persona, switch: PersonaSwitch | None) -> None:
    if switch is None or not (switch.places or switch.roles):
        with_system(fields, persona_text(persona))
    elif switch.roles:
        _play_roles(fields, persona, switch)
    else:
        _put(fields, {place: _encode(text) for place, text in _told(persona, switch).items()})
    if switch is not None and switch.named and persona.bot_name:
        messages = _list(fields["messages"]) or []
        last = _object(messages[-1]) if messages else None
        if last is not None and bytes(last.get("role", b"")) == b'"assistant"':
            _mark_last(fields, {"name": _encode(persona.bot_name), switch.named: TRUE})
        else:
            fields["messages"] = _joined([*messages, named_turn(persona.bot_name, switch.named)])


def _told(persona: Persona, switch: PersonaSwitch) -> dict[str, str]:
    """The text for each place of the switch."""
    elsewhere = {name: "" for name in switch.places if name != "bot_profile"}
    rest = msgspec.structs.replace(persona, **elsewhere)
    alone = rest == Persona(bot_profile=persona.bot_profile)
    texts = {name: getattr(persona, name) for name in switch.places}
    texts["bot_profile"] = persona.bot_profile if alone else persona_text(rest)
    return {switch.places[name]: text for name, text in texts.items() if text}


def _play_roles(fields: dict[str, Member], persona: Persona, switch: PersonaSwitch) -> None:
    first, others = role_messages(persona, switch.roles)
    messages = _list(fields["messages"]) or []
    if messages and _is_system(messages[0]):
        with_system(fields, first["content"], first.get("name", ""))
        messages = _list(fields["messages"]) or []
        fields["messages"] = _joined([messages[0], *map(_encode, others), *messages[1:]])
    else:
        fields["messages"] = _joined([*map(_encode, (first, *others)), *messages])


def _fit_schema(fields: dict[str, Member], options: Options, way: SchemaWay) -> None:
    if options.schema is None or way is SchemaWay.TAKEN:
        return
    with_system(fields, SCHEMA + options.schema.text.decode())
    if way is SchemaWay.OBJECT:
        fields["response_format"] = _JSON_OBJECT
    else:
        fields.pop("response_format", None)


def _ask_to_continue(fields: dict[str, Member]) -> None:
    messages = _list(fields["messages"]) or []
    fields["messages"] = _joined([*messages, _encode({"role": "user", "content": CONTINUE})])


def _mark_last(fields: dict[str, Member], marks: dict[str, bytes]) -> None:
    messages = _list(fields["messages"]) or []
    last: dict[str, Member] = dict(_object(messages[-1]) or {})
    _put(last, marks)
    fields["messages"] = _joined([*messages[:-1], encode_members(last)])


def with_system(fields: dict[str, Member], text: str, name: str = "") -> None:
    """``text`` before all that the conversation says, in its first system message where there is one.

    Raises CallRefused where that one says what is neither text nor parts."""
    messages = _list(fields["messages"]) or []
    named: dict[str, Member] = {"name": _encode(name)} if name else {}
    if messages and _is_system(messages[0]):
        first: dict[str, Member] = dict(_object(messages[0]) or {})
        first["content"] = _before(text, first.get("content", b'""'))
        rest = messages[1:]
    else:
        first = {"role": b'"system"', "content": _encode(text)}
        rest = messages
    fields["messages"] = _joined([encode_members({**named, **first}), *rest])


def _before(text: str, content: Member) -> bytes:
    said: Any = msgspec.json.decode(content)
    if isinstance(said, list):
        return _encode([{"type": "text", "text": text}, *said])
    if said is not None and not isinstance(said, str):
        message = "the first system message must have a text or a list of parts in 'content'"
        raise CallRefused(Code.INVALID_VALUE, message, "messages[0].content")
    return _encode(f"{text}\n\n{said}" if said else text)


def _is_system(message: msgspec.Raw) -> bool:
    try:
        found = _object(message)
    except _ELSE:
        return False
    return found is not None and bytes(found.get("role", b"")) in (b'"system"', b'"developer"')


def _joined(items: Iterable[bytes | msgspec.Raw]) -> bytes:
    return b"[%b]" % b",".join(items)
