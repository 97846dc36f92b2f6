"""Calls for what is not chat: held by what they ask for, paid by what came."""

from __future__ import annotations

import json
from typing import Any

import pytest
from call_stage import JSON, CallStage
from test_holding import grant, lease, purse

from fenli.budgets.purse import Purse
from fenli.calls.service import ServiceCall
from fenli.clock import SECOND
from fenli.errors import CallRefused, Code, ConnectionLost
from fenli.ledger.records import Grade
from fenli.prices.offers import Offer
from fenli.routing.directory import Directory
from fenli.routing.snapshot import Deadlines, Key, Route, Snapshot, VendorSettings
from fenli.routing.targets import Plan
from fenli.vendors.catalog import VENDORS
from fenli.wire.capabilities import Capability
from fenli.wire.services.parsers import PARSERS

PICO_EACH = {"embeddings": "input", "images": "images", "speech": "input_characters", "search": "searches"}
VECTORS = b'{"object":"list","data":[{"embedding":[0.5]}],"model":"m","usage":{"prompt_tokens":7,"total_tokens":7}}'
AUDIO = [(b"Content-Type", b"audio/mpeg")]


def plan(capability: Capability, *targets: str, prices: tuple[int, ...] = (3,), unit: str = "image") -> Plan:
    """A route over ``vendor/model``; one unit costs ``prices`` of the first, of the second ... (0: no price)."""
    settings, offers = [], {}
    for place, target in enumerate(targets):
        name, _, model = target.partition("/")
        deadlines = Deadlines(first_content=10 * SECOND, total=60 * SECOND)
        vendor = VENDORS[name]
        settings.append(VendorSettings(name, name, vendor.base_url, "", (model,), "CNY", deadlines=deadlines))
        price = prices[min(place, len(prices) - 1)]
        row = Offer(f"o-{name}", name, model, "CNY", 0, None, unit, {PICO_EACH[capability]: price})
        offers[name] = (row,) if price else ()
    snapshot = Snapshot("v", 0, (), tuple(settings), (Route("fast", targets),), offers)
    return Directory(snapshot, lambda _: "sk-secret").plan_for(capability, "fast")


class ServiceStage(CallStage):
    def __init__(
        self, capability: Capability, *targets: str, prices: tuple[int, ...] = (3,), unit: str = "image",
        purse: Purse | None = None, wants_cost: bool = False, **ask: Any,
    ) -> None:  # fmt: skip
        super().__init__(purse=purse)
        body = json.dumps({"model": "fast", **ask}).encode()
        made = plan(capability, *targets, prices=prices, unit=unit)
        request = PARSERS[capability](body)
        self.call = ServiceCall(
            7, "call_x7", Key("k1", "mine", b""), request, made, self.now, self.purse, wants_cost=wants_cost
        )

    def answer(self, *parts: Any, **more: Any) -> ServiceStage:
        super().answer(*parts, **more)
        self.write_journal()
        return self


def embedding(text: str = "hello", **more: Any) -> ServiceStage:
    targets = ("zhipu/embedding-3", "alibaba/text-embedding-v4")
    return ServiceStage(Capability.EMBEDDINGS, *targets, unit="1M_tokens", input=text, **more)


def images(n: int, **more: Any) -> ServiceStage:
    return ServiceStage(Capability.IMAGES, "zhipu/cogview-4", prompt="cat", n=n, **more)


def made(*urls: str) -> bytes:
    return json.dumps({"created": 1, "data": [{"url": url} for url in urls]}).encode()


def test_the_worst_of_an_embedding_is_a_token_for_every_byte():
    stage = embedding("分" * 10, purse=purse(1_000_000)).ask()
    held = 3 * len('"' + "\\u5206" * 10 + '"')  # as it stands in the body
    assert lease(stage).held == held
    assert stage.records[0].picos == held
    stage.answer(200, VECTORS)
    assert (lease(stage).held, lease(stage).spent) == (0, 21)
    (entry,) = stage.entries
    assert (entry.usage, entry.picos, entry.grade) == ({"input": 7}, 21, Grade.MEASURED)


def test_images_are_held_as_many_as_were_asked_for_and_paid_as_many_as_came():
    stage = images(4, purse=purse(1_000_000)).ask()
    assert lease(stage).held == 12
    stage.answer(200, made("a", "b", "c"))
    assert lease(stage).spent == 9
    assert stage.entries[0].usage == {"images": 3}
    assert json.loads(stage.reply.body)["data"][2] == {"url": "c"}


def test_a_budget_that_has_too_little_refuses_before_the_vendor_hears_of_it():
    stage = images(4, purse=purse(11)).begin()
    assert [(need.amount, need.whole) for need in stage.needs] == [(1, 12)]
    with pytest.raises(CallRefused, match="ask for less at once") as caught:
        stage.call.allowed(stage.now, met=False)
    assert caught.value.code is Code.INSUFFICIENT_QUOTA
    assert stage.sends == {}


def test_what_the_office_lends_lets_the_call_go_on():
    stage = images(4, purse=purse(11)).begin()
    grant(stage.purse, 12)
    stage.perform(stage.call.allowed(stage.now, met=True))
    stage.settle().answer(200, made("a"))
    assert stage.entries[0].picos == 3


def test_without_a_price_a_budget_refuses_and_no_budget_lets_it_pass_at_an_unknown_cost():
    with pytest.raises(CallRefused, match="has no price"):
        images(1, prices=(0,), purse=purse(1_000)).begin()
    stage = images(1, prices=(0,)).ask().answer(200, made("a"))
    assert (stage.entries[0].grade, stage.entries[0].picos) == (Grade.UNKNOWN, None)
    assert stage.entries[0].usage == {"images": 1}


