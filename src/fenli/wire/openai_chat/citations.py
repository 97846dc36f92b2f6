"""Where an answer comes from, in OpenAI's words: ``annotations`` of a message or a delta, each of the kind
``url_citation``. Places in the text are counted in characters, the end exclusive."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def url_citation(url: str, title: str | None, span: tuple[int, int] | None) -> dict[str, Any]:
    """``span``: what of the text it is the source of; None where that is not told."""
    cited: dict[str, Any] = {"url": url, "title": title or ""}
    if span is not None:
        cited["start_index"], cited["end_index"] = span
    return {"type": "url_citation", "url_citation": cited}


def citing(citations: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """Members of a message or a delta; None where nothing is cited."""
    told = list(citations)
    return {"annotations": told} if told else None
