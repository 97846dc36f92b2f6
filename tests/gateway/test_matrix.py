"""Every vendor of the catalogue in every mode that it has, asked by one OpenAI client through the app.

What the client reads is what the emulated vendor says that it served, and the cost is the price book's. Vendors and
modes are those of the table in docs/matrix.md, which is made of the catalogue: a new vendor is in by being there.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from matrix_list import matrix
from rehearsed import Rehearsal
from rehearsed_client import AppTransport, client_of

from fenli.errors import NoOffer
from fenli.ledger.records import OK, Grade, Settled
from fenli.market.bills import Bills
from fenli.market.faults import parse_fault
from fenli.market.flavours import FLAVOURS
from fenli.market.replies import Prompt, Reply, Synthetic
from fenli.market.served import Serving
from fenli.market.usage import Count
from fenli.prices.book import PriceBook
from fenli.prices.facts import Facts
from fenli.prices.tariff import Rating
from fenli.sim.kernel import START
from fenli.sim.random import Stream
from fenli.values.money import decimal_of
from fenli.values.usage import READ, WRITTEN
from fenli.vendors.catalog import VENDORS
from fenli.vendors.openai_compatible import OpenAICompatible

RUNS = [pytest.param(run, id=f"{run.vendor}-{run.mode}") for run in matrix.runs()]
# Who has no word for it: an answer just stops at its limit, or where a filter ended it.
WITHOUT_LENGTH = ("huawei-pangu", "iflytek-ws")
WITHOUT_FILTER = ("huawei-pangu", "iflytek-ws", "ollama-native")
CACHES_WHAT_IS_MARKED = ("anthropic",)
UNCOUNTED_CACHE = ("ollama-native",)  # what its cache has of a prompt is neither evaluated nor counted
# Who tells its searches, but not in its usage object: the number stands beside it under this name.
BESIDE_USAGE = {"google": "webSearchQueryCount"}
# Made up, for models that nobody has a price of: digits down to the last pico.
HEAD = 'vendor = "{name}"\nnames = {{ en = "{name}", zh = "{name}" }}\ncurrency = "CNY"\ninstant_basis = "start"\n'
ROW = """
[[offers]]
model = "{model}"
effective_from = 2026-01-01T00:00:00Z
currency = "{currency}"
unit = "1M_tokens"
prices = {{ input = "1.000001", output = "4.000007" }}
source = "this test"
confidence = "high"
"""


class Remembering:
    """Says what the emulated vendors say by themselves, and keeps the last of it."""

    def __init__(self) -> None:
        self._said = Synthetic()
        self.last = Reply()

    def reply(self, prompt: Prompt, chance: Stream) -> Reply:
        self.last = self._said.reply(prompt, chance)
        return self.last


class Shared(Bills):
    """Who sells another's models charges what that one does, where it has no prices of its own."""

    def charge(self, vendor: str, model: str, *used: Any) -> Rating | None:
        return super().charge(price_name(self.book, vendor), model, *used)


class Answer(msgspec.Struct):
    """An answer, whole or streamed, as the client has read it."""

    id: str = ""
    text: str = ""
    reasoning: str = ""
    calls: list[tuple[str, str]] = []
    finish: list[str] = []
    usage: Any = None

    def add(self, part: Any, member: str) -> None:
        """``part`` is a message or a delta; ``member`` where it has its reasoning."""
        self.text += part.content or ""
        self.reasoning += (part.model_extra or {}).get(member) or ""
        for at, call in enumerate(part.tool_calls or ()):
            if call.type not in (None, "function"):
                continue  # a record of what the vendor did itself
            index = getattr(call, "index", at)
            name, arguments = self.calls.pop() if index < len(self.calls) else ("", "")
            self.calls.append((name + (call.function.name or ""), arguments + (call.function.arguments or "")))


def price_name(book: PriceBook, vendor: str) -> str:
    own = VENDORS[vendor]
    return next((name for name in (own.id, own.sells) if name in book.vendors()), vendor)


def priced(folder: Path) -> PriceBook:
    """The price book, with rows of ours for what nobody has a price of: unknown would be equal to unknown."""
    book, rows = PriceBook.load(), dict[str, str]()
    for name, model in dict.fromkeys((price_name(book, run.vendor), run.model) for run in matrix.runs()):
        known = name in book.vendors()
        if book.tariff(name, model) is None:
            currency = book.currency(name) if known else "CNY"
            begun = rows.get(name) or (f'vendor = "{name}"\n' if known else HEAD.format(name=name))
            rows[name] = begun + ROW.format(model=model, currency=currency)
    for name, text in rows.items():
        (folder / f"{name}.toml").write_text(text)
    return PriceBook.load(folder)


