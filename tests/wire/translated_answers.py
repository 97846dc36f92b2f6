"""Reads what a vendor of another dialect sent, in any pieces, and says what the caller was told."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import strategies as st

from fenli.wire.frames import Frames, WholeFrame
from fenli.wire.translated import Reader, TranslatedStream, TranslatedWhole, Translation


class Told(msgspec.Struct):
    """What reached the caller of one choice, joined; ``usage`` and ``error`` are the vendor's own."""

    text: str = ""
    reasoning: str = ""
    calls: list[dict[str, Any]] = []
    finish: list[str] = []
    members: dict[str, Any] = {}
    logprobs: list[dict[str, Any]] = []
    usage: Any = None
    error: Any = None
    damage: str | None = None
    finished: bool = False
    id: str | None = None


def translation(reader: Callable[[], Reader]) -> Translation:
    return Translation(reader, reader, shown_usage=bytes, model="public-name", now=1_700_000_000_000_000_000)


def streamed(reader: Callable[[], Reader], frames: Frames, *pieces: bytes) -> Told:
    """What a caller who asked for a stream is told."""
    answer = TranslatedStream(frames, reader(), translation(reader), wants_usage=True)
    out = b"".join(map(answer.feed, pieces))
    answer.end()
    out += answer.tail(None) if answer.finished else b""
    told = _ending(answer)
    for event in out.decode().split("\n\n"):
        if event.startswith("data: {"):
            for choice in json.loads(event[6:])["choices"]:
                _add(told, choice, choice["delta"])
    return told


def gathered(reader: Callable[[], Reader], body: bytes, frames: Frames | None = None) -> Told:
    """What a caller who asked for one piece is told."""
    answer = TranslatedWhole(frames or WholeFrame(1 << 20), reader(), translation(reader))
    answer.feed(body)
    answer.end()
    told = _ending(answer)
    if answer.finished:
        (choice,) = json.loads(answer.tail(None))["choices"]
        _add(told, choice, choice["message"])
    return told


def cuts(data: st.DataObject, whole: bytes) -> list[bytes]:
    """``whole`` in up to 13 pieces, cut anywhere."""
    places = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=12)))
    return [whole[a:b] for a, b in zip([0, *places], [*places, len(whole)], strict=True)]


def events(*messages: Any, name: str = "") -> bytes:
    head = f"event:{name}\n" if name else ""
    return b"".join(f"{head}data:{json.dumps(message, ensure_ascii=False)}\n\n".encode() for message in messages)


def lines(*messages: Any) -> bytes:
    return b"".join(json.dumps(message, ensure_ascii=False).encode() + b"\n" for message in messages)


def _ending(answer: TranslatedStream | TranslatedWhole) -> Told:
    return Told(
        usage=None if answer.usage is None else json.loads(answer.usage),
        error=None if answer.error is None else json.loads(answer.error),
        damage=answer.damage,
        finished=answer.finished,
        id=answer.upstream_id,
    )


def _add(told: Told, choice: dict[str, Any], delta: dict[str, Any]) -> None:
    told.logprobs += [choice["logprobs"]] if "logprobs" in choice else []
    told.text += delta.pop("content", "") or ""
    told.reasoning += delta.pop("reasoning_content", "")
    for call in delta.pop("tool_calls", ()):
        if "id" in call:
            told.calls.append({"id": call["id"], **call["function"]})
        else:
            told.calls[call["index"]]["arguments"] += call["function"]["arguments"]
    told.finish += [choice["finish_reason"]] if choice["finish_reason"] else []
    delta.pop("role", None)
    told.members |= delta
