"""A conversation without what only another vendor has words for.

Some vendors say more in their messages than OpenAI's dialect has, and want it back with the next turn (thinking that
they signed). A caller who keeps it sends it to whoever is asked next, who may refuse what it does not know.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

import msgspec

from fenli.wire.openai_chat.request import Member, encode_members

_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_ELSE: Final = (msgspec.DecodeError, UnicodeDecodeError)


def without(messages: Member, members: tuple[str, ...]) -> Member:
    """``messages`` without these members of a message and of its tool calls; the very same where none of them occurs,
    and where they are no list of objects, which is for the vendor to refuse."""
    if _any_of(members).search(messages) is None:
        return messages
    try:
        return b"[%b]" % b",".join(_message(message, members) for message in _list(messages))
    except _ELSE:
        return messages


def _message(message: msgspec.Raw, members: tuple[str, ...]) -> bytes:
    if _any_of(members).search(message) is None:
        return bytes(message)
    fields: dict[str, Member] = {name: value for name, value in _object(message).items() if name not in members}
    calls = fields.get("tool_calls")
    if calls is not None and bytes(calls) != b"null":
        kept = [
            encode_members({name: value for name, value in _object(call).items() if name not in members})
            for call in _list(calls)
        ]
        fields["tool_calls"] = b"[%b]" % b",".join(kept)
    return encode_members(fields)


@cache
def _any_of(members: tuple[str, ...]) -> re.Pattern[bytes]:
    """Finds any of these names; it is looked for where the messages lie, which may be megabytes."""
    return re.compile(b'"(?:%b)"' % b"|".join(re.escape(name).encode() for name in members))
