"""What the upstream of the benchmark streams is what it stands for, in both dialects."""

from __future__ import annotations

import json

from bench import samples
from fenli.vendors.anthropic import ANTHROPIC
from fenli.vendors.deepseek import DEEPSEEK
from fenli.vendors.openai_compatible import OpenAICompatible
from fenli.vendors.translated import Translated
from fenli.wire.openai_chat import parse_request

INSTANT = 123_456_789_012_345_678


def unchunked(data: bytes) -> bytes:
    body = b""
    while data:
        size, _, rest = data.partition(b"\r\n")
        body, data = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return body


def read(vendor: Translated | OpenAICompatible, stream: bytes) -> tuple[int, dict[str, int]]:
    """The marks that reach a caller, and what was metered."""
    answer = vendor.answer(parse_request(samples.question(stream=True)), 0)
    out = answer.feed(unchunked(stream))
    answer.end()
    assert answer.finished, answer.damage
    assert answer.usage is not None
    stamped = b"%b%d" % (samples.MARK, INSTANT)
    return (out + answer.tail(None)).count(stamped), vendor.usage(answer.usage)


def test_a_stream_has_a_mark_in_each_chunk_and_its_usage() -> None:
    stream = samples.chunk_writer()(INSTANT) * samples.CHUNKS + samples.ending()
    assert read(DEEPSEEK, stream) == (samples.CHUNKS, {"input": 57, "output": samples.CHUNKS})


def test_so_has_one_that_is_translated() -> None:
    chunks = samples.messages_chunk_writer()(INSTANT) * samples.CHUNKS
    stream = samples.messages_beginning() + chunks + samples.messages_ending()
    assert read(ANTHROPIC, stream) == (samples.CHUNKS, {"input": 57, "output": samples.CHUNKS})
    assert json.loads(samples.question(model=samples.TRANSLATED_MODEL))["model"] == samples.TRANSLATED_MODEL
    assert samples.TRANSLATED_MODEL in {model.id for model in ANTHROPIC.models}
