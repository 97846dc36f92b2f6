"""百度 Baidu ERNIE (千帆 Qianfan), v2.

Sources: its page on error codes of the v2 API, new-api, higress. The code says what an error is; ``invalid_model`` is
an unknown model with a 400 and one that is not open to the account with a 401.
"""

from __future__ import annotations

from fenli.errors import Kind
from fenli.vendors.baidu_search import BaiduSearch
from fenli.vendors.endpoints import EMBEDDINGS, IMAGES, Endpoint
from fenli.vendors.failing import ErrorRule
from fenli.vendors.limits import LimitHeaders
from fenli.vendors.openai_compatible import OpenAICompatible
from fenli.vendors.switches import FALSE, TRUE, PersonaSwitch, SearchSwitch, Switches, ThinkingSwitch
from fenli.wire.capabilities import Capability
from fenli.wire.openai_chat import FailurePlace

BAIDU = OpenAICompatible(
    id="baidu",
    title="Baidu (ERNIE, Qianfan)",
    title_zh="百度文心(千帆)",
    base_url="https://qianfan.baidubce.com/v2",
    key_variables=("QIANFAN_API_KEY",),
    keys_at="https://console.bce.baidu.com/qianfan",
    endpoints=(
        EMBEDDINGS,
        IMAGES,
        Endpoint(
            capability=Capability.SEARCH,
            path="/ai_search/web_search",
            codec=BaiduSearch(results=("references",), snippet=("content",), id="request_id"),
            failures=(FailurePlace(code="code", message="message"),),
        ),
    ),
    limits=tuple(
        LimitHeaders(of, f"x-ratelimit-limit-{of}", f"x-ratelimit-remaining-{of}") for of in ("requests", "tokens")
    ),
    errors=(
        ErrorRule(Kind.CONTEXT_TOO_LONG, code="tokens_too_long|characters_too_long"),
        ErrorRule(Kind.MODEL_NOT_FOUND, status=400, code="invalid_model"),
        ErrorRule(Kind.NO_PERMISSION, status=401, code="invalid_model|invalid_appid|no_parameter_permission"),
        ErrorRule(Kind.BAD_KEY, code="invalid_iam_token"),
        ErrorRule(Kind.CONTENT_FILTERED, code="unsafe_request"),
        ErrorRule(Kind.NO_BALANCE, code="account_overdue|BILLING_INSUFFICIENT_BALANCE"),
        ErrorRule(Kind.NO_BALANCE, status=403, text="overdue|arrears|欠费|余额"),
        ErrorRule(Kind.QUOTA_EXHAUSTED, code="QUOTA_USER_DAILY_.*"),
        ErrorRule(Kind.RATE_LIMITED, code="((rpm|tpm)_)?rate_limit_exceeded|RATE_LIMIT_.*"),
    ),
    switches=Switches(
        thinking=(
            ThinkingSwitch(models="ernie-x1|.*-think|deepseek-r1"),
            ThinkingSwitch(
                models=r"(?!ernie-(4\.0|3\.5|speed|lite|tiny|char|novel))",
                on={"enable_thinking": TRUE},
                off={"enable_thinking": FALSE},
            ),
        ),
        search=(
            SearchSwitch(
                on={"web_search.enable": TRUE},
                citations={"web_search.enable_citation": TRUE, "web_search.enable_trace": TRUE},
                shown="search_results",
            ),
        ),
        persona=(PersonaSwitch(models="ernie-char"),),
    ),
)
