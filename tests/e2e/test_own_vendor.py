"""A vendor that fenli does not know is one block of configuration, as docs/vendors.md shows it, and no code."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import openai
import pytest
from fenli_service import emulated_market, serving

from fenli.market.market import market_key

PAGE = (Path(__file__).parents[2] / "docs" / "vendors.md").read_text("utf-8")
QUESTION = [{"role": "user", "content": "Who are you?"}]


@pytest.fixture(scope="module")
def fenli(tmp_path_factory):
    """The page's block and price file, word for word but for the address and the model that the market has there."""
    folder = tmp_path_factory.mktemp("own")
    section = PAGE[PAGE.index("## A vendor of your own") :]
    block, prices = (
        text.replace("acme-large", "gpt-5-mini") for text in re.findall(r"```toml\n(.*?)```", section, re.DOTALL)
    )
    with emulated_market("--at-once", "--vendor=openai") as port:
        block = block.replace("https://llm.acme.example/v1", f"http://127.0.0.1:{port}/openai/v1")
        (folder / "prices").mkdir()
        (folder / "prices" / "acme.toml").write_text(prices)
        environ = {"ACME_API_KEY": market_key("openai")}
        with serving(folder / "data", config=block + "\n[local]\nenabled = false\n", environ=environ) as running:
            yield running


def test_it_answers_whole_and_streamed_at_its_own_price(fenli, client):
    whole = client.chat.completions.create(model="acme/gpt-5-mini", messages=QUESTION)
    assert whole.choices[0].message.content
    chunks = list(
        client.chat.completions.create(
            model="acme/gpt-5-mini", messages=QUESTION, stream=True, stream_options={"include_usage": True}
        )
    )
    entries = [entry for entry in fenli.listing("ledger", "list") if entry["outcome"] == "ok"]
    assert [(entry["vendor"], entry["grade"], entry["currency"]) for entry in entries] == [
        ("acme", "measured", "CNY")
    ] * 2
    for usage in (whole.usage, chunks[-1].usage):
        cached = usage.prompt_tokens_details.cached_tokens
        fresh = usage.prompt_tokens - cached
        cost = (fresh * 2 + cached * Decimal("0.5") + usage.completion_tokens * 8) / 10**6
        assert cost in [Decimal(entry["cost"]) for entry in entries]


def test_its_errors_are_errors(fenli, client):
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(model="acme/gpt-5-mini!rate_limited", messages=QUESTION)
    assert fenli.listing("ledger", "list")[0]["outcome"] == "rate_limited"
