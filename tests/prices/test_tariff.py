from __future__ import annotations

from decimal import Decimal, localcontext

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fenli.clock import SECOND
from fenli.errors import AmbiguousOffer, NoOffer, UsageError
from fenli.prices import Conditions, Facts, Offer, PriceBook, Rating, Tariff, TokenRange, Window
from fenli.prices.units import TOKENS
from fenli.values import METERS, Usage, parse_instant
from fenli.values.money import picos_of
from fenli.values.usage import COUNTS

BOOK = PriceBook.load()
TARIFFS = [
    tariff
    for vendor in BOOK.vendors()
    for model in BOOK.models(vendor)
    for currency in ("CNY", "USD")
    if (tariff := BOOK.tariff(vendor, model, currency)) is not None
]
RATED = [tariff for tariff in TARIFFS if any(offer.unit == TOKENS for offer in tariff.offers)]
TOKEN_METERS = [meter for meter in METERS if COUNTS[meter] == "token"]

counts = st.integers(0, 2_000_000)
usages = st.dictionaries(st.sampled_from(TOKEN_METERS), counts)
instants = st.integers(parse_instant("2023-01-01T00:00:00Z"), parse_instant("2026-12-31T15:00:00Z"))
facts = st.builds(
    Facts,
    thinking=st.booleans(),
    batch=st.booleans(),
    promo=st.booleans(),
    service_tier=st.sampled_from(["standard", "flex", "priority"]),
    modality=st.sampled_from(["text", "text", "audio", "video"]),
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(RATED), usages, instants, facts)
def test_rating_is_what_decimal_arithmetic_says(tariff, usage, at, facts):
    try:
        rating = tariff.rate(Usage(usage), at, facts)
    except NoOffer:
        return
    row = next(offer for offer in tariff.offers if offer.id == rating.offer)
    per_million = {meter: Decimal(row.quoted(meter)) for meter in row.prices if COUNTS[meter] == "token"}
    for meter, other in (("cache_write_1h", "input"), ("cached_audio_input", "audio_input")):
        per_million.setdefault(meter, per_million.get(other, Decimal("NaN")))
    instead = {"reasoning": "output"} | dict.fromkeys(
        ("cached_input", "cache_write", "image_input", "video_input"), "input"
    )
    with localcontext() as context:
        context.prec = 60
        cost = Decimal(0)
        for meter, units in usage.items():
            if units:
                price = per_million[meter] if meter in per_million else per_million[instead[meter]]
                cost += units * price / 10**6
        assert Decimal(rating.picos).scaleb(-12) == cost
    assert type(rating.picos) is int
    assert row.effective_from <= at < (row.effective_to or at + 1)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(RATED), counts, counts, st.data(), instants, st.integers(0, 3600 * SECOND - 1), facts)
def test_bound_is_never_below_a_rating_within_it(tariff, prompt, output, data, at, later, facts):
    plain = data.draw(st.integers(0, prompt))
    cached = data.draw(st.integers(0, prompt - plain))
    written = data.draw(st.integers(0, prompt - plain - cached))
    answer = data.draw(st.integers(0, output))
    reasoning = data.draw(st.integers(0, output - answer))
    usage = {"input": plain, "cached_input": cached, "cache_write": written, "output": answer, "reasoning": reasoning}
    try:
        rating = tariff.rate(usage, at + later, facts)
    except NoOffer:
        return
    try:
        bound = tariff.bound(prompt, output, at)
    except NoOffer:
        with pytest.raises(NoOffer):  # whatever a whole request of that size would be, no row prices it
            tariff.rate({"input": prompt, "output": output}, at + later, facts)
        return
    assert bound.picos >= rating.picos
    assert bound.currency == rating.currency


def test_prices_in_force_are_half_open(offer):
    tariff = Tariff([offer(0, 100, input="1", output="1"), offer(100, 200, input="2", output="2")], "start")

    costs = [tariff.rate({"input": 1}, instant).picos for instant in (0, 99, 100, 199)]

    assert costs == [10**6, 10**6, 2 * 10**6, 2 * 10**6]
    for instant in (-1, 200):
        with pytest.raises(NoOffer, match=r"acme/one in CNY at .* no row was in force"):
            tariff.rate({"input": 1}, instant)


