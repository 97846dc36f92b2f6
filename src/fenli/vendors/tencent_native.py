"""腾讯 Tencent Hunyuan through Tencent Cloud's API 3.0: each request is signed, body and instant (TC3-HMAC-SHA256).

A key is ``SecretId:SecretKey``. Failures come with a 200; a signature is good for five minutes around its time.
Sources: tencentcloud-sdk-python-hunyuan 3.1, Hunyuan's product page 111007.
"""

from __future__ import annotations

from typing import Final

import msgspec

from fenli.clock import SECOND
from fenli.errors import CallRefused, Code, ConfigError, Kind
from fenli.vendors.contract import Address, UsageMap
from fenli.vendors.endpoints import Endpoint
from fenli.vendors.failing import ErrorRule, Told
from fenli.vendors.headers import host_of
from fenli.vendors.switches import SchemaSwitch, SchemaWay
from fenli.vendors.tencent import TENCENT
from fenli.vendors.tencent_media import HunyuanJobs
from fenli.vendors.translated import Translated
from fenli.wire.capabilities import Capability
from fenli.wire.openai_chat import ChatRequest, FailurePlace
from fenli.wire.openai_chat.decoded import decoded, refuse_unknown
from fenli.wire.openai_chat.whole import NO_ANSWER
from fenli.wire.signing import sign_tc3
from fenli.wire.tencent_cloud import TAKEN, TencentCloudReader, encode_chat, failure_of

_SERVICE: Final = "hunyuan"
_CHAT: Final = b"X-TC-Action: ChatCompletions\r\n"
_ENDLESS: Final = (
    "{title} takes no limit on the length of an answer when it is asked in this dialect, neither yours nor one that a "
    "budget sets: leave 'max_tokens' out, or ask {sells}/{model}"
)


class TencentCloud(Translated, frozen=True, kw_only=True):
    def address(self, base_url: str, secret: str, model: str) -> Address:
        key, _, rest = secret.partition(":")
        if not key or not rest or not (key.isascii() and key.isprintable()):
            raise ConfigError(f"the key of {self.id} is written SecretId:SecretKey")
        return Translated.address(self, base_url, secret, model)

    def credential(self, secret: str) -> tuple[str, ...]:
        return ()

    def body(self, ask: ChatRequest, model: bytes) -> bytes:
        if ask.output_limit is not None:
            name = msgspec.json.decode(model, type=str)
            message = _ENDLESS.format(title=self.title, sells=self.sells, model=name)
            raise CallRefused(Code.INVALID_VALUE, message, "max_tokens")
        ask = self.spelled(ask, model)  # options have the names that the compatible endpoint takes them under
        refuse_unknown(ask, self.title, TAKEN)
        return encode_chat(model, decoded(ask), ask.fields, stream=ask.stream)

    def head(self, address: Address, ask: ChatRequest, body: bytes, now: int) -> bytes:
        return self.signed(address, address.headers + _CHAT, body, now)

    def signed(self, address: Address, headers: bytes, body: bytes, now: int) -> bytes:
        key, _, secret = address.secret.partition(":")
        at = now // SECOND
        signed = {"content-type": "application/json", "host": host_of(address.origin)}
        signature = sign_tc3((key, secret), _SERVICE, signed, body, at)
        return headers + f"X-TC-Timestamp: {at}\r\nAuthorization: {signature}\r\n".encode()

    def streamed(self, ask: ChatRequest) -> TencentCloudReader:
        return TencentCloudReader()

    def whole(self, ask: ChatRequest) -> TencentCloudReader:
        return TencentCloudReader()

    def told(self, body: bytes) -> Told:
        try:
            code, message = failure_of(body)
        except NO_ANSWER:
            return Told()
        return Told((code,) if code else (), message)


TENCENT_NATIVE = TencentCloud(
    id="tencent-native",
    title="Tencent (Hunyuan, signed API)",
    title_zh="腾讯混元(签名 API)",
    base_url="https://hunyuan.tencentcloudapi.com",
    key_variables=("TENCENTCLOUD_SECRET",),
    keys_at="https://console.cloud.tencent.com/cam/capi",
    key_form="SecretId:SecretKey",
    sells="tencent",
    path="/",
    lines=("X-TC-Version: 2023-09-01",),
    endpoints=(
        Endpoint(
            capability=Capability.IMAGES,
            path="/",
            codec=HunyuanJobs(),
            lines=b"X-TC-Action: SubmitHunyuanImageJob\r\n",
            failures=(FailurePlace(within="Response", code="Error", message="RequestId"),),
        ),
    ),
    usage_map=UsageMap(
        prompt=("PromptTokens",),
        completion=("CompletionTokens",),
        total=("TotalTokens",),
        cached=("PromptTokensDetails.CachedTokens",),
        cache_write=(),
        reasoning=(),
    ),
    errors=(
        ErrorRule(Kind.SERVER_ERROR, code="4000"),
        ErrorRule(Kind.TIMEOUT, code="4001"),
        *TENCENT.errors,
    ),
    switches=msgspec.structs.replace(TENCENT.switches, schema=(SchemaSwitch(way=SchemaWay.TEXT),)),
)
