"""What a vendor is to fenli: a small, pure description of how to ask it and how to read what it says.

Nothing here does I/O and nothing knows of prices or routing. A vendor that signs its requests does so in
`Vendor.request`, which sees the whole body and the instant; one that reports failures inside a 200 does so through its
`Answer.error` and `Vendor.classify`; one that streams cumulative text, NDJSON or WebSocket messages brings its own
`Answer`, which is fed each message and returns what is new; one whose scheme is ``wss`` says so in the origin of its
request.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, Protocol
from urllib.parse import urlsplit

import msgspec

from fenli.errors import ConfigError, Failure, UsageError
from fenli.http.transport import Origin, Request
from fenli.vendors.balances import BalanceMap
from fenli.vendors.endpoints import Endpoint
from fenli.vendors.limits import LimitHeaders, parse_units
from fenli.vendors.switches import Switches
from fenli.vendors.tickets import TicketHolder
from fenli.wire.answers import Answer
from fenli.wire.capabilities import Capability
from fenli.wire.openai_chat import ChatRequest
from fenli.wire.openai_chat.whole import NO_ANSWER

Headers = Sequence[tuple[bytes, bytes]]


class Disconnect(enum.StrEnum):
    """What to do upstream when the caller leaves mid-stream: what the vendor charges for decides."""

    CANCEL = "cancel"
    DRAIN = "drain"


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model of a vendor's default catalogue. ``context`` and ``output`` are token limits, None where not sourced.

    ``sent_as`` and ``path``: what requests call it and where they go, where that is not the id and the vendor's path.
    ``does``: what it can be asked for. ``successor``: what its vendor offers in place of an older one, which may still
    answer.
    """

    id: str
    context: int | None = None
    output: int | None = None
    sent_as: str = ""
    path: str = ""
    does: Capability = Capability.CHAT
    successor: str = ""


class Address(msgspec.Struct, frozen=True):
    """All of a request that does not change from call to call, for one vendor, model and credential.

    ``ticket`` is what the vendor lends for the credential, where it takes that in the key's place. An address shows
    itself without its secret, so that no log or traceback can.
    """

    origin: Origin
    target: bytes
    headers: bytes
    model: bytes
    secret: str
    ticket: TicketHolder | None = None

    @property
    def hidden(self) -> tuple[str, ...]:
        """What nobody may be shown: the key, each secret part of one that is written ID:SECRET, the ticket."""
        parts = (self.secret.partition(":")[2], *self.secret.split(":")[1:])
        ticket = self.ticket.ticket if self.ticket is not None else None
        told = dict.fromkeys(part for part in parts if len(part) > 5)
        return tuple(text for text in (self.secret, *told, ticket.text if ticket is not None else "") if text)

    def __repr__(self) -> str:
        return f"Address({self.origin}, {self.target!r}, model={self.model!r})"


class Speaker(Protocol):
    """What a call needs of whoever it speaks to: a vendor's chat, or one of its other endpoints. ``ask`` is a request
    of the capability that the address was prepared for. Each method is as in `Vendor`."""

    @property
    def disconnect(self) -> Disconnect: ...
    @property
    def limits(self) -> tuple[LimitHeaders, ...]: ...
    def request(self, address: Address, ask: Any, now: int) -> Request: ...
    def facts(self, ask: Any, service_tier: str | None, usage: Mapping[str, int]) -> dict[str, bool | str] | None: ...
    def answer(self, ask: Any, now: int) -> Answer: ...
    def usage(self, raw: bytes) -> dict[str, int]: ...
    def classify(self, status: int, headers: Headers, body: bytes) -> Failure: ...


