"""Search as vendors offer it: the same pages for all, under each one's own names."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from fenli.clock import SECOND
from fenli.market.services.service import Made
from fenli.sim.random import Stream
from fenli.values.instants import format_instant

_decode = msgspec.json.Decoder(dict[str, Any]).decode
DEFAULT = 10


class Searching(msgspec.Struct, frozen=True, kw_only=True):
    """What the vendor calls what; ``engine`` is the member with the model's name, ``sole`` the model where there is
    none. ``most``: of results; ``members`` stand in every answer, ``each`` in every result, and ``numbered`` is the
    member that tells its number as ``ref_1``.

    Implements `fenli.market.services.service.Service`."""

    query: str = "query"
    limit: str = "count"
    engine: str = ""
    sole: str = ""
    results: str = "results"
    names: tuple[str, str, str] = ("url", "snippet", "date")
    most: int = 50
    members: dict[str, Any] = {}
    each: dict[str, Any] = {}
    numbered: str = ""

    def model(self, body: bytes) -> str:
        return str(_decode(body).get(self.engine, "")) if self.engine else self.sole

    def asked(self, body: dict[str, Any]) -> tuple[Any, Any]:
        """The query, and how many results are wanted."""
        return body.get(self.query), body.get(self.limit, DEFAULT)

    def make(self, body: bytes, model: str, at: int, chance: Stream) -> Made:
        query, wanted = self.asked(_decode(body))
        if not isinstance(query, str) or not query:
            raise ValueError(f"{self.query}: is required")
        if not isinstance(wanted, int) or not 1 <= wanted <= self.most:
            raise ValueError(f"{self.limit}: {wanted} is not between 1 and {self.most}")
        stamp = hashlib.blake2b(query.encode(), digest_size=4).hexdigest()
        link, snippet, date = self.names
        results = [
            {"title": f"{query} {position}", link: f"https://market.example/{stamp}/{position}",
             snippet: f"{query}: page {position}", date: format_instant(at - position * 86_400 * SECOND)[:10],
             "position": position, **self.each, **({self.numbered: f"ref_{position}"} if self.numbered else {})}
            for position in range(1, wanted + 1)
        ]  # fmt: skip
        answer = {"id": chance.bytes(8).hex(), self.results: results, **self.members}
        return Made(msgspec.json.encode(answer), units={"searches": 1})


class BaiduSearching(Searching, frozen=True, kw_only=True):
    """Asked in a conversation of one message."""

    def asked(self, body: dict[str, Any]) -> tuple[Any, Any]:
        messages, kinds = body.get("messages"), body.get("resource_type_filter") or [{"type": "web", "top_k": DEFAULT}]
        last = messages[-1] if isinstance(messages, list) and messages else {}
        if last.get("role") != "user":
            raise ValueError("messages: the last must be the user's")
        return last.get("content"), next((kind.get("top_k") for kind in kinds if kind.get("type") == "web"), DEFAULT)
