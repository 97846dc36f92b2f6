from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fenli.clock import SECOND
from fenli.errors import ConfigError
from fenli.office.compile import Stored, compile_snapshot, switched_off
from fenli.office.settings import Settings, VendorSetting
from fenli.prices import PriceBook
from fenli.routing.directory import Directory
from fenli.routing.snapshot import Key, Route, Snapshot, VendorSettings
from fenli.values import parse_instant
from fenli.wire.capabilities import Capability

NOW = parse_instant("2026-11-23T12:00:00Z")
DAY = 86_400 * SECOND
ENVIRON = {"DEEPSEEK_API_KEY": "sk-very-secret", "ZHIPU_API_KEY": "sk-also-secret"}


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return PriceBook.load()


def compiled(book: PriceBook, settings: Settings = Settings(), now: int = NOW, **environ: str) -> Snapshot:  # noqa: B008
    return compile_snapshot(settings, Stored((Key("key_a", "app", bytes(32)),)), book, ENVIRON | environ, now)


def vendor(snapshot: Snapshot, name: str) -> VendorSettings:
    return next(vendor for vendor in snapshot.vendors if vendor.id == name)


def test_a_key_in_the_environment_switches_a_vendor_on(book: PriceBook) -> None:
    snapshot = compiled(book, MOONSHOT_API_KEY=" ")
    assert [vendor.id for vendor in snapshot.vendors] == ["deepseek", "zhipu"]
    assert set(snapshot.offers) == {"deepseek", "zhipu"}
    found = vendor(snapshot, "zhipu")
    assert (found.credential, found.currency, found.base_url) == (
        "env:ZHIPU_API_KEY",
        "CNY",
        "https://open.bigmodel.cn/api/paas/v4",
    )


def test_no_secret_is_in_the_snapshot(book: PriceBook) -> None:
    assert b"secret" not in msgspec.msgpack.encode(compiled(book))