class Vendor(Protocol):
    """``id`` is its name in books and prices; ``key_variables`` are the environment variables that switch it on."""

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
    def keys_at(self) -> str:
        """Where the vendor gives out keys: an address for people; empty where none is needed, or it is not known."""

    @property
    def key_form(self) -> str:
        """What the key consists of, where it is more than one word that the vendor made."""

    @property
    def sells(self) -> str:
        """The vendor whose models, and prices where it has none of its own, it sells; empty where that is itself."""

    @property
    def models(self) -> tuple[Model, ...]: ...
    @property
    def disconnect(self) -> Disconnect: ...
    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """What it offers beside chat; at most one for each capability."""

    @property
    def balance(self) -> BalanceMap | None:
        """Where it tells what is left of our money with it; None where it does not."""

    @property
    def limits(self) -> tuple[LimitHeaders, ...]:
        """What the headers of its answers tell of its limits; none where nobody knows of any."""

    @property
    def switches(self) -> Switches:
        """Which of the options its models have. A request for one that they lack is not made to it unless a downgrade
        is wanted: then `request` sends what comes nearest."""

    @property
    def returned(self) -> tuple[str, ...]:
        """The members of messages and of tool calls that it says beyond OpenAI's, and wants back."""

    def switched(self, switches: Switches) -> Vendor:
        """The same vendor with other switches."""

    def telling(self, limits: tuple[LimitHeaders, ...]) -> Vendor:
        """The same vendor, which tells its limits in these headers."""

    def withholding(self, members: tuple[str, ...]) -> Vendor:
        """The same vendor, which is not told these members of messages."""

    def address(self, base_url: str, secret: str, model: str) -> Address:
        """Prepared once per target. Raises ConfigError when ``base_url`` is not usable."""

    def request(self, address: Address, ask: ChatRequest, now: int) -> Request:
        """The request for one attempt at ``now`` (a signature's timestamp). Raises CallRefused for what the vendor
        cannot be told, and then TicketNeeded where it needs a ticket that is not at hand."""

    def signed(self, address: Address, headers: bytes, body: bytes, now: int) -> bytes:
        """The header lines of a request beside chat, ready for the wire: with a signature of ``body`` at ``now``, where
        the vendor asks for one."""

    def balance_request(self, base_url: str, secret: str) -> Request:
        """Asks for the balance; only where there is a ``balance``. Raises ConfigError like `address`."""

    def facts(
        self, ask: ChatRequest, service_tier: str | None, usage: Mapping[str, int]
    ) -> dict[str, bool | str] | None:
        """What of this request, and of how it was served, some prices hang on; None where all is as by default.

        The names are those of `fenli.prices.facts`.
        """

    def answer(self, ask: ChatRequest, now: int) -> Answer:
        """A fresh reader for the answer of one attempt, made at ``now``."""

    def usage(self, raw: bytes) -> dict[str, int]:
        """Disjoint meters out of the vendor's usage object. Raises UsageError when it contradicts itself."""

    def classify(self, status: int, headers: Headers, body: bytes) -> Failure:
        """What a failed answer means. ``status`` is 200 for an error found inside an answer."""


_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")


def parse_base_url(base_url: str) -> tuple[Origin, str]:
    """The origin and the path prefix (no trailing slash) of a base URL. Raises ConfigError."""
    if "@" in base_url.partition("://")[2].partition("/")[0]:
        raise ConfigError("a base URL carries no user or password: use api_key for credentials")
    wrong = ConfigError(f"{base_url!r} is not a base URL: write one such as https://api.example.com/v1")
    if not (base_url.isascii() and base_url.isprintable()) or " " in base_url:
        raise wrong
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in ("http", "https", "ws", "wss") or not host or not _HOST.fullmatch(host) or port == 0:
        raise wrong
    if parts.query or parts.fragment:
        raise wrong
    return Origin(parts.scheme, host, port or (443 if parts.scheme in ("https", "wss") else 80)), parts.path.rstrip("/")


