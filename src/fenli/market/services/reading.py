"""Pages read as vendors offer it: the same words for all, under each one's own names."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlsplit

import msgspec

from fenli.clock import SECOND
from fenli.market.services.service import Made
from fenli.sim.random import Stream
from fenli.values.instants import format_instant

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What the vendor calls what; ``sole`` is the model that is charged. ``page``: the member that holds the page,
    empty where the answer is the page. ``members`` stand beside it, ``each`` in it.

    Implements `fenli.market.services.service.Service`."""

    sole: str
    page: str = ""
    content: str = "content"
    date: str = "date"
    members: dict[str, Any] = {}
    each: dict[str, Any] = {}

    def model(self, body: bytes) -> str:
        """A page whose address ends in ``!fault`` has that fault."""
        _, mark, fault = str(_decode(body).get("url", "")).rpartition("!")
        return f"{self.sole}!{fault}" if mark else self.sole

    def make(self, body: bytes, model: str, at: int, chance: Stream) -> Made:
        url = _decode(body).get("url")
        if not isinstance(url, str) or urlsplit(url).scheme not in ("http", "https"):
            raise ValueError(f"url: {url!r} is no address of a page")
        stamp = hashlib.blake2b(url.encode(), digest_size=4).hexdigest()
        page = {
            "title": f"Page {stamp}", "url": url, self.content: f"# Page {stamp}\n\nWhat stands at <{url}>.\n",
            self.date: format_instant(at - 86_400 * SECOND)[:10], **self.each,
        }  # fmt: skip
        answer = {"id": chance.bytes(8).hex(), **self.members} if self.page else dict(self.members)
        return Made(msgspec.json.encode(answer | ({self.page: page} if self.page else page)), units={"pages": 1})
