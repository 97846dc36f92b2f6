"""What a file says of a vendor's options, where it knows better than fenli, or the vendor is one of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from fenli.vendors.switches import (
    PersonaSwitch,
    PrefixSwitch,
    SchemaSwitch,
    SchemaWay,
    SearchSwitch,
    Switches,
    ThinkingSwitch,
)
from fenli.wire.openai_chat.options import LEVELS

Members = dict[str, Any]
Level = Literal["minimal", "low", "medium", "high", "xhigh", "max"]


class Thinking(Struct, frozen=True, forbid_unknown_fields=True):
    """The members that turn thinking on and off, the place of a level and the levels there are, that of a budget."""

    on: Members = {}
    off: Members | None = None
    effort: str | None = None
    levels: list[Level] | None = None
    budget: str | None = None


class Search(Struct, frozen=True, forbid_unknown_fields=True):
    """The members that turn a search on, or the tool that does; those that ask for sources, and for a search at all
    events; the tokens that what it finds comes to at most."""

    on: Members = {}
    tool: Members | None = None
    citations: Members = {}
    force: Members = {}
    tokens: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None

    @property
    def bounds(self) -> bool:
        """Whether a bound is all that it says, for the searches that fenli knows."""
        return self.tokens is not None and self == Search(tokens=self.tokens)


class Prefix(Struct, frozen=True, forbid_unknown_fields=True):
    """The mark of the last message, the members of the request, or the path, that have a beginning continued."""

    mark: str | None = None
    on: Members = {}
    base: str | None = None


class Persona(Struct, frozen=True, forbid_unknown_fields=True):
    """The place of each field; the rest of a persona goes along with ``bot_profile``. With no place at
    all it is told in words."""

    bot_name: str = ""
    bot_profile: str = ""
    user_name: str = ""
    user_profile: str = ""
    scene: str = ""

    @property
    def places(self) -> dict[str, str]:
        return {name: place for name in self.__struct_fields__ if (place := getattr(self, name))}


class Options(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Each stands in the place of what fenli knows, for every model of the vendor."""

    thinking: Thinking | None = None
    search: Search | None = None
    prefix: Prefix | None = None
    persona: Persona | None = None
    schema: Literal["taken", "object", "text"] | None = None

    @property
    def bounds(self) -> bool:
        """Whether it says nothing but what a search comes to at most."""
        return self.search is not None and self.search.bounds and self == Options(search=self.search)


NONE: Final = Options()


def switches_of(options: Options, known: Switches) -> Switches | None:
    """``known`` with what the file says instead; None where it says nothing."""
    if options == NONE:
        return None
    changes: dict[str, Any] = {}
    if (thinking := options.thinking) is not None:
        changes["thinking"] = (
            ThinkingSwitch(
                on=places(thinking.on),
                off=None if thinking.off is None else places(thinking.off),
                effort=thinking.effort or "",
                levels=LEVELS if thinking.levels is None else tuple(thinking.levels),
                budget=thinking.budget or "",
            ),
        )
    if (search := options.search) is not None:
        changes["search"] = _searches(search, known)
    if (prefix := options.prefix) is not None:
        changes["prefix"] = (PrefixSwitch(mark=prefix.mark or "", on=places(prefix.on), base=prefix.base or ""),)
    if options.persona is not None:
        changes["persona"] = (PersonaSwitch(places=options.persona.places),)
    if options.schema is not None:
        changes["schema"] = (SchemaSwitch(way=SchemaWay(options.schema)),)
    return msgspec.structs.replace(known, **changes)


def _searches(search: Search, known: Switches) -> tuple[SearchSwitch, ...]:
    if search.bounds:
        return tuple(msgspec.structs.replace(switch, tokens=search.tokens) for switch in known.search)
    tool = b"" if search.tool is None else msgspec.json.encode(search.tool)
    citations, force = places(search.citations), places(search.force)
    return (SearchSwitch(on=places(search.on), tool=tool, citations=citations, force=force, tokens=search.tokens),)


def places(members: Members) -> dict[str, bytes]:
    """The members by their places: a dot goes down one level, and what stands there is JSON."""
    return dict(_places(members, ""))


def _places(members: Members, above: str) -> Iterator[tuple[str, bytes]]:
    for name, value in members.items():
        if isinstance(value, dict) and value:
            yield from _places(value, f"{above}{name}.")
        else:
            yield above + name, msgspec.json.encode(value)
