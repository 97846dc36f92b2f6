from __future__ import annotations

import tomllib
from importlib.resources import files

import pytest

from fenli.errors import NoOffer, PriceFileError
from fenli.prices import PriceBook
from fenli.prices.overlaps import overlaps
from fenli.prices.units import TOKENS, UNITS
from fenli.values import parse_instant
from fenli.values.usage import COUNTS

ROWS = {
    "01ai": 15, "alibaba": 324, "alibaba-intl": 16, "anthropic": 38, "baichuan": 15, "baidu": 112, "bytedance": 90,
    "deepseek": 61, "google": 31, "huawei": 16, "huawei-intl": 5, "iflytek": 14, "local": 2, "metaso": 1, "minimax": 35,
    "minimax-intl": 13, "moonshot": 37, "moonshot-intl": 15, "openai": 69, "sensetime": 26, "stepfun": 40,
    "stepfun-intl": 3, "tencent": 85, "zai": 17, "zhipu": 98,
}  # fmt: skip
HISTORY = 1_176
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


def test_the_whole_history_is_carried():
    assert sum(ROWS.values()) - ROWS["local"] == HISTORY


def test_vendors_and_their_headers(book):
    assert set(ROWS) <= set(book.vendors())
    assert book.header("moonshot").tax == "included"
    assert {row.tax for row in book.offers("moonshot")} == {"included"}
    assert {row.tax for row in book.offers("deepseek")} == {"unknown"}
    assert [vendor for vendor in book.vendors() if not book.header(vendor).instant_basis_assumed] == [
        "deepseek",
        "local",
    ]
    assert book.basis("deepseek") == "end"
    assert book.basis("openai") == "start"
    assert book.header("openai").instant_basis_assumed
    assert book.currency("zai") == "USD"
    assert book.currency("zhipu") == "CNY"
    assert book.header("zhipu").names["zh"] == "智谱"
    assert "glm-4.6" in book.models("zhipu")
    assert book.models("nobody") == []
    assert len(book.offers("openai", "o3")) == 5
    with pytest.raises(NoOffer, match=r"no price file for 'deepsek' \(did you mean deepseek\?\)"):
        book.currency("deepsek")


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
            assert all(COUNTS[meter] == UNITS[offer.unit_of(meter)].counts for meter in offer.prices)


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


def test_a_single_file_loads_like_a_folder(tmp_path):
    file = tmp_path.joinpath("acme.toml")
    file.write_text(ACME + price_row("one"), encoding="utf-8")

    assert PriceBook.load(file).models("acme") == ["one"]
    with pytest.raises(PriceFileError, match=r"gone\.toml: cannot be read: No such file"):
        PriceBook.load(tmp_path.joinpath("gone.toml"))
    file.write_bytes(b"vendor = '\xff'")
    with pytest.raises(PriceFileError, match=r"acme\.toml: is not UTF-8: save it as UTF-8"):
        PriceBook.load(tmp_path)


def test_problems_come_by_file_and_line(tmp_path):
    tmp_path.joinpath("b.toml").write_text(
        ACME + price_row("one", price="0") + price_row("two", extra="hue = 1"), encoding="utf-8"
    )
    tmp_path.joinpath("a.toml").write_text(ACME + price_row("one", extra='tier_mode = "marginal"'), encoding="utf-8")

    book, problems = PriceBook.examine(tmp_path)

    assert book is None
    told = [(problem.file[-6:], problem.row, problem.name, problem.field, problem.line) for problem in problems]
    assert told == [
        ("a.toml", 1, "one", "tier_mode", 13),
        ("b.toml", 1, "one", "prices.input", 12),
        ("b.toml", 1, "one", "prices.output", 12),
        ("b.toml", 2, "two", "hue", 24),
    ]


TWO_LISTS = """
[[offers]]
model = "one"
effective_from = 2026-01-01T00:00:00Z
currency = "USD"
unit = "1M_tokens"
prices = {{ input = "{input}", output = "2" }}
source = "the page"
confidence = "high"
{more}
"""


