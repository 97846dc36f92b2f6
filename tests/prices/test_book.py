from __future__ import annotations

import tomllib
from importlib.resources import files

import pytest

from fenli.errors import NoOffer, PriceFileError
from fenli.prices import PriceBook
from fenli.prices.overlaps import overlaps
from fenli.prices.units import TOKENS
from fenli.values import parse_instant

ROWS = {
    "alibaba": 324,
    "bytedance": 90,
    "deepseek": 61,
    "local": 2,
    "moonshot": 37,
    "moonshot-intl": 15,
    "openai": 69,
    "zai": 17,
    "zhipu": 98,
}
NOW = parse_instant("2026-11-23T00:00:00Z")


def price_row(model: str, start: str = "2026-01-01", end: str = "", extra: str = "", price: str = "1") -> str:
    return f"""
[[offers]]
model = "{model}"
effective_from = {start}T00:00:00+08:00
{f"effective_to = {end}T00:00:00+08:00" if end else ""}
currency = "CNY"
unit = "1M_tokens"
prices = {{ input = "{price}", output = "{price}" }}
{extra}
source = "contract"
confidence = "high"
"""


ACME = 'vendor = "acme"\nnames = { en = "Acme", zh = "极致" }\ncurrency = "CNY"\ninstant_basis = "end"\n'


def load(tmp_path, name: str, text: str) -> PriceBook:
    tmp_path.joinpath(name).write_text(text, encoding="utf-8")
    return PriceBook.load(tmp_path)


def refused(tmp_path, name: str, text: str) -> str:
    with pytest.raises(PriceFileError) as caught:
        load(tmp_path, name, text)
    return str(caught.value)


@pytest.mark.parametrize(("vendor", "rows"), ROWS.items())
def test_every_dated_row_is_carried(book, vendor, rows):
    assert len(book.offers(vendor)) >= rows  # append-only: never fewer


def test_vendors_and_their_headers(book):
    assert set(ROWS) <= set(book.vendors())
    assert book.basis("deepseek") == "end"
    assert book.basis("openai") == "start"
    assert book.header("openai").instant_basis_assumed
    assert book.currency("zai") == "USD"
    assert book.currency("zhipu") == "CNY"
    assert book.header("zhipu").names["zh"] == "智谱"
    assert "glm-4.6" in book.models("zhipu")
    assert book.models("nobody") == []
    assert len(book.offers("openai", "o3")) == 5
    with pytest.raises(NoOffer, match="no price file for 'nobody'"):
        book.currency("nobody")


def test_no_request_finds_two_rows(book):
    for vendor in book.vendors():
        for model in book.models(vendor):
            for currency in ("CNY", "USD"):
                rows = [row for row in book.offers(vendor, model) if row.currency == currency]
                assert list(overlaps(rows)) == []


def test_ids_are_unique_and_stable(book):
    ids = [offer.id for vendor in book.vendors() for offer in book.offers(vendor)]

    assert len(set(ids)) == len(ids)
    assert all(len(name) == 16 and int(name, 16) >= 0 for name in ids)
    chat = book.find("deepseek", "deepseek-chat", at=parse_instant("2025-10-01T12:00:00+08:00"))
    assert chat.id == "ef4418d1146956ae"  # written into journals: a change here orphans them


def test_every_row_has_a_source_and_only_free_rows_are_zero(book):
    for vendor in book.vendors():
        for offer in book.offers(vendor):
            assert offer.source
            assert offer.prices
            assert offer.free or all(offer.prices.values())


def test_holidays_are_announced_in_whole_weeks():
    table = tomllib.loads(files("fenli.prices").joinpath("data", "calendars", "cn.toml").read_text(encoding="utf-8"))
    for year in table["years"]:
        for row in year["holidays"]:
            assert row["first"] <= row["last"]
            assert f"{row['first'].month}月{row['first'].day}日" in row["text"]
            for day in row.get("makeup_days", []):
                assert day.weekday() >= 5
                assert f"{day.month}月{day.day}日" in row["text"]


def test_tariffs_are_compiled_once(book):
    assert book.tariff("openai", "o3") is book.tariff("openai", "o3", "USD")
    assert book.tariff("deepseek", "deepseek-chat", "USD") is not book.tariff("deepseek", "deepseek-chat")
    assert book.tariff("openai", "o3", "CNY") is None
    assert book.tariff("openai", "nothing") is None
    assert book.tariff("nobody", "nothing") is None