class Stage:
    """All vendors at once, each with a price for what it is asked here."""

    def __init__(self, folder: Path) -> None:
        self.book = priced(folder)
        self.said = Remembering()
        names = {vendor: price_name(self.book, vendor) for vendor in VENDORS}
        self.rehearsal = Rehearsal(
            VENDORS,
            offers={vendor: self.book.offers(name) for vendor, name in names.items()},
            currencies={vendor: self.book.currency(name) for vendor, name in names.items()},
            bills=Shared(self.book),
        )
        for emulated in self.rehearsal.market.vendors.values():
            emulated.behaviour = self.said
        self.rehearsal.sim.run(until=max(START, *map(self._priced_from, matrix.runs())))
        self.asked = 0
        self.transport = AppTransport(self.rehearsal)
        self.client = client_of(self.transport)

    def _priced_from(self, run: Any) -> int:
        tariff = self.book.tariff(price_name(self.book, run.vendor), run.model)
        assert tariff is not None
        return min(offer.effective_from for offer in tariff.offers)

    def ask(self, vendor: str, model: str, fields: dict[str, Any], stream: bool) -> Answer:
        """What goes before is the same each time, so that caches have it, and the question is another."""
        self.asked += 1
        said = [
            {"role": "assistant", "content": "Ten. 十厘。"},
            {"role": "user", "content": f"Are you sure? {self.asked}"},
        ]
        asked = fields | {"messages": [*fields["messages"], *said]}
        own = {"fenli": asked.pop("fenli")} if "fenli" in asked else {}
        if stream:
            asked |= {"stream": True, "stream_options": {"include_usage": True}}
        raw = self.client.chat.completions.with_raw_response.create(
            model=f"{vendor}/{model}", extra_body=own, extra_headers={"x-fenli-cost": "true"}, **asked
        )
        compatible = isinstance(VENDORS[vendor], OpenAICompatible)
        member = FLAVOURS[vendor].reasoning_member if compatible else "reasoning_content"
        found, parsed = Answer(), raw.parse()
        for part in parsed if stream else [parsed]:
            found.id = found.id or part.id
            for choice in part.choices:
                found.add(choice.delta if stream else choice.message, member)
                found.finish += [choice.finish_reason] if choice.finish_reason else []
            found.usage = part.usage or found.usage
        return found

    def fails(self, vendor: str, fault: str) -> None:
        """The next answer of the vendor does."""
        self.rehearsal.market.vendors[vendor].faults.queue.append(parse_fault(fault))

    @property
    def served(self) -> Serving:
        return self.rehearsal.served[-1]

    def meters(self) -> dict[str, int]:
        """What the last answer told of its usage."""
        assert self.served.told is not None
        told = json.loads(self.served.told)
        if self.served.searches and self.served.vendor in BESIDE_USAGE:
            told[BESIDE_USAGE[self.served.vendor]] = self.served.searches
        return VENDORS[self.served.vendor].usage(json.dumps(told).encode())

    def usage(self) -> dict[str, Any]:
        """The last answer's, its numbers to the last digit."""
        got = self.transport.exchanges[-1].got
        lines = [line[5:] for line in got.split(b"\n") if line.startswith(b"data: {")] or [got]
        parts = [json.loads(line, parse_float=Decimal, parse_int=Decimal) for line in lines]
        return next(part["usage"] for part in parts if "cost" in (part.get("usage") or ()))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(tmp_path_factory.mktemp("prices"))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("run", RUNS)
def test_the_answer_is_what_was_served_and_costs_what_the_price_book_says(stage: Stage, run: Any, stream: bool) -> None:
    before = len(stage.rehearsal.served)
    found = stage.ask(run.vendor, run.model, run.fields, stream)
    assert len(stage.rehearsal.served) == before + 1
    check_words(run, found, stage.said.last, stage.served)
    check_usage(run.vendor, stage, found)
    check_cost(run, stage)


def check_words(run: Any, found: Answer, said: Reply, served: Serving) -> None:
    flavour = FLAVOURS[run.vendor]
    senses = flavour.senses
    unasked = senses is not None and senses.searching is not None and re.match(senses.searching, run.model)
    assert served.searches == (run.mode == "search" or bool(unasked))
    assert served.reasoning_tokens > 0 or run.mode != "thinking"
    reasoning = said.reasoning if flavour.shows_reasoning else ""
    text = f"{said.text} [1]" if served.searches and found.text.endswith(" [1]") else said.text
    if run.mode == "limit":
        assert served.completion_tokens == matrix.MODES["limit"]["max_tokens"]
        assert (text.startswith(found.text), reasoning.startswith(found.reasoning)) == (True, True)
        assert found.text or found.reasoning or not flavour.shows_reasoning
        assert found.finish == ["stop" if run.vendor in WITHOUT_LENGTH else "length"]
        return
    assert (found.reasoning, found.text) == (reasoning, text)
    assert found.calls == [(call.name, call.arguments) for call in said.tool_calls]
    assert found.finish == ["tool_calls" if run.mode == "tools" else "stop"]


