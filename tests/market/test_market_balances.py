"""What emulated vendors say is left: read back by the vendors' own descriptions, and less by what was served."""

from __future__ import annotations

import pytest
from faces import MODELS, VirtualFace, ask_of, says
from hypothesis import given, settings
from hypothesis import strategies as st

from fenli.errors import BalanceError, ConfigError, Kind
from fenli.http.transport import Request
from fenli.market.accounts import Account, parse_account
from fenli.market.flavours import FLAVOURS
from fenli.market.market import emulate, market_key
from fenli.market.model import EmulatedVendor
from fenli.market.options import MarketOptions, build_market
from fenli.market.replies import Echo
from fenli.sim.kernel import Simulation
from fenli.values.money import PICO
from fenli.vendors.balances import Balance
from fenli.vendors.catalog import VENDORS

TELLING = [name for name, flavour in FLAVOURS.items() if flavour.teller is not None]
CHATTING = [name for name in TELLING if name in MODELS]


def opened(name: str, paid_in: int = PICO, granted: int = 0, price: int = 7) -> tuple[VirtualFace, EmulatedVendor]:
    account = Account("CNY", paid_in, granted, price)
    emulated = emulate(name, behaviour=Echo(), account=account)
    return VirtualFace([emulated]), emulated


def balance_of(face: VirtualFace, name: str, key: str | None = None) -> Balance:
    vendor = VENDORS[name]
    assert vendor.balance is not None
    request = vendor.balance_request(vendor.base_url, market_key(name) if key is None else key)
    heard = face.ask(request)
    if heard.status != 200:
        failure = vendor.classify(heard.status, list(heard.headers.items()), heard.body)
        raise AssertionError(failure.kind)
    return vendor.balance.read(heard.body, "CNY")


@pytest.mark.parametrize("name", TELLING)
@settings(deadline=None, max_examples=30)
@given(paid_in=st.integers(-(10**20), 10**20), granted=st.integers(0, 10**20))
def test_what_is_told_is_read_back_to_the_pico(name: str, paid_in: int, granted: int) -> None:
    face, emulated = opened(name, paid_in, granted)
    told = balance_of(face, name)
    [holding] = told.holdings
    account = emulated.account
    assert account is not None
    if name.startswith("moonshot"):
        assert (holding.picos, holding.granted, holding.topped_up) == (account.left, granted, paid_in)
    elif name == "deepseek":
        assert (holding.picos, holding.granted, holding.topped_up) == (paid_in + granted, granted, paid_in)
        assert told.usable is (account.left > 0)
    else:
        assert (holding.picos, holding.granted, holding.topped_up) == (paid_in + granted, None, None)


def test_each_site_has_its_currency() -> None:
    currencies = {name: FLAVOURS[name].teller.currency for name in TELLING}  # type: ignore[union-attr]
    assert currencies == {"deepseek": "CNY", "moonshot": "CNY", "moonshot-intl": "USD", "stepfun": "CNY"}


@pytest.mark.parametrize("name", CHATTING)
def test_a_call_costs_its_tokens_and_grants_go_first(name: str) -> None:
    face, emulated = opened(name, paid_in=1000, granted=100, price=7)
    assert face.ask(ask_of(name, says("four four"))).status == 200
    serving = face.served()[0]
    cost = 7 * (serving.prompt_tokens + serving.completion_tokens)
    assert cost == 7 * (3 + 3)
    account = emulated.account
    assert account is not None
    assert (account.granted, account.paid_in) == (58, 1000)
    face.ask(ask_of(name, says("four" * 20)))
    assert (account.granted, account.paid_in) == (0, 1000 - (7 * 40 - 58))
    assert balance_of(face, name).holdings[0].picos == account.left == 778


@pytest.mark.parametrize("name", CHATTING)
def test_who_has_nothing_left_is_refused_in_the_vendors_way_and_owes_what_was_served(name: str) -> None:
    face, emulated = opened(name, paid_in=10, price=7)
    assert face.ask(ask_of(name, says("four four four"))).status == 200
    refused = face.ask(ask_of(name, says("hi")))
    failure = VENDORS[name].classify(refused.status, list(refused.headers.items()), refused.body)
    assert failure.kind is Kind.NO_BALANCE
    assert emulated.account is not None
    assert emulated.account.paid_in == 10 - 7 * 8
    assert [serving.outcome for serving in face.served()] == ["whole", "refused"]


def test_what_is_refused_costs_nothing() -> None:
    face, emulated = opened("deepseek")
    for request in (ask_of("deepseek", says("hi", model="none")), ask_of("deepseek", says("hi"), fault="overloaded")):
        assert face.ask(request).status >= 400
    assert emulated.account is not None
    assert emulated.account.paid_in == PICO


@pytest.mark.parametrize("name", TELLING)
def test_only_its_own_key_opens_the_account(name: str) -> None:
    face, _ = opened(name)
    for key in ("", "sk-wrong"):
        with pytest.raises(AssertionError, match="bad_key"):
            balance_of(face, name, key)
    assert {serving.outcome for serving in face.served()} == {"refused"}


def faulty(fault: str) -> Request:
    return ask_of("moonshot", b"", method=b"GET", path="/users/me/balance", fault=fault)


@pytest.mark.parametrize(("fault", "kind"), [("bad_key", Kind.BAD_KEY), ("rate_limited", Kind.RATE_LIMITED)])
def test_a_refusal_can_be_asked_for(fault: str, kind: Kind) -> None:
    heard = opened("moonshot")[0].ask(faulty(fault))
    assert VENDORS["moonshot"].classify(heard.status, [], heard.body).kind is kind


@pytest.mark.parametrize("fault", ["html@200", "garbage", "empty", "error_inside"])
def test_a_reply_that_is_none_is_not_read_as_a_balance(fault: str) -> None:
    heard = opened("moonshot")[0].ask(faulty(fault))
    assert (heard.status, heard.end) == (200, "completed")
    found = VENDORS["moonshot"].balance
    assert found is not None
    with pytest.raises(BalanceError):
        found.read(heard.body, "CNY")


@pytest.mark.parametrize("fault", ["cut@5", "cut_head", "unreachable"])
def test_a_reply_may_break_off(fault: str) -> None:
    assert isinstance(opened("moonshot")[0].ask(faulty(fault)).end, Exception)


def test_other_vendors_tell_nothing() -> None:
    face = VirtualFace([emulate("openai")])
    assert face.ask(ask_of("openai", b"", method=b"GET", path="/user/balance")).status == 404


def test_a_market_opens_with_the_accounts_it_is_given() -> None:
    options = MarketOptions(vendors=("deepseek", "stepfun", "openai"), balances=("deepseek:5+1.5", "2"), price="0.5")
    market = build_market(options, Simulation())
    accounts = [market.vendors[name].account for name in options.vendors]
    assert [account and (account.paid_in, account.granted, account.price) for account in accounts] == [
        (5 * PICO, 3 * PICO // 2, 500_000),
        (2 * PICO, 0, 500_000),
        None,
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [("openai:5", "tells what is left"), ("nobody:5", "tells what is left"), ("deepseek:", "100"), ("ten", "100"),
     ("1e3", "100"), ("5+-1", "from 0"), ("5+1+1", "100")],
)  # fmt: skip
def test_an_account_that_cannot_be_is_refused(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        build_market(MarketOptions(balances=(text,)), Simulation())


@pytest.mark.parametrize("price", ["-1", "x", "0.0000001"])
def test_a_price_that_no_token_can_have_is_refused(price: str) -> None:
    with pytest.raises(ConfigError):
        parse_account("CNY", "1", price)
