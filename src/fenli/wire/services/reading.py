"""``/v1/reader``: the address of a page in, its words out; paid by the page.

There is no one shape that vendors share. Callers write ``url`` and read ``{url, title, content, date}``, the content as
Markdown unless they ask the vendor for something else; what else a vendor takes or tells goes through under its own
name.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from fenli.wire.openai_chat.request import encode_members
from fenli.wire.services.answer import Delivered, Reply, text_in
from fenli.wire.services.request import Members, ServiceRequest, filled
from fenli.wire.services.usage import came_to, counted

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_SHOWN: Final = b'{"pages":1}'


def parse_reading(body: bytes | memoryview) -> ServiceRequest:
    """Raises CallRefused."""
    members = Members(body)
    filled("url", members.required("url", str, "the address of a page"))
    return members.request({"pages": 1}, {"pages": 1})


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a vendor calls what. ``page``: the member of the answer that holds all that is told of the page; empty where
    that is the answer itself. ``content``, ``date``: members of it. ``told``: what the vendor says of what it cost.
    Implements `fenli.wire.services.Codec`."""

    page: str = ""
    content: str = "content"
    date: str = "date"
    id: str = "id"
    told: tuple[str, ...] = ()

    def check(self, ask: ServiceRequest) -> None:
        pass

    def body(self, ask: ServiceRequest, model: bytes) -> bytes:
        return encode_members({name: value for name, value in ask.fields.items() if name != "model"})

    def read(self, ask: ServiceRequest, reply: Reply) -> Delivered:
        found = _decode(reply.data)
        page = found
        if self.page:
            if self.page not in found:
                raise ValueError(f"it has no {self.page}")
            page = _decode(found.pop(self.page))
        content = text_in(page.pop(self.content, None))
        if content is None:
            raise ValueError(f"it has no {self.content}")
        identity = text_in(found.pop(self.id, None))
        usage = came_to("pages", 1, {name: found[name] for name in self.told if name in found})
        answer: dict[str, Any] = {
            "id": identity, "object": "page", "model": ask.model,
            "url": text_in(page.pop("url", None)) or ask.value("url", str, "the address of a page"),
            "title": page.pop("title", None), "content": content, "date": page.pop(self.date, None),
        }  # fmt: skip
        more = {name: value for name, value in (found | page).items() if name not in answer and name != "usage"}
        body = msgspec.json.encode(answer | more | {"usage": msgspec.Raw(_SHOWN)})
        return Delivered(body=body, usage=usage, shown=_SHOWN, id=identity)

    def meters(self, raw: bytes) -> dict[str, int]:
        return counted(raw, "pages")
