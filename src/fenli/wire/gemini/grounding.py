"""What an answer found by searching: its sources, as OpenAI's annotations, and how many searches are charged for.

Models up to 2.x charge for a prompt that was searched for, those from 3 on for each query that is not empty, once;
the usage object counts neither, so that the number goes along with it as ``webSearchQueryCount``. It is null where
the usage shows that something was searched for and nothing says how often: that costs nobody knows what.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from fenli.wire.openai_chat.citations import citing, url_citation
from fenli.wire.openai_chat.whole import NO_ANSWER

COUNT: Final = "webSearchQueryCount"
_BY_PROMPT: Final = re.compile(r"gemini-[12]\.")
_Span = tuple[int, int]


class _Web(msgspec.Struct, gc=False):
    uri: str | None = None
    title: str | None = None


class _Chunk(msgspec.Struct, gc=False):
    web: _Web | None = None


class _Segment(msgspec.Struct, gc=False, rename="camel"):
    """Its place is counted in bytes."""

    start_index: int = 0
    end_index: int = 0
    text: str | None = None


class _Support(msgspec.Struct, gc=False, rename="camel"):
    segment: _Segment | None = None
    grounding_chunk_indices: list[int] | None = None


class Grounding(msgspec.Struct, gc=False, rename="camel"):
    web_search_queries: list[str] | None = None
    grounding_chunks: list[_Chunk] | None = None
    grounding_supports: list[_Support] | None = None


_decode_usage: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Searches:
    """Of one answer; it hears all that is said in it, since sources name places in the text."""

    __slots__ = ("_cited", "_queries", "_texts")

    def __init__(self) -> None:
        self._texts: dict[int, list[str]] = {}  # by candidate
        self._queries: set[str] = set()
        self._cited: set[tuple[int, str, _Span | None]] = set()

    def heard(self, choice: int, text: str) -> None:
        self._texts.setdefault(choice, []).append(text)

    def told(self, choice: int, found: Grounding) -> dict[str, Any] | None:
        """Members of the message: the sources that were not told before."""
        self._queries.update(query for query in found.web_search_queries or () if query)
        chunks = [chunk.web for chunk in found.grounding_chunks or ()]
        text = "".join(self._texts.get(choice, ()))
        data = text.encode()
        cited = []
        for support in found.grounding_supports or ():
            span = None if support.segment is None else _span(text, data, support.segment)
            for at in support.grounding_chunk_indices or ():
                web = chunks[at] if 0 <= at < len(chunks) else None
                if web is None or web.uri is None or (choice, web.uri, span) in self._cited:
                    continue
                self._cited.add((choice, web.uri, span))
                cited.append(url_citation(web.uri, web.title, span))
        return citing(cited)

    def counted(self, usage: bytes | None, model: str | None) -> bytes | None:
        """The usage with the searches so far."""
        if usage is None:
            return None
        try:
            told = _decode_usage(usage)
        except NO_ANSWER:
            return usage  # what is wrong with it is found where it is metered
        count: int | None = len(self._queries)
        if count and model is not None and _BY_PROMPT.match(model):
            count = 1
        if not count:
            if bytes(told.get("toolUsePromptTokenCount", b"0")) in (b"0", b"null"):
                return usage
            count = None
        return msgspec.json.encode({**told, COUNT: count})


def _span(text: str, data: bytes, segment: _Segment) -> _Span | None:
    """In characters of ``text``, which is ``data`` in bytes; None where the place is not in it."""
    start, end = segment.start_index, segment.end_index
    try:
        before, inside = data[:start].decode(), data[start:end].decode()
    except UnicodeDecodeError:
        before, inside = "", ""
    if 0 <= start < end <= len(data) and inside and segment.text in (None, inside):
        return len(before), len(before) + len(inside)
    at = text.find(segment.text) if segment.text else -1
    return None if at < 0 else (at, at + len(segment.text or ""))