def test_no_match_names_the_facts_and_the_rows(offer):
    tariff = Tariff([offer(input="1", output="1", prompt_tokens=TokenRange(lt=32_000))], "start")

    with pytest.raises(NoOffer) as caught:
        tariff.rate({"input": 32_000, "output": 5}, 7)

    said = str(caught.value)
    assert "acme/one" in said
    assert "prompt=32000, completion=5" in said
    assert tariff.offers[0].id in said
    assert "prompt_tokens <32000" in said


def test_two_matches_are_an_error_that_names_both(offer):
    one, other = offer(input="1", output="1"), offer(5, input="2", output="2")
    tariff = Tariff([one, other], "start")

    assert tariff.rate({"input": 1}, 4).offer == one.id
    with pytest.raises(AmbiguousOffer) as caught:
        tariff.rate({"input": 1}, 5)
    assert one.id in str(caught.value)
    assert other.id in str(caught.value)
    with pytest.raises(AmbiguousOffer):
        tariff.find(5)


def test_asking_for_what_is_not_sold_is_no_offer(offer):
    tariff = Tariff([offer(input="1", output="1")], "start")

    for facts in (Facts(batch=True), Facts(service_tier="priority"), Facts(modality="audio"), Facts(promo=True)):
        with pytest.raises(NoOffer, match="no row in force has these conditions"):
            tariff.rate({"input": 1}, 1, facts)


def test_a_row_silent_about_thinking_takes_both(offer):
    tariff = Tariff([offer(input="1", output="1")], "start")

    assert tariff.rate({"output": 1}, 1, Facts(thinking=True)) == tariff.rate({"output": 1}, 1)


def test_meters_without_a_price_of_their_own(offer):
    silent = Tariff([offer(input="1", output="8")], "start")
    spoken = Tariff([offer(input="1", output="8", cached_input="0.1", cache_write="1.25", reasoning="4")], "start")
    usage = {"cached_input": 10**6, "cache_write": 10**6, "reasoning": 10**6}

    assert silent.rate(usage, 1).picos == 10 * 10**12
    assert spoken.rate(usage, 1).picos == 5_350 * 10**9


@pytest.mark.parametrize(
    ("prices", "usage", "missing"),
    [
        ({"input": "1"}, {"input": 5, "output": 1}, "output"),
        ({"input": "1"}, {"reasoning": 1}, "output"),
        ({"output": "1"}, {"cached_input": 1}, "input"),
        ({"output": "1"}, {"input": 1}, "input"),
    ],
)
def test_a_used_meter_without_a_price_is_unknown_never_zero(offer, prices, usage, missing):
    tariff = Tariff([offer(**prices)], "start")

    with pytest.raises(NoOffer, match=f"no {missing} price, and unknown is not zero"):
        tariff.rate(usage, 1)


def test_a_zero_of_an_unpriced_meter_costs_nothing(offer):
    assert Tariff([offer(input="1")], "start").rate({"input": 1, "output": 0}, 1).picos == 10**6


@pytest.mark.parametrize("usage", [{"input": 1.5}, {"input": -1}, {"input": True}, {"words": 3}, {"input": "9"}])
@pytest.mark.parametrize("tiered", [False, True])
def test_what_is_not_usage_is_refused(offer, usage, tiered):
    conditions = {"prompt_tokens": TokenRange(le=100)} if tiered else {}
    with pytest.raises(UsageError):
        Tariff([offer(input="1", output="1", **conditions)], "start").rate(usage, 1)


