"""DeepSeek. Sources: its API docs on pricing, rate limits, error codes, user balance (read up to 2026-11)."""

from __future__ import annotations

from fenli.errors import Kind
from fenli.vendors.balances import BalanceMap
from fenli.vendors.contract import UsageMap
from fenli.vendors.endpoints import Endpoint, completions
from fenli.vendors.failing import ErrorRule
from fenli.vendors.openai_compatible import OpenAICompatible
from fenli.vendors.switches import DISABLED, ENABLED, PrefixSwitch, SchemaSwitch, SchemaWay, Switches, ThinkingSwitch
from fenli.wire.capabilities import Capability
from fenli.wire.services.search import Search

_USAGE = UsageMap(cached=("prompt_cache_hit_tokens", "prompt_tokens_details.cached_tokens"))

DEEPSEEK = OpenAICompatible(
    id="deepseek",
    title="DeepSeek",
    title_zh="深度求索",
    base_url="https://api.deepseek.com",
    key_variables=("DEEPSEEK_API_KEY",),
    keys_at="https://platform.deepseek.com/api_keys",
    limit_field="max_tokens",
    usage_map=_USAGE,
    balance=BalanceMap(
        path="/user/balance",
        within="balance_infos",
        currency="currency",
        total="total_balance",
        granted="granted_balance",
        topped_up="topped_up_balance",
        usable="is_available",
    ),
    endpoints=(
        completions(_USAGE.meters, "/beta/completions"),
        Endpoint(
            capability=Capability.SEARCH,
            path="/v1/tools/search",
            codec=Search(limit="count"),
        ),
    ),
    errors=(
        ErrorRule(Kind.CONTENT_FILTERED, status=400, text="content exists risk"),
        ErrorRule(Kind.MODEL_NOT_FOUND, status=400, text="model not exist"),
        ErrorRule(Kind.CONTEXT_TOO_LONG, status=400, text="maximum context length"),
    ),
    switches=Switches(
        thinking=(
            ThinkingSwitch(models="deepseek-reasoner"),
            ThinkingSwitch(
                on=ENABLED,
                off=DISABLED,
                effort="reasoning_effort",
                levels=("minimal", "low", "medium", "high", "xhigh", "max"),
            ),
        ),
        prefix=(PrefixSwitch(mark="prefix", base="/beta"),),
        schema=(SchemaSwitch(way=SchemaWay.OBJECT),),
    ),
)
