"""华为 Huawei Cloud MaaS (ModelArts). Not every model is on every path: ``/v2`` and ``/openai/v1`` are base URLs, too.

Sources: its user manual (zh and en, 2025-09 to 2025-11). An error has a flat body, its own or vLLM's.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from fenli.errors import Kind
from fenli.vendors.endpoints import EMBEDDINGS, IMAGES, RERANK, Endpoint
from fenli.vendors.failing import ErrorRule
from fenli.vendors.films import HuaweiFilms
from fenli.vendors.openai_compatible import OpenAICompatible
from fenli.vendors.switches import FALSE, TRUE, Switches, ThinkingSwitch
from fenli.wire.capabilities import Capability
from fenli.wire.openai_chat import FailurePlace


def _rule(kind: Kind, numbers: str) -> ErrorRule:
    return ErrorRule(kind, code=rf"(ModelArts\.)?({numbers})")


_FAILURES: Final = (
    FailurePlace(code="error_code", message="error_msg"),
    FailurePlace(code="code", message="message"),
)

HUAWEI = OpenAICompatible(
    id="huawei",
    title="Huawei Cloud (MaaS)",
    title_zh="华为云 MaaS",
    base_url="https://api.modelarts-maas.com/v1",
    key_variables=("HUAWEI_MAAS_API_KEY", "MAAS_API_KEY"),
    keys_at="https://console.huaweicloud.com/modelarts",
    limit_field="max_tokens",
    failures=_FAILURES,
    endpoints=(
        replace(EMBEDDINGS, failures=_FAILURES),
        replace(RERANK, failures=_FAILURES),
        replace(IMAGES, failures=_FAILURES),
        Endpoint(capability=Capability.VIDEOS, path="/video/generations", codec=HuaweiFilms(), failures=_FAILURES),
    ),
    errors=(
        _rule(Kind.BAD_KEY, "81002|81003"),
        ErrorRule(Kind.BAD_KEY, code=r"APIG\.0301"),
        _rule(Kind.NO_PERMISSION, "81004|81109"),
        _rule(Kind.QUOTA_EXHAUSTED, "81005"),
        _rule(Kind.NO_BALANCE, "81006"),
        _rule(Kind.RATE_LIMITED, "81101|81103"),
        ErrorRule(Kind.OVERLOADED, code=r"APIG\.0203"),
        _rule(Kind.CONTENT_FILTERED, "81011"),
        _rule(Kind.MODEL_NOT_FOUND, "81009"),
        ErrorRule(Kind.CONTEXT_TOO_LONG, status=400, text="maximum context length|maximum model length"),
        _rule(Kind.BAD_REQUEST, "81001|81108"),
    ),
    switches=Switches(
        thinking=(
            ThinkingSwitch(
                models=r"deepseek-v3\.",
                on={"chat_template_kwargs.thinking": TRUE},
                off={"chat_template_kwargs.thinking": FALSE},
            ),
            ThinkingSwitch(
                models="qwen3",
                on={"chat_template_kwargs.enable_thinking": TRUE},
                off={"chat_template_kwargs.enable_thinking": FALSE},
            ),
            ThinkingSwitch(models="deepseek-r1"),
        ),
    ),
)
