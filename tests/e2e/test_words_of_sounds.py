"""Sounds written down, through a whole fenli: the official client, each cost worked out by hand, failover, refusals."""

from __future__ import annotations

import json
from decimal import Decimal

import openai
import pytest
from fenli_service import ask_plainly, entries, entries_of, entry_of, on_the_market, served

import sounds

ASKED = ("openai", "stepfun", "zai", "zhipu")
ROUTE = """
[[routes]]
name = "dictate"
targets = ["zhipu/glm-asr-2512", "stepfun/step-asr"]
"""
MP3 = sounds.mp3(100)  # 2.6 s


def wav(seconds: float) -> tuple[str, bytes, str]:
    """As the client takes a file: name, bytes, type."""
    return "一段话.wav", sounds.wav(round(seconds * 8_000), 8_000), "audio/wav"


@pytest.fixture(scope="module")
def fenli(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sounds")
    with on_the_market(folder, ASKED, "--fault=zhipu:overloaded", config=ROUTE) as running:
        yield running


def dollars(seconds: int) -> Decimal:
    return seconds * Decimal("0.006") / 60


@pytest.mark.parametrize("seconds", [0.4, 2.0, 61.3])
def test_a_transcript_costs_the_seconds_that_the_vendor_counts(fenli, client, seconds):
    raw = client.audio.transcriptions.with_raw_response.create(
        model="whisper-1", file=wav(seconds), language="en", extra_headers={"x-fenli-cost": "true"}
    )
    answer = raw.parse()
    begun = -int(-seconds // 1)
    assert answer.text.endswith(f"for {begun} seconds.")
    assert (answer.usage.type, answer.usage.seconds) == ("duration", begun)
    entry = entry_of(fenli, raw.headers)
    assert (entry["usage"], entry["grade"], entry["currency"]) == ({"audio_seconds": begun}, "measured", "USD")
    assert Decimal(entry["cost"]) == dollars(begun)
    assert Decimal(str(json.loads(raw.content)["usage"]["cost"])) == dollars(begun)


def test_the_same_sound_is_heard_the_same_so_the_file_went_through(client):
    heard = [client.audio.transcriptions.create(model="whisper-1", file=wav(1)).text for _ in range(2)]
    assert heard[0] == heard[1] != client.audio.transcriptions.create(model="whisper-1", file=("a.mp3", MP3)).text


def test_a_verbose_transcript_tells_how_long_it_was(fenli, client):
    raw = client.audio.transcriptions.with_raw_response.create(
        model="openai/whisper-1", file=wav(3), response_format="verbose_json", timestamp_granularities=["word"]
    )
    assert raw.parse().duration == 3
    assert entry_of(fenli, raw.headers)["usage"] == {"audio_seconds": 3}


@pytest.mark.parametrize(("wanted", "begins"), [("text", "Heard"), ("srt", "1\n00:00"), ("vtt", "WEBVTT")])
def test_words_alone_tell_nothing_so_the_files_length_is_booked_as_an_estimate(fenli, client, wanted, begins):
    raw = client.audio.transcriptions.with_raw_response.create(
        model="whisper-1", file=("a.mp3", MP3), response_format=wanted, extra_headers={"x-fenli-cost": "true"}
    )
    assert raw.content.decode().startswith(begins)
    assert raw.headers["content-type"] == "text/plain; charset=utf-8"
    entry = entry_of(fenli, raw.headers)
    assert (entry["usage"], entry["grade"]) == ({"audio_seconds": 3}, "estimated")
    assert Decimal(entry["cost"]) == dollars(3)
    assert json.loads(raw.headers["x-fenli-cost"], parse_float=Decimal)["cost"] == dollars(3)


def test_a_length_that_nobody_tells_is_unknown(fenli, client):
    raw = client.audio.transcriptions.with_raw_response.create(
        model="whisper-1", file=("a.mp3", b"#!AMR\n" + bytes(5_000)), response_format="text"
    )
    entry = entry_of(fenli, raw.headers)
    assert (entry["usage"], entry["grade"], entry["cost"]) == (None, "unknown", None)


def test_some_models_are_paid_by_the_token(fenli, client):
    raw = client.audio.transcriptions.with_raw_response.create(
        model="gpt-4o-transcribe", file=wav(7), prompt="a bill, read out"
    )
    usage = raw.parse().usage
    assert (usage.type, usage.input_token_details.audio_tokens, usage.input_token_details.text_tokens) == (
        "tokens", 70, 4,
    )  # fmt: skip
    entry = entry_of(fenli, raw.headers)
    assert entry["usage"] == {"audio_input": 70, "input": 4, "output": usage.output_tokens}
    assert Decimal(entry["cost"]) == (74 * Decimal("2.5") + usage.output_tokens * 10) / 10**6


def test_words_may_come_in_pieces_and_cost_the_same(fenli, client):
    asked = {"model": "gpt-4o-transcribe", "file": wav(7), "prompt": "a bill, read out"}
    raw = client.audio.transcriptions.with_raw_response.create(
        **asked, stream=True, extra_headers={"x-fenli-cost": "true"}
    )
    events = list(raw.parse())
    said = "".join(event.delta for event in events if event.type == "transcript.text.delta")
    last = events[-1]
    assert (last.type, last.text) == ("transcript.text.done", said)
    assert said == client.audio.transcriptions.create(**asked).text
    entry = entry_of(fenli, raw.headers)
    assert entry["usage"] == {"audio_input": 70, "input": 4, "output": last.usage.output_tokens}
    assert Decimal(str(last.usage.cost)) == Decimal(entry["cost"])


def test_a_translation_tells_nothing_either(fenli, client):
    raw = client.audio.translations.with_raw_response.create(model="whisper-1", file=wav(4.5))
    assert raw.parse().text.startswith("Said")
    entry = entry_of(fenli, raw.headers)
    assert (entry["usage"], entry["grade"]) == ({"audio_seconds": 5}, "estimated")
    assert Decimal(entry["cost"]) == dollars(5)


def test_stepfun_is_told_a_format_and_paid_by_the_hour(fenli, client):
    raw = client.audio.transcriptions.with_raw_response.create(model="stepfun/step-asr", file=wav(10))
    assert raw.parse().text.endswith("for 10 seconds.")
    entry = entry_of(fenli, raw.headers)
    assert (entry["usage"], entry["grade"], entry["currency"]) == ({"audio_seconds": 10}, "estimated", "CNY")
    assert Decimal(entry["cost"]) == 10 * Decimal("0.9") / 3600


def test_without_a_price_the_seconds_are_booked_and_the_cost_is_unknown(fenli, client):
    raw = client.audio.transcriptions.with_raw_response.create(model="zai/glm-asr-2512", file=wav(3), prompt="a bill")
    assert raw.parse().text.endswith("for 3 seconds.")
    entry = entry_of(fenli, raw.headers)
    assert (entry["usage"], entry["grade"], entry["cost"]) == ({"audio_seconds": 3}, "unknown", None)


def test_the_next_target_gets_the_same_sound(fenli, client):
    raw = client.audio.transcriptions.with_raw_response.create(model="dictate", file=wav(2))
    assert (raw.headers["x-fenli-vendor"], raw.headers["x-fenli-attempts"]) == ("stepfun", "2")
    assert raw.parse().text == client.audio.transcriptions.create(model="whisper-1", file=wav(2)).text
    assert {entry["vendor"]: entry["outcome"] for entry in entries_of(fenli, raw.headers)} == {
        "zhipu": "overloaded", "stepfun": "ok",
    }  # fmt: skip


def test_a_target_that_cannot_write_the_format_is_passed_over(client):
    raw = client.audio.transcriptions.with_raw_response.create(model="dictate", file=wav(2), response_format="text")
    assert (raw.headers["x-fenli-vendor"], raw.headers["x-fenli-attempts"]) == ("stepfun", "1")
    with pytest.raises(openai.BadRequestError, match="this vendor writes json or text"):
        client.audio.transcriptions.create(model="dictate", file=wav(2), response_format="srt")


@pytest.mark.parametrize(
    ("asked", "raised", "telling"),
    [
        ({"model": "openai/whisper-1!rate_limited"}, openai.RateLimitError, "Rate limit"),
        ({"model": "openai/whisper-1!server_error"}, openai.InternalServerError, "openai"),
        ({"model": "whisper-1", "stream": True}, openai.BadRequestError, "one piece"),
        ({"model": "dictate", "stream": True}, openai.BadRequestError, "one piece"),
        ({"model": "gpt-4o-transcribe", "response_format": "srt"}, openai.BadRequestError, "response_format"),
        ({"model": "openai/tts-1"}, openai.NotFoundError, "/v1/audio/speech"),
        ({"model": "whisper-1", "file": ("a.wav", b"")}, openai.BadRequestError, "'file' is empty"),
    ],
)
def test_a_refusal_says_why(client, asked, raised, telling):
    with pytest.raises(raised, match=telling):
        client.audio.transcriptions.create(**{"file": wav(1)} | asked)


def test_json_is_told_to_be_a_form(fenli):
    status, _, body = ask_plainly(
        fenli, "/audio/transcriptions", {"model": "whisper-1"}, content_type="application/json"
    )
    assert status >= 400
    assert "multipart/form-data" in json.loads(body)["error"]["message"]


def test_the_vendors_books_agree(fenli, client):
    """But for what it told of by words alone, whatever the market charges in seconds is in our books."""
    raw = client.audio.transcriptions.with_raw_response.create(model="whisper-1", file=wav(5))
    entry_of(fenli, raw.headers)
    theirs = sorted(str(one.units) for one in served(fenli.market_port) if one.units and one.told)
    ours = [entry for entry in entries(fenli) if entry["grade"] == "measured"]
    assert theirs
    assert theirs == sorted(str(entry["usage"]) for entry in ours)
