from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest

from fenli.errors import CallRefused, Code, ConfigError
from fenli.prices.offers import Offer
from fenli.routing.directory import Directory
from fenli.routing.snapshot import Deadlines, Key, Route, Snapshot, VendorSettings
from fenli.vendors.catalog import VENDORS

OFFER = Offer("o1", "deepseek", "deepseek-chat", "CNY", 0, None, "1M_tokens", {"input": 1_000_000, "output": 2_000_000})


def vendor(name: str, *models: str, **more: Any) -> VendorSettings:
    adapter = VENDORS.get(name, VENDORS["openai"])
    given = {"adapter": adapter.id, "base_url": adapter.base_url, "credential": "env:KEY", "currency": "CNY", **more}
    return VendorSettings(id=name, models=models, **given)


def directory(*vendors: VendorSettings, routes: tuple[Route, ...] = (), **more: Any) -> Directory:
    def secret(reference: str) -> str:
        if reference == "env:EMPTY":
            raise ConfigError("the environment variable EMPTY is empty")
        return "sk-secret"

    given = {"version": "1", "compiled_at": 0, "keys": (), "offers": {"deepseek": (OFFER,)}, **more}
    return Directory(Snapshot(vendors=vendors, routes=routes, **given), secret)


TWO = (vendor("deepseek", "deepseek-chat"), vendor("moonshot", "kimi-k2.6", "shared"))


def refusal(found: Directory, name: str) -> CallRefused:
    with pytest.raises(CallRefused) as caught:
        found.plan(name)
    assert caught.value.code is Code.MODEL_NOT_FOUND
    assert len(caught.value.message) < 400
    return caught.value


def paths(found: Directory, name: str) -> list[str]:
    return [f"{target.vendor_id}/{target.model}" for target in found.plan(name).targets]


# Names


def test_a_model_answers_to_its_full_name_and_to_its_bare_one() -> None:
    found = directory(*TWO)
    assert paths(found, "deepseek/deepseek-chat") == ["deepseek/deepseek-chat"]
    assert paths(found, "deepseek-chat") == ["deepseek/deepseek-chat"]


def test_a_vendors_model_that_no_catalogue_lists_can_be_asked_for() -> None:
    assert paths(directory(*TWO), "moonshot/moonshot-v1-8k") == ["moonshot/moonshot-v1-8k"]


def test_a_model_name_may_have_slashes_of_its_own() -> None:
    assert paths(directory(*TWO), "moonshot/org/model:tag") == ["moonshot/org/model:tag"]


def test_a_model_name_may_ask_an_emulated_vendor_for_a_fault() -> None:
    (target,) = directory(*TWO).plan("deepseek/deepseek-chat!cut@120").targets
    assert target.address.model == b'"deepseek-chat!cut@120"'
    assert target.label == b"x-fenli-vendor: deepseek\r\nx-fenli-model: deepseek-chat!cut@120\r\n"


def test_a_bare_name_that_two_vendors_sell_needs_the_vendor() -> None:
    found = directory(*TWO, vendor("openai", "shared"))
    assert "write moonshot/shared or openai/shared" in refusal(found, "shared").message


def test_a_route_tries_its_targets_in_order() -> None:
    found = directory(*TWO, routes=(Route("fast", ("moonshot/kimi-k2.6", "deepseek/deepseek-chat")),))
    assert paths(found, "fast") == ["moonshot/kimi-k2.6", "deepseek/deepseek-chat"]
    assert found.names() == ["fast", "deepseek/deepseek-chat", "moonshot/kimi-k2.6", "moonshot/shared"]


def test_a_route_hides_a_model_of_its_name() -> None:
    found = directory(*TWO, routes=(Route("deepseek-chat", ("moonshot/kimi-k2.6",)),))
    assert paths(found, "deepseek-chat") == ["moonshot/kimi-k2.6"]


def test_a_route_goes_round_a_vendor_that_is_off() -> None:
    off = vendor("deepseek", "deepseek-chat", credential="env:EMPTY")
    found = directory(off, vendor("moonshot", "kimi-k2.6", deadlines=Deadlines(total=7)), routes=(
        Route("fast", ("deepseek/deepseek-chat", "moonshot/kimi-k2.6")),
    ))  # fmt: skip
    assert paths(found, "fast") == ["moonshot/kimi-k2.6"]
    assert found.plan("fast").total == 7
    assert found.problems == ["deepseek is off: the environment variable EMPTY is empty"]


def test_a_route_whose_vendors_are_all_off_says_which() -> None:
    off = vendor("deepseek", "deepseek-chat", credential="env:EMPTY")
    found = directory(off, routes=(Route("fast", ("deepseek/deepseek-chat", "zhipu/glm-4.6")),))
    message = refusal(found, "fast").message
    assert message.startswith("'fast' cannot be served: deepseek and zhipu are not switched on here")
    assert "did you mean" not in message


# Refusals


def test_a_near_miss_names_the_nearest() -> None:
    assert "did you mean" in refusal(directory(*TWO), "deepseek-caht").message
    assert "deepseek-chat" in refusal(directory(*TWO), "deepseek-caht").message
    assert "GET /v1/models" in refusal(directory(*TWO), "zzz").message


