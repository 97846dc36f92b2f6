"""A request for anything but chat: its top-level members as the bytes that came, and the most that it can use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from fenli.errors import CallRefused, Code
from fenli.wire.openai_chat.request import MODEL_MAX, TOO_DEEP, Member, encode_members

# More than any vendor takes in one request; beyond it the worst case no longer fits the books.
ITEMS_MAX: Final = 4_096
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_WRONG: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class ServiceRequest:
    """``fields`` holds the JSON text of every member. ``most``: the units by meter that no answer can go beyond;
    ``sure``: what is used for certain once there is an answer, where the vendor does not tell (None: nobody knows).
    ``content_type``: of a body that is no JSON."""

    stream = False
    is_text = False
    content_type: bytes | None = None

    __slots__ = ("_usual", "fields", "model", "most", "size", "sure")

    def __init__(
        self, fields: dict[str, Member], model: str, size: int, most: dict[str, int], sure: dict[str, int] | None
    ) -> None:
        self.fields = fields
        self.model = model
        self.size = size
        self.most = most
        self.sure = sure
        self._usual = (most, sure)

    def charged(self, units: dict[str, int] | None) -> None:
        """Comes to these units with the vendor that is asked next; None: to the usual ones."""
        self.most, self.sure = self._usual if units is None else (units, units)

    def limited(self, context: int | None, output: int | None) -> None:
        """Told how many tokens the model that is asked next reads and writes at most, where anybody knows."""

    def show_usage(self) -> None:
        """Has the caller see the usage of a stream."""

    def estimate(self, counted: int) -> dict[str, int] | None:
        return self.sure

    def spliced(self, model: bytes) -> bytes:
        """The body as it came, for ``model`` (JSON)."""
        return encode_members({**self.fields, "model": model})

    def value(self, name: str, kind: Any, wanted: str) -> Any:
        """The member as that type, None where it is absent or null. Raises CallRefused."""
        return optional(self.fields, name, kind, wanted)


class Members:
    """A body taken apart, on the way to be a request. Raises CallRefused for what is wrong, and where."""

    __slots__ = ("fields", "model", "size")

    def __init__(self, body: bytes | memoryview) -> None:
        data = bytes(body)
        try:
            data.decode()
            self.fields: dict[str, Member] = dict(_members(data))
        except UnicodeDecodeError as error:
            message = f"the body is not UTF-8 (byte {error.start}): encode it as UTF-8"
            raise CallRefused(Code.MALFORMED_JSON, message) from None
        except msgspec.ValidationError:
            raise CallRefused(Code.MALFORMED_JSON, "the body must be a JSON object: see docs/endpoints.md") from None
        except msgspec.DecodeError as error:
            raise CallRefused(Code.MALFORMED_JSON, f"the body is not JSON: {error}") from None
        except RecursionError:
            raise CallRefused(Code.MALFORMED_JSON, TOO_DEEP) from None
        self.size = len(data)
        self.model = model_name(self.required("model", str, "a string"))
        if self.optional("stream", bool, "true or false"):
            self.streamed()

    def streamed(self) -> None:
        """Told that the answer is wanted in pieces."""
        message = "'stream' is true, and what is asked for here comes in one piece: leave it out"
        raise CallRefused(Code.INVALID_VALUE, message, "stream")

    def required(self, name: str, kind: Any, wanted: str) -> Any:
        value = self.optional(name, kind, wanted)
        if value is None:
            raise CallRefused(Code.INVALID_VALUE, f"{name!r} is missing: it must be {wanted}", name)
        return value

    def optional(self, name: str, kind: Any, wanted: str) -> Any:
        return optional(self.fields, name, kind, wanted)

    def count(self, name: str, most: int) -> int | None:
        """A whole number from 1 to ``most``."""
        found: int | None = self.optional(name, int, "a whole number")
        if found is not None and not 1 <= found <= most:
            raise CallRefused(Code.INVALID_VALUE, f"{name!r} must be from 1 to {most}, not {found}", name)
        return found

    def beside(self, known: tuple[str, ...]) -> int:
        """Bytes of all that the request says but by these members."""
        return sum(len(value) for name, value in self.fields.items() if name not in known)

    def request(self, most: dict[str, int], sure: dict[str, int] | None) -> ServiceRequest:
        return ServiceRequest(self.fields, self.model, self.size, most, sure)


Parser = Callable[[bytes | memoryview], ServiceRequest]
FormParser = Callable[[bytes | memoryview, bytes], ServiceRequest]  # the body and its content type


def optional(fields: dict[str, Member], name: str, kind: Any, wanted: str) -> Any:
    if name not in fields:
        return None
    try:
        return msgspec.json.decode(fields[name], type=kind | None)
    except _WRONG:
        shown = bytes(fields[name])[:60].decode(errors="replace")
        raise CallRefused(Code.INVALID_VALUE, f"{name!r} must be {wanted}, not {shown}", name) from None


def filled(name: str, text: str) -> str:
    if not text.strip():
        raise CallRefused(Code.INVALID_VALUE, f"{name!r} is empty: say something", name)
    return text


def model_name(model: str) -> str:
    """``model`` where it may be the name of one."""
    if len(model) > MODEL_MAX:
        message = f"'model' has {len(model)} characters, and no name has more than {MODEL_MAX}: shorten it"
        raise CallRefused(Code.INVALID_VALUE, message, "model")
    return model


def few(name: str, items: list[Any]) -> list[Any]:
    if not 1 <= len(items) <= ITEMS_MAX:
        message = f"{name!r} has {len(items)} members: send from 1 to {ITEMS_MAX} at once"
        raise CallRefused(Code.INVALID_VALUE, message, name)
    return items
