"""Calls for what is not chat: held by what they ask for, paid by what came."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from call_stage import JSON, CallStage
from test_holding import grant, lease, purse

import forms
from fenli.budgets.purse import Purse
from fenli.calls.service import ServiceCall, StreamedCall
from fenli.clock import SECOND
from fenli.errors import CallRefused, Code, ConnectionLost
from fenli.ledger.records import Grade
from fenli.prices.offers import Conditions, Offer
from fenli.prices.tariff import Tariff
from fenli.routing.directory import Directory
from fenli.routing.snapshot import Deadlines, Key, Route, Snapshot, VendorSettings
from fenli.routing.targets import Plan
from fenli.vendors.catalog import VENDORS
from fenli.wire.capabilities import Capability
from fenli.wire.services.parsers import PARSERS, read_request
from sounds import flac

PICO_EACH = {"embeddings": "input", "images": "images", "speech": "input_characters", "search": "searches",
             "transcriptions": "audio_seconds", "videos": "videos", "completions": "output"
}  # fmt: skip
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
        charged = {PICO_EACH[capability]: price} | ({"input": price} if capability is Capability.COMPLETIONS else {})
        row = Offer(f"o-{name}", name, model, "CNY", 0, None, unit, charged)
        offers[name] = (row,) if price else ()
    snapshot = Snapshot("v", 0, (), tuple(settings), (Route("fast", targets),), offers)
    return Directory(snapshot, lambda _: "sk-secret").plan_for(capability, "fast")


class ServiceStage(CallStage):
    def __init__(
        self, capability: Capability, *targets: str, prices: tuple[int, ...] = (3,), unit: str = "image",
        purse: Purse | None = None, wants_cost: bool = False, **ask: Any,
    ) -> None:  # fmt: skip
        super().__init__(purse=purse)
        made = plan(capability, *targets, prices=prices, unit=unit)
        if capability in PARSERS:
            request = PARSERS[capability](json.dumps({"model": "fast", **ask}).encode())
        else:
            request = read_request(capability, form(**ask), forms.TYPE)
        self.call = (StreamedCall if request.stream else ServiceCall)(
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


def form(file: bytes, **texts: str) -> bytes:
    fields = {"model": "fast", **texts}
    return forms.form(*(forms.text(name, value) for name, value in fields.items()), forms.file(file, "a.flac"))


def sound(seconds: int, *targets: str, **more: Any) -> ServiceStage:
    """Of a FLAC that says that it lasts so long."""
    file = flac(8_000 * seconds, 8_000)
    return ServiceStage(
        Capability.TRANSCRIPTIONS, *(targets or ("openai/whisper-1",)), file=file, unit="minute", **more
    )


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


def test_a_sound_is_held_at_what_its_file_can_last_and_paid_at_what_the_vendor_counts():
    stage = sound(60, purse=purse(1_000_000), prices=(1,)).ask()
    assert lease(stage).held == 61
    stage.answer(200, b'{"text":"hello","usage":{"type":"duration","seconds":59}}')
    assert (lease(stage).held, lease(stage).spent) == (0, 59)
    assert (stage.entries[0].usage, stage.entries[0].grade) == ({"audio_seconds": 59}, Grade.MEASURED)


def test_a_sound_that_is_too_long_for_a_budget_is_refused_before_the_vendor_hears_it():
    stage = sound(3_600, purse=purse(1_000)).begin()
    with pytest.raises(CallRefused, match="ask for less at once"):
        stage.call.allowed(stage.now, met=False)
    assert stage.sends == {}


def test_words_alone_are_paid_at_what_the_file_says():
    stage = sound(7, purse=purse(1_000_000), prices=(1,), response_format="text").ask()
    stage.answer(200, b"hello", headers=[(b"Content-Type", b"text/plain")])
    assert (stage.entries[0].usage, stage.entries[0].grade) == ({"audio_seconds": 7}, Grade.ESTIMATED)
    assert lease(stage).spent == 7


def test_who_cannot_write_the_format_is_not_asked():
    stage = sound(2, "zhipu/glm-asr-2512", "openai/whisper-1", response_format="srt").ask()
    assert stage.sends[1].target.vendor_id == "openai"
    with pytest.raises(CallRefused, match="this vendor writes json"):
        sound(2, "zhipu/glm-asr-2512", response_format="srt").begin()


def test_a_sound_that_failed_is_sent_again_whole():
    stage = sound(2, "zhipu/glm-asr-2512", "openai/whisper-1", prices=(0,)).ask().answer(500, b"{}")
    first, second = (bytes(stage.sends[number].request.body) for number in (1, 2))
    assert second == first.replace(b"glm-asr-2512", b"whisper-1")


def hailuo(purse: Purse | None = None, **asked: Any) -> ServiceStage:
    """A clip of 768 lines and six seconds has a price, and no other."""
    stage = ServiceStage(
        Capability.VIDEOS, "minimax/MiniMax-Hailuo-2.3", unit="video", prompt="cat", purse=purse, **asked
    )
    (target,) = stage.call.plan.targets
    row = msgspec.structs.replace(target.tariff.offers[0], conditions=Conditions(resolution="768p"))
    priced = msgspec.structs.replace(target, tariff=Tariff([row], "start"))
    stage.call.plan = msgspec.structs.replace(stage.call.plan, targets=(priced,))
    return stage


TAKEN_ON = b'{"task_id":"t1","base_resp":{"status_code":0}}'


@pytest.mark.parametrize("asked", [{}, {"seconds": "6"}, {"duration": 6}, {"resolution": "768P"}])
def test_a_clip_costs_what_such_a_clip_costs(asked):
    stage = hailuo(purse(1_000), **asked).ask().answer(200, TAKEN_ON)
    assert (stage.entries[0].picos, stage.entries[0].grade, lease(stage).spent) == (3, Grade.ESTIMATED, 3)


@pytest.mark.parametrize(
    "asked", [{"seconds": "10"}, {"duration": 10}, {"resolution": "1080P"}, {"resolution": "512P"}]
)
def test_a_longer_or_sharper_clip_does_not_cost_what_another_one_does(asked):
    stage = hailuo(**asked).ask().answer(200, TAKEN_ON)
    assert (stage.entries[0].picos, stage.entries[0].grade) == (None, Grade.UNKNOWN)
    with pytest.raises(CallRefused, match="has no price"):
        hailuo(purse(1_000), **asked).begin()


def text(piece: str, finish: str | None = None, usage: dict[str, int] | None = None) -> bytes:
    choice = {"index": 0, "text": piece, "finish_reason": finish}
    return (
        b"data: %b\n\n" % json.dumps({"id": "c", "choices": [choice], "usage": usage}, separators=(",", ":")).encode()
    )


def gap(*targets: str, **more: Any) -> ServiceStage:
    """A streamed text of at most 9 tokens."""
    asked = {"prompt": "x" * 40, "max_tokens": 9, "stream": True, "unit": "1M_tokens"}
    return ServiceStage(Capability.COMPLETIONS, *(targets or ("deepseek/deepseek-flash",)), **asked | more)


COUNTED = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
END = text("", "stop", COUNTED)
DONE = b"data: [DONE]\n\n"


def test_a_streamed_text_is_held_relayed_and_paid_as_a_chat_is():
    stage = gap(purse=purse(1_000_000), prices=(1,)).ask()
    assert lease(stage).held == 40 + 16 + 9
    stage.head().body(text("a"))
    assert (stage.said, lease(stage).held) == (text("a"), 65)
    stage.body(text("b"), END, DONE).complete().settle()
    assert stage.said.startswith(text("a") + text("b"))
    assert stage.said.endswith(DONE)
    assert (stage.finished, stage.entries[0].usage) == (True, {"input": 10, "output": 2})
    assert (stage.entries[0].grade, lease(stage).held, lease(stage).spent) == (Grade.MEASURED, 0, 12)


def test_before_the_first_text_the_next_target_is_asked():
    stage = gap("deepseek/deepseek-flash", "alibaba/qwen-plus", prices=(0,)).ask().head().body(text(""))
    assert stage.started is None
    stage.fail(ConnectionLost("gone", sent=True)).settle()
    stage.head().body(text("a"), END, DONE).complete().settle()
    assert (stage.sends[2].target.vendor_id, stage.finished) == ("alibaba", True)


def test_a_text_that_breaks_off_is_told_and_estimated():
    stage = gap(purse=purse(1_000_000), prices=(1,)).ask().head().body(text("one"), text(" two"))
    stage.fail(ConnectionLost("gone", sent=True)).settle()
    assert (stage.aborted, stage.said.count(b'"error"')) == (True, 1)
    assert (stage.entries[0].usage, stage.entries[0].grade) == ({"input": 10, "output": 2}, Grade.ESTIMATED)
    assert (lease(stage).held, lease(stage).spent) == (0, 12)


def test_who_leaves_a_text_cancels_it():
    stage = gap(prices=(0,)).ask().head().body(text("one")).leave().settle()
    assert stage.cancelled == [1]
    assert (stage.entries[0].outcome, stage.entries[0].usage) == ("client_gone", {"input": 10, "output": 1})


def test_a_whole_answer_where_a_stream_was_asked_for_is_a_failure_that_is_paid():
    whole = json.dumps({"choices": [{"index": 0, "text": "a", "finish_reason": "stop"}], "usage": COUNTED}).encode()
    stage = gap(purse=purse(1_000_000), prices=(1,)).ask().head(headers=JSON).body(whole).complete().settle()
    assert stage.reply.status >= 500
    assert (stage.entries[0].usage, lease(stage).spent) == ({"input": 10, "output": 2}, 12)


def test_a_sound_in_pieces_that_breaks_off_is_paid_at_what_its_file_says():
    targets = ("openai/whisper-1", "openai/gpt-transcribe")  # the first has no pieces
    stage = sound(7, *targets, purse=purse(1_000_000), prices=(1,), stream="true").ask().head()
    assert (stage.sends[1].target.model, lease(stage).held) == ("gpt-transcribe", 8)
    stage.body(b'data: {"type":"transcript.text.delta","delta":"one"}\n\n')
    assert stage.started is not None
    stage.fail(ConnectionLost("gone", sent=True)).settle()
    assert (stage.entries[0].usage, stage.entries[0].grade) == ({"audio_seconds": 7}, Grade.ESTIMATED)
    assert (lease(stage).held, lease(stage).spent) == (0, 7)


@pytest.mark.parametrize("error", [b'{"code":"1301","message":"no"}', b'""', b"{}"])
def test_a_failure_that_says_what_it_used_is_not_free(error):
    stage = embedding(purse=purse(1_000_000)).ask()
    stage.answer(200, VECTORS[:-1] + b',"error":' + error + b"}")
    first = stage.entries[0]
    assert first.outcome != "ok"
    assert (first.usage, first.picos, first.grade) == ({"input": 7}, 21, Grade.MEASURED)
    assert lease(stage).spent == 21
