"""``/v1/images/generations``: a description in, images out; paid by the image."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from fenli.errors import CallRefused, Code
from fenli.wire.openai_chat.whole import given
from fenli.wire.services.answer import Delivered, Reply
from fenli.wire.services.request import Members, ServiceRequest, filled
from fenli.wire.services.usage import came_to, counted

IMAGES_MAX: Final = 128
# A vendor may write an image out as a data URL where clients want what follows the comma.
_DATA_URL: Final = re.compile(rb'"b64_json"\s*:\s*"data:image/[a-z.+-]+;base64,')


class _Image(msgspec.Struct):
    url: str | None = None
    b64_json: str | None = None


class _Images(msgspec.Struct):
    data: list[_Image]
    id: str | None = None
    model: str | None = None
    usage: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Images).decode


def parse_images(body: bytes | memoryview) -> ServiceRequest:
    """Raises CallRefused."""
    members = Members(body)
    filled("prompt", members.required("prompt", str, "a text"))
    return members.request({"images": members.count("n", IMAGES_MAX) or 1}, None)


def wanted(ask: ServiceRequest) -> int:
    """How many images the caller wants."""
    return ask.value("n", int, "a whole number") or 1


def addresses_alone(ask: ServiceRequest, vendor: str) -> None:
    """For a vendor that gives no images themselves. Raises CallRefused where the caller wants those."""
    if ask.value("response_format", str, "url") == "b64_json":
        message = f"{vendor} gives addresses of images, not the images: leave 'response_format' out"
        raise CallRefused(Code.INVALID_VALUE, message, "response_format")


class Images(msgspec.Struct, frozen=True):
    """OpenAI's shape. What is paid is each image that came. Implements `fenli.wire.services.Codec`."""

    def check(self, ask: ServiceRequest) -> None:
        pass

    def body(self, ask: ServiceRequest, model: bytes) -> bytes:
        return ask.spliced(model)

    def read(self, ask: ServiceRequest, reply: Reply) -> Delivered:
        found = _decode(reply.data)
        made = sum(1 for image in found.data if image.url or image.b64_json)
        if not made:
            raise ValueError("it has no image")
        body = _DATA_URL.sub(b'"b64_json":"', reply.data)
        told = given(found.usage)
        usage = came_to("images", made, {"usage": None if told is None else msgspec.Raw(told)})
        return Delivered(body=body, usage=usage, shown=told, id=found.id, model=found.model)

    def meters(self, raw: bytes) -> dict[str, int]:
        return counted(raw, "images")
