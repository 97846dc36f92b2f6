"""Any vendor's balance, read exactly or refused with the reply's own words."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.errors import BalanceError, ConfigError
from fenli.http.transport import Origin
from fenli.values.money import PICO
from fenli.vendors.balances import BalanceMap, Holding
from fenli.vendors.catalog import VENDORS

FLAT = BalanceMap(path="/left", total="left", granted="gift")
LISTED = BalanceMap(path="/left", total="left", within="rows", currency="money", usable="open", succeeded=("code", "0"))
AMOUNTS = st.decimals(-(10**12), 10**12, allow_nan=False, places=12)


def left(text: str, money: str | None = "CNY") -> int:
    return FLAT.read(text.encode(), money).holdings[0].picos


@given(AMOUNTS, st.booleans())
def test_every_digit_arrives(amount: Decimal, as_text: bool) -> None:
    written = f'"{amount:f}"' if as_text else f"{amount:f}"
    assert left(f'{{"left": {written}}}') == amount * PICO


@pytest.mark.parametrize(
    ("written", "picos"),
    [
        ("49.58894", 49_588_940_000_000),
        ("0.1", 10**11),
        ("1e2", 10**14),
        ("-0", 0),
        ("-3E-5", -30_000_000),
        ("0.30000000000000004", 300_000_000_000),  # a vendor's own float
        ("-0.30000000000000004", -300_000_000_001),  # never more than there is
        ("99999999999999999999.000000000001", 99_999_999_999_999_999_999_000_000_000_001),
    ],
)
def test_what_vendors_write(written: str, picos: int) -> None:
    assert left(f'{{"left": {written}}}') == picos
    assert left(f'{{"left": "{written}"}}') == picos


@pytest.mark.parametrize(
    "written",
    ['""', '"NaN"', '"Infinity"', "true", "[]", "{}", '" 1"', '"1,000"', '"1_0"', '"٣"', '"0x1"', "1e400", "1e-400",
     '"¥5"', '"1."', '".5"', '"+5"', '"1e"', '"\\"1"'],
)  # fmt: skip
def test_what_is_no_amount_is_not_guessed(written: str) -> None:
    with pytest.raises(BalanceError, match="its left is no amount"):
        left(f'{{"left": {written}}}')


@pytest.mark.parametrize("body", ["", "<html>", "[]", "5", '{"left": 1', '{"left": null}', "{}", "\ud800"])
def test_no_reply_becomes_zero(body: str) -> None:
    with pytest.raises(BalanceError, match="tells no balance"):
        FLAT.read(body.encode(errors="surrogatepass"), "CNY")


@given(st.binary(max_size=60))
def test_no_bytes_bring_it_down(body: bytes) -> None:
    with pytest.raises(BalanceError):
        LISTED.read(body, "CNY")


def test_a_part_that_is_not_told_is_unknown() -> None:
    assert FLAT.read(b'{"left": 1}', "CNY").holdings == (Holding("CNY", PICO, None, None),)
    assert FLAT.read(b'{"left": 1, "gift": null}', "CNY").holdings[0].granted is None
    assert FLAT.read(b'{"left": 1, "gift": 0}', "CNY").holdings[0].granted == 0


def test_a_currency_that_nobody_tells_is_not_assumed() -> None:
    with pytest.raises(BalanceError, match="currency = "):
        left('{"left": 1}', None)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], "names no amount"),
        ([{"left": "1"}], "its money is no text"),
        ([{"left": "1", "money": 5}], "its money is no text"),
        ([{"left": "1", "money": "yuan"}], "not a currency"),
        ([{"left": "1", "money": "CNY"}, {"left": "2", "money": "CNY"}], "one currency twice"),
        ([{"left": "1", "money": "CNY"}, {"money": "USD"}], "has no left"),
        ("none", "neither an object nor a list"),
        ([1], "neither an object nor a list"),
    ],
)
def test_a_list_counts_whole_or_not_at_all(rows: object, why: str) -> None:
    with pytest.raises(BalanceError, match=why):
        LISTED.read(json.dumps({"code": 0, "rows": rows}).encode(), "CNY")


def test_a_reply_that_says_that_it_failed_does_not_count() -> None:
    rows = '"rows": [{"left": 5, "money": "CNY"}]'
    with pytest.raises(BalanceError, match="its code is not 0"):
        LISTED.read(f'{{"code": 1, {rows}}}'.encode(), None)
    with pytest.raises(BalanceError, match="has no rows"):
        LISTED.read(b'{"code": 0}', None)
    told = [LISTED.read(f'{{"open": {word}, {rows}}}'.encode(), None).usable for word in ("true", "false", "1")]
    assert told == [True, False, None]


def test_a_reply_is_quoted_shortly() -> None:
    with pytest.raises(BalanceError) as caught:
        FLAT.read(b'{"error": "no such\\n\\n page", "more": "' + b"x" * 10_000 + b'"}', "CNY")
    assert "no such" in str(caught.value)
    assert len(str(caught.value)) < 400


TELLING = {
    "deepseek": ("https://api.deepseek.com", b"/user/balance"),
    "moonshot": ("https://api.moonshot.cn", b"/v1/users/me/balance"),
    "moonshot-intl": ("https://api.moonshot.ai", b"/v1/users/me/balance"),
    "stepfun": ("https://api.stepfun.com", b"/v1/accounts"),
}


def test_these_vendors_tell_and_no_others() -> None:
    assert {name for name, vendor in VENDORS.items() if vendor.balance is not None} == set(TELLING)


@pytest.mark.parametrize("name", TELLING)
def test_they_are_asked_where_they_answer_with_our_key(name: str) -> None:
    vendor, (site, path) = VENDORS[name], TELLING[name]
    request = vendor.balance_request(vendor.base_url, "sk-1")
    asked = (request.origin, request.method, request.target)
    assert asked == (Origin("https", site.removeprefix("https://"), 443), b"GET", path)
    assert b"Authorization: Bearer sk-1\r\n" in request.headers
    assert request.body == b""
    own = vendor.balance_request("http://127.0.0.1:8420/x", "")
    assert (own.origin.port, own.target[:3]) == (8420, b"/x/")
    assert b"Authorization" not in own.headers


def test_a_key_that_no_header_can_carry_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        VENDORS["deepseek"].balance_request("https://api.deepseek.com", "sk-1\r\nX: y")
    assert "sk-1" not in str(caught.value)
