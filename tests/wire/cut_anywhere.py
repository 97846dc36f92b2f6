"""The property that every codec of a streamed dialect has: however its bytes are cut, the answer is the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from fenli.wire.answers import Answer
from fenli.wire.frames import EventFrames, Frames, WholeFrame
from fenli.wire.translated import Reader, TranslatedStream, TranslatedWhole, Translation

Make = Callable[[], Reader]
NOW = 1_700_000_000_000_000_000
CUTS = st.lists(st.integers(0, 2_000), max_size=6)


def translation(make: Make, choices: int = 1) -> Translation:
    return Translation(make, make, lambda raw: raw, "asked", NOW, choices)


def streamed(make: Make, frames: Callable[[], Frames] = EventFrames, choices: int = 1) -> TranslatedStream:
    return TranslatedStream(frames(), make(), translation(make, choices), wants_usage=True)


def gathered(make: Make, body: bytes) -> dict[str, Any]:
    """A whole answer as the caller reads it."""
    answer = TranslatedWhole(WholeFrame(1 << 20), make(), translation(make))
    answer.feed(body)
    answer.end()
    assert answer.finished, answer.damage or answer.error
    found: dict[str, Any] = json.loads(answer.tail(None))
    return found


def same_however_cut(make: Make, whole: bytes, data: st.DataObject, frames: Callable[[], Frames] = EventFrames) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=12)))
    answer, expected = streamed(make, frames), streamed(make, frames)
    out = b"".join(answer.feed(whole[a:b]) for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True))
    told = expected.feed(whole)
    for one in (answer, expected):
        one.end()
        assert one.finished, one.damage or one.error
    assert out + answer.tail(None) == told + expected.tail(None)
    assert (answer.usage, answer.upstream_id) == (expected.usage, expected.upstream_id)
    assert answer.counted() == expected.counted()


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """``data`` cut wherever these lead; some of them may be empty."""
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


def relayed(answer: Answer, data: bytes, cuts: list[int]) -> bytes:
    """What the caller gets of an answer before its tail."""
    out = b"".join(map(answer.feed, pieces(data, cuts)))
    if not answer.finished:
        answer.end()
    return out


def chunks(data: bytes) -> list[dict[str, Any]]:
    payloads = [event.removeprefix("data: ") for event in data.decode().split("\n\n") if event.startswith("data: {")]
    return [json.loads(payload) for payload in payloads]


def deltas(data: bytes) -> list[dict[str, Any]]:
    return [choice["delta"] for chunk in chunks(data) for choice in chunk["choices"]]
