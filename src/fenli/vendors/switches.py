"""Which of the options (`fenli.wire.openai_chat.options`) a vendor has, model by model, and what it calls them.

A place is a member of the request, a dot goes down one level; places come with the JSON to put there. What the caller
says in the vendor's own words stands: nothing is ever put where something is.

``models`` is a pattern for the beginning of a model's name, regardless of case; empty fits every model. Of several
switches for one option the first that fits counts, and a model that none fits does not have the option.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from functools import cache
from typing import Final, Protocol, TypeVar

import msgspec

from fenli.wire.openai_chat.options import LEVELS, Option, Options, Search, Thinking
from fenli.wire.openai_chat.request import Member

Places = Mapping[str, bytes]
TRUE: Final = b"true"
FALSE: Final = b"false"

# How several vendors switch thinking.
ENABLED: Final[Places] = {"thinking.type": b'"enabled"'}
DISABLED: Final[Places] = {"thinking.type": b'"disabled"'}

# Every level that any vendor has, weakest first; a level in tokens, for vendors that count them instead.
_RANKS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
BUDGETS: Final = {"minimal": 512, "low": 1_024, "medium": 8_192, "high": 24_576, "xhigh": 32_768, "max": 32_768}


class Gap(msgspec.Struct, frozen=True):
    """What a model does not do quite as asked. ``instead`` says what it does where that is taken.

    ``near``: it has the option and does nearly what was asked, so that nobody is refused for it.
    """

    option: Option
    member: str
    lacks: str
    instead: str
    near: bool = False


class Served(msgspec.Struct, frozen=True):
    """What to put into the request, and what of the option that leaves out. ``kept``: the caller's own member is what
    the vendor reads, and stays as it came."""

    places: Places
    gap: Gap | None = None
    kept: bool = False


class ThinkingSwitch(msgspec.Struct, frozen=True, kw_only=True):
    """``on`` is empty where the model thinks unasked, ``off`` None where it cannot but think. ``effort`` is the place
    of a level, ``levels`` those that are taken, weakest first; ``budget`` the place of the most tokens to think."""

    models: str = ""
    on: Places = {}
    off: Places | None = None
    effort: str = ""
    levels: tuple[str, ...] = LEVELS
    budget: str = ""

    def served(self, asked: Thinking) -> Served:
        if asked.member == self.effort and asked.on:
            return Served({}, kept=True)
        if not asked.on:
            if self.off is not None:
                return Served(self.off)
            least = {self.effort: _quoted(self.levels[0])} if self.effort else {}
            return Served(least, Gap(Option.THINKING, asked.member, "always thinks", "thinks as little as it can"))
        if asked.budget is not None:
            return self._budgeted(asked, asked.budget)
        if asked.effort is not None:
            return self._levelled(asked, asked.effort)
        return Served(self.on)

    def _budgeted(self, asked: Thinking, budget: int) -> Served:
        if self.budget:
            return Served({**self.on, self.budget: str(budget).encode()})
        if self.effort:
            level = next((level for level in LEVELS if budget <= BUDGETS[level]), LEVELS[-1])
            return Served(self._at(level), _near(asked, "has levels of thinking, and no limit in tokens"))
        return Served(self.on, _near(asked, "thinks or does not, and knows no limit in tokens"))

    def _levelled(self, asked: Thinking, level: str) -> Served:
        if level not in _RANKS:
            return Served(self.on, _near(asked, f"knows no level {level!r} of thinking"))
        if self.effort:
            gap = None if level in self.levels else _near(asked, f"thinks at {', '.join(self.levels)} only")
            return Served(self._at(level), gap)
        if self.budget:
            gap = _near(asked, "limits thinking in tokens, and has no levels")
            return Served({**self.on, self.budget: str(BUDGETS[level]).encode()}, gap)
        return Served(self.on, _near(asked, "thinks or does not, and has no levels"))

    def _at(self, level: str) -> Places:
        """The weakest level that is no weaker than ``level``, else the strongest."""
        rank = _RANKS.index(level)
        taken = next((one for one in self.levels if _RANKS.index(one) >= rank), self.levels[-1])
        return {**self.on, self.effort: _quoted(taken)}


class SearchSwitch(msgspec.Struct, frozen=True, kw_only=True):
    """``on`` and ``tool`` (one of ``tools``, as JSON) are both empty where the model searches unasked.

    ``citations`` and ``force`` are put there, too, where they are asked for. ``echoes``: the model asks for its search
    in a tool call, and the caller sends the call's arguments back as its result. ``shown`` is where answers have their
    sources, for people to read. ``tokens``: what is found comes to so many in the prompt at most, None where nobody
    says; ``most``: the searches that an answer is charged for at most.
    """

    models: str = ""
    on: Places = {}
    tool: bytes = b""
    citations: Places = {}
    force: Places = {}
    echoes: bool = False
    shown: str = ""
    tokens: int | None = None
    most: int = 1

    @property
    def unasked(self) -> bool:
        return not self.on and not self.tool

    def may_search(self, fields: Mapping[str, Member]) -> bool:
        """Whether a request of these members could have it search, in the vendor's own words or unasked."""
        if self.unasked or (self.tool and "tools" in fields and _mark(self.tool) in bytes(fields["tools"])):
            return True
        for place, value in self.on.items():
            name, _, rest = place.partition(".")
            if name in fields and (rest or bytes(fields[name]) == value):
                return True
        return False

    def served(self, asked: Search) -> Served:
        if asked.member in self.on:
            return Served({}, kept=True)
        places = {**self.on, **(self.citations if asked.citations else {}), **(self.force if asked.force else {})}
        near = ""
        if asked.hints:
            near = "takes no further wishes for a search"
        elif asked.force and not self.force and not self.unasked:
            near = "searches where it sees a need"
        elif self.echoes:
            near = "asks for a search in a tool call: send its arguments back as the result"
        gap = Gap(Option.SEARCH, asked.member, near, near, near=True) if near else None
        return Served(places, gap)


