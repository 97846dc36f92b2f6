from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.errors import ConfigError, UsageError
from fenli.http.transport import Origin
from fenli.values import METERS
from fenli.vendors.catalog import VENDORS
from fenli.vendors.contract import Address, Headers, UsageMap, header, parse_base_url, retry_after_ms
from fenli.vendors.openai_compatible import OpenAICompatible

# Base URLs


@pytest.mark.parametrize(
    ("url", "origin", "path"),
    [
        ("https://api.example.com", Origin("https", "api.example.com", 443), ""),
        ("https://api.example.com/", Origin("https", "api.example.com", 443), ""),
        ("https://API.Example.com/v1/", Origin("https", "api.example.com", 443), "/v1"),
        ("http://127.0.0.1:8080/v1", Origin("http", "127.0.0.1", 8080), "/v1"),
        ("http://[::1]:8080", Origin("http", "::1", 8080), ""),
        ("http://my_host", Origin("http", "my_host", 80), ""),
        ("wss://example.com/ws", Origin("wss", "example.com", 443), "/ws"),
        ("ws://example.com", Origin("ws", "example.com", 80), ""),
    ],
)
def test_a_base_url_is_an_origin_and_a_path(url: str, origin: Origin, path: str) -> None:
    assert parse_base_url(url) == (origin, path)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.example.com",
        "/v1",
        "ftp://example.com",
        "https://",
        "https:///v1",
        "https://example.com/v1?key=1",
        "https://example.com/#x",
        "https://example.com:x",
        "https://example.com:99999",
        "https://example.com:0",
        "https://[::1",
        "https://exa mple.com",
        "https://example.com/a b",
        "https://example.com/v1\r\nX-Evil: 1",
        "https://example.com\t/v1",
        "https://例子.com",
        "https://exa,mple.com",
        "https://example.com/v1\x00",
    ],
)
def test_what_is_no_base_url_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(ConfigError, match=r"https://api\.example\.com/v1"):
        parse_base_url(url)


@pytest.mark.parametrize("url", ["https://me:secret@example.com/v1", "https://secret@example.com?x", "x://a:secret@b"])
def test_credentials_in_a_base_url_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError, match="no user or password") as caught:
        parse_base_url(url)
    assert "secret" not in str(caught.value)


@given(st.text(max_size=20).map(lambda text: "https://" + text))
def test_no_text_brings_it_down(url: str) -> None:
    try:
        origin, path = parse_base_url(url)
    except ConfigError:
        return
    assert (origin.host + path).isascii()
    assert not any(character in origin.host + path for character in " \r\n\0")


# Headers


def headers(**lines: str) -> Headers:
    return [(name.replace("_", "-").encode(), value.encode()) for name, value in lines.items()]


def test_header_names_compare_in_lower_case() -> None:
    assert header([(b"Content-Type", b"x")], b"content-type") == b"x"
    assert header([], b"content-type") is None


@pytest.mark.parametrize(
    ("lines", "wait"),
    [
        (headers(), None),
        (headers(Retry_After="3"), 3000),
        (headers(Retry_After="0"), 0),
        (headers(Retry_After="1.25"), 1250),
        (headers(Retry_After="86400"), 86_400_000),
        (headers(Retry_After="99999999"), 99_999_999_000),
        (headers(retry_after_ms="1500", retry_after="9"), 1500),
        (headers(retry_after_ms="3600000"), 3_600_000),
        (headers(retry_after_ms="12.5"), 12),
        (headers(retry_after_ms="soon", retry_after="2"), 2000),
        (headers(Retry_After="Wed, 21 Oct 2026 07:28:00 GMT"), None),
        (headers(Retry_After="-1"), None),
        (headers(Retry_After="1e3"), None),
        (headers(Retry_After="9" * 400), None),
    ],
)
def test_the_wait_a_vendor_asks_for(lines: Headers, wait: int | None) -> None:
    assert retry_after_ms(lines) == wait


