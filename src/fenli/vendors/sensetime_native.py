"""商汤 SenseTime SenseNova, its own API: a key as it is, or a token that an access key's secret signs for half an hour.

A key is an API key, or ``AK:SK``. A stream tells failures in a status of its own. Sources: sensenova 1.0.6, its tests.
"""

from __future__ import annotations

from typing import Final

from fenli.clock import SECOND
from fenli.errors import Kind
from fenli.vendors.contract import Address, UsageMap
from fenli.vendors.failing import ErrorRule
from fenli.vendors.headers import bearer
from fenli.vendors.sensetime import SENSETIME
from fenli.vendors.switches import TRUE, SchemaSwitch, SchemaWay, SearchSwitch, Switches
from fenli.vendors.translated import Translated
from fenli.wire.openai_chat import ChatRequest
from fenli.wire.openai_chat.decoded import decoded, refuse_unknown
from fenli.wire.sensenova import TAKEN, SenseNovaReader, encode_chat
from fenli.wire.signing import sign_jwt

_VALID_S: Final = 1_800
_BEFORE_S: Final = 5


class SenseNova(Translated, frozen=True, kw_only=True):
    def credential(self, secret: str) -> tuple[str, ...]:
        return () if ":" in secret else bearer(secret)

    def head(self, address: Address, ask: ChatRequest, body: bytes, now: int) -> bytes:
        key, mark, secret = address.secret.partition(":")
        if not mark:
            return address.headers
        at = now // SECOND
        token = sign_jwt({"iss": key, "exp": at + _VALID_S, "nbf": at - _BEFORE_S}, secret)
        return address.headers + f"Authorization: Bearer {token}\r\n".encode()

    def body(self, ask: ChatRequest, model: bytes) -> bytes:
        ask = self.spelled(ask, model)
        refuse_unknown(ask, self.title, TAKEN)
        return encode_chat(model, decoded(ask), ask.fields, limit=ask.output_limit, stream=ask.stream)

    def streamed(self, ask: ChatRequest) -> SenseNovaReader:
        return SenseNovaReader()

    def whole(self, ask: ChatRequest) -> SenseNovaReader:
        return SenseNovaReader()


SENSETIME_NATIVE = SenseNova(
    id="sensetime-native",
    title="SenseTime (SenseNova, own API)",
    title_zh="商汤日日新(原生接口)",
    base_url="https://api.sensenova.cn/v1",
    key_variables=("SENSENOVA_NATIVE_KEY",),
    keys_at="https://platform.sensenova.cn",
    key_form="API key, or AK:SK",
    sells="sensetime",
    path="/llm/chat-completions",
    usage_map=UsageMap(cached=(), cache_write=(), reasoning=()),
    errors=(ErrorRule(Kind.NO_PERMISSION, code="7"), *SENSETIME.errors),
    switches=Switches(
        search=(
            SearchSwitch(
                on={"plugins.web_search.search_enable": TRUE},
                citations={"plugins.web_search.result_enable": TRUE},
                shown="plugins",
            ),
        ),
        schema=(SchemaSwitch(way=SchemaWay.TEXT),),
    ),
)