@pytest.mark.parametrize(
    ("unit", "meter", "price", "units", "cost"),
    [
        ("image", "images", "0.06", 3, "0.18"),
        ("video", "videos", "2", 1, "2"),
        ("second_of_video", "video_seconds", "0.24", 5, "1.2"),
        ("1M_characters", "input_characters", "15", 1_234, "0.01851"),
        ("minute", "audio_seconds", "0.006", 90, "0.009"),
        ("1000_calls", "searches", "46", 3, "0.138"),
        ("1000_pages", "pages", "1.5", 7, "0.0105"),
        ("1M_tokens_hour", "cache_storage", "0.017", 200_000 * 3 * 3600, "0.0102"),
        ("1M_tokens_minute", "cache_storage", "10", 100_000 * 5 * 60, "5"),
        ("10k_TPM_day", "throughput_days", "121", 200_000, "2420"),
        ("10k_TPM_month", "throughput_months", "2000", 10_000, "2000"),
    ],
)
def test_every_unit_is_rated(offer, unit, meter, price, units, cost):
    tariff = Tariff([offer(unit=unit, **{meter: price})], "start")

    assert tariff.rate({meter: units}, 1).picos == picos_of(cost)
    assert tariff.offers[0].quoted(meter) == price


def test_a_price_by_the_minute_is_rounded_once_and_half_up(offer):
    row = offer(
        unit="minute", audio_seconds="0.000000000005", units={"searches": "1000_calls"}, searches="0.0000000005"
    )
    tariff = Tariff([row], "start")

    assert row.per == {"audio_seconds": 12, "searches": 2}
    assert [tariff.rate({"audio_seconds": seconds}, 1).picos for seconds in (5, 6, 12, 60)] == [0, 1, 1, 5]
    assert tariff.rate({"audio_seconds": 3, "searches": 1}, 1).picos == 1  # 3/12 + 1/2, added before they are rounded
    assert row.quoted("audio_seconds") == "0.000000000005"


def test_what_is_included_and_what_is_charged_at_least(offer):
    row = offer(
        unit="second_of_video", video_seconds="0.13", input_images="0.04", units={"input_images": "image"},
        included={"input_images": 5}, minimum={"video_seconds": 4},
    )  # fmt: skip
    tariff = Tariff([row], "start")

    assert tariff.rate({"video_seconds": 5, "input_images": 7}, 1).picos == picos_of("0.73")
    assert tariff.rate({"video_seconds": 5, "input_images": 5}, 1).picos == picos_of("0.65")
    assert tariff.rate({"video_seconds": 1}, 1).picos == picos_of("0.52")
    assert tariff.rate({"video_seconds": 0}, 1).picos == 0
    for usage in ({"video_seconds": -1}, {"videos": 1.0}):
        with pytest.raises(UsageError):
            tariff.rate(usage, 1)
    with pytest.raises(NoOffer, match="1 of videos were used"):
        tariff.rate({"videos": 1}, 1)


def test_tokens_and_calls_in_one_row(offer):
    row = offer(input="2", output="8", searches="46", units={"searches": "1000_calls"})

    assert Tariff([row], "start").rate({"input": 10**6, "searches": 2}, 1).picos == picos_of("2.092")


def test_what_is_no_token_is_of_no_length(offer):
    rows = [
        offer(input="1", searches="1", units={"searches": "call"}, prompt_tokens=TokenRange(le=10)),
        offer(input="2", searches="1", units={"searches": "call"}, prompt_tokens=TokenRange(gt=10)),
    ]

    assert Tariff(rows, "start").rate({"input": 10, "searches": 1}, 1).picos == 10**12 + 10**7


@pytest.mark.parametrize(
    ("prices", "meter", "price"),
    [
        ({"input": "1"}, "cache_write_1h", "1"),
        ({"input": "1", "cache_write": "1.25"}, "cache_write_1h", None),
        ({"input": "1", "cache_write": "1.25", "cache_write_1h": "2"}, "cache_write_1h", "2"),
        ({"input": "1"}, "image_input", "1"),
        ({"input": "1"}, "audio_input", None),
        ({"input": "1", "audio_input": "9"}, "cached_audio_input", "9"),
        ({"input": "1", "output": "2"}, "audio_output", None),
    ],
)
def test_whose_price_counts_for_a_meter_without_one(offer, prices, meter, price):
    tariff = Tariff([offer(**prices)], "start")

    if price is None:
        with pytest.raises(NoOffer, match=f"no {meter} price"):
            tariff.rate({meter: 1}, 1)
    else:
        assert tariff.rate({meter: 10**6}, 1).picos == picos_of(price)