def test_what_has_no_price_at_all(book):
    with pytest.raises(NoOffer, match="openai/nothing has no price in USD"):
        book.find("openai", "nothing", at=NOW)


def test_local_models_are_free_under_any_name(book):
    rating = book.tariff("local", "smollm2-135m").rate({"input": 5, "output": 7}, NOW)

    assert (rating.picos, rating.currency) == (0, "CNY")
    assert book.tariff("local", "smollm2-135m", "USD").bound(10, 10, NOW).picos == 0


def test_what_is_sold_by_the_image_has_no_price_for_tokens(book):
    (row,) = book.offers("zhipu", "cogview-4")
    tariff = book.tariff("zhipu", "cogview-4")

    assert (row.unit, row.quoted("images")) == ("image", "0.06")
    assert tariff.rate({"images": 3}, NOW).picos == 180_000_000_000
    with pytest.raises(NoOffer, match="1 of output were used but the row in force has no output price"):
        tariff.rate({"output": 1}, NOW)
    with pytest.raises(NoOffer, match="the rows in force do not take it"):
        tariff.bound(1, 1, NOW)


def test_a_users_file_overrides_a_model_and_adds_one(book, tmp_path):
    text = 'vendor = "deepseek"\n' + price_row("deepseek-v4-pro", price="1.5") + price_row("house-model")
    mine = load(tmp_path, "mine.toml", text)

    assert mine.find("deepseek", "deepseek-v4-pro", at=NOW).prices["input"] == 1_500_000
    assert len(mine.offers("deepseek", "house-model")) == 1
    assert (
        mine.tariff("deepseek", "deepseek-v4-pro", "USD").offers
        == book.tariff("deepseek", "deepseek-v4-pro", "USD").offers
    )
    assert mine.offers("deepseek", "deepseek-chat") == book.offers("deepseek", "deepseek-chat")
    assert mine.basis("deepseek") == "end"


def test_a_new_vendor(tmp_path):
    mine = load(tmp_path, "acme.toml", ACME + price_row("one"))

    assert mine.tariff("acme", "one").rate({"input": 2}, NOW).picos == 2_000_000
    assert mine.tariff("acme", "one").basis == "end"
    assert "new.toml:1: vendor is 'new', and new (known: " in refused(
        tmp_path, "new.toml", 'vendor = "new"\n' + price_row("one")
    )


def test_a_users_calendar_replaces_its_namesake(tmp_path):
    tmp_path.joinpath("calendars").mkdir()
    text = files("fenli.prices").joinpath("data", "calendars", "cn.toml").read_text(encoding="utf-8")
    tmp_path.joinpath("calendars", "cn.toml").write_text(
        text.replace('as = "weekend"', 'as = "weekday"'), encoding="utf-8"
    )
    makeup_saturday = parse_instant("2026-10-10T10:00:00+08:00")
    usage = {"input": 1_000_000}

    assert PriceBook.load().tariff("deepseek", "deepseek-v4-pro").rate(usage, makeup_saturday).picos == 4_500 * 10**9
    assert (
        PriceBook.load(tmp_path).tariff("deepseek", "deepseek-v4-pro").rate(usage, makeup_saturday).picos == 9 * 10**12
    )


def test_a_year_without_a_calendar_is_unknown_only_where_it_matters(book):
    tariff = book.tariff("deepseek", "deepseek-v4-pro")

    with pytest.raises(NoOffer, match=r"add the year to calendars/cn\.toml"):
        tariff.rate({"input": 1}, parse_instant("2090-01-02T10:00:00+08:00"))  # a Monday
    assert tariff.rate({"input": 1}, parse_instant("2090-01-01T10:00:00+08:00")).picos == 4_500_000  # a Sunday
    assert tariff.rate({"input": 1}, parse_instant("2090-01-02T19:00:00+08:00")).picos == 4_500_000
    assert tariff.bound(1, 0, parse_instant("2090-01-02T10:00:00+08:00")).picos == 9_000_000


