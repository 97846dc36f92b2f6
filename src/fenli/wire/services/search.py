"""``/v1/search``: a query in, pages out; paid by the search.

There is no one shape that vendors share. Callers write ``query`` and ``max_results`` and read ``results`` of ``{title,
url, snippet, date}``; what else a vendor takes or tells goes through under its own name.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from fenli.wire.openai_chat.request import encode_members
from fenli.wire.services.answer import Delivered, Reply, text_in
from fenli.wire.services.request import Members, ServiceRequest, filled
from fenli.wire.services.usage import came_to, counted

RESULTS_MAX: Final = 100
_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_results = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode


def parse_search(body: bytes | memoryview) -> ServiceRequest:
    """Raises CallRefused."""
    members = Members(body)
    filled("query", members.required("query", str, "a text"))
    members.count("max_results", RESULTS_MAX)
    return members.request({"searches": 1}, {"searches": 1})


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What a vendor calls what. ``engine``: the member that carries the model's name, empty where there is one search
    only. ``limit`` is empty where it takes none: what it finds beyond the caller's number is left out. ``results``:
    where they are; the first place that holds a list counts. ``url``, ``snippet``, ``date``: the members of a result,
    the first that is there counts. ``told``: what the vendor says of what the search cost. Implements
    `fenli.wire.services.Codec`."""

    query: str = "query"
    limit: str = "max_results"
    engine: str = ""
    results: tuple[str, ...] = ("results",)
    url: tuple[str, ...] = ("url",)
    snippet: tuple[str, ...] = ("snippet",)
    date: tuple[str, ...] = ("date",)
    id: str = "id"
    told: tuple[str, ...] = ()

    def check(self, ask: ServiceRequest) -> None:
        pass

    def body(self, ask: ServiceRequest, model: bytes) -> bytes:
        renamed = {"query": self.query, "max_results": self.limit}
        left_out = ("model",) if self.limit else ("model", "max_results")
        fields = {renamed.get(name, name): value for name, value in ask.fields.items() if name not in left_out}
        if self.engine:
            fields[self.engine] = model
        return encode_members(fields)

    def read(self, ask: ServiceRequest, reply: Reply) -> Delivered:
        found = _decode(reply.data)
        place = next((name for name in self.results if bytes(found.get(name, b""))[:1] == b"["), None)
        if place is None:
            raise ValueError(f"it has no {' or '.join(self.results)}")
        results = [self._neutral(result) for result in _decode_results(found[place])]
        if not self.limit:
            results = results[: ask.value("max_results", int, "a whole number") or len(results)]
        usage = came_to("searches", 1, {name: found[name] for name in self.told if name in found})
        shown = b'{"searches":1}'
        identity = text_in(found.get(self.id))
        answer: dict[str, Any] = {
            "id": identity, "object": "search", "model": ask.model, "query": ask.value("query", str, "a text"),
            "results": results,
        }  # fmt: skip
        more = {name: value for name, value in found.items() if name not in (place, self.id, *answer, "usage")}
        body = msgspec.json.encode(answer | more | {"usage": msgspec.Raw(shown)})
        return Delivered(body=body, usage=usage, shown=shown, id=identity)

    def meters(self, raw: bytes) -> dict[str, int]:
        return counted(raw, "searches")

    def _neutral(self, result: dict[str, msgspec.Raw]) -> dict[str, Any]:
        """With the names that callers read first, and whatever else the vendor says of it."""
        left = dict(result)
        named: dict[str, Any] = {"title": left.pop("title", None)}
        for name, places in (("url", self.url), ("snippet", self.snippet), ("date", self.date)):
            place = next((place for place in places if place in left), None)
            named[name] = None if place is None else left.pop(place)
        return named | {name: value for name, value in left.items() if name not in named}