def test_two_cache_schemes_are_two_rows(offer):
    rows = [
        offer(input="12", cached_input="1.5", cache_scheme="implicit"),
        offer(input="12", cached_input="1", cache_write="15", cache_scheme="explicit"),
    ]
    tariff, usage = Tariff(rows, "start"), {"cached_input": 10**6}

    assert tariff.rate(usage, 1).picos == picos_of("1.5")
    assert tariff.rate(usage, 1, Facts(cache_scheme="explicit")).picos == picos_of("1")
    assert tariff.rate(usage, 1, Facts(thinking=True, cache_scheme="explicit")).picos == picos_of("1")


def test_the_top_tier_ends_with_the_context_not_with_the_price(offer):
    top = TokenRange(gt=10, le=20, context_limit=True)
    tariff = Tariff([offer(input="1", prompt_tokens=TokenRange(le=10)), offer(input="2", prompt_tokens=top)], "start")

    assert tariff.rate({"input": 21}, 1).picos == 42 * 10**6


def test_bound_takes_the_dearest_reachable_row(offer):
    low = offer(input="1", output="2", prompt_tokens=TokenRange(le=1000))
    high = offer(input="3", output="9", prompt_tokens=TokenRange(gt=1000))
    tariff = Tariff([low, high], "start")

    assert tariff.bound(1000, 10, 1) == Rating(1020 * 10**6, "CNY", low.id)
    assert tariff.bound(1001, 10, 1) == Rating(3093 * 10**6, "CNY", high.id)


def test_bound_prices_every_prompt_token_at_the_dearest_prompt_meter(offer):
    tariff = Tariff([offer(input="1", output="2", cache_write="1.25", cached_input="0.1", reasoning="3")], "start")

    assert tariff.bound(4, 1, 1).picos == 8 * 10**6


def test_bound_sees_a_rise_within_the_hour(offer):
    hour = 3600 * SECOND
    tariff = Tariff([offer(0, 2 * hour, input="1", output="1"), offer(2 * hour, input="5", output="5")], "start")

    assert tariff.bound(1, 0, hour - 1).picos == 10**6
    assert tariff.bound(1, 0, hour).picos == 5 * 10**6


def test_a_half_priced_row_counts_with_the_half_it_has(offer):
    priced, half = offer(input="1", output="1"), offer(input="9", batch=True)

    assert Tariff([priced, half], "start").bound(5, 1, 1) == Rating(45 * 10**6, "CNY", half.id)
    with pytest.raises(NoOffer):
        Tariff([half], "start").bound(5, 1, 1)
    assert Tariff([half], "start").bound(5, 0, 1).picos == 45 * 10**6


def test_a_remembered_answer_never_outlives_its_interval(offer):
    window = {"spans": ("00:30-08:30",), "zone": "Asia/Shanghai"}
    rows = [
        offer(input="1", window=Window(**window)),
        offer(input="2", window=Window(**window, outside=True)),
    ]
    asked, fresh = Tariff(rows, "end"), Tariff(rows, "end")
    times = [
        parse_instant(f"2025-03-0{day}T{clock}:00+08:00") for day in (1, 3, 2) for clock in ("00:29", "00:30", "08:30")
    ]
    for instant in [*times, *reversed(times), *times[::2]]:
        fresh = Tariff(rows, "end")
        assert asked.rate({"input": 1}, instant) == fresh.rate({"input": 1}, instant)


def test_one_tariff_one_currency(offer):
    euro = msgspec.structs.replace(offer(input="1"), currency="EUR")
    with pytest.raises(ValueError, match="one currency"):
        Tariff([offer(input="1"), euro], "start")


def test_an_offer_survives_serialisation(book):
    for row in book.offers("deepseek"):
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(row), type=Offer) == row
        assert msgspec.json.decode(msgspec.json.encode(row), type=Offer) == row


def test_an_offer_says_its_conditions(offer):
    shown = str(
        offer(input="0.0036", thinking=True, window=Window(("01:00-02:00",), "UTC", ("Mon", "Tue"), outside=True))
    )

    assert "input 0.0036 CNY per 1M_tokens" in shown
    assert "thinking=true, window=outside 01:00-02:00 UTC Mon-Tue" in shown
    assert Conditions() == Conditions(prompt_tokens=None)
