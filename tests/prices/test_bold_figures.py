"""The worked figures of the vendors' published rules, to the last pico. Amounts are per request."""

from __future__ import annotations

from fractions import Fraction

import pytest
from msgspec.structs import replace

from fenli.prices import Facts, Tariff
from fenli.values import Money, Usage

THINKING = Facts(thinking=True)
PLAIN = Facts()
BATCH = Facts(batch=True)
EXPLICIT = Facts(cache_scheme="explicit")
VIDEO = Facts(modality="video")
HOUR = 3600
MILLIONS = {"input": 1_000_000, "output": 1_000_000}
CACHED = {"input": 8_000, "cached_input": 2_000, "output": 1_000}

FIGURES = [
    # linear, cache-aware
    ("deepseek/deepseek-chat", "2025-10-01 12:00", CACHED, PLAIN, "0.0194"),
    # tiers by prompt length reprice the whole request
    ("alibaba/qwen3-max", "2026-07-01 12:00", {"input": 32_000, "output": 1_000}, PLAIN, "0.09"),
    ("alibaba/qwen3-max", "2026-07-01 12:00", {"input": 32_001, "output": 1_000}, PLAIN, "0.144004"),
    ("openai/gpt-5.5", "2026-05-01T00:00Z", {"input": 250_000, "cached_input": 50_000, "output": 2_000}, PLAIN, "2.64"),
    # tiers by output length, and their closure: GLM has <200, Doubao <=200
    ("zhipu/glm-4.6", "2025-11-01 12:00", {"input": 10_000, "output": 199}, PLAIN, "0.021592"),
    ("zhipu/glm-4.6", "2025-11-01 12:00", {"input": 10_000, "output": 200}, PLAIN, "0.0328"),
    ("zhipu/glm-4.5", "2025-11-01 12:00", {"input": 10_000, "output": 199}, PLAIN, "0.021592"),
    ("zhipu/glm-4.7", "2026-02-01 12:00", {"input": 10_000, "output": 200}, PLAIN, "0.0328"),
    ("bytedance/doubao-seed-1.6", "2025-10-01 12:00", {"input": 10_000, "output": 200}, PLAIN, "0.0084"),
    ("bytedance/doubao-seed-1.6", "2025-10-01 12:00", {"input": 10_000, "output": 201}, PLAIN, "0.009608"),
    ("bytedance/doubao-seed-1.8", "2026-02-01 12:00", {"input": 10_000, "output": 199}, PLAIN, "0.008398"),
    # thinking reprices all output, reasoning and answer
    ("alibaba/qwen-plus", "2026-01-01 12:00", {"input": 5_000, "output": 1_000}, PLAIN, "0.006"),
    ("alibaba/qwen-plus", "2026-01-01 12:00", {"input": 5_000, "output": 1_000}, THINKING, "0.012"),
    ("alibaba/qwen-plus", "2026-01-01 12:00", {"input": 5_000, "output": 300, "reasoning": 700}, THINKING, "0.012"),
    # DeepSeek's night of 2025
    ("deepseek/deepseek-reasoner", "2025-03-03 03:00", {"input": 10_000, "output": 2_000}, PLAIN, "0.018"),
    ("deepseek/deepseek-reasoner", "2025-03-03 12:00", {"input": 10_000, "output": 2_000}, PLAIN, "0.072"),
    # the tier that the vendor returned
    ("openai/o3", "2026-11-01T00:00Z", {"input": 1_000, "output": 1_000}, Facts(service_tier="priority"), "0.0175"),
    ("openai/o3", "2026-11-01T00:00Z", {"input": 1_000, "output": 1_000}, Facts(service_tier="flex"), "0.005"),
    ("openai/o3", "2026-11-01T00:00Z", {"input": 1_000, "output": 1_000}, PLAIN, "0.01"),
    # batch is a row, not a multiplier: the cached part keeps its price
    ("openai/o3", "2026-11-01T00:00Z", {"cached_input": 1_000_000, "output": 1_000_000}, BATCH, "4.5"),
    ("bytedance/doubao-seed-2.1-pro", "2026-10-01 12:00", {"cached_input": 1_000_000}, BATCH, "1.2"),
    ("bytedance/doubao-seed-2.1-pro", "2026-10-01 12:00", {"input": 1_000_000, "output": 1_000_000}, BATCH, "18"),
    # cache writes: 15 beside 12, 1.25 times the tier's input
    ("alibaba/qwen3.8-max", "2026-10-01 12:00", {"cache_write": 1_000_000}, PLAIN, "15"),
    ("openai/gpt-6.1-sol", "2026-10-01T00:00Z", {"cache_write": 100_000}, PLAIN, "0.25"),
    # written for 5 minutes and for an hour, and read
    ("anthropic/claude-opus-4-8", "2026-10-01T00:00Z",
     {"input": 1_000, "cache_write": 10_000, "cache_write_1h": 4_000, "cached_input": 20_000, "output": 500}, PLAIN,
     "0.13"),
    ("moonshot/kimi-k3", "2026-10-05 12:00", {"cache_write": 500_000, "cache_write_1h": 500_000}, PLAIN, "30"),
    ("minimax/MiniMax-M2.7", "2026-10-01 12:00", {"cache_write": 1_000_000, "cached_input": 1_000_000}, PLAIN, "3.045"),
    # two schemes on one model
    ("alibaba/qwen3.8-max", "2026-10-01 12:00", {"cached_input": 1_000_000}, PLAIN, "1.5"),
    ("alibaba/qwen3.8-max", "2026-10-01 12:00", {"cached_input": 1_000_000}, EXPLICIT, "1"),
    ("alibaba/qwen3.8-max", "2026-10-01 12:00", {"cache_write": 1_000_000}, EXPLICIT, "15"),
    ("alibaba/qwen3.7-max", "2026-07-01 12:00", {"cached_input": 1_000_000}, EXPLICIT, "1.2"),
    # kept: tokens times seconds
    ("bytedance/cache-storage", "2026-10-01 12:00", {"cache_storage": 200_000 * 3 * HOUR}, PLAIN, "0.0102"),
    ("google/cache-storage-3.1-pro", "2026-10-01T00:00Z", {"cache_storage": 500_000 * 2 * HOUR}, PLAIN, "4.5"),
    ("google/cache-storage-flash", "2026-10-01T00:00Z", {"cache_storage": 500_000 * 2 * HOUR}, PLAIN, "1"),
    # by the call, page, image, clip, second, character and minute
    ("zhipu/search-std", "2026-10-01 12:00", {"searches": 3}, PLAIN, "0.03"),
    ("zhipu/search-pro", "2026-10-01 12:00", {"searches": 3}, PLAIN, "0.09"),
    ("metaso/search", "2026-10-01 12:00", {"searches": 1}, PLAIN, "0.03"),
    ("tencent/web-search-standard", "2026-10-01 12:00", {"searches": 1}, PLAIN, "0.046"),
    ("tencent/web-search-premium", "2026-10-01 12:00", {"searches": 1}, PLAIN, "0.08"),
    ("deepseek/search-api", "2026-11-01 00:00", {"searches": 1_000}, PLAIN, "5"),
    ("baichuan/medical-search", "2026-10-05 12:00", {"searches": 1}, PLAIN, "0.03"),
    ("openai/web-search", "2026-11-01T00:00Z", {"searches": 1}, PLAIN, "0.01"),
    ("anthropic/web-search", "2026-11-01T00:00Z", {"searches": 1}, PLAIN, "0.01"),
    ("google/search-grounding", "2026-11-01T00:00Z", {"searches": 1}, PLAIN, "0.014"),
    ("google/search-grounding-2.x", "2026-11-01T00:00Z", {"searches": 1}, PLAIN, "0.035"),
    ("deepseek/file-parse-ocr", "2026-11-01 12:00", {"pages": 10}, PLAIN, "0.015"),
    ("zhipu/cogview-4", "2026-10-01 12:00", {"images": 1}, PLAIN, "0.06"),
    ("zhipu/cogvideox-3", "2026-10-01 12:00", {"videos": 1}, PLAIN, "1"),
    ("alibaba/wan2.7-t2v", "2026-10-01 12:00", {"video_seconds": 5}, PLAIN, "5"),
    ("bytedance/doubao-seedance-1-0-pro-250528", "2026-10-01 12:00", {"output": 1280 * 720 * 24 * 5 // 1024}, VIDEO,
     "1.62"),
    ("minimax-intl/MiniMax-H3", "2026-11-15T00:00Z", {"video_seconds": 5, "input_images": 5},
     Facts(resolution="768p"), "0.4"),
    ("minimax-intl/MiniMax-H3", "2026-11-15T00:00Z", {"video_seconds": 5, "input_images": 6}, Facts(resolution="2k"),
     "0.69"),
    ("openai/tts-1", "2026-10-01T00:00Z", {"input_characters": 1_234}, PLAIN, "0.01851"),
    ("openai/whisper-1", "2026-10-01T00:00Z", {"audio_seconds": 90}, PLAIN, "0.009"),
    # a price for each modality, one of them in a request with text
    ("google/gemini-2.0-flash", "2026-10-01T00:00Z", {"input": 1_000_000, "audio_input": 1_000_000}, PLAIN, "0.8"),
    ("alibaba/qwen3.5-omni-plus", "2026-10-01 12:00", {"input": 1_000_000, "audio_input": 1_000_000}, PLAIN, "60"),
    ("alibaba/qwen3.5-omni-plus", "2026-10-01 12:00", {"input": 1_000_000}, Facts(modality="audio"), "53"),
    # three fifths in a batch, where others charge half
    ("moonshot/kimi-k2.5", "2026-10-01 12:00", MILLIONS, PLAIN, "25"),
    ("moonshot/kimi-k2.5", "2026-10-01 12:00", MILLIONS, BATCH, "15"),
    ("anthropic/claude-opus-4-5", "2026-11-01T00:00Z", {"cached_input": 1_000_000}, BATCH, "0.25"),
    ("anthropic/claude-opus-4-8", "2026-10-01T00:00Z", MILLIONS, Facts(speed="fast"), "60"),
    # throughput that is reserved
    ("bytedance/doubao-pro-32k-prepaid", "2024-06-01 12:00", {"throughput_months": 10_000}, PLAIN, "2000"),
    # one token at a price that needs all twelve decimals
    ("deepseek/deepseek-v4-pro", "2026-06-01T02:00Z", {"cached_input": 1}, PLAIN, "0.000000003625"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "when", "usage", "facts", "cost"), FIGURES)
def test_figure(book, at, model, when, usage, facts, cost):
    vendor, _, name = model.partition("/")
    currency = "USD" if when.endswith("Z") else "CNY"

    rating = book.tariff(vendor, name, currency).rate(Usage(usage), at(when), facts)

    assert rating.currency == currency
    assert Money(currency, rating.picos) == Money.parse(currency, cost)


# What takes several of a vendor's things: (instant, [(model, usage)], cost)
SUMS = [
    # a cache made on purpose, kept for five minutes, hit three times
    ("2024-07-15 12:00", "moonshot",
     [("context-cache-create", {"input": 100_000}), ("context-cache-storage", {"cache_storage": 100_000 * 5 * 60}),
      ("context-cache-hit", {"calls": 3})], "7.46"),
    # 200,000 tokens a minute in and 100,000 out, reserved for a day
    ("2026-10-01 12:00", "alibaba",
     [("ptu-qwen3.8-max-input", {"throughput_days": 200_000}),
      ("ptu-qwen3.8-max-output", {"throughput_days": 100_000})], "6049"),
]  # fmt: skip


@pytest.mark.parametrize(("when", "vendor", "parts", "cost"), SUMS)
def test_sum(book, at, when, vendor, parts, cost):
    ratings = [book.tariff(vendor, model).rate(Usage(usage), at(when)) for model, usage in parts]

    assert Money("CNY", sum(rating.picos for rating in ratings)) == Money.parse("CNY", cost)


# (model, instant, input price, output price), for any default request
LISTED = [
    # the September 2024 war, day by day
    ("alibaba/qwen-turbo", "2024-09-18 23:59:59", "2", "6"),
    ("alibaba/qwen-turbo", "2024-09-19 00:00", "0.3", "0.6"),
    ("alibaba/qwen-plus", "2024-09-18 23:59:59", "4", "12"),
    ("alibaba/qwen-plus", "2024-09-19 00:00", "0.8", "2"),
    ("alibaba/qwen-max", "2024-09-18 23:59:59", "40", "120"),
    ("alibaba/qwen-max", "2024-09-19 00:00", "20", "60"),
    ("bytedance/doubao-pro-32k", "2024-09-19 00:00", "0.8", "2"),
    ("bytedance/doubao-lite-32k", "2024-09-19 00:00", "0.3", "0.6"),
    ("bytedance/doubao-pro-32k", "2024-05-15 00:00", "0.8", "2"),  # 0.0008 yuan for a thousand
    ("tencent/hunyuan-lite", "2024-05-21 23:59:59", "8", "8"),  # 0.008 yuan for a thousand, then free
    ("tencent/hunyuan-lite", "2024-05-22 00:00", "0", "0"),
    ("zhipu/glm-4-plus", "2024-09-19 00:00", "50", "50"),
    ("zhipu/glm-4-air", "2024-09-19 00:00", "1", "1"),
    ("zhipu/glm-4-flash", "2024-08-27 23:59:59", "0.1", "0.1"),
    ("zhipu/glm-4-flash", "2024-08-28 00:00", "0", "0"),
    ("moonshot/moonshot-v1-8k", "2024-09-19 00:00", "12", "12"),
    ("deepseek/deepseek-chat", "2024-09-19 00:00", "1", "2"),
    # a CNY day begins at 16:00 UTC of the day before; where a note gives the hour, the USD row begins there too
    ("deepseek/deepseek-chat", "2025-09-05T15:59:59+00:00", "2", "8"),
    ("deepseek/deepseek-chat", "2025-09-05T16:00+00:00", "4", "12"),
    ("deepseek/deepseek-chat", "2025-09-05T15:59:59Z", "0.27", "1.1"),
    ("deepseek/deepseek-chat", "2025-09-05T16:00:00Z", "0.57", "1.68"),
    ("deepseek/deepseek-chat", "2025-02-08T15:59:59Z", "0.14", "0.28"),
    ("deepseek/deepseek-chat", "2025-02-08T16:00:00Z", "0.27", "1.1"),
    ("deepseek/deepseek-v4-pro", "2026-08-16T15:59:59Z", "0.435", "0.87"),
    ("deepseek/deepseek-v4-pro", "2026-08-16T16:00:00Z", "0.66", "1.98"),
    ("deepseek/deepseek-v4-pro", "2026-08-16 23:59:59", "3", "6"),
    ("deepseek/deepseek-v4-pro", "2026-08-17 00:00", "4.5", "13.5"),
    ("zai/glm-5.3-flash", "2026-09-09T15:59:59Z", "0.075", "0.25"),
    ("zai/glm-5.3-flash", "2026-09-09T16:00:00Z", "0.15", "0.5"),
    # where other people's tables go wrong
    ("deepseek/deepseek-chat", "2024-10-01T00:00Z", "0.14", "0.28"),
    ("deepseek/deepseek-chat", "2025-11-01T12:00Z", "0.28", "0.42"),
    ("deepseek/deepseek-v4-pro", "2026-06-01T02:00Z", "0.435", "0.87"),
    ("deepseek/deepseek-v4-pro", "2026-10-03T02:00Z", "0.66", "1.98"),
    ("openai/gpt-4o", "2024-06-15T00:00Z", "5", "15"),
    ("openai/gpt-3.5-turbo", "2023-07-15T00:00Z", "1.5", "2"),
    ("openai/o3", "2025-06-09T23:59:59Z", "10", "40"),
    ("openai/o3", "2025-06-10T00:00Z", "2", "8"),
    ("openai/gpt-4o-mini-2024-07-18", "2025-06-10T00:00Z", "0.15", "0.6"),
]


@pytest.mark.parametrize(("model", "when", "price_in", "price_out"), LISTED)
def test_listed_price(book, at, model, when, price_in, price_out):
    vendor, _, name = model.partition("/")
    currency = "USD" if when.endswith("Z") else "CNY"

    row = book.find(vendor, name, at=at(when), currency=currency)

    assert row.prices["input"] * 10**6 == Money.parse(currency, price_in).picos
    assert row.prices["output"] * 10**6 == Money.parse(currency, price_out).picos


@pytest.mark.parametrize(
    ("vendor", "prompt", "price"),
    [("zhipu", 31_999, "6"), ("zhipu", 32_000, "8"), ("alibaba", 32_000, "6"), ("alibaba", 32_001, "8")],
)
def test_exactly_32000_is_glm_high_tier_and_alibaba_low_tier(book, at, vendor, prompt, price):
    row = book.find(vendor, "glm-5.1", at=at("2026-06-01 12:00"), usage={"input": prompt})

    assert row.prices["input"] * 10**6 == Money.parse("CNY", price).picos


def test_cached_tokens_count_towards_the_tier(book, at):
    row = book.find("alibaba", "qwen3-max", at=at("2026-07-01 12:00"), usage={"input": 1, "cached_input": 32_000})

    assert row.prices["input"] * 10**6 == Money.parse("CNY", "4").picos


# (when, in Beijing, peak?) from 2026-08-17
PEAK = [
    ("2026-10-12 10:00", True),  # a Monday
    ("2026-10-01 10:00", False),  # National Day, a Thursday
    ("2026-10-07 15:00", False),  # its last day
    ("2026-10-08 15:00", True),
    ("2026-10-03 10:00", False),  # a Saturday
    ("2026-10-10 10:00", False),  # a make-up Saturday: not in Mon-Fri
    ("2026-09-20 10:00", False),  # a make-up Sunday
    ("2026-09-25 10:00", False),  # Mid-Autumn, a Friday
    ("2026-10-12 08:59:59", False),
    ("2026-10-12 09:00", True),
    ("2026-10-12 11:59:59", True),
    ("2026-10-12 12:00", False),
    ("2026-10-12 13:59:59", False),
    ("2026-10-12 14:00", True),
    ("2026-10-12 17:59:59", True),
    ("2026-10-12 18:00", False),
    ("2026-10-12 00:00", False),
    ("2026-08-22 10:00", True),  # a Saturday before weekends became off-peak
    ("2026-08-23 10:00", False),
]


@pytest.mark.parametrize(("when", "peak"), PEAK)
@pytest.mark.parametrize(("currency", "dear", "cheap"), [("CNY", "36", "18"), ("USD", "5.28", "2.64")])
def test_deepseek_peak_hours_of_2026(book, at, when, peak, currency, dear, cheap):
    rating = book.tariff("deepseek", "deepseek-v4-pro", currency).rate(MILLIONS, at(when))

    assert rating.picos == Money.parse(currency, dear if peak else cheap).picos


NIGHT = [
    ("2025-03-03 00:29:59", False),
    ("2025-03-03 00:30", True),
    ("2025-03-03 08:29:59", True),
    ("2025-03-03 08:30", False),
    ("2025-03-02T23:59:59+00:00", True),  # either side of midnight UTC, inside 16:30-00:30
    ("2025-03-03T00:00+00:00", True),
    ("2025-03-03T00:29:59+00:00", True),
    ("2025-03-03T00:30+00:00", False),
    ("2025-03-03T16:29:59+00:00", False),
    ("2025-03-03T16:30+00:00", True),
    ("2025-03-08 03:00", True),  # a Saturday: every day
]


@pytest.mark.parametrize(("when", "night"), NIGHT)
@pytest.mark.parametrize(("currency", "dear", "cheap"), [("CNY", "10", "5"), ("USD", "1.37", "0.685")])
def test_deepseek_night_of_2025_crosses_midnight(book, at, when, night, currency, dear, cheap):
    rating = book.tariff("deepseek", "deepseek-chat", currency).rate(MILLIONS, at(when))

    assert rating.picos == Money.parse(currency, cheap if night else dear).picos


@pytest.mark.parametrize(("model", "cut"), [("qwen-turbo", "-85%"), ("qwen-plus", "-80%"), ("qwen-max", "-50%")])
def test_the_cuts_of_19_september_2024(book, at, model, cut):
    before, after = (
        Fraction(book.find("alibaba", model, at=at(when)).quoted("input"))
        for when in ("2024-09-18 23:59:59", "2024-09-19 00:00")
    )

    assert f"{100 * after / before - 100}%" == cut


@pytest.mark.parametrize(("written", "cost"), [(199, "0.021592"), (200, "0.0328"), (201, "0.032814")])
def test_200_tokens_of_glm_are_the_dearer_tier(book, at, written, cost):
    rating = book.tariff("zhipu", "glm-4.6").rate({"input": 10_000, "output": written}, at("2025-11-01 12:00"))

    assert rating.picos == Money.parse("CNY", cost).picos


@pytest.mark.parametrize(("written", "cost"), [(199, "0.008398"), (200, "0.0084"), (201, "0.009608")])
def test_200_tokens_of_doubao_are_the_cheaper_tier(book, at, written, cost):
    rating = book.tariff("bytedance", "doubao-seed-1.6").rate(
        {"input": 10_000, "output": written}, at("2025-10-01 12:00")
    )

    assert rating.picos == Money.parse("CNY", cost).picos


@pytest.mark.parametrize(("counts_as", "peak"), [("weekend", False), ("weekday", True)])
@pytest.mark.parametrize("when", ["2026-10-10 10:00", "2026-09-20 15:00"])
def test_a_make_up_working_day_is_what_the_calendar_says(book, at, counts_as, peak, when):
    rows = []
    for row in book.offers("deepseek", "deepseek-v4-pro"):
        window = row.conditions.window
        if window is not None and window.calendar is not None:
            calendar = replace(window.calendar, makeup_days_count_as=counts_as)
            row = replace(row, conditions=replace(row.conditions, window=replace(window, calendar=calendar)))
        rows.append(row)
    tariff = Tariff([row for row in rows if row.currency == "CNY"], "end")

    assert tariff.rate(MILLIONS, at(when)).picos == Money.parse("CNY", "36" if peak else "18").picos
