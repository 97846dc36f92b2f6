"""From TOML data to the document's structs, noting every problem instead of stopping at the first."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal, TypeVar, cast

import msgspec

from fenli.config.problems import Path, Problem, did_you_mean, dotted, nearest
from fenli.config.references import Reference
from fenli.config.spans import Span

T = TypeVar("T", bound=msgspec.Struct)
Rule = Callable[[Any, Path], Iterator[Problem]]

_REFUSED: Final = object()
_UNIONS: Final = (types.UnionType, typing.Union)
_EXPECTED = re.compile(r"Expected `([^`]+)`(?: ([^,]+))?(?:, got `([^`]+)`)?", re.DOTALL)
_NAMES = {
    "str": "a string", "int": "a whole number", "bool": "true or false", "array": "a list", "object": "a section",
    "float": "a number with a point", "date": "a date", "datetime": "a date", "time": "a time",
}  # fmt: skip
_BUILTIN = {dict: "object", list: "array", str: "str", int: "int", bool: "bool", float: "float"}


def shape(data: dict[str, Any], document: type[T], rules: dict[type[Any], Rule]) -> tuple[T | None, list[Problem]]:
    """The struct, or None and why not. ``rules`` judge a struct of their type once its fields are sound."""
    walk = _Walk(rules)
    built = walk.build(document, data, ())
    return (None if built is _REFUSED else cast(T, built)), walk.problems


class _Walk:
    def __init__(self, rules: dict[type[Any], Rule]) -> None:
        self.problems: list[Problem] = []
        self._rules = rules

    def build(self, kind: Any, value: Any, path: Path) -> Any:
        kind = _bare(kind)
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return self._table(kind, value, path)
        shell = kind.__origin__ if typing.get_origin(kind) is typing.Annotated else kind
        origin = typing.get_origin(shell)
        if origin is dict and isinstance(value, dict):
            built = {key: self.build(typing.get_args(shell)[1], item, (*path, key)) for key, item in value.items()}
            return _REFUSED if _REFUSED in built.values() else built
        if origin is list and isinstance(value, list) and value:
            items = [self.build(typing.get_args(shell)[0], item, (*path, index)) for index, item in enumerate(value)]
            return _REFUSED if any(item is _REFUSED for item in items) else items
        return self._leaf(kind, value, path)

    def _table(self, kind: type[msgspec.Struct], value: Any, path: Path) -> Any:
        if not isinstance(value, dict):
            return self._refuse(path, f"must be a section, not {_name(value)}")
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        built = {}
        for key, item in value.items():
            if key not in fields:
                built[key] = self._refuse((*path, key), _unknown(key, path, fields))
            else:
                built[key] = self.build(fields[key].type, item, (*path, key))
        meant = {nearest(key, fields) for key in value if key not in fields}
        for name, field in fields.items():
            if field.required and name not in value and name not in meant:
                built[name] = self._refuse(path, f'needs the field "{name}"')
        if any(item is _REFUSED for item in built.values()):
            return _REFUSED
        return self._judge(kind(**built), path)

    def _judge(self, struct: msgspec.Struct, path: Path) -> Any:
        rule = self._rules.get(type(struct))
        found = list(rule(struct, path)) if rule else []
        self.problems += found
        return _REFUSED if found else struct

    def _leaf(self, kind: Any, value: Any, path: Path) -> Any:
        try:
            return msgspec.convert(value, kind, dec_hook=read_custom)
        except msgspec.ValidationError as error:
            return self._refuse(path, _explain(kind, value, str(error)))

    def _refuse(self, path: Path, message: str) -> object:
        self.problems.append(Problem(path, message))
        return _REFUSED


def read_custom(kind: type[Any], value: object) -> Any:
    """msgspec's hook for the two types of our own."""
    if issubclass(kind, Span | Reference):
        return kind.parse(value)
    raise NotImplementedError(kind)


def _bare(kind: Any) -> Any:
    """``X | None`` is X, since TOML has no null."""
    if typing.get_origin(kind) in _UNIONS:
        kinds = [one for one in typing.get_args(kind) if one is not types.NoneType]
        return kinds[0] if len(kinds) == 1 else kind
    return kind


def _unknown(key: str, path: Path, fields: dict[str, Any]) -> str:
    where = _section(path) if path else "the file"
    if nearest(key, fields) is None:
        return f"is no field of {where}: there are {', '.join(fields)}"
    return f"is no field of {where}: {did_you_mean(key, fields)}"


def _section(path: Path) -> str:
    return f"[[{dotted(path[:-1])}]]" if isinstance(path[-1], int) else f"[{dotted(path)}]"


def _explain(kind: Any, value: Any, message: str) -> str:
    """msgspec's message in the words of somebody who edits a file."""
    choices = _choices(kind)
    if choices:
        options = ", ".join(f'"{choice}"' if isinstance(choice, str) else str(choice).lower() for choice in choices)
        close = nearest(value, [one for one in choices if isinstance(one, str)]) if isinstance(value, str) else None
        return f"{_quoted(value)} is none of {options}" + (f': did you mean "{close}"?' if close else "")
    match = _EXPECTED.fullmatch(message)
    if match is None:
        return message
    wanted, constraint, got = match.groups()
    if constraint == "of length >= 1":
        return "must not be empty"
    if constraint is not None and "regex" in constraint:
        return f"{_quoted(value)} is not a currency: write its ISO 4217 code, such as CNY or USD"
    refused = f", not {_quoted(value)}" if got is None else f", not {_NAMES.get(got, got)}"
    return f"must be {_NAMES.get(wanted, wanted)}{f' {constraint}' if constraint else ''}{refused}"


def _quoted(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def _choices(kind: Any) -> list[Any]:
    if typing.get_origin(kind) is Literal:
        return list(typing.get_args(kind))
    if typing.get_origin(kind) in _UNIONS:
        found = [choice for one in typing.get_args(kind) for choice in _choices(one)]
        return [*found, True, False] if bool in typing.get_args(kind) else found
    return []


def _name(value: object) -> str:
    return _NAMES[_BUILTIN.get(type(value), "date")]