def test_the_next_target_has_a_hold_of_its_own():
    stage = embedding(purse=purse(1_000_000), prices=(3, 5)).ask()
    first = lease(stage).held
    stage.answer(503, b'{"error":{"message":"busy","code":"1305"}}')
    assert lease(stage).held * 3 == first * 5
    stage.write_journal()
    stage.answer(200, VECTORS)
    assert [(entry.vendor, entry.outcome, entry.picos) for entry in stage.entries] == [
        ("zhipu", "overloaded", None), ("alibaba", "ok", 35),
    ]  # fmt: skip
    assert lease(stage).held == 0


def test_a_request_that_the_next_target_cannot_be_told_ends_with_the_first_ones_failure():
    stage = ServiceStage(
        Capability.SPEECH, "openai/tts-1", "minimax/speech-02-hd", unit="1M_characters", input="hi",
        response_format="opus",
    ).ask()  # fmt: skip
    stage.answer(500, b"{}")
    assert stage.reply.status == 502
    assert [entry.vendor for entry in stage.entries] == ["openai"]


def test_sound_is_passed_on_and_its_cost_stands_in_a_header():
    stage = ServiceStage(
        Capability.SPEECH, "openai/tts-1", unit="1M_characters", input="分厘 ok", wants_cost=True
    ).ask()
    stage.answer(200, b"ID3\x00", b"\x01", headers=AUDIO)
    assert stage.reply.body == b"ID3\x00\x01"
    assert stage.header["content-type"] == "audio/mpeg"
    assert json.loads(stage.header["x-fenli-cost"])["cost"] == 0.000000000015
    (entry,) = stage.entries
    assert (entry.usage, entry.picos, entry.grade) == ({"input_characters": 5}, 15, Grade.ESTIMATED)


@pytest.mark.parametrize(
    ("answer", "headers", "outcome"),
    [
        (b'{"error":{"message":"no","code":"1301"}}', JSON, "content_filtered"),
        (b"{}", JSON, "server_error"),
        (b"", AUDIO, "server_error"),
        (b"<html>", [(b"content-type", b"text/html")], "server_error"),
    ],
)
def test_what_is_no_sound_is_no_answer(answer, headers, outcome):
    stage = ServiceStage(Capability.SPEECH, "zhipu/glm-tts", unit="1M_characters", input="hi").ask()
    stage.answer(200, *([answer] if answer else []), headers=headers)
    assert stage.reply.status >= 400
    assert stage.entries[0].outcome == outcome
    assert stage.entries[0].picos is None


def test_an_answer_that_breaks_off_is_unknown_not_free():
    stage = images(2).ask().head()
    stage.body(b'{"data":[{"url"').fail(ConnectionLost("gone", sent=True))
    stage.settle()
    (entry,) = stage.entries
    assert (entry.outcome, entry.grade, entry.picos, entry.held_picos) == ("truncated", Grade.UNKNOWN, None, 6)


def test_usage_that_contradicts_itself_is_unknown():
    stage = embedding().ask().answer(200, VECTORS.replace(b'"total_tokens":7', b'"total_tokens":9'))
    assert stage.reply.status == 200
    assert (stage.entries[0].grade, stage.entries[0].picos) == (Grade.UNKNOWN, None)


def test_without_usage_an_embedding_is_estimated():
    stage = embedding("x" * 400).ask().answer(200, b'{"data":[{"embedding":[1]}]}')
    assert (stage.entries[0].usage, stage.entries[0].grade) == ({"input": 100}, Grade.ESTIMATED)


def test_the_cost_is_put_where_there_was_no_usage():
    stage = images(1, wants_cost=True).ask().answer(200, made("a"))
    assert json.loads(stage.reply.body)["usage"]["cost"] == 0.000000000003
    assert json.loads(stage.reply.body)["data"] == [{"url": "a"}]


def test_a_caller_who_leaves_does_not_make_the_images_free():
    stage = images(2).ask().head()
    stage.leave().settle()
    assert stage.cancelled == [1]
    assert (stage.entries[0].outcome, stage.entries[0].grade) == ("client_gone", Grade.UNKNOWN)


@pytest.mark.parametrize(
    ("capability", "asked", "wrong"),
    [
        (Capability.SPEECH, {"input": "hi", "response_format": 5}, "response_format"),
        (Capability.VIDEOS, {"prompt": "cat", "size": 720}, "size"),
    ],
)
def test_what_would_be_found_wrong_once_it_is_paid_is_refused_before(capability, asked, wrong):
    with pytest.raises(CallRefused) as caught:
        PARSERS[capability](json.dumps({"model": "m", **asked}).encode())
    assert caught.value.param == wrong


def test_embeddings_that_cost_no_token_are_unknown_not_free():
    stage = embedding().ask().answer(200, VECTORS.replace(b":7", b":0"))
    assert stage.reply.status == 200
    assert (stage.entries[0].grade, stage.entries[0].picos) == (Grade.UNKNOWN, None)


def test_a_vendor_cannot_write_header_lines_with_the_type_of_its_sound():
    stage = ServiceStage(Capability.SPEECH, "openai/tts-1", unit="1M_characters", input="hi").ask()
    stage.answer(200, b"ID3", headers=[(b"content-type", b"audio/mpeg\r\nx-fenli-cost: {}")])
    assert stage.header["content-type"] == "audio/mpeg"
    assert "x-fenli-cost" not in stage.header