def test_a_vendor_that_is_off_says_what_switches_it_on() -> None:
    assert "set ZHIPUAI_API_KEY or ZHIPU_API_KEY" in refusal(directory(*TWO), "zhipu/glm-4.6").message
    assert "set  and" not in refusal(directory(*TWO), "local/x").message


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "deepseek",
        "deepseek/",
        "/deepseek-chat",
        "deepseek/a b",
        "deepseek/!",
        "deepseek/a\r\nX-Evil: 1",
        "deepseek/中文",
        'deepseek/"',
        "deepseek/" + "x" * 201,
        "x" * 100_000,
        "deepseek/" + "x/" * 100_000,
    ],
)
def test_what_is_no_model_name_is_refused_shortly(name: str) -> None:
    refusal(directory(*TWO), name)


def test_a_route_to_an_impossible_model_is_refused_when_it_is_asked_for() -> None:
    assert "not a model name" in refusal(directory(*TWO, routes=(Route("odd", ("deepseek/a b",)),)), "odd").message


# Targets


def test_a_target_is_ready_to_be_asked() -> None:
    target = directory(*TWO).plan("deepseek-chat").targets[0]
    assert target.address.origin.host == "api.deepseek.com"
    assert target.address.model == b'"deepseek-chat"'
    assert b"Bearer sk-secret\r\n" in target.address.headers
    assert target.label == b"x-fenli-vendor: deepseek\r\nx-fenli-model: deepseek-chat\r\n"
    assert target.tariff is not None
    assert target.tariff.offers == (OFFER,)


def test_a_models_limits_are_the_catalogues_unless_the_settings_know_better() -> None:
    name = "smollm2-135m-instruct"
    target = directory(vendor("local", name)).plan(f"local/{name}").targets[0]
    assert (target.context, target.output) == (8192, None)
    found = directory(vendor("local", name, context=4096))
    assert found.plan(f"local/{name}").targets[0].context == 4096
    assert found.plan("local/own-weights").targets[0].context == 4096
    assert directory(*TWO).plan("moonshot/unheard-of").targets[0].context is None


def test_an_account_of_a_vendor_may_have_a_name_of_its_own() -> None:
    mine = vendor("deepseek-2", "deepseek-chat", adapter="deepseek", base_url="http://10.0.0.1:81/v9")
    target = directory(mine).plan("deepseek-2/deepseek-chat").targets[0]
    assert (target.vendor_id, target.vendor.id, target.address.origin.port) == ("deepseek-2", "deepseek", 81)


def test_offers_in_another_currency_leave_a_model_unpriced() -> None:
    found = directory(vendor("deepseek", "deepseek-chat", currency="USD"), vendor("moonshot", "kimi-k2.6"))
    assert found.plan("deepseek/deepseek-chat").targets[0].tariff is None
    assert found.plan("moonshot/kimi-k2.6").targets[0].tariff is None


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (vendor("deepseek", adapter="nobody"), "no adapter 'nobody'"),
        (vendor("deepseek", base_url="example.com"), "not a base URL"),
        (vendor("deep\r\nseek"), "letters, digits"),
        (vendor("deep/seek"), "letters, digits"),
        (vendor(""), "letters, digits"),
    ],
)
def test_a_vendor_that_cannot_work_stays_off_and_the_rest_works(settings: VendorSettings, why: str) -> None:
    found = directory(settings, TWO[1])
    assert why in found.problems[0]
    assert paths(found, "kimi-k2.6") == ["moonshot/kimi-k2.6"]


# What is remembered


def test_plans_are_made_once() -> None:
    found = directory(*TWO)
    assert found.plan("deepseek-chat") is found.plan("deepseek-chat")
    assert found.plan("moonshot/other") is found.plan("moonshot/other")


def test_callers_cannot_make_it_remember_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fenli.routing.directory._PASSING_MAX", 10)
    found = directory(*TWO)
    for number in range(50):
        found.plan(f"moonshot/m{number}")
    assert len(found._plans) == 10
    assert found.plan("moonshot/kimi-k2.6") is found.plan("moonshot/kimi-k2.6")  # the catalogue always has room


def test_keys_are_found_by_digest() -> None:
    digest = hashlib.sha256(b"sk-mine").digest()
    key = Key("k1", "mine", digest)
    assert directory(*TWO, keys=(key,)).keys == {digest: key}


def test_neither_the_directory_nor_its_targets_show_a_secret() -> None:
    found = directory(*TWO)
    plan = found.plan("deepseek-chat")
    assert "sk-secret" not in repr(plan) + repr(found.problems) + str(msgspec.to_builtins(found.snapshot))


def test_a_name_that_has_left_is_told_its_successor_and_how_to_keep_it() -> None:
    message = refusal(directory(*TWO), "kimi-latest").message
    assert message.startswith("moonshot no longer has 'kimi-latest': ask for moonshot/kimi-k2.6, or name a route")


def test_callers_it_remembers_do_not_pile_up() -> None:
    found, caller = directory(), Key("key_1", "one", hashlib.sha256(b"secret").digest())
    for spaces in range(10_000):  # one key may be sent in many ways
        found.remember(b"Bearer " + b" " * spaces + b"secret", caller)
    assert len(found.callers) <= 4_096
    found.remember(b"", caller)  # it came in another header
    assert b"" not in found.callers
