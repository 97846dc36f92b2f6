"""The Tiangong dialect: requests made, answers in one piece and in lines, new or cumulative."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.errors import CallRefused
from fenli.wire.frames import LineFrames, WholeFrame
from fenli.wire.openai_chat import parse_request
from fenli.wire.tiangong import CumulativeTiangongReader, TiangongReader, encode_request
from fenli.wire.translated import TranslatedStream, TranslatedWhole, Translation

USAGE = {"prompt_tokens": 5, "completion_tokens": 9, "total_tokens": 14}
TRANSLATION = Translation(TiangongReader, TiangongReader, lambda raw: raw, "sky", now=1_700_000_000_000_000_000)


def line(reply: str, status: int = 1, finish: int | None = None, usage: dict[str, int] | None = None) -> bytes:
    data = {"reply": reply, "status": status, "finish_reason": finish, "usage": usage}
    told = {"code": 200, "code_msg": "success", "trace_id": "t1", "resp_data": data}
    return json.dumps(told, ensure_ascii=False).encode() + b"\n"


NEW = line("one ") + line("厘") + b"\r\n" + line("!", 3, 1, USAGE)
SO_FAR = line("one ") + line("one 厘") + line("one 厘!") + line("one 厘!", 3, 1, USAGE)


def said(wire: bytes, cuts: list[int], reader: type[TiangongReader]) -> bytes:
    answer = TranslatedStream(LineFrames(), reader(), TRANSLATION, wants_usage=True)
    edges = [0, *sorted(cuts), len(wire)]
    out = b"".join(answer.feed(wire[start:end]) for start, end in itertools.pairwise(edges))
    answer.end()
    assert answer.finished
    return out + answer.tail(None)


def words(stream: bytes) -> str:
    lines = [event.removeprefix("data: ") for event in stream.decode().split("\n\n") if event.startswith("data: {")]
    choices = [choice for one in lines for choice in json.loads(one)["choices"]]
    return "".join(choice["delta"].get("content", "") for choice in choices)


@pytest.mark.parametrize(("wire", "reader"), [(NEW, TiangongReader), (SO_FAR, CumulativeTiangongReader)])
def test_an_answer_is_said_again_however_its_bytes_come(wire: bytes, reader: type[TiangongReader]) -> None:
    told = said(wire, [], reader)
    assert words(told) == "one 厘!"
    assert b'"finish_reason":"stop"' in told
    assert json.loads(told.decode().split("\n\n")[-3].removeprefix("data: "))["usage"] == USAGE
    assert said(wire, list(range(len(wire))), reader) == told

    @given(st.lists(st.integers(0, len(wire)), max_size=8))
    def cut_anywhere(cuts: list[int]) -> None:
        assert said(wire, cuts, reader) == told

    cut_anywhere()


def test_the_last_line_needs_no_end() -> None:
    assert words(said(NEW[:-1], [], TiangongReader)) == "one 厘!"


def test_words_that_are_taken_back_are_damage() -> None:
    answer = TranslatedStream(LineFrames(), CumulativeTiangongReader(), TRANSLATION, wants_usage=False)
    answer.feed(line("one ") + line("two"))
    assert answer.damage is not None


def whole(body: bytes) -> TranslatedWhole:
    answer = TranslatedWhole(WholeFrame(1 << 20), TiangongReader(), TRANSLATION)
    answer.feed(body)
    answer.end()
    return answer


def test_one_piece() -> None:
    answer = whole(line("all of it", 3, 2, USAGE))
    body = json.loads(answer.tail(None))
    assert body["choices"][0]["message"]["content"] == "all of it"
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["id"] == "t1"
    assert body["usage"] == USAGE


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"code":60001,"code_msg":"no","resp_data":null}', {"code": 60001, "message": "no"}),
        (b'{"code":0}', {"code": 0, "message": "the vendor gave no reason"}),
        (line("", 2), {"code": "status-2", "message": "success"}),
        (line("half", 2), {"code": "status-2", "message": "success"}),
        (line("", 4), {"code": "status-4", "message": "success"}),
    ],
)
def test_a_failure_inside_a_200(body: bytes, told: dict[str, Any]) -> None:
    answer = whole(body)
    assert answer.error is not None
    assert json.loads(answer.error) == told


def test_a_filter_that_ends_an_answer_is_its_finish() -> None:
    stream = said(line("one ") + line("", 4, None, USAGE), [], TiangongReader)
    assert words(stream) == "one "
    assert b'"finish_reason":"content_filter"' in stream


def asked(**members: Any) -> Any:
    body = json.dumps({"model": "sky", "messages": [{"role": "user", "content": "hi"}], **members}).encode()
    return json.loads(encode_request(parse_request(body), b'"SkyChat-MegaVerse"', "Tiangong"))


def test_a_request() -> None:
    assert asked() == {"model": "SkyChat-MegaVerse", "messages": [{"role": "user", "content": "hi"}], "param": {}}
    messages = [{"role": "system", "content": "s"}, {"role": "assistant", "content": "a"}]
    told = asked(messages=messages, max_tokens=7, temperature=0.1, top_p=None, min_len=3, stream=True)
    assert [one["role"] for one in told["messages"]] == ["system", "bot"]
    assert told["param"] == {"generate_length": 7, "temperature": 0.1, "min_len": 3}


@pytest.mark.parametrize(
    "members",
    [
        {"tools": [{"type": "function", "function": {"name": "a"}}]},
        {"stop": "x"},
        {"response_format": {"type": "json_object"}},
        {"messages": [{"role": "tool", "content": "4"}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
    ],
)
def test_what_it_cannot_say_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(CallRefused, match="Tiangong") as refused:
        asked(**members)
    assert refused.value.param == next(iter(members))
