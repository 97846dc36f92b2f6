from __future__ import annotations

import pytest

from fenli.errors import CallRefused, Code
from fenli.routing.directory import Directory
from fenli.routing.fitting import fitted
from fenli.routing.snapshot import Route, Snapshot, VendorSettings
from fenli.routing.targets import Plan
from fenli.vendors.catalog import VENDORS
from fenli.wire.openai_chat.options import Missing, Option, Options, Persona, Search, Thinking

REFUSE, DOWNGRADE = Missing
SEARCHING = Options(search=Search())


def plan(*targets: str, downgrading: tuple[str, ...] = ()) -> Plan:
    vendors = tuple(
        VendorSettings(
            id=name, adapter=name, base_url=VENDORS[name].base_url, credential="", models=(), currency="CNY",
            missing_options=DOWNGRADE if name in downgrading else REFUSE,
        )
        for name in dict.fromkeys(target.partition("/")[0] for target in targets)
    )  # fmt: skip
    snapshot = Snapshot("v", 0, (), vendors, (Route("route", targets),), {})
    return Directory(snapshot, lambda reference: "").plan("route")


def order(found: Plan) -> list[str]:
    return [target.vendor_id for target in found.targets]


def told(found: Plan) -> list[str]:
    """The downgrades that the header of each target names."""
    lines = [target.label.decode().split("\r\n") for target in found.targets]
    return [next((line[20:] for line in each if line.startswith("x-fenli-downgraded: ")), "") for each in lines]


def test_a_target_that_lacks_the_option_is_passed_over() -> None:
    found = fitted(plan("deepseek/deepseek-flash", "alibaba/qwen-plus", "zhipu/glm-5"), SEARCHING)
    assert order(found) == ["alibaba", "zhipu"]
    assert told(found) == ["", ""]


def test_a_target_that_does_less_comes_after_those_that_do_all_of_it() -> None:
    found = fitted(
        plan("deepseek/deepseek-flash", "alibaba/qwen-plus", "moonshot/moonshot-v1-8k", downgrading=("deepseek",)),
        Options(search=Search(), thinking=Thinking(True)),
    )
    assert order(found) == ["alibaba", "deepseek"]
    assert told(found) == ["", "search"]


def test_a_request_may_ask_for_the_downgrade_and_refuse_it() -> None:
    assert order(fitted(plan("deepseek/x"), Options(search=Search(), missing=DOWNGRADE))) == ["deepseek"]
    with pytest.raises(CallRefused):
        fitted(plan("deepseek/x", downgrading=("deepseek",)), Options(search=Search(), missing=REFUSE))


def test_nearly_is_done_without_asking_and_told() -> None:
    found = fitted(plan("moonshot/kimi-k3"), Options(thinking=Thinking(True, "medium")))
    assert told(found) == ["thinking"]


def test_several_downgrades_are_told_once_each() -> None:
    asked = Options(search=Search(), persona=Persona(bot_name="Li"), prefix=True, missing=DOWNGRADE)
    assert told(fitted(plan("huawei/glm-5"), asked)) == ["search, prefix, persona"]


def test_the_refusal_says_what_each_lacks_who_has_it_and_what_to_do() -> None:
    with pytest.raises(CallRefused) as caught:
        fitted(plan("deepseek/deepseek-flash", "huawei/glm-5"), Options(persona=Persona("Li")))
    refusal = caught.value
    assert (refusal.code, refusal.param) == (Code.OPTION_NOT_SUPPORTED, "fenli.persona")
    assert "deepseek/deepseek-flash has no persona; huawei/glm-5 has no persona" in refusal.message
    having = [vendor.id for vendor in VENDORS.values() if vendor.switches.has(Option.PERSONA)]
    assert ", ".join(having) in refusal.message
    assert "downgrade" in refusal.message


def test_a_model_that_cannot_but_think_is_told_from_those_that_can() -> None:
    with pytest.raises(CallRefused, match=r"glm-5.3 always thinks. Thinking can be turned off at deepseek") as caught:
        fitted(plan("zhipu/glm-5.3"), Options(thinking=Thinking(False)))
    assert "metaso" not in caught.value.message
    assert "(then it thinks as little as it can)" in caught.value.message


def test_the_plan_that_others_share_stays_as_it_is() -> None:
    shared = plan("deepseek/deepseek-flash", downgrading=("deepseek",))
    fitted(shared, SEARCHING)
    assert told(shared) == [""]