@pytest.mark.parametrize(
    ("dollars", "more", "sound"), [("1.4", "", True), ("8", "", False), ("8", "confirmed = 'read'", True)]
)
def test_two_lists_of_one_seller_stand_in_a_steady_ratio(tmp_path, dollars, more, sound):
    yuan = ACME + price_row("one", price="8").replace('output = "8"', 'output = "12"')
    tmp_path.joinpath("acme.toml").write_text(yuan, encoding="utf-8")
    abroad = ACME.replace('"acme"', '"acme-intl"').replace("CNY", "USD") + 'home_list = "acme"\n'
    text = abroad + TWO_LISTS.format(input=dollars, more=more).replace(
        'output = "2"', f'output = "{max(dollars, "2")}"'
    )

    if sound:
        assert load(tmp_path, "acme-intl.toml", text).models("acme-intl") == ["one"]
    else:
        said = refused(tmp_path, "acme-intl.toml", text)
        assert "acme-intl.toml:12: row 1 (one): prices.input is 8 USD beside 8 CNY" in said
        assert "1.0 yuan to the dollar, where 4 to 10 is usual" in said
        assert 'or write confirmed = "why it is right"' in said


def test_a_users_row_is_held_against_the_row_that_it_replaces(tmp_path):
    text = 'vendor = "deepseek"\n' + price_row("deepseek-chat", price="2000")
    said = refused(tmp_path, "mine.toml", text)

    assert "mine.toml:9: row 1 (deepseek-chat): prices.input is 2000, 500 times away from any other price" in said
    assert len(load(tmp_path, "mine.toml", text.replace("source", 'confirmed = "so it is"\nsource')).vendors()) == len(
        ROWS
    )


WITHDRAWN = """known_from = 2026-03-01T00:00:00+08:00
withdrawn_at = 2026-05-01T00:00:00+08:00"""


def test_a_row_that_was_withdrawn_prices_nothing_and_is_not_forgotten(tmp_path):
    text = ACME + price_row("one") + price_row("one", "2026-06-01", extra=WITHDRAWN, price="5")
    book = load(tmp_path, "acme.toml", text)
    july = parse_instant("2026-07-01T00:00:00+08:00")
    april = book.as_known_at(parse_instant("2026-04-01T00:00:00+08:00"))

    assert book.find("acme", "one", at=july).prices["input"] == 1_000_000
    assert [row.prices["input"] for row in book.withdrawn("acme", "one")] == [5_000_000]
    assert len(book.every()) == len(book.offers("acme")) + 1 + sum(len(book.offers(v)) for v in ROWS)
    assert april.find("acme", "one", at=july).prices["input"] == 5_000_000
    assert april.find("acme", "one", at=july).id == book.withdrawn("acme", "one")[0].id
    assert book.as_known_at(july).find("acme", "one", at=july).prices["input"] == 1_000_000


def test_two_rows_known_at_once_for_the_same_start_are_refused(tmp_path):
    wrong = price_row("one", extra=WITHDRAWN.replace("2026-03", "2025-12"), price="5")
    right = price_row("one", extra="known_from = 2026-05-01T00:00:00+08:00")

    assert load(tmp_path, "acme.toml", ACME + wrong + right).models("acme") == ["one"]
    said = refused(tmp_path, "acme.toml", ACME + wrong + price_row("one"))
    assert "row 2 (one): was known together with row 1 of" in said
    assert "write known_from in the later one" in said


def test_what_was_known_of_the_vendors_prices(book, at):
    """DeepSeek announced the list price together with the promotion that came before it."""
    chat = {"vendor": "deepseek", "model": "deepseek-chat", "at": at("2025-02-20 12:00")}

    assert book.find(**chat).quoted("input") == "2"
    assert book.as_known_at(at("2025-01-10 00:00")).find(**chat).quoted("input") == "2"  # announced with the promotion
    assert book.as_known_at(at("2024-12-01 00:00")).find(**chat).quoted("input") == "1"  # a promotion without an end
    with pytest.raises(NoOffer, match="or ever"):
        book.as_known_at(at("2024-01-01 00:00")).find(**chat)
    coming = {"vendor": "google", "model": "gemini-4-argon", "at": at("2026-12-24 00:00")}
    assert book.find(**coming).quoted("input") == "4"
    assert book.as_known_at(at("2026-11-01 00:00")).find(**coming).quoted("input") == "4"