@cache
def _mark(tool: bytes) -> bytes:
    """What tools have in them where that one is among them, whichever version of it: its type, or its only member."""
    said: dict[str, object] = msgspec.json.decode(tool, type=dict[str, object])
    kind = said.get("type")
    name = kind if isinstance(kind, str) else next(iter(said), "")
    return b'"' + name.rstrip("_0123456789").encode()


class PrefixSwitch(msgspec.Struct, frozen=True, kw_only=True):
    """``mark`` is a member of the last message, ``on`` are places of the request. ``base`` is a path of its own, in
    the place of a version at the end of the base URL's."""

    models: str = ""
    mark: str = ""
    on: Places = {}
    base: str = ""


class PersonaSwitch(msgspec.Struct, frozen=True, kw_only=True):
    """Models made to play a role. ``places``: of the fields of `Persona`; what has none goes along with
    ``bot_profile``.

    ``roles``: the message role of each field, and of both sides of an example. ``named``: the mark of a last message
    that bears the character's name. With none of them a system message is the vendor's own way.
    """

    models: str = ""
    places: Mapping[str, str] = {}
    roles: Mapping[str, str] = {}
    named: str = ""


class SchemaWay(enum.StrEnum):
    TAKEN = "taken"  # response_format as it came
    OBJECT = "object"  # knows json_object
    TEXT = "text"  # knows neither


class SchemaSwitch(msgspec.Struct, frozen=True, kw_only=True):
    way: SchemaWay
    models: str = ""


class _Switch(Protocol):
    @property
    def models(self) -> str: ...


S = TypeVar("S", bound=_Switch)

_LACKS: Final = {
    Option.THINKING: ("does not think", "answers without thinking"),
    Option.SEARCH: ("has no web search", "answers without searching"),
    Option.PREFIX: ("does not continue a prefix", "is asked in a message of its own to go on"),
    Option.PERSONA: ("has no persona", "is told its role in a system message"),
    Option.SCHEMA: ("takes no JSON schema", "is told the schema in a system message"),
}


class Switches(msgspec.Struct, frozen=True, kw_only=True):
    """All of one vendor. A ``schema`` that no entry fits is passed on: nobody knows whether the model takes one."""

    thinking: tuple[ThinkingSwitch, ...] = ()
    search: tuple[SearchSwitch, ...] = ()
    prefix: tuple[PrefixSwitch, ...] = ()
    persona: tuple[PersonaSwitch, ...] = ()
    schema: tuple[SchemaSwitch, ...] = ()

    def has(self, option: Option) -> bool:
        """Whether any of its models has it."""
        if option is Option.SCHEMA:
            return any(switch.way is SchemaWay.TAKEN for switch in self.schema)
        found: tuple[object, ...] = getattr(self, option.value)
        return bool(found)

    @property
    def quiets(self) -> bool:
        """Whether any of its models that think can be told not to."""
        return any(switch.off is not None for switch in self.thinking)

    def holds(self, option: Option, model: str) -> bool | None:
        """Whether ``model`` has it; None where nobody knows, and it is tried."""
        if option is Option.SCHEMA:
            switch = switch_of(self.schema, model)
            return None if switch is None else switch.way is SchemaWay.TAKEN
        switches: tuple[_Switch, ...] = getattr(self, option.value)
        return switch_of(switches, model) is not None

    def gaps(self, model: str, options: Options) -> list[Gap]:
        """What ``model`` does not do quite as asked; empty where it does all of it."""
        gaps = [self.thinks(model, options.thinking).gap] if options.thinking is not None else []
        if options.search is not None:
            gaps.append(self.searches(model, options.search).gap)
        if options.prefix and switch_of(self.prefix, model) is None:
            gaps.append(_gap(Option.PREFIX, "fenli.prefix"))
        if options.persona is not None and switch_of(self.persona, model) is None:
            gaps.append(_gap(Option.PERSONA, "fenli.persona"))
        if options.schema is not None and self.schema_way(model) is not SchemaWay.TAKEN:
            gaps.append(_gap(Option.SCHEMA, "response_format"))
        return [gap for gap in gaps if gap is not None]

    def thinks(self, model: str, asked: Thinking) -> Served:
        switch = switch_of(self.thinking, model)
        if switch is not None:
            return switch.served(asked)
        return Served({}, _gap(Option.THINKING, asked.member) if asked.on else None)

    def searches(self, model: str, asked: Search) -> Served:
        switch = switch_of(self.search, model)
        return Served({}, _gap(Option.SEARCH, asked.member)) if switch is None else switch.served(asked)

    def schema_way(self, model: str) -> SchemaWay:
        switch = switch_of(self.schema, model)
        return SchemaWay.TAKEN if switch is None else switch.way


def switch_of(switches: tuple[S, ...], model: str) -> S | None:
    """The one that holds for ``model``."""
    return next((switch for switch in switches if re.match(switch.models, model, re.IGNORECASE)), None)


def _gap(option: Option, member: str) -> Gap:
    return Gap(option, member, *_LACKS[option])


def _near(asked: Thinking, why: str) -> Gap:
    return Gap(Option.THINKING, asked.member, why, "thinks as nearly so as it can", near=True)


def _quoted(word: str) -> bytes:
    return msgspec.json.encode(word)
