"""昆仑万维 Tiangong (SkyChat): one signed POST. The maker has moved on to Skywork, and may take no new keys.

Source: four clients of others (aidea-server among them). A key is ``app_key:app_secret``. What the codes of its
failures mean is told nowhere: its words are searched for what vendors of this market say. Streams are lines of JSON,
with what is new in each (`TIANGONG`) or all so far (`TIANGONG_CUMULATIVE`): the clients differ, so both can be had.
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

import msgspec

from fenli.clock import SECOND
from fenli.errors import ConfigError, Kind
from fenli.vendors.contract import Address
from fenli.vendors.failing import ErrorRule, Told, told
from fenli.vendors.switches import SchemaSwitch, SchemaWay, Switches
from fenli.vendors.translated import Translated
from fenli.wire.frames import Frames, LineFrames
from fenli.wire.openai_chat import ChatRequest
from fenli.wire.openai_chat.whole import NO_ANSWER
from fenli.wire.tiangong import CumulativeTiangongReader, TiangongReader, encode_request
from fenli.wire.translated import Reader


class TiangongKey(NamedTuple):
    key: str
    secret: str


def parse_key(secret: str) -> TiangongKey:
    """Raises ConfigError where it is not ``app_key:app_secret``."""
    key, _, secret = secret.partition(":")
    if not key or not secret:
        raise ConfigError("a key of tiangong is app_key:app_secret, with a colon between")
    return TiangongKey(key, secret)


def sign(key: TiangongKey, timestamp: str) -> str:
    """``timestamp`` in seconds, as it is sent."""
    said = f"{key.key}{key.secret}{timestamp}"
    return hashlib.md5(said.encode(), usedforsecurity=False).hexdigest()


class _Failed(msgspec.Struct):
    code: int
    code_msg: str


_decode = msgspec.json.Decoder(_Failed).decode


class Tiangong(Translated, frozen=True, kw_only=True):
    """``reader`` reads the messages of a stream."""

    reader: type[TiangongReader] = TiangongReader

    def address(self, base_url: str, secret: str, model: str) -> Address:
        parse_key(secret)
        return super().address(base_url, secret, model)

    def credential(self, secret: str) -> tuple[str, ...]:
        return (f"app_key: {parse_key(secret).key}",)

    def head(self, address: Address, ask: ChatRequest, body: bytes, now: int) -> bytes:
        timestamp = str(now // SECOND)
        streamed = "true" if ask.stream else "false"
        lines = (
            f"timestamp: {timestamp}\r\nsign: {sign(parse_key(address.secret), timestamp)}\r\nstream: {streamed}\r\n"
        )
        return address.headers + lines.encode()

    def body(self, ask: ChatRequest, model: bytes) -> bytes:
        return encode_request(ask, model, self.title)

    def streamed(self, ask: ChatRequest) -> Reader:
        return self.reader()

    def whole(self, ask: ChatRequest) -> Reader:
        return TiangongReader()

    def told(self, body: bytes) -> Told:
        """A failure with a status of its own tells as those inside a 200 do."""
        try:
            failed = _decode(body)
        except NO_ANSWER:
            return told(body)
        return Told((str(failed.code),), failed.code_msg)

    def frames(self) -> Frames:
        return LineFrames()


TIANGONG: Final = Tiangong(
    id="tiangong",
    title="Kunlun (Tiangong)",
    title_zh="昆仑万维天工",
    base_url="https://sky-api.singularity-ai.com",
    path="/saas/api/v4/generate",
    key_variables=("TIANGONG_KEY",),
    key_form="app_key:app_secret",
    switches=Switches(schema=(SchemaSwitch(way=SchemaWay.TEXT),)),
    errors=(
        ErrorRule(Kind.TIMEOUT, code="status-2"),
        ErrorRule(Kind.CONTENT_FILTERED, code="status-4"),
        ErrorRule(Kind.NO_BALANCE, text="余额|欠费|insufficient|recharge|arrearage"),
        ErrorRule(Kind.RATE_LIMITED, text="速率限制|并发|限流|too many requests|tpm"),
        ErrorRule(Kind.OVERLOADED, text="访问量过大|负载|busy|overloaded|繁忙"),
        ErrorRule(Kind.CONTENT_FILTERED, text="违规|敏感|inappropriate content|sensitive"),
        ErrorRule(Kind.MODEL_NOT_FOUND, text="model not exist|模型不存在|不存在或未上线"),
        ErrorRule(Kind.CONTEXT_TOO_LONG, text="too long|超长|超过最大长度"),
        ErrorRule(Kind.BAD_KEY, text=r"app_key|\bsign\b|签名|鉴权"),
    ),
)

TIANGONG_CUMULATIVE: Final = msgspec.structs.replace(
    TIANGONG,
    id="tiangong-cumulative",
    sells="tiangong",
    title="Kunlun (Tiangong, cumulative streams)",
    title_zh="昆仑万维天工(累积流)",
    key_variables=("TIANGONG_CUMULATIVE_KEY",),
    reader=CumulativeTiangongReader,
)
