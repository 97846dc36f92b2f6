"""Sounds as callers send them: read whole or refused by name, passed on as they came, paid by what the answer tells."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cut_anywhere import CUTS, relayed
from hypothesis import given
from hypothesis import strategies as st

from fenli.errors import CallRefused, Code, UsageError
from fenli.wire.capabilities import Capability
from fenli.wire.multipart import parts_of
from fenli.wire.services import ServiceAnswer
from fenli.wire.services.parsers import read_request
from fenli.wire.services.transcriptions import TEMPLATE_TOKENS, AudioRequest, StreamedTranscriptions, Transcriptions
from forms import TYPE, file, form, text
from sounds import flac, mp3, wav

JSON = b"application/json"
MODEL = text("model", "m")
SOUND = wav(32_000)


def sound(data: bytes = SOUND, name: str = "a.wav") -> bytes:
    return file(data, name, "audio/wav")


def asked(*more: bytes, data: bytes = SOUND) -> AudioRequest:
    ask = read_request(Capability.TRANSCRIPTIONS, form(MODEL, *more, sound(data)), TYPE)
    assert isinstance(ask, AudioRequest)
    return ask


def answer_of(ask: AudioRequest, told: Any, kind: bytes = JSON) -> ServiceAnswer:
    answer = ServiceAnswer(Transcriptions(), ask, None, 0)
    answer.content_type = kind
    answer.feed(told if isinstance(told, bytes) else json.dumps(told).encode())
    answer.end()
    return answer


@given(texts=st.dictionaries(st.sampled_from(["language", "prompt", "include[]", "x"]), st.text(max_size=30)))
def test_the_same_form_goes_on_but_for_the_model(texts):
    ask = asked(*(text(name, value) for name, value in texts.items()))
    assert (ask.model, ask.content_type) == ("m", TYPE)
    parts = parts_of(Transcriptions().body(ask, b'"whisper-1"'), ask.content_type)
    assert {part.name: part.text for part in parts[:-1]} == texts | {"model": "whisper-1"}
    sound = parts[-1]
    assert (sound.name, sound.file, sound.data) == ("file", "a.wav", SOUND)
    assert b"Content-Type: audio/wav" in sound.head


def test_what_is_hidden_in_a_head_does_not_go_on():
    hidden = b"""Content-Disposition: form-data; name="prompt"; name*=utf-8''model\r\nX-Name: model\r\n\r\ndearer"""
    body = Transcriptions().body(asked(hidden), b'"cheap"')
    assert b"name*" not in body
    assert b"X-Name" not in body
    assert [part.text for part in parts_of(body, TYPE) if part.name == "model"] == ["cheap"]


def test_names_of_files_go_on_however_they_were_written():
    coded = b"Content-Disposition: form-data; name=\"file\"; filename*=UTF-8''%E5%88%86%E5%8E%98.mp3\r\n\r\n" + mp3(9)
    ask = read_request(Capability.TRANSLATIONS, form(MODEL, coded), TYPE)
    assert 'filename="分厘.mp3"'.encode() in Transcriptions().body(ask, b'"m"')


@pytest.mark.parametrize(
    ("parts", "code", "telling"),
    [
        ((sound(),), Code.INVALID_VALUE, "'model' is missing"),
        ((MODEL, MODEL, sound()), Code.INVALID_VALUE, "'model' is there 2 times"),
        ((text("model", " "), sound()), Code.INVALID_VALUE, "'model' is empty"),
        ((text("model", "m" * 300), sound()), Code.INVALID_VALUE, "300 characters"),
        ((MODEL,), Code.INVALID_VALUE, "'file' is missing"),
        ((MODEL, text("file", "hello")), Code.INVALID_VALUE, "'file' is a text"),
        ((MODEL, sound(b"")), Code.INVALID_VALUE, "'file' is empty"),
        ((MODEL, sound(), text("stream", "maybe")), Code.INVALID_VALUE, "'stream' must be true or false"),
        ((MODEL, sound(name="a\n.wav")), Code.INVALID_VALUE, "control characters"),
    ],
)
def test_a_form_that_cannot_be_asked_for_is_refused_by_name(parts, code, telling):
    with pytest.raises(CallRefused, match=telling) as caught:
        read_request(Capability.TRANSCRIPTIONS, form(*parts), TYPE)
    assert caught.value.code is code


def test_json_is_refused_with_what_to_send():
    with pytest.raises(CallRefused, match="must be a form"):
        read_request(Capability.TRANSCRIPTIONS, b'{"model":"m"}', JSON)


def test_what_is_held_is_what_the_file_can_last_and_what_is_estimated_what_it_says():
    assert (asked().most, asked().sure) == ({"audio_seconds": 3}, {"audio_seconds": 2})
    unknown = asked(data=b"#!AMR\n" + bytes(7_494))
    assert (unknown.most, unknown.sure) == ({"audio_seconds": 11}, None)


def test_a_model_that_counts_tokens_is_held_to_what_it_can_read_and_write():
    ask = asked(text("prompt", "x" * 100), data=flac(44_100 * 600))
    ask.limited(16_000, 2_000)
    words = len('"m"') + len('"' + "x" * 100 + '"') + TEMPLATE_TOKENS
    assert (ask.most, ask.sure) == ({"audio_input": 16_000, "input": words, "output": 2_000}, None)
    ask.charged(None)
    ask.limited(None, None)
    assert ask.most == {"audio_seconds": 601}


TOKENS = {
    "type": "tokens", "input_tokens": 24, "output_tokens": 5, "total_tokens": 29,
    "input_token_details": {"text_tokens": 4, "audio_tokens": 20},
}  # fmt: skip


@pytest.mark.parametrize(
    ("told", "meters"),
    [
        ({"usage": {"type": "duration", "seconds": 9}}, {"audio_seconds": 9}),
        ({"usage": {"type": "duration", "seconds": 8.0000001}, "duration": 3}, {"audio_seconds": 9}),
        ({"duration": 8.470000267}, {"audio_seconds": 9}),
        ({"duration": "8.47"}, {"audio_seconds": 9}),
        ({"usage": TOKENS}, {"audio_input": 20, "input": 4, "output": 5}),
        (
            {"usage": TOKENS | {"input_token_details": {"audio_tokens": 24}}},
            {"audio_input": 24, "input": 0, "output": 5},
        ),
    ],
)
def test_the_answer_tells_what_was_used(told, meters):
    answer = answer_of(asked(), {"text": "hello", **told})
    assert (answer.finished, answer.damage) == (True, None)
    assert answer.usage is not None
    assert Transcriptions().meters(answer.usage) == meters


@pytest.mark.parametrize(
    "usage",
    [
        {"seconds": 0}, {"seconds": -1}, {"seconds": "NaN"}, {"seconds": 1e99}, {"seconds": []}, {}, [], 7,
        TOKENS | {"input_token_details": None}, TOKENS | {"total_tokens": 30}, TOKENS | {"input_tokens": 19},
        TOKENS | {"input_tokens": 25}, TOKENS | {"output_tokens": -1}, {"output_tokens": 5},
    ],
)  # fmt: skip
def test_usage_that_does_not_count_is_unknown_and_never_zero(usage):
    answer = answer_of(asked(), {"text": "hello", "usage": usage})
    assert answer.usage is not None
    with pytest.raises(UsageError):
        Transcriptions().meters(answer.usage)


def test_what_tells_nothing_is_passed_on_as_it_came():
    answer = answer_of(asked(), b'{"text": ""}')
    assert (answer.finished, answer.usage) == (True, None)
    assert json.loads(answer.tail(b'"cost":0.5')) == {"text": "", "usage": {"cost": 0.5}}


@pytest.mark.parametrize("wanted", ["text", "srt", "vtt"])
def test_words_come_as_they_are(wanted):
    answer = answer_of(asked(text("response_format", wanted)), "WEBVTT\n\n分厘".encode(), b"text/vtt")
    assert (answer.tail(None), answer.usage) == ("WEBVTT\n\n分厘".encode(), None)
    assert answer.lines == b"content-type: text/plain; charset=utf-8\r\n"


@pytest.mark.parametrize(
    ("wanted", "told", "kind"),
    [
        ("text", b"<html>", b"text/html"), ("text", b"", b"text/plain"), ("text", b"\xff", b"text/plain"),
        ("json", b"hello", b"text/plain"), ("json", b'{"words":[]}', JSON), ("json", b'{"text":7}', JSON),
        ("vtt", b"hello", JSON), ("json", b"", JSON),
    ],
)  # fmt: skip
def test_what_is_no_transcript_is_damage(wanted, told, kind):
    answer = answer_of(asked(text("response_format", wanted)), told, kind)
    assert (answer.finished, answer.damage is None) == (False, False)


def test_an_error_in_place_of_words_is_an_error():
    told = b'{"error":{"message":"no"}}'
    assert answer_of(asked(text("response_format", "text")), told, JSON).error == told


def test_a_vendor_is_not_asked_for_a_format_that_it_does_not_write():
    codec = Transcriptions(formats=("json", "text"), usual="json")
    with pytest.raises(CallRefused, match="'srt', and this vendor writes json or text"):
        codec.check(asked(text("response_format", "srt")))
    for ask, format_asked in ((asked(), "json"), (asked(text("response_format", "text")), "text")):
        codec.check(ask)
        parts = parts_of(codec.body(ask, b'"m"'), TYPE)
        assert [part.text for part in parts if part.name == "response_format"] == [format_asked]


@given(data=st.binary(max_size=200), kind=st.sampled_from([JSON, b"", b"text/plain", b"text/html"]))
def test_noise_is_damage_and_never_a_crash(data, kind):
    for wanted in ("json", "text"):
        answer = answer_of(asked(text("response_format", wanted)), data, kind)
        assert answer.finished == (answer.damage is None and answer.error is None)


def event(**members: Any) -> bytes:
    return b"data: " + json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode() + b"\n\n"


def delta(words: str) -> bytes:
    return event(type="transcript.text.delta", delta=words)


def streamed(stream: bytes, cuts: list[int]) -> tuple[Any, bytes]:
    """The answer, and what the caller gets of it before its tail."""
    codec, ask = StreamedTranscriptions(), asked(text("stream", "True"))
    codec.check(ask)
    answer = codec.streamed(ask, None)
    return answer, relayed(answer, stream, cuts)


SAID = delta("分") + delta(" 厘")


@given(cuts=CUTS, ended=st.booleans(), usage=st.booleans())
def test_words_in_pieces_pass_as_they_came(cuts, ended, usage):
    counted = {"usage": TOKENS} if usage else {}
    last = event(type="transcript.text.done", text="分 厘", **counted)
    answer, out = streamed(SAID + last + (b"data: [DONE]\n\n" if ended else b""), cuts)
    assert (answer.finished, answer.error, answer.damage, answer.upstream_id) == (True, None, None, None)
    assert out + answer.tail(None) == SAID + last + b"data: [DONE]\n\n"
    assert answer.usage == (json.dumps(TOKENS, separators=(",", ":")).encode() if usage else None)
    assert (b'"cost":0.5' in answer.tail(b'"cost":0.5')) == usage


@given(cuts=CUTS)
def test_silence_in_pieces_is_an_answer(cuts):
    answer, _ = streamed(event(type="transcript.text.done", text="", usage=TOKENS), cuts)
    assert (answer.begun, answer.finished) == (True, True)


@given(cuts=CUTS)
def test_words_that_break_off_are_not_whole(cuts):
    answer, _ = streamed(SAID + event(type="transcript.text.done", text="分 厘")[:-9], cuts)
    assert (answer.begun, answer.finished, answer.usage) == (True, False, None)


@given(cuts=CUTS)
def test_an_error_between_words_is_one(cuts):
    answer, out = streamed(SAID + event(error={"message": "no"}) + b"data: [DONE]\n\n", cuts)
    assert (answer.error, answer.finished, out) == (b'{"message":"no"}', False, SAID)


@given(data=st.binary(max_size=100), cuts=CUTS)
def test_noise_in_a_stream_is_never_a_crash(data, cuts):
    answer, _ = streamed(b"data: " + data + b"\n\n", cuts)
    assert not answer.finished or b"DONE" in data


def test_who_hears_in_one_piece_alone_is_not_asked_for_more():
    with pytest.raises(CallRefused, match="comes in one piece"):
        Transcriptions().check(asked(text("stream", "true")))
    Transcriptions().check(asked(text("stream", "false")))