def test_overlapping_rows_are_refused_with_both_named(tmp_path):
    said = refused(
        tmp_path, "acme.toml", ACME + price_row("one") + price_row("two") + price_row("one", "2026-06-01", price="2")
    )

    assert "acme.toml:28: row 3 (one): overlaps row 1 of " in said
    assert "end one where the other starts" in said


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("when.thinking = true", "when.thinking = false", False),
        ("when.thinking = true", "", True),
        ("when.batch = true", "", False),
        ("when.batch = false", "", True),
        ('when.modality = "audio"', "", False),
        ('when.service_tier = "standard"', "", True),
        ("when.prompt_tokens = { le = 32000 }", "when.prompt_tokens = { gt = 32000 }", False),
        ("when.prompt_tokens = { le = 32000 }", "when.prompt_tokens = { ge = 32000 }", True),
        ("when.prompt_tokens = { gt = 5, le = 9, context_limit = true }", "when.prompt_tokens = { gt = 9 }", True),
        ("when.completion_tokens = { lt = 200 }", "when.completion_tokens = { ge = 200 }", False),
        (
            'when.window = { spans = ["08:00-09:00"], zone = "UTC" }',
            'when.window = { spans = ["08:00-09:00"], zone = "UTC", outside = true }',
            False,
        ),
        (
            'when.window = { spans = ["08:00-09:00"], zone = "UTC", calendar = "cn" }',
            'when.window = { spans = ["08:00-09:00"], zone = "UTC", outside = true }',
            True,
        ),
    ],
)
def test_which_conditions_exclude_each_other(tmp_path, one, other, meet):
    text = ACME + price_row("one", extra=one) + price_row("one", extra=other, price="2")
    if meet:
        assert "overlaps" in refused(tmp_path, "acme.toml", text)
    else:
        assert len(load(tmp_path, "acme.toml", text).offers("acme", "one")) == 2


def test_every_bad_file_is_named_at_once(tmp_path):
    tmp_path.joinpath("a.toml").write_text(ACME + price_row("one", extra="colour = 1"), encoding="utf-8")
    said = refused(tmp_path, "b.toml", 'vendor = "deepseek"\n' + price_row("one", price="0"))

    assert "a.toml:13: row 1 (one): colour is not known" in said
    assert "b.toml:9: row 1 (one): prices.input is zero" in said


def test_an_alias_is_dated(tmp_path):
    aliases = """
[[aliases]]
name = "latest"
model = "one"
effective_from = 2026-01-01T00:00:00+08:00
effective_to = 2026-06-01T00:00:00+08:00

[[aliases]]
name = "latest"
model = "two"
effective_from = 2026-06-01T00:00:00+08:00
"""
    book = load(tmp_path, "acme.toml", ACME + price_row("one") + price_row("two", price="3") + aliases)
    tariff = book.tariff("acme", "latest")

    assert tariff.rate({"input": 1}, parse_instant("2026-05-31T23:59:59+08:00")).picos == 1_000_000
    later = tariff.rate({"input": 1}, parse_instant("2026-06-01T00:00:00+08:00"))
    assert later.picos == 3_000_000
    assert later.offer == book.offers("acme", "two")[0].id
    assert book.models("acme") == ["one", "two"]
    assert [alias.model for alias in book.aliases("acme")] == ["one", "two"]
    with pytest.raises(NoOffer):
        tariff.rate({"input": 1}, parse_instant("2025-12-31T23:59:59+08:00"))


def test_an_alias_beside_rows_of_its_own_is_an_overlap(tmp_path):
    alias = '\n[[aliases]]\nname = "two"\nmodel = "one"\neffective_from = 2026-02-01T00:00:00+08:00\n'
    said = refused(tmp_path, "acme.toml", ACME + price_row("one") + price_row("two") + alias)

    assert "(two): overlaps" in said


def test_closing_a_row_or_mending_its_note_keeps_its_id(tmp_path):
    opened = load(tmp_path, "acme.toml", ACME + price_row("one"))
    closed = load(tmp_path, "acme.toml", ACME + price_row("one", end="2026-09-01", extra='note = "gone"'))

    assert opened.offers("acme", "one")[0].id == closed.offers("acme", "one")[0].id
    assert closed.offers("acme", "one")[0].effective_to == parse_instant("2026-09-01T00:00:00+08:00")


def test_instants_are_those_of_the_vendors_day(book):
    row = next(offer for offer in book.offers("alibaba", "qwen-plus") if offer.prices["input"] == 4_000_000)

    assert row.effective_from == parse_instant("2024-05-20T16:00:00Z")
    assert row.unit == TOKENS
