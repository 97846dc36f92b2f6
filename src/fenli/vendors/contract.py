"""What a vendor is to fenli: a small, pure description of how to ask it and how to read what it says.

Nothing here does I/O and nothing knows of prices or routing. A vendor that signs its requests does so in `Vendor.request`,
which sees the whole body and the instant; one that reports failures inside a 200 does so through its `Answer.error` and
`Vendor.classify`; one that streams cumulative text, NDJSON or WebSocket messages brings its own `Answer`, which is fed
each message and returns what is new; one whose scheme is ``wss`` says so in the origin of its request.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from fenli.errors import ConfigError, Failure, UsageError
from fenli.http.transport import Origin, Request
from fenli.wire.answers import Answer
from fenli.wire.openai_chat import ChatRequest

Headers = Sequence[tuple[bytes, bytes]]


class Disconnect(enum.StrEnum):
    """What to do upstream when the caller leaves mid-stream: what the vendor charges for decides."""

    CANCEL = "cancel"
    DRAIN = "drain"


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model of a vendor's default catalogue. ``context`` and ``output`` are token limits, None where not sourced."""

    id: str
    context: int | None = None
    output: int | None = None


class Address(msgspec.Struct, frozen=True):
    """All of a request that does not change from call to call, for one vendor, model and credential."""

    origin: Origin
    target: bytes
    headers: bytes
    model: bytes
    secret: str


class Vendor(Protocol):
    """``id`` is the vendor's name in books and prices; ``key_variables`` the environment variables that switch it on."""

    @property
    def id(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def title_zh(self) -> str: ...
    @property
    def base_url(self) -> str: ...
    @property
    def key_variables(self) -> tuple[str, ...]: ...
    @property
    def models(self) -> tuple[Model, ...]: ...
    @property
    def disconnect(self) -> Disconnect: ...

    def address(self, base_url: str, secret: str, model: str) -> Address:
        """Prepared once per target. Raises ConfigError when ``base_url`` is not usable."""

    def request(self, address: Address, ask: ChatRequest, now: int) -> Request:
        """The request for one attempt at ``now`` (a signature's timestamp)."""

    def thinking(self, ask: ChatRequest) -> bool:
        """Whether this request switches thinking on: a condition of some prices."""

    def answer(self, ask: ChatRequest) -> Answer:
        """A fresh reader for one attempt's answer."""

    def usage(self, raw: bytes) -> dict[str, int]:
        """Disjoint meters out of the vendor's usage object. Raises UsageError when it contradicts itself."""

    def classify(self, status: int, headers: Headers, body: bytes) -> Failure:
        """What a failed answer means. ``status`` is 200 for an error found inside an answer."""


def parse_base_url(base_url: str) -> tuple[Origin, str]:
    """The origin and the path prefix (no trailing slash) of a base URL."""
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https", "ws", "wss") or not parts.hostname or parts.query or parts.fragment:
        raise ConfigError(f"{base_url!r} is not a base URL: write one such as https://api.example.com/v1")
    if parts.username is not None or parts.password is not None:
        raise ConfigError("a base URL carries no user or password: use api_key for credentials")
    try:
        port = parts.port
    except ValueError:
        raise ConfigError(f"{base_url!r} has no valid port") from None
    return Origin(parts.scheme, parts.hostname, port or (443 if parts.scheme in ("https", "wss") else 80)), parts.path.rstrip("/")


class UsageMap(msgspec.Struct, frozen=True):
    """Where a vendor's usage object keeps its numbers, and which of them include which.

    ``prompt`` includes ``cached`` and ``cache_write``; ``completion`` includes ``reasoning``. Each is a tuple of places
    to look (dots go down a level); the first that holds a number counts.
    """

    prompt: tuple[str, ...] = ("prompt_tokens",)
    completion: tuple[str, ...] = ("completion_tokens",)
    total: tuple[str, ...] = ("total_tokens",)
    cached: tuple[str, ...] = ("prompt_tokens_details.cached_tokens",)
    cache_write: tuple[str, ...] = ("prompt_tokens_details.cache_write_tokens",)
    reasoning: tuple[str, ...] = ("completion_tokens_details.reasoning_tokens",)

    def meters(self, raw: bytes) -> dict[str, int]:
        """Raises UsageError when a number is missing, negative, no integer, or the parts exceed the whole."""
        try:
            usage = _decode_usage(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"the usage is not a JSON object: {error}") from None
        prompt = _count(usage, self.prompt)
        completion = _count(usage, self.completion)
        if prompt is None or completion is None:
            raise UsageError(f"the usage names no {'prompt' if prompt is None else 'completion'} tokens: {raw[:200]!r}")
        cached = _count(usage, self.cached) or 0
        cache_write = _count(usage, self.cache_write) or 0
        reasoning = _count(usage, self.reasoning) or 0
        if cached + cache_write > prompt or reasoning > completion:
            raise UsageError(f"the usage's parts exceed its whole: {raw[:200]!r}")
        total = _count(usage, self.total)
        if total is not None and total != prompt + completion:
            raise UsageError(f"the usage adds up to {prompt + completion}, but says {total}: {raw[:200]!r}")
        meters = {"input": prompt - cached - cache_write, "output": completion - reasoning}
        if cached:
            meters["cached_input"] = cached
        if cache_write:
            meters["cache_write"] = cache_write
        if reasoning:
            meters["reasoning"] = reasoning
        return meters


_decode_usage = msgspec.json.Decoder(dict[str, object]).decode
_SPLIT: dict[str, list[str]] = {}


def _count(usage: dict[str, object], places: tuple[str, ...]) -> int | None:
    for place in places:
        value: object = usage
        for step in _SPLIT.get(place) or _SPLIT.setdefault(place, place.split(".")):
            value = value.get(step) if isinstance(value, dict) else None
        if value is None:
            continue
        if type(value) is not int or value < 0:
            raise UsageError(f"the usage's {place} is {value!r}, not a count")
        return value
    return None


def header(headers: Headers, name: bytes) -> bytes | None:
    """The first header of that (lower-case) name."""
    for key, value in headers:
        if key.lower() == name:
            return value
    return None


_SECONDS = re.compile(rb"[0-9]{1,6}(\.[0-9]{1,3})?")


def retry_after_ms(headers: Headers) -> int | None:
    """The wait that the vendor asked for, in milliseconds (``retry-after-ms``, else ``retry-after`` in seconds)."""
    exact = header(headers, b"retry-after-ms")
    if exact is not None and _SECONDS.fullmatch(exact):
        return int(exact.split(b".")[0])
    seconds = header(headers, b"retry-after")
    if seconds is None or not _SECONDS.fullmatch(seconds):
        return None
    whole, _, part = seconds.partition(b".")
    return int(whole) * 1000 + int((part + b"000")[:3])
