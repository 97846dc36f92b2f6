"""``/v1/files``: files that a vendor keeps, as callers read of them: OpenAI's file object.

Each file bears a mark of whose it is (`fenli.wire.services.handles`): a code over the owner, in front of its name, and
one over owner and file within its id.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from fenli.wire.services.answer import text_in
from fenli.wire.services.handles import code_of, read_id, same_code, write_id

_PREFIX: Final = "file-"
_FILE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}")
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class _Page(msgspec.Struct):
    data: list[msgspec.Raw]
    has_more: bool = False


class _Deleted(msgspec.Struct):
    deleted: bool = True


class _Handle(msgspec.Struct, frozen=True, array_like=True):
    vendor: str
    file: str
    code: str


_decode_page = msgspec.json.Decoder(_Page).decode
_decode_deleted = msgspec.json.Decoder(_Deleted).decode


def vendor_in(text: str) -> str | None:
    """Which vendor has the file of that id; None for what is no id of ours. Whose it is, a `Shelf` tells."""
    handle = _read(text)
    return None if handle is None else handle.vendor


class Listed(msgspec.Struct, frozen=True):
    """``last`` is the vendor's name of the last file on the page, whoever's it is; None where no page follows."""

    files: list[dict[str, Any]]
    last: str | None


class Shelf:
    """The files of one ``owner`` with one vendor, whose account is used by ``secret``."""

    __slots__ = ("_secret", "_vendor", "_whose", "mark")

    def __init__(self, vendor: str, secret: str, owner: str) -> None:
        self._vendor = vendor
        self._secret = secret
        self._whose = owner
        self.mark = self._code("name") + "-"

    def id(self, file: str) -> str:
        """Of the vendor's ``file``. Raises ValueError for what is no name of one."""
        if not _FILE.fullmatch(file):
            raise ValueError("it names no file")
        return write_id(_PREFIX, _Handle(self._vendor, file, self._code(f"file {file}")))

    def file(self, text: str) -> str | None:
        """The vendor's name for the file of that id; None where it is not this owner's, or no id of ours."""
        handle = _read(text)
        if handle is None or handle.vendor != self._vendor:
            return None
        return handle.file if same_code(handle.code, self._code(f"file {handle.file}")) else None

    def object(self, data: bytes) -> dict[str, Any]:
        """The vendor's file object with our id and the name that the owner gave it; the vendor's id is its
        ``upstream_id``. Raises ValueError, or what `fenli.wire.openai_chat.whole.NO_ANSWER` names."""
        members = _members(data)
        file = _text(members, "id")
        name = _text(members, "filename").removeprefix(self.mark)
        return {"object": "file", **members, "id": self.id(file), "filename": name, "upstream_id": file}

    def listed(self, data: bytes) -> Listed:
        """A page of the vendor's list, without what others own. Raises as `object` does."""
        page = _decode_page(data)
        all_of_them = [(bytes(raw), _members(raw)) for raw in page.data]
        files = [self.object(raw) for raw, members in all_of_them if _text(members, "filename").startswith(self.mark)]
        more = page.has_more and bool(all_of_them)
        return Listed(files, _text(all_of_them[-1][1], "id") if more else None)

    def deleted(self, data: bytes) -> None:
        """Raises ValueError where the vendor says that the file is there still."""
        if data.strip() and not _decode_deleted(data).deleted:
            raise ValueError("it was not deleted")

    def unmarked(self, content: bytes) -> bytes:
        """What was read out of a file, as JSON, with the name that its owner gave it."""
        return re.sub(rb'("filename"\s*:\s*")' + self.mark.encode(), rb"\1", content)

    def _code(self, of: str) -> str:
        return code_of(self._secret, self._vendor, self._whose, of)


def _read(text: str) -> _Handle | None:
    handle = read_id(_PREFIX, text, _Handle)
    return handle if handle is not None and _FILE.fullmatch(handle.file) and handle.code.isascii() else None


def _text(members: dict[str, msgspec.Raw], name: str) -> str:
    """Empty where the vendor says nothing of it."""
    return text_in(members.get(name)) or ""
