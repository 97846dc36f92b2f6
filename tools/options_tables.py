#!/usr/bin/env python3
"""Writes the tables of docs/options.md from the vendors' own data (`.venv/bin/python tools/options_tables.py`).

Which vendor has which option, and what it calls it. A test compares.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fenli.vendors.catalog import VENDORS
from fenli.vendors.contract import Vendor
from fenli.vendors.switches import (
    PersonaSwitch,
    PrefixSwitch,
    SchemaSwitch,
    SchemaWay,
    SearchSwitch,
    ThinkingSwitch,
    switch_of,
)
from fenli.wire.openai_chat.options import Option

PAGE = Path(__file__).parents[1] / "docs" / "options.md"
MATRIX = "| vendor | thinking | search | prefix | persona | JSON schema |\n|---|---|---|---|---|---|"
HOW = "| vendor | models | how |\n|---|---|---|"


def tables() -> dict[str, str]:
    """Each table by the mark that stands before it on the page."""
    matrix = [matrix_row(vendor) for vendor in VENDORS.values()]
    how = {option.value: [row for each in VENDORS.values() for row in rows_of(each, option)] for option in Option}
    return {"matrix": "\n".join([MATRIX, *matrix]), **{name: "\n".join([HOW, *rows]) for name, rows in how.items()}}


def written(page: str) -> str:
    """The page with the tables as they should be."""
    for mark, table in tables().items():
        before, found, after = page.partition(f"<!-- {mark} -->\n")
        page = before + found + table + "\n\n" + after.partition("\n\n")[2]
    return page


def places(*maps: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(f"`{place}`" for one in maps for place in one))


def thinking(switch: ThinkingSwitch) -> str:
    told = [f"on and off: {places(switch.on, switch.off)}" if switch.off is not None else "always thinks"]
    if switch.effort:
        told.append(f"level: `{switch.effort}` ({', '.join(switch.levels)})")
    if switch.budget:
        told.append(f"tokens: `{switch.budget}`")
    return "; ".join(told)


def search(switch: SearchSwitch) -> str:
    kind = json.loads(switch.tool) if switch.tool else None
    if kind is None:
        told = ["always searches" if switch.unasked else places(switch.on, switch.citations, switch.force)]
    else:
        told = [
            f"`tools`: `{kind.get('type') or next(iter(kind))}`"
            + (" `$web_search`, which you echo" if switch.echoes else "")
        ]
    if switch.shown:
        told.append(f"sources in {switch.shown if switch.shown.startswith('the ') else f'`{switch.shown}`'}")
    return "; ".join(told)


def prefix(switch: PrefixSwitch) -> str:
    told = [f"`{switch.mark}` of the last message"] if switch.mark else []
    told += [places(switch.on)] if switch.on else []
    return "; ".join(told + ([f"at `{switch.base}`"] if switch.base else [])) or "the last message as it is"


def persona(switch: PersonaSwitch) -> str:
    if switch.places:
        return places(switch.places.values())
    if switch.roles:
        return "roles " + places(switch.roles.values())
    return "system message" + (f", and a last message with `name` and `{switch.named}`" if switch.named else "")


def schema(switch: SchemaSwitch) -> str:
    return {SchemaWay.TAKEN: "yes", SchemaWay.OBJECT: "no: `json_object`", SchemaWay.TEXT: "no"}[switch.way]


TELL: dict[Option, Any] = {
    Option.THINKING: thinking,
    Option.SEARCH: search,
    Option.PREFIX: prefix,
    Option.PERSONA: persona,
    Option.SCHEMA: schema,
}


def rows_of(vendor: Vendor, option: Option) -> list[str]:
    """One row for each way of a vendor, with the models of the catalogue that go it; none where it lacks the option."""
    switches = getattr(vendor.switches, option.value)
    models = [model.id for model in vendor.models if model.does == "chat"]
    taken = {model: switch_of(switches, model) for model in models}
    rows, last = [], switches[-1] if switches else None
    for switch in switches:
        names = [model for model in models if taken[model] is switch]
        if len(names) == len(models):
            shown = "all"
        elif switch is last and None not in taken.values():
            shown = "the others"
        else:
            shown = ", ".join(f"`{name}`" for name in names) or beginnings(switch.models)
        rows.append(f"| `{vendor.id}` | {shown} | {TELL[option](switch)} |")
    return rows


def matrix_row(vendor: Vendor) -> str:
    models = [model.id for model in vendor.models if model.does == "chat"]
    return f"| `{vendor.id}` | {' | '.join(cell(vendor, option, models) for option in Option)} |"


def cell(vendor: Vendor, option: Option, models: list[str]) -> str:
    having = [vendor.switches.holds(option, model) for model in models]
    if None in having:
        return "some, as sent" if any(having) else "as sent"
    return "yes" if having and all(having) else "some" if any(having) or vendor.switches.has(option) else "-"


def beginnings(pattern: str) -> str:
    """The names that no catalogue has, by how they begin."""
    words = re.sub(r"^\(\?!(.*)\)$|\(\.\*/\)\?", r"\1", pattern)
    words = words.replace(r"\d", "1").replace(".*", "...").replace("\\", "")
    names = " or ".join(f"`{word}`" for word in words.split("|"))
    return f"names that do not begin with {names}" if pattern.startswith("(?!") else f"names that begin with {names}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
