"""However the bytes of an answer are cut, it is the same answer, at every vendor."""

from __future__ import annotations

import json

import pytest
from recorded_answers import CALL, TEXT, THOUGHT, Recorder, hear

from fenli.market.flavours import FLAVOURS
from fenli.vendors.catalog import VENDORS

NEVER_AN_END = (None, "", "null")  # what streams say of their finish reason while they go on
GOING_ON = [  # dialects of their own have one way to say it
    (name, word) for name in VENDORS for word in (NEVER_AN_END if FLAVOURS[name].dialect is None else NEVER_AN_END[:1])
]


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    return Recorder()


def told(said: bytes) -> tuple[str, str, str, list[str]]:
    """The text, the reasoning, the tool calls and the ends of a stream."""
    text = reasoning = calls = ""
    ends = []
    for line in said.split(b"\n"):
        if line.startswith(b"data: {"):
            for choice in json.loads(line[6:])["choices"]:
                delta = choice.get("delta") or {}
                text += delta.get("content") or ""
                reasoning += delta.get("reasoning_content") or delta.get("reasoning") or ""
                calls += "".join((call["function"].get("name") or "") + (call["function"].get("arguments") or "")
                                 for call in delta.get("tool_calls") or ())  # fmt: skip
                ends += [choice["finish_reason"]] if choice.get("finish_reason") not in NEVER_AN_END else []
    return text, reasoning, calls, ends


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", VENDORS)
def test_cut_anywhere_or_byte_by_byte_it_is_the_same_answer(recorder: Recorder, name: str, stream: bool) -> None:
    recorded = recorder.record(name, stream=stream)
    expected = hear(recorded.answer(), recorded.pieces)
    assert expected.finished
    assert expected.usage is not None
    assert expected.wrong == (None, None)
    if FLAVOURS[name].in_messages:
        return  # which come whole; how they are told apart in bytes is the WebSocket's affair
    data = b"".join(recorded.pieces)
    for at in range(len(data) + 1):
        assert hear(recorded.answer(), (data[:at], data[at:])) == expected, data[:at]
    assert hear(recorded.answer(), (data[at : at + 1] for at in range(len(data)))) == expected
    assert hear(recorded.answer(), (data,)) == expected


@pytest.mark.parametrize(("name", "unfinished"), GOING_ON)
def test_a_stream_that_stops_early_is_not_whole_whatever_it_says_of_its_end(
    recorder: Recorder, name: str, unfinished: str | None
) -> None:
    recorded = recorder.record(name, stream=True, unfinished=unfinished)
    whole = hear(recorded.answer(), recorded.pieces)
    text, reasoning, calls, ends = expected = told(whole.said)
    assert text == TEXT
    assert reasoning == (THOUGHT if FLAVOURS[name].shows_reasoning else "")
    assert calls == (CALL.name + CALL.arguments if "tools" in recorded.ask.fields else "")
    assert ends == ["tool_calls" if calls else "stop"]
    assert not hear(recorded.answer(), ()).finished
    for end, piece in enumerate(recorded.pieces):
        for more in (b"", piece[: len(piece) // 2]):
            heard = hear(recorded.answer(), (*recorded.pieces[:end], more))
            assert told(heard.said) == expected or not heard.finished
