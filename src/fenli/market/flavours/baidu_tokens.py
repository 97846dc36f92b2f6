"""The other way into Baidu's v2 API: an access key signs (bce-auth-v1) for a bearer token, which runs out.

What is signed is what baidubce's signer signs, and the reply has what qianfan 0.4.12 reads; where it asks is its IAM's
path. Statuses, words and the look of a token are made up: it holds the second at which it runs out, so that nothing
need be kept.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec

from fenli.clock import SECOND
from fenli.errors import Kind
from fenli.market.dialects.openai_chat import OpenAIChat, error_members
from fenli.market.dialects.spelling import encode
from fenli.market.flavours.flavour import Flavour, Place, Plain, Refusal
from fenli.market.requests import Ask
from fenli.sim.random import Stream

GIVEN_AT: Final = "/v1/BCE-BEARER/token"
_KEYS_OWN: Final = "bce-v3"
_CLOCK: Final = "%Y-%m-%dT%H:%M:%SZ"
_UNKNOWN: Final = "NotFound", "NotFound, cause: Could not find credential."
_UNSIGNED: Final = "SignatureDoesNotMatch", "SignatureDoesNotMatch, cause: Fail to authn user: Signature does not match"
_STALE: Final = "RequestExpired", "The signature has run out"
_NO_SPAN: Final = "BadRequest", "expireInSeconds is to be a whole number of seconds"


class Signature(msgspec.Struct, frozen=True):
    """``prefix`` is what the signing key is made from; the signature is good for ``seconds`` from ``since`` on, a
    second since 1970."""

    access_key: str
    since: int
    seconds: int
    prefix: str
    headers: tuple[str, ...]
    signature: str

    def is_of(self, ask: Ask, secret: str) -> bool:
        names = {*self.headers, *(name for name in ask.headers if name.startswith("x-bce-"))}
        values = {name: ask.headers.get(name, "").strip() for name in names}
        lines = sorted(f"{quote(name, safe='')}:{quote(value, safe='')}" for name, value in values.items() if value)
        target = urlsplit(ask.target)
        query = sorted(
            f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parse_qsl(target.query, True)
        )
        signed = "\n".join((ask.method, ask.path, "&".join(query), *lines))
        return "host" in self.headers and hmac.compare_digest(
            _digest(_digest(secret, self.prefix), signed), self.signature
        )

    def has_run_out(self, now: int) -> bool:
        return now >= (self.since + self.seconds) * SECOND


def read_signature(authorization: str) -> Signature | None:
    match authorization.split("/"):
        case ["bce-auth-v1" as version, access_key, since, seconds, headers, signature] if seconds.isdecimal():
            try:
                began = int(datetime.strptime(since, _CLOCK).replace(tzinfo=UTC).timestamp())
            except ValueError:
                return None
            prefix = f"{version}/{access_key}/{since}/{seconds}"
            return Signature(access_key, began, int(seconds), prefix, tuple(headers.split(";")), signature)
    return None


class ChatAndTokens(OpenAIChat):
    """Implements `fenli.market.flavours.flavour.Dialect`. Keys that can sign are written ``ACCESS_KEY:SECRET_KEY``."""

    def error_body(self, flavour: Flavour, refusal: Refusal, request_id: str) -> bytes:
        return encode({**error_members(flavour, refusal), "id": flavour.answer_id + request_id})

    def aside(self, vendor: Place, ask: Ask, now: int, chance: Stream) -> Plain | None:
        if (ask.method, ask.path) != ("GET", GIVEN_AT):
            return None
        signature = read_signature(ask.headers.get("authorization", ""))
        secret = _secrets(vendor).get("" if signature is None else signature.access_key)
        if signature is None or secret is None:
            return _refused(403, *_UNKNOWN)
        if not signature.is_of(ask, secret):
            return _refused(403, *_UNSIGNED)
        if signature.has_run_out(now):
            return _refused(403, *_STALE)
        span = dict(parse_qsl(urlsplit(ask.target).query)).get("expireInSeconds", "")
        if not span.isdecimal() or len(span) > 9:
            return _refused(400, *_NO_SPAN)
        began = now // SECOND
        ends = began + int(span)
        told = {
            "token": _token(signature.access_key, secret, ends),
            "status": "enable",
            "createTime": datetime.fromtimestamp(began, UTC).strftime(_CLOCK),
            "expireTime": datetime.fromtimestamp(ends, UTC).strftime(_CLOCK),
        }
        return Plain(200, encode(told))


class KeyOrBearerToken:
    """Implements `fenli.market.flavours.flavour.Admission`: a key as it is, or a token that was given out for one."""

    def refused(self, vendor: Place, ask: Ask, now: int) -> Kind | None:
        scheme, _, sent = ask.headers.get("authorization", "").partition(" ")
        sent = sent.strip()
        if scheme.lower() != "bearer":
            return Kind.BAD_KEY
        if sent in vendor.keys:
            return None
        match sent.split("/"):
            case [_, access_key, ends, _] if ends.isdecimal() and int(ends) * SECOND > now:
                secret = _secrets(vendor).get(access_key)
                if secret is not None and hmac.compare_digest(_token(access_key, secret, int(ends)), sent):
                    return None
        return Kind.BAD_KEY


def _secrets(vendor: Place) -> dict[str, str]:
    parts = (key.partition(":") for key in vendor.keys)
    return {access_key: secret for access_key, mark, secret in parts if mark}


def _token(access_key: str, secret: str, ends: int) -> str:
    text = f"{_KEYS_OWN}/{access_key}/{ends}"
    return f"{text}/{_digest(secret, text)}"


def _digest(key: str, text: str) -> str:
    return hmac.digest(key.encode(), text.encode(), hashlib.sha256).hex()


def _refused(status: int, code: str, message: str) -> Plain:
    headers = (
        (b"content-type", b"application/json"),
        (b"x-bce-error-code", code.encode()),
        (b"x-bce-error-message", message.encode()),
    )
    return Plain(status, encode({"code": code, "message": message}), headers)
