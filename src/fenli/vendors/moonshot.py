"""月之暗面 Moonshot (Kimi), the site for China and the international one: keys do not cross.

Sources: its error page (zh and en), its page on balances, its SDK kosong. A balance is in CNY at home and in USD
abroad, which the reply does not say; cash may be negative, and then the vouchers alone are what can be used.
"""

from __future__ import annotations

import msgspec

from fenli.errors import Kind
from fenli.vendors.balances import BalanceMap
from fenli.vendors.contract import UsageMap
from fenli.vendors.endpoints import FILES
from fenli.vendors.failing import ErrorRule
from fenli.vendors.openai_compatible import OpenAICompatible
from fenli.vendors.switches import (
    DISABLED,
    ENABLED,
    PersonaSwitch,
    PrefixSwitch,
    SchemaSwitch,
    SchemaWay,
    SearchSwitch,
    Switches,
    ThinkingSwitch,
)

MOONSHOT = OpenAICompatible(
    id="moonshot",
    title="Moonshot (Kimi)",
    title_zh="月之暗面 Kimi",
    base_url="https://api.moonshot.cn/v1",
    key_variables=("MOONSHOT_API_KEY",),
    keys_at="https://platform.kimi.com",
    usage_map=UsageMap(cached=("cached_tokens", "prompt_tokens_details.cached_tokens")),
    balance=BalanceMap(
        path="/users/me/balance",
        within="data",
        total="available_balance",
        granted="voucher_balance",
        topped_up="cash_balance",
        succeeded=("code", "0"),
    ),
    endpoints=(FILES,),
    errors=(
        ErrorRule(Kind.NO_BALANCE, code="exceeded_current_quota_error"),
        ErrorRule(Kind.RATE_LIMITED, code="rate_limit_reached_error"),
        ErrorRule(Kind.OVERLOADED, code="engine_overloaded_error"),
        ErrorRule(Kind.CONTENT_FILTERED, code="content_filter"),
        ErrorRule(Kind.CONTEXT_TOO_LONG, status=400, text="token length too long|exceeded model token limit"),
        ErrorRule(Kind.MODEL_NOT_FOUND, code="resource_not_found_error"),
        ErrorRule(Kind.MODEL_NOT_FOUND, text="not found the model"),
        ErrorRule(Kind.BAD_KEY, code="invalid_authentication_error|incorrect_api_key_error"),
        ErrorRule(Kind.NO_BALANCE, status=403, text="balance|余额"),
    ),
    switches=Switches(
        thinking=(
            ThinkingSwitch(models=r"kimi-k2\.[56]", on=ENABLED, off=DISABLED),
            ThinkingSwitch(models="kimi-k3", effort="reasoning_effort", levels=("low", "high", "max")),
            ThinkingSwitch(models=r"kimi-(k2\.7|(k2-)?thinking)"),
        ),
        search=(SearchSwitch(tool=b'{"type":"builtin_function","function":{"name":"$web_search"}}', echoes=True),),
        prefix=(PrefixSwitch(mark="partial"),),
        persona=(PersonaSwitch(named="partial"),),
        schema=(SchemaSwitch(models=r"moonshot-v1|kimi-latest|kimi-k2\.5", way=SchemaWay.OBJECT),),
    ),
)

MOONSHOT_INTL = msgspec.structs.replace(
    MOONSHOT,
    id="moonshot-intl",
    sells="moonshot",
    title="Moonshot (Kimi, international)",
    title_zh="月之暗面 Kimi 国际站",
    base_url="https://api.moonshot.ai/v1",
    key_variables=("MOONSHOT_INTL_API_KEY",),
    keys_at="https://platform.kimi.ai",
)