# Usage


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ({}, "names no prompt"),
        ({"prompt_tokens": 1}, "names no completion"),
        ({"prompt_tokens": -1, "completion_tokens": 1}, "count"),
        ({"prompt_tokens": 1.5, "completion_tokens": 1}, "count"),
        ({"prompt_tokens": "1", "completion_tokens": 1}, "count"),
        ({"prompt_tokens": True, "completion_tokens": 1}, "count"),
        ({"prompt_tokens": 10**30, "completion_tokens": 1}, "count"),
        ({"prompt_tokens": 2**62, "completion_tokens": 1}, "count"),
        ({"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 3}, "adds up"),
        ({"prompt_tokens": 1, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 2}}, "exceed"),
        ({"prompt_tokens": 1, "completion_tokens": 1, "completion_tokens_details": {"reasoning_tokens": 2}}, "exceed"),
        ({"prompt_tokens": 1, "completion_tokens": 1, "prompt_tokens_details": []}, "count"),
        ([], "count"),
        (None, "count"),
        (5, "count"),
    ],
)
def test_usage_that_contradicts_itself_is_refused(raw: Any, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        UsageMap().meters(json.dumps(raw).encode())


def test_an_unreadable_usage_is_refused_shortly() -> None:
    for raw in (b"", b"{", b"\xff", b'{"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}"):
        with pytest.raises(UsageError) as caught:
            UsageMap().meters(raw)
        assert len(str(caught.value)) < 1000


def test_the_first_place_that_holds_a_number_counts() -> None:
    usage_map = UsageMap(cached=("cached_tokens", "prompt_tokens_details.cached_tokens"))
    for given_usage in (
        {"cached_tokens": 3},
        {"prompt_tokens_details": {"cached_tokens": 3}},
        {"cached_tokens": None, "prompt_tokens_details": {"cached_tokens": 3}},
        {"cached_tokens": 3, "prompt_tokens_details": {"cached_tokens": 9}},
        {"cached_tokens": 3, "prompt_tokens_details": None},
    ):
        raw = json.dumps({"prompt_tokens": 10, "completion_tokens": 1, **given_usage}).encode()
        assert usage_map.meters(raw) == {"input": 7, "cached_input": 3, "output": 1}


COUNTS = st.integers(0, 10**8)
COMPATIBLE = sorted(name for name, vendor in VENDORS.items() if isinstance(vendor, OpenAICompatible))


@given(st.sampled_from(COMPATIBLE), COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, st.booleans())
def test_meters_are_disjoint_and_add_up_to_the_vendors_own_total(
    vendor: str, fresh: int, cached: int, written: int, output: int, reasoning: int, totalled: bool
) -> None:
    usage = {
        "prompt_tokens": fresh + cached + written,
        "completion_tokens": output + reasoning,
        "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
    if totalled:
        usage["total_tokens"] = fresh + cached + written + output + reasoning
    raw = json.dumps(usage).encode()
    if not usage["prompt_tokens"]:
        with pytest.raises(UsageError, match="names no prompt tokens"):
            VENDORS[vendor].usage(raw)
        return
    meters = VENDORS[vendor].usage(raw)
    assert sum(meters.values()) == fresh + cached + written + output + reasoning
    assert set(meters) <= set(METERS)
    assert all(count >= 0 for count in meters.values())
    assert (meters["input"], meters["output"]) == (fresh, output)


@given(st.sampled_from(sorted(VENDORS)), st.recursive(
    st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=3)),
    lambda inner: st.dictionaries(
        st.sampled_from(["prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens", "reasoning_tokens",
                         "prompt_tokens_details", "completion_tokens_details", "prompt_cache_hit_tokens"]), inner),
    max_leaves=6,
))  # fmt: skip
def test_whatever_a_vendor_sends_is_counted_or_refused(vendor: str, raw: Any) -> None:
    try:
        meters = VENDORS[vendor].usage(json.dumps(raw).encode())
    except UsageError:
        return
    assert all(0 <= count <= 10**9 for count in meters.values())


# The catalogue


def test_every_vendor_is_listed_under_its_own_name() -> None:
    for name, vendor in VENDORS.items():
        assert vendor.id == name
        assert vendor.title
        assert vendor.title_zh
        assert parse_base_url(vendor.base_url)
        assert isinstance(vendor.models, tuple)


def test_no_two_vendors_share_an_environment_variable() -> None:
    names = [name for vendor in VENDORS.values() for name in vendor.key_variables]
    assert len(names) == len(set(names))


def test_each_secret_part_of_a_key_is_hidden():
    def hidden(secret):
        return Address(Origin("https", "h", 443), b"/", b"", b"m", secret).hidden

    assert hidden("sk-1") == ("sk-1",)
    assert hidden("") == ()
    assert hidden("SecretId:SecretKey") == ("SecretId:SecretKey", "SecretKey")
    assert hidden("app:api-key:api-secret") == (
        "app:api-key:api-secret", "api-key:api-secret", "api-key", "api-secret",
    )  # fmt: skip
    assert hidden("id:short") == ("id:short",)


@pytest.mark.parametrize(
    ("vendor", "raw"),
    [
        ("deepseek", b'{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}'),
        ("deepseek", b'{"prompt_tokens":0,"completion_tokens":9,"total_tokens":9}'),
        ("anthropic", b'{"input_tokens":0,"output_tokens":9}'),
        ("google", b'{"promptTokenCount":0,"candidatesTokenCount":9,"totalTokenCount":9}'),
        ("alibaba-native", b'{"input_tokens":0,"output_tokens":9,"total_tokens":9}'),
        ("tencent-native", b'{"PromptTokens":0,"CompletionTokens":9,"TotalTokens":9}'),
    ],
)
def test_an_answer_to_nothing_is_none_and_never_free(vendor: str, raw: bytes) -> None:
    with pytest.raises(UsageError):
        VENDORS[vendor].usage(raw)
