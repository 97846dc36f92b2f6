"""Forms (multipart/form-data) as official clients send them, made the JSON that they stand for."""

from __future__ import annotations

import base64
import re
from typing import Final

import msgspec

from fenli.errors import CallRefused, Code

FORM: Final = b"multipart/form-data"
PARTS_MAX: Final = 100
_BOUNDARY: Final = re.compile(rb'boundary="?([!-~]{1,70}?)"?(?:;|$)')
_NAME: Final = re.compile(rb'(?:^|;)\s*name="([^"]*)"')
_FILE: Final = re.compile(rb'(?:^|;)\s*filename="')
_TYPE: Final = re.compile(rb"[a-z0-9.+-]+/[a-z0-9.+-]+", re.IGNORECASE)


def json_of_form(body: bytes, content_type: bytes) -> bytes:
    """A JSON object with a text for each field; a file is a data URL. Raises CallRefused."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise _wrong("its content type names no boundary")
    mark = b"--" + found[1]
    pieces = body.split(b"\r\n" + mark)
    pieces[0] = pieces[0].removeprefix(mark)
    if len(pieces) < 2 or not body.startswith(mark) or not pieces[-1].startswith(b"--"):
        raise _wrong("it does not end with its boundary")
    if len(pieces) > PARTS_MAX:
        raise _wrong(f"it has more than {PARTS_MAX} fields")
    fields: dict[str, str] = {}
    for piece in pieces[:-1]:
        head, gap, data = piece.partition(b"\r\n\r\n")
        if not gap:
            raise _wrong("a field has no head")
        name, value = _field(head, data)
        fields[name] = value
    return msgspec.json.encode(fields)


def _field(head: bytes, data: bytes) -> tuple[str, str]:
    lines = [line.partition(b":") for line in head.split(b"\r\n") if line]
    headers = {name.strip().lower(): value.strip() for name, _, value in lines}
    disposition = headers.get(b"content-disposition", b"")
    named = _NAME.search(disposition)
    try:
        if named is None:
            raise _wrong("a field has no name")
        name = named[1].decode()
        if _FILE.search(disposition) is None:
            return name, data.decode()
    except UnicodeDecodeError:
        raise _wrong("a field is not UTF-8") from None
    kind = headers.get(b"content-type", b"")
    kind = kind if _TYPE.fullmatch(kind) else b"application/octet-stream"
    return name, f"data:{kind.decode()};base64,{base64.b64encode(data).decode()}"


def _wrong(why: str) -> CallRefused:
    return CallRefused(Code.INVALID_VALUE, f"the form cannot be read: {why}; send it as JSON, or as a client makes it")
