"""docs/options.md tells what the vendors' own data say."""

from __future__ import annotations

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from fenli.errors import CallRefused, Code
from fenli.vendors.role_play import persona_text
from fenli.vendors.splicing import CONTINUE, SCHEMA
from fenli.vendors.switches import BUDGETS
from fenli.wire.openai_chat import parse_request
from fenli.wire.openai_chat.options import Persona

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "options.md").read_text("utf-8")
_spec = spec_from_file_location("options_tables", ROOT / "tools" / "options_tables.py")
assert _spec is not None
assert _spec.loader is not None
tool = module_from_spec(_spec)
_spec.loader.exec_module(tool)


def test_the_tables_are_those_of_the_vendors_data() -> None:
    assert tool.written(PAGE) == PAGE, "run .venv/bin/python tools/options_tables.py"


def test_the_words_of_a_downgrade_are_on_the_page() -> None:
    told = persona_text(Persona(bot_name="Lin", bot_profile="A tea merchant.", scene="A shop."))
    for words in (CONTINUE, SCHEMA.strip(), *told.splitlines()):
        assert words in PAGE


def test_levels_in_tokens_are_on_the_page() -> None:
    for level, tokens in BUDGETS.items():
        assert f"{level} {tokens:,}" in PAGE


def test_every_request_on_the_page_can_be_read() -> None:
    blocks = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) >= 3
    for block in blocks:
        assert parse_request(block.encode()).options is not None


def test_the_code_is_on_the_page() -> None:
    assert f"`{Code.OPTION_NOT_SUPPORTED}`" in PAGE
    with pytest.raises(CallRefused):
        parse_request(b'{"model":"m","messages":[],"fenli":{"serach":true}}')