def test_settings_come_first_and_may_change_everything(book: PriceBook, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-x\n")
    ours = VendorSetting(
        id="deepseek",
        base_url="https://proxy.example/v1",
        credential=f"file:{tmp_path}/key",
        models=("deepseek-chat",),
        currency="USD",
    )
    found = vendor(compiled(book, Settings(vendors=(ours,))), "deepseek")
    assert (found.base_url, found.credential, found.models, found.currency) == (
        "https://proxy.example/v1",
        f"file:{tmp_path}/key",
        ("deepseek-chat",),
        "USD",
    )


def test_what_has_no_key_stays_off_and_says_so(book: PriceBook) -> None:
    settings = Settings(
        vendors=(
            VendorSetting(id="openai"),
            VendorSetting(id="zhipu", enabled=False),
            VendorSetting(id="moonshot", credential="env:MY_KEY"),
        ),
        routes=(Route("smart", ("openai/gpt-5", "deepseek/deepseek-chat")),),
    )
    snapshot = compiled(book, settings)
    assert [vendor.id for vendor in snapshot.vendors] == ["deepseek"]
    assert snapshot.routes == settings.routes
    assert switched_off(settings, ENVIRON) == {
        "openai": "OPENAI_API_KEY is not set",
        "zhipu": "enabled = false",
        "moonshot": "MY_KEY is not set",
    }


def test_a_second_account_pays_the_same_prices_and_another_address_none(book: PriceBook) -> None:
    second = VendorSetting(id="deepseek-2", adapter="deepseek", credential="env:SECOND")
    own = VendorSetting(id="house", adapter="deepseek", credential="", base_url="http://10.0.0.5:8000/v1")
    snapshot = compiled(book, Settings(vendors=(second, own)), SECOND="sk-2")
    assert snapshot.offers["deepseek-2"] == snapshot.offers["deepseek"]
    assert snapshot.offers["house"] == ()


def test_the_local_model_is_there_when_settings_carry_it(book: PriceBook) -> None:
    local = VendorSetting(id="local", base_url="http://127.0.0.1:9999/v1")
    found = vendor(compiled(book, Settings(vendors=(local,))), "local")
    assert (found.base_url, found.credential) == ("http://127.0.0.1:9999/v1", "")


def test_what_the_local_model_runs_with_is_in_the_snapshot(book: PriceBook) -> None:
    local = VendorSetting(id="local", base_url="http://127.0.0.1:9999/v1", context=2048)
    assert vendor(compiled(book, Settings(vendors=(local,))), "local").context == 2048


def test_another_address_pays_by_the_list_that_is_named(book: PriceBook) -> None:
    proxy = VendorSetting(id="proxy", adapter="deepseek", base_url="https://proxy.example", price_list="deepseek")
    snapshot = compiled(book, Settings(vendors=(VendorSetting(id="deepseek"), msgspec.structs.replace(
        proxy, credential="env:DEEPSEEK_API_KEY"))))  # fmt: skip
    assert snapshot.offers["proxy"] == snapshot.offers["deepseek"] != ()
    assert vendor(snapshot, "proxy").currency == "CNY"
    with pytest.raises(
        ConfigError, match=r"vendor 'proxy': there is no price list 'deepsek': did you mean 'deepseek'\?"
    ):
        compiled(book, Settings(vendors=(msgspec.structs.replace(proxy, price_list="deepsek"),)))


def test_a_price_for_any_model_reaches_names_that_no_catalogue_lists(book: PriceBook) -> None:
    local = VendorSetting(id="local", base_url="http://127.0.0.1:9999/v1", models=("own-weights",))
    found = Directory(compiled(book, Settings(vendors=(local,))), lambda _: "")
    for name in ("local/own-weights", "local/anything"):
        tariff = found.plan(name).targets[0].tariff
        assert tariff is not None
        assert tariff.rate({"input": 1, "output": 1}, NOW).picos == 0


def test_models_are_the_vendors_own_and_all_that_have_a_price(book: PriceBook, tmp_path: Path) -> None:
    (tmp_path / "deepseek.toml").write_text('[[models]]\nid = "deepseek-v9"\n')
    models = vendor(compiled(book, Settings(model_directories=(tmp_path,))), "deepseek").models
    assert models[0] == "deepseek-v9"
    assert "deepseek-v4-pro" in models
    assert "*" not in models


@pytest.mark.parametrize("name", PriceBook.load().vendors())
def test_every_vendor_with_prices_can_be_called_through_an_adapter(book: PriceBook, name: str) -> None:
    setting = VendorSetting(id=name, adapter="openai", base_url="https://x.example/v1", credential="")
    snapshot = compiled(book, Settings(vendors=(setting,)))
    decoded = msgspec.msgpack.decode(msgspec.msgpack.encode(snapshot), type=Snapshot)
    assert decoded == snapshot
    models = vendor(snapshot, name).models
    assert models or name in ("local", "metaso")
    directory = Directory(decoded, lambda reference: "")
    assert directory.problems == []
    for model in models:
        public = f"{name}/{model}"
        (target,) = directory.plan_for(directory.capability(public), public).targets
        assert (target.tariff is None) is (book.tariff(name, model) is None)


def test_what_makes_clips_or_images_is_no_chat_model(book: PriceBook) -> None:
    snapshot = compiled(book, Settings(vendors=(VendorSetting(id="bytedance", credential=""),)))
    directory = Directory(snapshot, lambda reference: "")
    chats = [name for name in directory.names() if directory.capability(name) is Capability.CHAT]
    assert "bytedance/doubao-seed-1.8" in chats
    assert not [name for name in chats if "seedance" in name or "seedream" in name or "cache" in name]
    assert directory.capability("bytedance/doubao-seedream-4-5-251128") is Capability.IMAGES


def test_offers_long_over_are_left_out(book: PriceBook) -> None:
    rows = compiled(book).offers["deepseek"]
    assert rows
    assert all(row.effective_to is None or row.effective_to > NOW - 40 * DAY for row in rows)


def test_the_version_changes_with_the_content_alone(book: PriceBook) -> None:
    first, later = compiled(book), compiled(PriceBook.load(), now=NOW + SECOND)
    assert first.version == later.version
    assert (first.compiled_at, later.compiled_at) == (NOW, NOW + SECOND)
    assert compiled(book, Settings(attempts_max=3)).version != first.version


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Settings(attempts_max=0), "at least one attempt"),
        (Settings(vendors=(VendorSetting(id="deepsek"),)), "did you mean 'deepseek'"),
        (Settings(vendors=(VendorSetting(id="x", adapter="opnai"),)), "did you mean 'openai'"),
        (Settings(vendors=(VendorSetting(id="Deep Seek", adapter="deepseek"),)), "small letters"),
        (Settings(vendors=(VendorSetting(id="deepseek"), VendorSetting(id="deepseek"))), "listed twice"),
        (Settings(vendors=(VendorSetting(id="deepseek", credential="sk-raw"),)), "env:NAME"),
        (Settings(vendors=(VendorSetting(id="deepseek", base_url="api.deepseek.com"),)), "is not a base URL"),
        (Settings(vendors=(VendorSetting(id="deepseek", models=()),)), "empty list of models"),
        (Settings(routes=(Route("a", ("deepseek/deepseek-chta",)),)), "did you mean 'deepseek-chat'"),
        (Settings(routes=(Route("a", ("deepsek/deepseek-chat",)),)), "did you mean 'deepseek'"),
        (Settings(routes=(Route("a", ("deepseek-chat",)),)), "did you mean 'deepseek/deepseek-chat'"),
        (Settings(routes=(Route("a", ()),)), "has no targets"),
        (Settings(routes=(Route("deepseek/a", ("deepseek/deepseek-chat",)),)), "looks like a model of deepseek"),
        (Settings(routes=(Route("a", ("deepseek/deepseek-chat",)),) * 2), "written twice"),
    ],
)
def test_a_wrong_setting_is_named_with_the_nearest_right_one(book: PriceBook, settings: Settings, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        compiled(book, settings)
    assert "sk-raw" not in str(caught.value)


def test_who_sells_a_choice_of_anothers_models_lists_no_more(book: PriceBook) -> None:
    """What Baidu's newer API has is not to be had through the older one; Hunyuan's signed API has all of Hunyuan."""
    snapshot = compiled(book, QIANFAN_AK_SK="ak:sk", TENCENTCLOUD_SECRET="id:secret", HUNYUAN_API_KEY="x")
    legacy = vendor(snapshot, "baidu-legacy").models
    assert "ernie-3.5-8k" in legacy
    assert "ernie-5.1" not in legacy
    assert {row.vendor for row in snapshot.offers["baidu-legacy"]} == {"baidu"}
    assert vendor(snapshot, "tencent-native").models == vendor(snapshot, "tencent").models
