"""Files that an emulated vendor keeps. Where it reads their text out, what it finds is the file itself, as UTF-8."""

from __future__ import annotations

import re
from email.message import Message
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import msgspec

from fenli.clock import SECOND
from fenli.market.last_few import LastFew
from fenli.market.requests import Ask
from fenli.market.services.forms import data_of, parts_of
from fenli.market.services.service import JSON
from fenli.sim.random import Stream

_LISTED: Final = 1_000
_NAMED: Final = re.compile(r'filename="([^"]*)"')


class FileShape(msgspec.Struct, frozen=True):
    """``path`` is whole. ``extracts``: the purposes whose content is what was read out of the file, as JSON with the
    members that ``told`` names; a file kept for anything else comes back as it is, where the vendor ``gives_back``.
    ``purposes``: those that are taken; any where none is named. ``content``: where it is asked for."""

    path: str
    extracts: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    content: str = "content"
    told: tuple[str, ...] = ("content", "file_type", "filename", "title", "type")
    gives_back: bool = True


class _Kept(msgspec.Struct, frozen=True):
    id: str
    name: str
    purpose: str
    at: int
    data: bytes
    type: str


class Cabinet:
    """The files of one emulated vendor."""

    def __init__(self, shape: FileShape) -> None:
        self.shape = shape
        self._files: LastFew[_Kept] = LastFew()

    def is_about(self, ask: Ask) -> bool:
        return ask.path == self.shape.path or ask.path.startswith(self.shape.path + "/")

    def told(self, ask: Ask, now: int, chance: Stream) -> tuple[bytes, bytes] | None:
        """A body and its content type; None for what is not there. Raises ValueError for what the vendor refuses."""
        name, _, rest = ask.path.removeprefix(self.shape.path).strip("/").partition("/")
        if not name:
            match ask.method:
                case "POST":
                    return msgspec.json.encode(self._take(ask, now, chance)), JSON
                case "GET":
                    return msgspec.json.encode(self._listed(ask)), JSON
            return None
        kept = self._files.get(name)
        if kept is None or rest not in ("", self.shape.content):
            return None
        if ask.method == "DELETE" and not rest:
            del self._files[name]
            return msgspec.json.encode({"id": name, "object": "file", "deleted": True}), JSON
        if ask.method != "GET":
            return None
        return self._content(kept) if rest else (msgspec.json.encode(_object(kept)), JSON)

    def _take(self, ask: Ask, now: int, chance: Stream) -> dict[str, Any]:
        fields = dict(parts_of(ask))
        if set(fields) != {"file", "purpose"}:
            raise ValueError(f"file and purpose are required, not {', '.join(fields)}")
        purpose, file = data_of(fields["purpose"]).decode(), fields["file"]
        if self.shape.purposes and purpose not in self.shape.purposes:
            raise ValueError(f"purpose: {purpose} is none of {', '.join(self.shape.purposes)}")
        kept = _Kept(chance.bytes(10).hex(), _name(file), purpose, now, data_of(file), file.get_content_type())
        if not kept.data or not kept.name:
            raise ValueError("file: is empty")
        self._files.keep(kept.id, kept)
        return _object(kept)

    def _listed(self, ask: Ask) -> dict[str, Any]:
        query = {name: values[-1] for name, values in parse_qs(urlsplit(ask.target).query).items()}
        limit = int(query.get("limit", _LISTED))
        found = [kept for kept in self._files.values() if query.get("purpose", kept.purpose) == kept.purpose]
        ids = [kept.id for kept in found]
        if "after" in query:
            found = found[ids.index(query["after"]) + 1 :]
        return {"object": "list", "data": [_object(kept) for kept in found[:limit]], "has_more": len(found) > limit}

    def _content(self, kept: _Kept) -> tuple[bytes, bytes]:
        if kept.purpose not in self.shape.extracts:
            if not self.shape.gives_back:
                raise ValueError(f"purpose: what was kept for {kept.purpose} is not read")
            return kept.data, kept.type.encode()
        text = kept.data.decode(errors="replace")
        read = {"content": text, "file_type": kept.type, "filename": kept.name, "title": "", "type": "file",
                "status": "online"}  # fmt: skip
        return msgspec.json.encode({name: read[name] for name in self.shape.told}), JSON


def _object(kept: _Kept) -> dict[str, Any]:
    return {
        "id": kept.id, "object": "file", "bytes": len(kept.data), "created_at": kept.at // SECOND,
        "filename": kept.name, "purpose": kept.purpose, "status": "processed",
    }  # fmt: skip


def _name(file: Message) -> str:
    """As it was sent, in UTF-8: the parser of mails takes headers for ASCII."""
    heads = {name.lower(): value for name, value in file.raw_items()}
    found = _NAMED.search(heads.get("content-disposition", ""))
    return "" if found is None else found[1].encode("ascii", "surrogateescape").decode()
