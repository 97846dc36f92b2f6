"""阿里 Alibaba Qwen (百炼 DashScope), by its own generation API.

Sources: dashscope SDK 2.0.2, one-api, higress. It sells what the compatible mode does, calls options and failures by
the same names, and tells how often it searched. Multimodal models have a path of their own; a message with an image, a
video or a sound goes there, whatever the model's name. Some models answer in a stream alone, so that it is asked for
one always.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec

from fenli.errors import UsageError
from fenli.vendors.alibaba import ALIBABA
from fenli.vendors.contract import Address, UsageMap
from fenli.vendors.dashscope_media import DASHSCOPE_LATER
from fenli.vendors.translated import Translated
from fenli.wire.dashscope import (
    GenerationReader,
    TotalsReader,
    as_parts,
    as_text,
    generation,
    is_multimodal,
    tells_totals,
)
from fenli.wire.openai_chat import ChatRequest
from fenli.wire.openai_chat.whole import NO_ANSWER
from fenli.wire.translated import TranslatedWhole, Translation

_SERVICES: Final = "/services/aigc"
_STREAM: Final = b"X-DashScope-SSE: enable\r\n"
_MULTIMODAL: Final = re.compile(rb'"(qwen[\w.]*-(vl|omni|audio|ocr)|qvq)')


class _Search(msgspec.Struct):
    count: Annotated[int, msgspec.Meta(ge=0, le=10**9)] = 0


class _Plugins(msgspec.Struct):
    search: _Search | None = None


class _Usage(msgspec.Struct):
    plugins: _Plugins | None = None


_decode_plugins = msgspec.json.Decoder(_Usage).decode


class AlibabaNative(Translated, frozen=True, kw_only=True):
    """``multimodal_path``: of requests with more than text, and of models made for them."""

    multimodal_path: str = _SERVICES + "/multimodal-generation/generation"

    def body(self, ask: ChatRequest, model: bytes) -> bytes:
        said = as_parts if self._is_multimodal(ask, model) else as_text
        return generation(self.spelled(ask, model), model, self.title, said)

    def target(self, address: Address, ask: ChatRequest, now: int) -> bytes:
        if not self._is_multimodal(ask, address.model):
            return address.target
        return address.target.removesuffix(self.path.encode()) + self.multimodal_path.encode()

    def head(self, address: Address, ask: ChatRequest, body: bytes, now: int) -> bytes:
        return address.headers + _STREAM

    def streamed(self, ask: ChatRequest) -> GenerationReader:
        return TotalsReader(ask.choices) if tells_totals(ask) else GenerationReader(ask.choices)

    def whole(self, ask: ChatRequest) -> GenerationReader:
        return GenerationReader(ask.choices)

    def gathered(self, ask: ChatRequest, translation: Translation) -> TranslatedWhole:
        return TranslatedWhole(self.frames(), self.streamed(ask), translation)

    def usage(self, raw: bytes) -> dict[str, int]:
        meters = self.usage_map.meters(raw)
        try:
            plugins = _decode_plugins(raw).plugins
        except NO_ANSWER as error:
            raise UsageError(f"the usage's searches do not count: {error}: {raw[:200]!r}") from None
        if plugins is not None and plugins.search is not None and plugins.search.count:
            meters["searches"] = plugins.search.count
        return meters

    def facts(
        self, ask: ChatRequest, service_tier: str | None, usage: Mapping[str, int]
    ) -> dict[str, bool | str] | None:
        return ALIBABA.facts(ask, service_tier, usage)

    def _is_multimodal(self, ask: ChatRequest, model: bytes) -> bool:
        return _MULTIMODAL.match(model) is not None or is_multimodal(ask)


ALIBABA_NATIVE: Final = AlibabaNative(
    id="alibaba-native",
    title="Alibaba (Qwen), DashScope's own API",
    title_zh="阿里通义千问(DashScope 原生接口)",
    base_url="https://dashscope.aliyuncs.com/api/v1",
    key_variables=("DASHSCOPE_NATIVE_API_KEY",),
    keys_at="https://bailian.console.aliyun.com",
    sells="alibaba",
    # Images and videos that are tasks; those that come at once are asked for at the path of chat, in the other mode.
    endpoints=tuple(
        msgspec.structs.replace(endpoint, instead_of="/api/v1")
        for endpoint in ALIBABA.endpoints
        if endpoint.lines == DASHSCOPE_LATER
    ),
    path=_SERVICES + "/text-generation/generation",
    usage_map=UsageMap(
        prompt=("input_tokens",),
        completion=("output_tokens",),
        cache_write=(
            "prompt_tokens_details.cache_write_tokens",
            "prompt_tokens_details.cache_creation_input_tokens",
        ),
        reasoning=("output_tokens_details.reasoning_tokens",),
    ),
    errors=ALIBABA.errors,
    switches=msgspec.structs.replace(
        ALIBABA.switches,
        search=tuple(
            msgspec.structs.replace(switch, shown="message.search_info") for switch in ALIBABA.switches.search
        ),
    ),
)