def check_usage(vendor: str, stage: Stage, found: Answer) -> None:
    """The caller's numbers are the vendor's, and the vendor's are the truth as far as it tells."""
    served, usage, meters = stage.served, stage.usage(), stage.meters()
    uncounted = vendor in UNCOUNTED_CACHE
    prompt = served.prompt_tokens - served.cached_tokens * uncounted
    assert usage["prompt_tokens"] == found.usage.prompt_tokens == prompt
    assert usage["completion_tokens"] == found.usage.completion_tokens == served.completion_tokens
    assert sum(meters.get(meter, 0) for meter in READ) == prompt
    assert sum(meters.get(meter, 0) for meter in WRITTEN) == served.completion_tokens
    assert meters.get("reasoning", 0) == (served.reasoning_tokens if tells(vendor, reasoning=7) else 0)
    cached = tells(vendor, cached=7) and not uncounted
    assert meters.get("cached_input", 0) == (served.cached_tokens if cached else 0)
    told = tells(vendor, searches=1) or vendor in BESIDE_USAGE
    assert meters.get("searches", 0) == (served.searches if told else 0)


def check_cost(run: Any, stage: Stage) -> None:
    """To the pico; and where the vendor tells all that it charges for, it is the vendor's own charge."""
    served, usage = stage.served, stage.usage()
    name = price_name(stage.book, run.vendor)
    tariff = stage.book.tariff(name, run.model)
    assert tariff is not None
    booked = stage.rehearsal.booked
    assert isinstance(booked, Settled)
    assert (booked.outcome, booked.final, booked.status) == (OK, True, 101 if FLAVOURS[run.vendor].in_messages else 200)
    assert booked.usage == stage.meters()
    raw, sent = json.loads(booked.raw_usage or b""), json.loads(served.told or "")
    assert raw | sent == raw
    try:
        rating = tariff.rate(stage.meters(), served.at, Facts(thinking=served.reasoning_tokens > 0))
    except NoOffer:
        assert stage.meters()["searches"] == 1  # it counts them, and nobody says what one costs
        assert (usage["cost"], served.cost, booked.picos, booked.grade) == (None, None, None, Grade.UNKNOWN)
        return
    details = usage["cost_details"]
    assert (details["currency"], details["grade"]) == (stage.book.currency(name), "measured")
    assert (booked.picos, booked.offer, booked.currency) == (rating.picos, rating.offer, rating.currency)
    assert (usage["cost"], details["offer"]) == (Decimal(decimal_of(rating.picos)), rating.offer)
    all_told = not served.searches or "searches" in stage.meters()
    if all_told and run.vendor not in UNCOUNTED_CACHE:
        assert (served.cost, served.price) == (decimal_of(rating.picos), rating.offer)


def tells(vendor: str, **count: int) -> bool:
    """Whether the vendor's usage object shows such a count."""
    usage, some = FLAVOURS[vendor].usage, Count(prompt=100, completion=100)
    return usage.object(some) != usage.object(msgspec.structs.replace(some, **count))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("vendor", VENDORS)
def test_an_answer_that_a_filter_ended_says_so_and_counts_what_was_said(
    stage: Stage, vendor: str, stream: bool
) -> None:
    stage.fails(vendor, "filtered_inside@6")
    found = stage.ask(vendor, next(matrix.chat_models(vendor)), {"messages": [matrix.QUESTION]}, stream)
    compatible = isinstance(VENDORS[vendor], OpenAICompatible)
    word = FLAVOURS[vendor].filtered if compatible else "content_filter"
    assert found.finish == ["stop" if vendor in WITHOUT_FILTER else word]
    assert stage.served.completion_tokens == found.usage.completion_tokens == 6


@pytest.mark.parametrize("vendor", VENDORS)
def test_what_a_cache_served_is_counted_as_that_where_the_vendor_tells(stage: Stage, vendor: str) -> None:
    run = matrix.Run(vendor, next(matrix.chat_models(vendor)), "text")
    stage.ask(vendor, run.model, run.fields, stream=False)
    found = stage.ask(vendor, run.model, run.fields, stream=True)
    assert stage.served.cached_tokens >= 64 or vendor in CACHES_WHAT_IS_MARKED
    check_usage(vendor, stage, found)
    check_cost(run, stage)
