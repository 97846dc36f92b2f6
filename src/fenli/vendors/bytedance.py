"""字节 ByteDance Doubao (火山方舟 Volcengine Ark). ``model`` may also be an inference endpoint id, ``ep-...``.

Sources: its error pages 82379 and 1299023, volcengine-ark-runtime 5.0.54; vendors.md section 16.
"""

from __future__ import annotations

from fenli.errors import Kind
from fenli.vendors.contract import Model
from fenli.vendors.openai_compatible import ErrorRule, OpenAICompatible

BYTEDANCE = OpenAICompatible(
    id="bytedance",
    title="ByteDance (Doubao, Volcengine Ark)",
    title_zh="字节豆包(火山方舟)",
    base_url="https://ark.cn-beijing.volces.com/api/v3",
    key_variables=("ARK_API_KEY",),
    models=(
        Model("doubao-seed-2.1-pro", context=1_000_000),
        Model("doubao-seed-2.1-turbo", context=1_000_000),
        Model("doubao-seed-2.0-pro", context=256_000),
        Model("doubao-seed-2.0-lite", context=256_000),
        Model("doubao-seed-2.0-mini", context=256_000),
        Model("doubao-seed-1.8", context=256_000),
        Model("doubao-seed-1.6", context=256_000),
        Model("doubao-seed-1.6-flash", context=256_000),
        Model("doubao-1.5-pro-32k", context=32_000),
        Model("doubao-1.5-lite-32k", context=32_000),
        Model("doubao-pro-32k", context=32_000),
        Model("doubao-lite-32k", context=32_000),
    ),
    errors=(
        ErrorRule(Kind.CONTENT_FILTERED, code=r".*SensitiveContentDetected(\..*)?"),
        ErrorRule(Kind.NO_BALANCE, code="AccountOverdueError"),
        ErrorRule(Kind.QUOTA_EXHAUSTED, code="QuotaExceeded|SetLimitExceeded"),
        ErrorRule(Kind.OVERLOADED, code="ServerOverloaded|ModelLoadingError"),
        ErrorRule(Kind.RATE_LIMITED, code=r".*RateLimitExceeded(\..*)?|RequestBurstTooFast|InflightBatchsizeExceeded"),
        ErrorRule(Kind.MODEL_NOT_FOUND, code=r"InvalidEndpointOrModel\..*|ModelNotOpen|InvalidEndpoint\.ClosedEndpoint"),
        ErrorRule(Kind.BAD_KEY, code="AuthenticationError"),
        ErrorRule(Kind.NO_PERMISSION, code=r"AccessDenied|OperationDenied(\..*)?"),
        ErrorRule(Kind.CONTEXT_TOO_LONG, status=400, text="maximum context length|exceed.*tokens"),
    ),
)
