"""The parts of a message that are no text: where OpenAI's dialect has the bytes, and of what type they are."""

from __future__ import annotations

from typing import Any, NoReturn

import msgspec

from fenli.errors import CallRefused, Code


class Media(msgspec.Struct, frozen=True):
    """``type`` is the media type and ``data`` base64 text; or ``url`` says where it is, and both are empty."""

    type: str = ""
    data: str = ""
    url: str = ""
    name: str | None = None


def media_of(part: dict[str, Any], place: str) -> Media:
    """What an ``image_url``, ``input_audio`` or ``file`` part shows. ``place`` names the part to the caller.

    Raises CallRefused for a part of another kind or shape.
    """
    kind = part.get("type")
    inner = part.get(kind) if isinstance(kind, str) else None
    match kind, inner:
        case "image_url", {"url": str(url)}:
            return _located(url, place)
        case "input_audio", {"data": str(data), "format": str(form)}:
            return Media(f"audio/{form}", data)
        case "file", {"file_data": str(data)} if isinstance(inner, dict):
            name = inner.get("filename")
            return msgspec.structs.replace(_located(data, place), name=name if isinstance(name, str) else None)
        case _:
            refuse_part(part, place)


def refuse_part(part: dict[str, Any], place: str, vendor: str = "this vendor") -> NoReturn:
    kind = part.get("type")
    shown = repr(kind[:60]) if isinstance(kind, str) else "it has no 'type'"
    message = f"{place}: {vendor} takes no such part ({shown}): leave it out, or ask another model"
    raise CallRefused(Code.INVALID_VALUE, message, place)


def _located(url: str, place: str) -> Media:
    if not url.startswith("data:"):
        return Media(url=url)
    head, comma, data = url[5:].partition(",")
    kind, mark, _ = head.partition(";base64")
    if not comma or not mark or not kind:
        message = f"{place}: a data URL is written data:TYPE;base64,DATA, not {url[:40]!r}"
        raise CallRefused(Code.INVALID_VALUE, message, place)
    return Media(kind, data)
