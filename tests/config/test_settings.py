from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fenli.clock import SECOND
from fenli.config.load import Config
from fenli.config.on_device import OnDevice
from fenli.config.problems import ConfigRefused
from fenli.config.settings import settings_of, try_out
from fenli.vendors.local.weights import Weights

RUNNING = OnDevice(Weights(Path("w.gguf"), 1, "llama", None, 8192), "w.gguf", "own-weights", 2, 2048)


def test_the_model_on_this_machine_comes_with_its_address_key_and_context(load: Callable[[str], Config]) -> None:
    found = settings_of(load(""), {}, RUNNING, "http://127.0.0.1:9/v1", "file:/data/local-key")
    local = next(vendor for vendor in found.vendors if vendor.id == "local")
    assert (local.base_url, local.credential) == ("http://127.0.0.1:9/v1", "file:/data/local-key")
    assert (local.models, local.context) == (("own-weights",), 2048)


def test_a_vendor_that_is_off_says_why(load: Callable[[str], Config]) -> None:
    found = settings_of(load("[vendors.zhipu]\nenabled = false"), {}, OnDevice(None, "off", "x"), None)
    reasons = {vendor.id: vendor.why_off for vendor in found.vendors if not vendor.enabled}
    assert reasons["zhipu"] == "enabled = false"
    assert reasons["openai"] == "OPENAI_API_KEY is not set"


def test_how_often_vendors_are_asked_what_is_left_and_what_is_too_little(load: Callable[[str], Config]) -> None:
    text = """
        [office]
        poll_balances = "10m"
        [vendors.deepseek]
        poll_balances = "90s"
        low_balance = "20.5"
        [vendors.mine]
        adapter = "moonshot"
        base_url = "https://api.example.com/v1"
        models = ["m"]
        low_balance = "0"
    """
    found = settings_of(load(text), {}, OnDevice(None, "off", "x"), None)
    said = {vendor.id: (vendor.poll_balances, vendor.low_balance) for vendor in found.vendors}
    assert found.poll_balances == 600 * SECOND
    assert said["deepseek"] == (90 * SECOND, 20_500_000_000_000)
    assert said["mine"] == (None, 0)
    assert said["stepfun"] == (None, None)
    assert settings_of(load(""), {}, OnDevice(None, "off", "x"), None).poll_balances is None


def test_a_model_that_does_not_run_is_no_vendor(load: Callable[[str], Config]) -> None:
    found = settings_of(load(""), {}, OnDevice(None, "off", "x"), None)
    assert "local" not in [vendor.id for vendor in found.vendors]


def test_a_price_list_that_is_none_is_named_with_its_line_though_the_vendor_is_off(
    load: Callable[[str], Config],
) -> None:
    text = """
        [vendors.mine]
        enabled = false
        adapter = "openai"
        base_url = "https://api.example.com/v1"
        models = ["m"]
        price_list = "opnai"
    """
    with pytest.raises(ConfigRefused) as caught:
        try_out(load(text), OnDevice(None, "off", "x"))
    (problem,) = caught.value.problems
    assert (problem.line, problem.field) == (7, "vendors.mine.price_list")
    assert problem.message == '"opnai" is no price list: did you mean "openai"?'
    try_out(load(text.replace("opnai", "openai")), OnDevice(None, "off", "x"))
