"""Forms (multipart/form-data) as official clients send them: taken apart, put together again, made the JSON that they
stand for."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec

from fenli.errors import CallRefused, Code

FORM: Final = b"multipart/form-data"
PARTS_MAX: Final = 100
HEAD_MAX: Final = 8 * 1024
# RFC 2046 §5.1.1; quoted where it is no token.
_BOUNDARY: Final = re.compile(
    rb"""(?:^|;)\s*boundary=(?:"([0-9a-z'()+_,./:=? -]{0,69}[0-9a-z'()+_,./:=?-])"|([0-9a-z'+_.-]{1,70}))\s*(?:;|$)""",
    re.IGNORECASE,
)
_TOKEN: Final = re.compile(rb"[0-9A-Za-z'+_.-]+")
_NAME: Final = re.compile(rb'(?:^|;)\s*name="([^"]*)"')
_FILE: Final = re.compile(rb'(?:^|;)\s*filename="([^"]*)"')
_FILE_CODED: Final = re.compile(rb"(?:^|;)\s*filename\*=utf-8'[^']*'([^;\s]+)", re.IGNORECASE)  # RFC 5987
_QUOTE: Final = '"'
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_TYPE: Final = re.compile(rb"[a-z0-9.+-]+/[a-z0-9.+-]+", re.IGNORECASE)


class Part(NamedTuple):
    """One field. ``file`` is the name of a file as the head has it, None where it is a text; ``head`` as it came."""

    name: str
    file: str | None
    head: bytes
    data: bytes

    @classmethod
    def of(cls, name: str, text: str) -> Part:
        return cls(name, None, f'Content-Disposition: form-data; name="{name}"'.encode(), text.encode())

    @property
    def text(self) -> str:
        try:
            return self.data.decode()
        except UnicodeDecodeError:
            raise _wrong("a field is not UTF-8") from None

    def plain(self) -> Part:
        """The same with no more in its head than name, file and type, so that nobody reads another field in it.

        Raises CallRefused for a name that could end its line."""
        told = [self.name] if self.file is None else [self.name, self.file]
        if any(_CONTROL.search(text) or text.endswith("\\") for text in told):
            raise _wrong("a name in it has control characters, or ends in a backslash")
        file = "" if self.file is None else f'; filename="{self.file.replace(_QUOTE, "%22")}"'
        head = f'Content-Disposition: form-data; name="{self.name}"{file}'.encode()
        kind = _headers(self.head).get(b"content-type", b"").partition(b";")[0].strip()
        return self._replace(head=head + b"\r\nContent-Type: " + kind if _TYPE.fullmatch(kind) else head)

    def called(self, file: str) -> Part:
        """The same file under another name, which nobody can take for another again: see `plain`."""
        return self._replace(file=file).plain()


def parts_of(body: bytes, content_type: bytes) -> list[Part]:
    """Raises CallRefused."""
    mark = b"--" + _boundary(content_type)
    pieces = body.split(b"\r\n" + mark, PARTS_MAX)
    pieces[0] = pieces[0].removeprefix(mark)
    if len(pieces) > PARTS_MAX:
        raise _wrong(f"it has more than {PARTS_MAX} fields")
    if len(pieces) < 2 or not body.startswith(mark) or not pieces[-1].startswith(b"--"):
        raise _wrong("it does not end with its boundary")
    return [_part(piece) for piece in pieces[:-1]]


def plain_type(content_type: bytes) -> bytes:
    """The same with no more in it than its boundary, so that nobody finds another. Raises CallRefused."""
    boundary = _boundary(content_type)
    return FORM + b"; boundary=" + (boundary if _TOKEN.fullmatch(boundary) else b'"' + boundary + b'"')


def form_of(parts: Iterable[Part], content_type: bytes) -> bytes:
    """A form of these, which came in one of that type: its boundary parts them still.

    Raises CallRefused where the boundary stands in one of them, in any way that somebody could take for the end of it.
    """
    mark = b"--" + _boundary(content_type)
    parts = tuple(parts)
    if any(mark in part.head or mark in part.data for part in parts):
        raise _wrong("its boundary stands within a field")
    pieces = [piece for part in parts for piece in (mark, b"\r\n", part.head, b"\r\n\r\n", part.data, b"\r\n")]
    return b"".join((*pieces, mark, b"--\r\n"))


def json_of_form(body: bytes, content_type: bytes) -> bytes:
    """A JSON object with a text for each field; a file is a data URL. Raises CallRefused."""
    return msgspec.json.encode({part.name: _value(part) for part in parts_of(body, content_type)})


def _boundary(content_type: bytes) -> bytes:
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise _wrong("its content type names no boundary")
    return found[1] or found[2]


def _part(piece: bytes) -> Part:
    head, gap, data = piece.partition(b"\r\n\r\n")
    if not gap:
        raise _wrong("a field has no head")
    if not head.lstrip(b" \t").startswith(b"\r\n"):
        raise _wrong("its boundary stands within a field")
    if len(head) > HEAD_MAX:
        raise _wrong(f"a field has a head of more than {HEAD_MAX} bytes")
    disposition = _headers(head).get(b"content-disposition", b"")
    named, filed, coded = (kind.search(disposition) for kind in (_NAME, _FILE, _FILE_CODED))
    if named is None:
        raise _wrong("a field has no name")
    file = filed[1] if filed is not None else unquote_to_bytes(coded[1]) if coded is not None else None
    try:
        return Part(named[1].decode(), None if file is None else file.decode(), head.strip(b"\r\n"), data)
    except UnicodeDecodeError:
        raise _wrong("a field is not UTF-8") from None


def _headers(head: bytes) -> dict[bytes, bytes]:
    lines = [line.partition(b":") for line in head.split(b"\r\n") if line]
    return {name.strip().lower(): value.strip() for name, _, value in lines}


def _value(part: Part) -> str:
    if part.file is None:
        return part.text
    kind = _headers(part.head).get(b"content-type", b"")
    kind = kind if _TYPE.fullmatch(kind) else b"application/octet-stream"
    return f"data:{kind.decode()};base64,{base64.b64encode(part.data).decode()}"


def _wrong(why: str) -> CallRefused:
    return CallRefused(Code.INVALID_VALUE, f"the form cannot be read: {why}; send it as JSON, or as a client makes it")
