#!/usr/bin/env python3
"""Writes the table of docs/matrix.md (`.venv/bin/python tools/matrix_table.py`): every vendor in every mode.

What has a mode is asked of the vendors themselves, so that a new one is in by being in the catalogue. A test compares;
others (`tests/gateway/test_matrix.py`) ask every cell of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from fenli.clock import SECOND
from fenli.errors import CallRefused, TicketNeeded
from fenli.market.flavours import FLAVOURS
from fenli.market.market import market_key
from fenli.vendors.catalog import VENDORS
from fenli.vendors.switches import Gap
from fenli.wire.openai_chat import ChatRequest, parse_request

PAGE = Path(__file__).parents[1] / "docs" / "matrix.md"
MARK: Final = "<!-- matrix -->\n"
# Long enough for a cache, so that a second call finds the first one's beginning there.
QUESTION: Final = {"role": "user", "content": "How many mills make a cent? 一分等于几厘? " * 16}
TOOL: Final = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
MODES: Final[dict[str, dict[str, Any]]] = {
    "text": {},
    "tools": {"tools": [TOOL]},
    "thinking": {"fenli": {"thinking": True}},
    "search": {"fenli": {"search": True}},
    "limit": {"max_tokens": 5},
}
_INSTANT: Final = 1_790_000_000 * SECOND
_ANYWHERE: Final = "://market.example/v1/project/deployments"  # in a shape that serves all: nobody is asked


class Run(NamedTuple):
    """One call of the matrix: what one vendor's ``model`` is asked for."""

    vendor: str
    model: str
    mode: str

    @property
    def fields(self) -> dict[str, Any]:
        return {"messages": [QUESTION], **MODES[self.mode]}


def runs() -> list[Run]:
    """Every vendor in every mode that it has, with the first model that has it."""
    found = []
    for name in VENDORS:
        for mode in MODES:
            model = next((model for model in chat_models(name) if has(name, model, mode)), None)
            if model is not None:
                found.append(Run(name, model, mode))
    return found


def chat_models(name: str) -> Iterator[str]:
    """The catalogue's, oldest last; where it has none, one of the names that the emulated vendor takes."""
    yield from (model.id for model in VENDORS[name].models if model.does == "chat")
    if not VENDORS[name].models:
        yield f"{FLAVOURS[name].model_prefixes[0]}-of-ours"


def has(name: str, model: str, mode: str) -> bool:
    """Whether the vendor has words for what the mode asks of this model."""
    return not _gaps(name, model, mode) and _can_be_said(name, model, _asked(mode))


def _asked(mode: str) -> ChatRequest:
    return parse_request(json.dumps({"model": "m", "messages": [QUESTION], **MODES[mode]}).encode())


def _gaps(name: str, model: str, mode: str) -> list[Gap]:
    options = _asked(mode).options
    return [] if options is None else VENDORS[name].switches.gaps(model, options)


def _can_be_said(name: str, model: str, ask: ChatRequest) -> bool:
    vendor = VENDORS[name]
    base_url = vendor.base_url.partition(":")[0] + _ANYWHERE
    try:
        vendor.request(vendor.address(base_url, market_key(name), model), ask, _INSTANT)
    except CallRefused:
        return False
    except TicketNeeded:
        pass  # which comes behind the refusals
    return True


def table() -> str:
    lines = [f"| vendor | {' | '.join(MODES)} | failures |", f"|---|{'---|' * len(MODES)}---:|"]
    asked = {(run.vendor, run.mode) for run in runs()}
    for name in VENDORS:
        cells = ["yes" if (name, mode) in asked else _instead(name, mode) for mode in MODES]
        lines.append(f"| `{name}` | {' | '.join(cells)} | {len(FLAVOURS[name].refusals)} |")
    return "\n".join(lines) + "\n"


def _instead(name: str, mode: str) -> str:
    gaps = [_gaps(name, model, mode) for model in chat_models(name)]
    return "nearly" if any(each and all(gap.near for gap in each) for each in gaps) else "-"


def written(page: str) -> str:
    """The page with the table as it should be."""
    before, mark, after = page.partition(MARK)
    return before + mark + table() + "\n" + after.partition("\n\n")[2]


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
