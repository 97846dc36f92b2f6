"""Prices of a scenario: dated rows, the same whether they are kept in memory or written as price files."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

from fenli.clock import SECOND
from fenli.market.scenario_files import load_scenario, read_scenario
from fenli.market.scenario_prices import DAY, price_files, scenario_rows
from fenli.market.scenario_rows import row_table
from fenli.market.timeline import Timeline, parse_speed
from fenli.prices.book import PriceBook
from fenli.prices.offers import Offer, offer_id
from fenli.prices.rows import RowReader
from fenli.values.toml_text import toml_of

BOOK = PriceBook.load()
BEGIN = 1_790_000_000 * SECOND
HOUR = 3600 * SECOND


def timeline(events: str, speed: str = "1") -> Timeline:
    return Timeline(read_scenario("x", f'title = "x"\n{events}', BOOK), BEGIN, parse_speed(speed))


def price(at: str, model: str, amount: str, more: str = "", vendor: str = "deepseek") -> str:
    return (
        f'[[events]]\nat = "{at}"\nkind = "price"\nvendor = "{vendor}"\nmodel = "{model}"\n'
        f'prices = {{ input = "{amount}", output = "{amount}" }}\n{more}\n'
    )


def written(rows: Iterable[Offer], folder: Path) -> PriceBook:
    for name, text in price_files(rows, BOOK).items():
        (folder / name).write_text(text)
    return PriceBook.load(folder)


def cost(book: PriceBook, model: str, after: int, vendor: str = "deepseek") -> str | None:
    tariff = book.tariff(vendor, model)
    assert tariff is not None
    return tariff.find(BEGIN + after, {"input": 1}).quoted("input")


def test_every_row_of_the_book_can_be_written_and_read_back() -> None:
    calendars = {
        row.conditions.window.calendar.name: row.conditions.window.calendar
        for row in BOOK.every()
        if row.conditions.window is not None and row.conditions.window.calendar is not None
    }
    for row in BOOK.every():
        table = tomllib.loads(toml_of({"row": row_table(row)}))["row"]
        reader = RowReader(row.vendor, table, calendars)
        read = reader.offer()
        assert read is not None, reader.problems
        assert (read.id, read.effective_to, read.conditions) == (offer_id(row), row.effective_to, row.conditions)


def test_a_price_holds_until_the_next_one_or_to_its_own_end(tmp_path: Path) -> None:
    told = timeline(
        price("1h", "deepseek-v4-pro", "7") + price("3h", "deepseek-v4-pro", "9", 'for = "1h"')
        + price("6h", "deepseek-v4-pro", "11")
    )  # fmt: skip
    before = BOOK.find("deepseek", "deepseek-v4-pro", at=BEGIN).quoted("input")
    rows = scenario_rows(told, BOOK)
    for book in (BOOK.with_rows(rows), written(rows, tmp_path)):
        instants = (-1, 0, HOUR - 1, HOUR, 3 * HOUR - 1, 3 * HOUR, 4 * HOUR - 1, 4 * HOUR, 6 * HOUR, 900 * DAY)
        seen = [cost(book, "deepseek-v4-pro", after) for after in instants]
        assert seen == [before, before, before, "7", "7", "9", "9", "7", "11", "11"]


def test_what_holds_from_the_beginning_held_before_it_and_speed_moves_the_rest() -> None:
    told = timeline(price("0s", "deepseek-v4-pro", "7") + price("2h", "deepseek-v4-pro", "9"), speed="60")
    book = BOOK.with_rows(scenario_rows(told, BOOK))
    seen = [cost(book, "deepseek-v4-pro", after) for after in (-HOUR, 0, 2 * HOUR // 60 - 1, 2 * HOUR // 60)]
    assert seen == ["7", "7", "7", "9"]


def test_other_models_and_vendors_keep_their_prices() -> None:
    rows = scenario_rows(timeline(price("0s", "deepseek-v4-pro", "7")), BOOK)
    book = BOOK.with_rows(rows)
    for vendor in BOOK.vendors():
        for model in BOOK.models(vendor):
            if (vendor, model) != ("deepseek", "deepseek-v4-pro"):
                assert book.offers(vendor, model) == BOOK.offers(vendor, model)
    kept = [row for row in BOOK.offers("deepseek", "deepseek-v4-pro") if row.currency == "USD"]
    assert [row for row in book.offers("deepseek", "deepseek-v4-pro") if row.currency == "USD"] == kept


def test_a_name_that_was_an_alias_can_have_a_price_of_its_own(tmp_path: Path) -> None:
    name = "doubao-seed-1-6-250615"
    rows = scenario_rows(timeline(price("0s", name, "7", vendor="bytedance")), BOOK)
    for book in (BOOK.with_rows(rows), written(rows, tmp_path)):
        assert cost(book, name, HOUR, "bytedance") == "7"
        assert book.offers("bytedance", "doubao-seed-1.6") == BOOK.offers("bytedance", "doubao-seed-1.6")


def test_the_war_of_may_2024_has_the_prices_of_may_2024(tmp_path: Path) -> None:
    told = Timeline(load_scenario("may-2024-price-war", BOOK), BEGIN, parse_speed("86400"))
    rows = scenario_rows(told, BOOK)
    for book in (BOOK.with_rows(rows), written(rows, tmp_path)):
        assert [cost(book, "qwen-max", day * SECOND, "alibaba") for day in (0, 14, 15)] == ["120", "120", "40"]
        assert [cost(book, "glm-3-turbo", day * SECOND, "zhipu") for day in (4, 5)] == ["5", "1"]
        assert [cost(book, "hunyuan-lite", day * SECOND, "tencent") for day in (15, 16)] == ["8", "0"]


def test_files_say_where_they_come_from() -> None:
    [text] = price_files(scenario_rows(timeline(price("0s", "deepseek-v4-pro", "7")), BOOK), BOOK).values()
    assert 'source = "a scenario of the market"' in text
    assert text == toml_of({"vendor": "deepseek", "offers": [row_table(row) for row in scenario_rows(
        timeline(price("0s", "deepseek-v4-pro", "7")), BOOK)]})  # fmt: skip
