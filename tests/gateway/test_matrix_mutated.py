"""An answer with one member changed, at every vendor: nothing but our own errors comes of it, and what is taken for
whole is a whole answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from typing import Any, Final

import pytest
from recorded_answers import Heard, Recorded, Recorder, hear

from fenli.errors import UsageError
from fenli.market.flavours import FLAVOURS
from fenli.vendors.catalog import VENDORS
from fenli.wire.translated import TranslatedStream, TranslatedWhole
from mutations import LEFT_OUT, Path, changed, places

DEEP: Final = "nested too deeply"
CHANGES = (
    LEFT_OUT, None, 5, -1, 10**30, 1.5, True, "", "null", "x", [], {}, [None], [5], ["x"], [{}], {"a": 1}, [[[]]], DEEP,
)  # fmt: skip
MESSAGE = re.compile(rb"^(?:data: ?)?(\{.*\})\r?$", re.MULTILINE)


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    return Recorder()


def encoded(message: Any) -> bytes:
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    return text.replace(f'"{DEEP}"', "[" * 3_000 + "]" * 3_000).encode()


def mutated(recorded: Recorded) -> Iterator[tuple[Any, list[bytes]]]:
    """The answer with each member of each of its messages changed in each way; of messages alike only the first and
    the last."""
    pieces = [*recorded.pieces] if FLAVOURS[recorded.vendor].in_messages else [b"".join(recorded.pieces)]
    found = [(at, match, json.loads(match[1])) for at, piece in enumerate(pieces) for match in MESSAGE.finditer(piece)]
    alike: dict[tuple[Path, ...], list[int]] = {}
    for number, (_, _, message) in enumerate(found):
        alike.setdefault(tuple(places(message)), []).append(number)
    for number in sorted(set(chain.from_iterable((numbers[0], numbers[-1]) for numbers in alike.values()))):
        at, match, message = found[number]
        for path in places(message):
            for change in CHANGES:
                new = changed(message, path, change)
                piece = pieces[at][: match.start(1)] + encoded(new) + pieces[at][match.end(1) :]
                yield (path, change), [*pieces[:at], piece, *pieces[at + 1 :]]


def choices_of(said: bytes) -> Iterator[tuple[int, dict[str, Any], Any]]:
    """Index, message or delta, and finish reason of whatever reached the caller."""
    for body in MESSAGE.findall(said):
        for choice in json.loads(body)["choices"]:
            yield choice["index"], choice.get("message") or choice["delta"], choice["finish_reason"]


def check(heard: Heard) -> None:
    """It is an answer as clients take it: words are texts, calls have names, and it says how it ended."""
    ends, names = [], {}
    for index, words, finish in choices_of(heard.said):
        ends += [finish] if finish is not None else []
        assert isinstance(words.get("content") or "", str)
        assert isinstance(words.get("reasoning_content") or "", str)
        for number, call in enumerate(words.get("tool_calls", ())):
            assert isinstance(call["function"]["arguments"], str)
            place = index, call.get("index", number)
            names[place] = names.get(place) or call["function"].get("name")
    assert ends
    assert not {"", "null"}.intersection(ends)
    assert all(names.values())


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", VENDORS)
def test_whatever_a_member_of_it_becomes_nothing_escapes(recorder: Recorder, name: str, stream: bool) -> None:
    recorded, vendor = recorder.record(name, stream=stream), VENDORS[name]
    said_again = isinstance(recorded.answer(), TranslatedStream | TranslatedWhole)
    for change, pieces in mutated(recorded):
        answer = recorded.answer()
        heard = hear(answer, pieces)
        if answer.usage is not None:
            with suppress(UsageError):
                vendor.facts(recorded.ask, answer.service_tier, vendor.usage(answer.usage))
        vendor.classify(200, [], answer.error or b"")
        vendor.classify(400, [], b"".join(pieces))
        if said_again and heard.finished and heard.wrong == (None, None):
            try:
                check(heard)
            except AssertionError as error:
                raise AssertionError(f"{change} is taken for whole: {heard.said.decode()}") from error
