"""阿里 Alibaba Qwen (百炼 DashScope), compatible mode.

Sources: dashscope SDK 2.0.2 (v2/errors.py), litellm. Codes come in two spellings.
"""

from __future__ import annotations

from fenli.errors import Kind
from fenli.vendors.contract import UsageMap
from fenli.vendors.dashscope_media import (
    DASHSCOPE_LATER,
    DashScopeDrawn,
    DashScopeFilms,
    DashScopeImages,
    at_most_drawn,
)
from fenli.vendors.endpoints import EMBEDDINGS, FILES, Endpoint, completions
from fenli.vendors.failing import ErrorRule
from fenli.vendors.openai_compatible import OpenAICompatible
from fenli.vendors.switches import FALSE, TRUE, PrefixSwitch, SearchSwitch, Switches, ThinkingSwitch
from fenli.wire.capabilities import Capability
from fenli.wire.services.rerank import Rerank
from fenli.wire.services.videos import by_the_second

_USAGE = UsageMap(
    cache_write=(
        "prompt_tokens_details.cache_write_tokens",
        "prompt_tokens_details.cache_creation_input_tokens",
    ),
)

ALIBABA = OpenAICompatible(
    id="alibaba",
    title="Alibaba (Qwen)",
    title_zh="阿里通义千问",
    base_url="https://dashscope.aliyuncs.com/compatible-mode/v1",
    key_variables=("DASHSCOPE_API_KEY",),
    keys_at="https://bailian.console.aliyun.com",
    thinking_field="enable_thinking",
    cache_mark=b'"cache_control"',
    usage_map=_USAGE,
    endpoints=(
        completions(_USAGE.meters),
        EMBEDDINGS,
        FILES,
        Endpoint(
            capability=Capability.RERANK,
            path="/compatible-api/v1/reranks",
            instead_of="/compatible-mode/v1",
            codec=Rerank(),
        ),
        Endpoint(
            capability=Capability.IMAGES,
            path="/api/v1/services/aigc/text2image/image-synthesis",
            instead_of="/compatible-mode/v1",
            codec=DashScopeDrawn(),
            charges=at_most_drawn,
            lines=DASHSCOPE_LATER,
            models=r"wanx|wan2\.[0-5]-t2i",
        ),
        Endpoint(
            capability=Capability.IMAGES,
            path="/api/v1/services/aigc/multimodal-generation/generation",
            instead_of="/compatible-mode/v1",
            codec=DashScopeImages(),
            charges=at_most_drawn,
        ),
        Endpoint(
            capability=Capability.VIDEOS,
            path="/api/v1/services/aigc/video-generation/video-synthesis",
            instead_of="/compatible-mode/v1",
            codec=DashScopeFilms(),
            lines=DASHSCOPE_LATER,
            charges=by_the_second,
        ),
    ),
    errors=(
        ErrorRule(Kind.BAD_KEY, code=r"InvalidApiKey|invalid_api_key"),
        ErrorRule(Kind.NO_BALANCE, code="Arrearage"),
        ErrorRule(Kind.QUOTA_EXHAUSTED, code=r"AllocationQuota\.FreeTierOnly"),
        ErrorRule(Kind.QUOTA_EXHAUSTED, code="insufficient_quota"),
        ErrorRule(Kind.NO_PERMISSION, code=r"(Model\.)?AccessDenied(\.Unpurchased)?"),
        ErrorRule(Kind.CONTENT_FILTERED, code="DataInspectionFailed|data_inspection_failed"),
        ErrorRule(Kind.CONTEXT_TOO_LONG, status=400, text="range of input length|input length"),
        ErrorRule(Kind.MODEL_NOT_FOUND, code="ModelNotFound|model_not_found"),
        ErrorRule(Kind.RATE_LIMITED, code=r"Throttling(\..*)?|LimitRequests|limit_requests|limit_burst_rate"),
        ErrorRule(Kind.TIMEOUT, code="RequestTimeOut"),
        ErrorRule(Kind.OVERLOADED, code="ModelServingError|ModelUnavailable"),
    ),
    switches=Switches(
        thinking=(
            ThinkingSwitch(models="qwq|.*-thinking", budget="thinking_budget"),
            ThinkingSwitch(on={"enable_thinking": TRUE}, off={"enable_thinking": FALSE}, budget="thinking_budget"),
        ),
        search=(
            SearchSwitch(
                on={"enable_search": TRUE},
                citations={"search_options.enable_source": TRUE, "search_options.enable_citation": TRUE},
                force={"search_options.forced_search": TRUE},
                shown="the text, [1]",
            ),
        ),
        prefix=(PrefixSwitch(mark="partial"),),
    ),
)
