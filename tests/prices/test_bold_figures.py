"""The worked figures of the vendors' published rules, to the last pico. Amounts are per request."""

from __future__ import annotations

import pytest

from fenli.prices import Facts
from fenli.values import Money, Usage

THINKING = Facts(thinking=True)
PLAIN = Facts()
BATCH = Facts(batch=True)
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


MILLIONS = {"input": 1_000_000, "output": 1_000_000}

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
