"""讯飞 iFlytek Spark over a WebSocket: the older way in, with a path for each generation and an address that is signed.

Sources: the vendor's pages on its Web API and on signed addresses, spark-ai-python 0.4.5, one-api. A key is
``AppID:APIKey:APISecret``, the three of one application. A wrong signature is refused in the handshake; whatever else
goes wrong is a code in the first message, or in a later one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from email.utils import formatdate
from typing import Final, NamedTuple
from urllib.parse import urlencode

import msgspec

from fenli.clock import SECOND
from fenli.errors import ConfigError, Kind
from fenli.http.transport import Request
from fenli.vendors.contract import Address, Model, parse_base_url
from fenli.vendors.failing import ErrorRule
from fenli.vendors.headers import host_of
from fenli.vendors.iflytek import IFLYTEK
from fenli.vendors.models import default_models
from fenli.vendors.switches import SchemaSwitch, SchemaWay, Switches
from fenli.vendors.translated import Translated
from fenli.wire.frames import Frames, MessageFrames
from fenli.wire.openai_chat import ChatRequest
from fenli.wire.spark import SparkReader, encode_header, encode_request
from fenli.wire.translated import Reader, TranslatedWhole, Translation

_WHOLE: Final = re.compile(r"/(v[0-9.]+/[a-z0-9]+|chat/[a-z0-9-]+)$")


class SparkKey(NamedTuple):
    app: str
    key: str
    secret: str


def parse_key(secret: str) -> SparkKey:
    """Raises ConfigError where it is not ``AppID:APIKey:APISecret``."""
    parts = secret.split(":")
    if len(parts) != 3 or not all(parts):
        raise ConfigError(
            "a key of iflytek-ws is AppID:APIKey:APISecret, the three of one application with a colon between"
        )
    return SparkKey(*parts)


def sign(key: SparkKey, host: str, date: str, path: str) -> str:
    """The signature (base64 of an HMAC-SHA256) of a handshake at ``date`` (RFC 1123, GMT)."""
    said = f"host: {host}\ndate: {date}\nGET {path} HTTP/1.1"
    return base64.b64encode(hmac.digest(key.secret.encode(), said.encode(), hashlib.sha256)).decode()


def signed_query(key: SparkKey, host: str, path: str, now: int) -> str:
    """The query string that lets a handshake in, from some minutes before ``now`` (ns) to some minutes after it."""
    date = formatdate(now // SECOND, usegmt=True)
    told = f'api_key="{key.key}", algorithm="hmac-sha256", headers="host date request-line", '
    told += f'signature="{sign(key, host, date, path)}"'
    return urlencode({"authorization": base64.b64encode(told.encode()).decode(), "date": date, "host": host})


class SparkWebSocket(Translated, frozen=True, kw_only=True):
    """A base URL that ends with a path of the vendor's (``/v1.1/chat``) is the whole address, whatever the model."""

    @property
    def models(self) -> tuple[Model, ...]:
        return default_models(self.id)

    def address(self, base_url: str, secret: str, model: str) -> Address:
        parse_key(secret)
        address = super().address(base_url, secret, model)
        if address.origin.scheme not in ("ws", "wss"):
            raise ConfigError(f"{base_url!r} is no address of a WebSocket: write wss:// (or ws://) for {self.id}")
        whole = _WHOLE.search(base_url.rstrip("/"))
        return (
            address if whole is None else msgspec.structs.replace(address, target=parse_base_url(base_url)[1].encode())
        )

    def credential(self, secret: str) -> tuple[str, ...]:
        return ()

    def target(self, address: Address, ask: ChatRequest, now: int) -> bytes:
        path = address.target.decode()
        query = signed_query(parse_key(address.secret), host_of(address.origin), path, now)
        return f"{path}?{query}".encode()

    def request(self, address: Address, ask: ChatRequest, now: int) -> Request:
        request = super().request(address, ask, now)
        header = encode_header(ask, parse_key(address.secret).app)
        return msgspec.structs.replace(request, body=b'{"header":%b,%b' % (header, bytes(request.body)[1:]))

    def body(self, ask: ChatRequest, model: bytes) -> bytes:
        return encode_request(ask, model, self.title)

    def streamed(self, ask: ChatRequest) -> Reader:
        return SparkReader()

    whole = streamed

    def frames(self) -> Frames:
        return MessageFrames()

    def gathered(self, ask: ChatRequest, translation: Translation) -> TranslatedWhole:
        return TranslatedWhole(self.frames(), self.streamed(ask), translation)


IFLYTEK_WS: Final = SparkWebSocket(
    id="iflytek-ws",
    sells="iflytek",
    title="iFlytek (Spark, WebSocket)",
    title_zh="讯飞星火 WebSocket",
    base_url="wss://spark-api.xf-yun.com",
    path="/v3.5/chat",
    key_variables=("SPARK_WS_KEY",),
    keys_at="https://console.xfyun.cn",
    key_form="AppID:APIKey:APISecret",
    usage_map=IFLYTEK.usage_map,
    switches=Switches(schema=(SchemaSwitch(way=SchemaWay.TEXT),)),
    errors=(ErrorRule(Kind.BAD_KEY, status=403, text="hmac|signature"), *IFLYTEK.errors),
)
