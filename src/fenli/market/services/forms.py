"""Forms (multipart/form-data) as emulated vendors read them: with Python's own reader of mails, so that what fenli
makes of a form is judged by something else."""

from __future__ import annotations

from email.message import Message
from email.parser import BytesParser

import msgspec

from fenli.market.requests import Ask


def parts_of(ask: Ask) -> list[tuple[str, Message]]:
    """By name, as they came. Raises msgspec.DecodeError for what is no form."""
    head = f"Content-Type: {ask.headers.get('content-type', '')}\r\n\r\n".encode()
    parts = BytesParser().parsebytes(head + ask.body).get_payload()
    if not isinstance(parts, list):
        raise msgspec.DecodeError("multipart/form-data is required")
    read = [part for part in parts if isinstance(part, Message)]
    return [(str(part.get_param("name", "", "content-disposition")), part) for part in read]


def data_of(part: Message) -> bytes:
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""