class UsageMap:
    """Where a vendor's usage object keeps its numbers, and which of them include which.

    ``prompt`` includes ``cached`` and ``cache_write``; ``completion`` includes ``reasoning``; ``searches`` are no
    tokens. Each is a tuple of places to look (a dot goes down one level); the first that holds a number counts.
    """

    __slots__ = ("_decode", "_read")

    def __init__(
        self,
        *,
        prompt: tuple[str, ...] = ("prompt_tokens",),
        completion: tuple[str, ...] = ("completion_tokens",),
        total: tuple[str, ...] = ("total_tokens",),
        cached: tuple[str, ...] = ("prompt_tokens_details.cached_tokens",),
        cache_write: tuple[str, ...] = ("prompt_tokens_details.cache_write_tokens",),
        reasoning: tuple[str, ...] = ("completion_tokens_details.reasoning_tokens",),
        searches: tuple[str, ...] = (),
    ) -> None:
        shape = _usage_shape(*prompt, *completion, *total, *cached, *cache_write, *reasoning, *searches)
        self._decode: Callable[[bytes], object] = msgspec.json.Decoder(shape).decode
        self._read = _reader(prompt, completion, total, cached, cache_write, reasoning, searches)

    def meters(self, raw: bytes) -> dict[str, int]:
        """Raises UsageError when a number is missing, negative, no integer, or the parts exceed the whole."""
        try:
            usage = self._decode(raw)
        except NO_ANSWER as error:
            raise UsageError(f"the usage does not count: {error}: {raw[:200]!r}") from None
        prompt, completion, total, cached, cache_write, reasoning, searches = self._read(usage)
        if not prompt or completion is None:  # nobody is asked nothing
            raise UsageError(f"the usage names no {'completion' if prompt else 'prompt'} tokens: {raw[:200]!r}")
        if total is not None and total != prompt + completion:
            raise UsageError(f"the usage adds up to {prompt + completion}, but says {total}: {raw[:200]!r}")
        if not (cached or cache_write or reasoning or searches):
            return {"input": prompt, "output": completion}
        cached, cache_write, reasoning = cached or 0, cache_write or 0, reasoning or 0
        if cached + cache_write > prompt or reasoning > completion:
            raise UsageError(f"the usage's parts exceed its whole: {raw[:200]!r}")
        meters = {"input": prompt - cached - cache_write, "output": completion - reasoning}
        if cached:
            meters["cached_input"] = cached
        if cache_write:
            meters["cache_write"] = cache_write
        if reasoning:
            meters["reasoning"] = reasoning
        if searches:
            meters["searches"] = searches
        return meters


# No request has this many tokens; beyond it the cost of one would no longer fit the books' 64 bits.
_Count = Annotated[int, msgspec.Meta(ge=0, le=10**9)]


def _usage_shape(*places: str) -> type[msgspec.Struct]:
    """A struct with exactly the members named by ``places``, so that decoding checks and fetches them in one go."""
    inner: dict[str, set[str]] = {}
    flat: set[str] = set()
    for place in places:
        outer, _, name = place.partition(".")
        if name:
            inner.setdefault(outer, set()).add(name)
        else:
            flat.add(outer)
    fields: list[tuple[str, object, None]] = [(name, _Count | None, None) for name in sorted(flat)]
    for outer, names in sorted(inner.items()):
        nested = msgspec.defstruct(outer, [(name, _Count | None, None) for name in sorted(names)], gc=False)
        fields.append((outer, nested | None, None))
    return msgspec.defstruct("VendorUsage", fields, gc=False)


def _reader(*roles: tuple[str, ...]) -> Callable[[object], tuple[int | None, ...]]:
    """A function that fetches, for each role, the first of its places that holds a number.

    It is written out and compiled, as dataclasses are, since every call goes through it: a third of the time that
    getters of getters take.
    """
    outers = sorted({place.partition(".")[0] for places in roles for place in places if "." in place})
    lines = ["def read(usage):", *(f"    {outer} = usage.{outer}" for outer in outers)]
    lines.append(f"    return ({', '.join(_first_of(places) for places in roles)},)")
    names: dict[str, Callable[[object], tuple[int | None, ...]]] = {}
    exec("\n".join(lines), names)  # noqa: S102  made of identifiers of our own, see _first_of
    return names["read"]


def _first_of(places: tuple[str, ...]) -> str:
    """An expression for the first place whose value is not None."""
    if not places:
        return "None"
    outer, _, name = places[0].partition(".")
    assert outer.isidentifier()
    assert name.isidentifier() or not name
    value = f"({outer}.{name} if {outer} is not None else None)" if name else f"usage.{outer}"
    if len(places) == 1:
        return value
    return f"(value if (value := {value}) is not None else {_first_of(places[1:])})"


def header(headers: Headers, name: bytes) -> bytes | None:
    """The first header of that (lower-case) name."""
    for key, value in headers:
        if key.lower() == name:
            return value
    return None


_WAITS: Final = ((b"retry-after-ms", 1), (b"retry-after", 1_000))


def retry_after_ms(headers: Headers) -> int | None:
    """The wait that the vendor asked for, in milliseconds (``retry-after-ms``, else ``retry-after`` in seconds)."""
    waits = (parse_units(header(headers, name) or b"", unit) for name, unit in _WAITS)
    return next((wait for wait in waits if wait is not None), None)
