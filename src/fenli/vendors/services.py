"""One endpoint of one vendor, as a call meets it: what `fenli.vendors.contract.Vendor` is for chat."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from fenli.errors import ConfigError, Failure
from fenli.http.transport import Request
from fenli.vendors.contract import Address, Disconnect, Headers, Vendor, parse_base_url
from fenli.vendors.endpoints import Endpoint
from fenli.vendors.headers import accepting, typed
from fenli.vendors.limits import LimitHeaders
from fenli.wire.answers import Answer
from fenli.wire.capabilities import Capability
from fenli.wire.openai_chat import FailureReader
from fenli.wire.services import Codec, Delivered, Reply, ServiceAnswer, ServiceRequest, Streaming
from fenli.wire.services.tasks import Awaited, Errand, Failed
from fenli.wire.services.videos import Filming


class Service:
    """Implements `fenli.vendors.contract.Speaker` for a `ServiceRequest`. Headers, key and the meaning of its errors
    are the vendor's own."""

    __slots__ = ("_failures", "endpoint", "vendor")

    def __init__(self, vendor: Vendor, endpoint: Endpoint) -> None:
        self.vendor = vendor
        self.endpoint = endpoint
        self._failures = FailureReader(endpoint.failures) if endpoint.failures else None

    @property
    def disconnect(self) -> Disconnect:
        """A task goes on, and is charged, whoever has left: what it came to is worth to be known."""
        return Disconnect.DRAIN if isinstance(self.endpoint.codec, Awaited) else self.vendor.disconnect

    @property
    def limits(self) -> tuple[LimitHeaders, ...]:
        return self.vendor.limits

    def address(self, base_url: str, secret: str, model: str) -> Address:
        """Raises ConfigError when ``base_url`` is not usable, or has no end that the path could stand in place of."""
        address = self.vendor.address(base_url, secret, model)
        prefix, ending = parse_base_url(base_url)[1], self.endpoint.instead_of
        if not prefix.endswith(ending):
            raise ConfigError(
                f"{base_url!r} does not end in {ending}, so where {self.endpoint.capability} is served cannot be told: "
                f"write a base URL that does"
            )
        path = prefix.removesuffix(ending) + self.endpoint.path
        headers, accepts = address.headers, self.endpoint.accepts
        if accepts:
            headers = accepting(headers, accepts)
        return msgspec.structs.replace(address, target=path.encode(), headers=headers)

    def check(self, ask: ServiceRequest) -> None:
        """Raises CallRefused for what this vendor cannot be told."""
        self.codec.check(ask)

    def charge(self, ask: ServiceRequest) -> None:
        """Has the request say what it comes to here."""
        charges = self.endpoint.charges
        ask.charged(None if charges is None else charges(ask))

    def request(self, address: Address, ask: ServiceRequest, now: int) -> Request:
        body, headers = self.codec.body(ask, address.model), address.headers
        if ask.content_type is not None:
            headers = typed(headers, ask.content_type)
        headers = self.vendor.signed(address, headers + self.endpoint.lines, body, now)
        return Request(address.origin, b"POST", address.target, headers, body)

    def errand(self, address: Address, errand: Errand, now: int) -> Request:
        """To be sent at ``now``."""
        target = self._base(address) + errand.path
        headers = self.vendor.signed(address, address.headers + errand.lines, errand.body, now)
        return Request(address.origin, errand.method, target.encode(), headers, errand.body)

    def beside(self, address: Address, method: bytes, path: str) -> Request:
        """For what belongs to the endpoint: ``path`` stands behind the base URL, as the endpoint's own does."""
        return Request(address.origin, method, (self._base(address) + path).encode(), address.headers, b"")

    def sent(self, address: Address, content_type: bytes, body: bytes) -> Request:
        """A ``body`` that is no JSON, to where the endpoint is."""
        return Request(address.origin, b"POST", address.target, typed(address.headers, content_type), body)

    def failure(self, status: int, headers: Headers, body: bytes) -> Failure | None:
        """What a reply about a task means; None where it is one. An ``error`` in it may be the task's own."""
        refused = self._failures is not None and self._failures.told(body) is not None
        return None if 200 <= status < 300 and not refused else self.classify(status, headers, body)

    def inquiry(self, address: Address, task: str, now: int) -> Request:
        """Asks how far a task is, at ``now``."""
        codec = self.codec
        assert isinstance(codec, Awaited | Filming)
        return self.errand(address, codec.asked(task, address.model), now)

    def outcome(self, ask: ServiceRequest, body: bytes, at: int) -> Delivered | Failed | None:
        """What an `inquiry` found, of what was asked for ``at`` that instant. As `Awaited.outcome`."""
        codec = self.codec
        assert isinstance(codec, Awaited)
        return codec.outcome(ask, Reply(body, b"", at))

    @property
    def filming(self) -> Filming:
        """The codec of an endpoint for videos."""
        codec = self.codec
        assert isinstance(codec, Filming)
        return codec

    @property
    def codec(self) -> Codec:
        """Of an endpoint that is asked for something by calls."""
        assert self.endpoint.codec is not None
        return self.endpoint.codec

    def answer(self, ask: ServiceRequest, now: int) -> Answer:
        if ask.stream:
            codec = self.codec
            assert isinstance(codec, Streaming)
            return codec.streamed(ask, self._failures)
        return ServiceAnswer(self.codec, ask, self._failures, now)

    def usage(self, raw: bytes) -> dict[str, int]:
        return self.codec.meters(raw)

    def facts(
        self, ask: ServiceRequest, service_tier: str | None, usage: Mapping[str, int]
    ) -> dict[str, bool | str] | None:
        return None if self.endpoint.facts is None else self.endpoint.facts(ask)

    def _base(self, address: Address) -> str:
        return address.target.decode().removesuffix(self.endpoint.path)

    def classify(self, status: int, headers: Headers, body: bytes) -> Failure:
        return self.vendor.classify(status, headers, body)


def service_of(vendor: Vendor, capability: Capability, model: str) -> Service | None:
    """None where the vendor has no such endpoint."""
    having = (endpoint for endpoint in vendor.endpoints if endpoint.capability is capability)
    endpoint = next((endpoint for endpoint in having if endpoint.serves(model)), None)
    return None if endpoint is None else Service(vendor, endpoint)
