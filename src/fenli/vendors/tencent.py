"""腾讯 Tencent Hunyuan, the OpenAI-compatible endpoint. TokenHub speaks the same at another address, with keys and
models of its own, and draws and films there, too.

Sources: its product page 111007, tencentcloud-sdk hunyuan 3.1.180 (error codes), litellm, higress.
"""

from __future__ import annotations

from fenli.errors import Kind
from fenli.vendors.endpoints import EMBEDDINGS, Endpoint
from fenli.vendors.failing import ErrorRule
from fenli.vendors.openai_compatible import OpenAICompatible
from fenli.vendors.switches import DISABLED, ENABLED, FALSE, TRUE, PersonaSwitch, SearchSwitch, Switches, ThinkingSwitch
from fenli.vendors.tencent_media import TokenHubDrawn, TokenHubFilms, TokenHubLite
from fenli.wire.capabilities import Capability

TENCENT = OpenAICompatible(
    id="tencent",
    title="Tencent (Hunyuan)",
    title_zh="腾讯混元",
    base_url="https://api.hunyuan.cloud.tencent.com/v1",
    key_variables=("HUNYUAN_API_KEY",),
    keys_at="https://console.cloud.tencent.com/hunyuan",
    limit_field="max_tokens",
    endpoints=(
        EMBEDDINGS,
        Endpoint(capability=Capability.IMAGES, path="/api/image/lite", codec=TokenHubLite(), models="hy-image-lite"),
        Endpoint(capability=Capability.IMAGES, path="/api/image/submit", codec=TokenHubDrawn()),
        Endpoint(capability=Capability.VIDEOS, path="/api/video/submit", codec=TokenHubFilms()),
    ),
    errors=(
        ErrorRule(Kind.BAD_KEY, code=r"AuthFailure(\..*)?|invalid_api_key"),
        ErrorRule(
            Kind.NO_BALANCE, code=r"ResourceUnavailable\.(LowBalance|InArrears)|FailedOperation\.ServiceStopArrears"
        ),
        ErrorRule(
            Kind.QUOTA_EXHAUSTED,
            code=r"FailedOperation\.(Free)?ResourcePackExhausted|ResourceInsufficient\.ChargeResourceExhaust",
        ),
        ErrorRule(Kind.RATE_LIMITED, code=r"(Request)?LimitExceeded(\..*)?"),
        ErrorRule(Kind.OVERLOADED, code=r"FailedOperation\.Engine(ServerLimitExceeded|RequestTimeout)"),
        ErrorRule(Kind.CONTENT_FILTERED, code=r"OperationDenied\.(Text|Image)IllegalDetected"),
        ErrorRule(
            Kind.NO_PERMISSION,
            code=r"UnauthorizedOperation(\..*)?|FailedOperation\.(ServiceNotActivated|ServiceStop|UserUnAuthError)"
            r"|ResourceUnavailable\.StopUsing",
        ),
        ErrorRule(Kind.MODEL_NOT_FOUND, code=r"InvalidParameterValue\.Model|ResourceUnavailable\.NotExist"),
        ErrorRule(Kind.CONTEXT_TOO_LONG, status=400, text="context length|too long|exceeds? .*tokens|超长|上下文"),
        ErrorRule(Kind.MODEL_NOT_FOUND, status=400, text="model .*(not exist|not found)|模型不存在"),
        ErrorRule(Kind.BAD_REQUEST, code=r"InvalidParameter(Value)?(\..*)?"),
        ErrorRule(Kind.NO_BALANCE, status=429, text="balance|arrears|余额|欠费"),
    ),
    switches=Switches(
        thinking=(
            ThinkingSwitch(models="hunyuan-a13b", on={"enable_thinking": TRUE}, off={"enable_thinking": FALSE}),
            ThinkingSwitch(models=r"hunyuan-(t1|2\.0-thinking)"),
            ThinkingSwitch(models="minimax", on={"thinking.type": b'"adaptive"'}, off=DISABLED),
            ThinkingSwitch(models="(?!hunyuan)", on=ENABLED, off=DISABLED, budget="thinking.budget_tokens"),
        ),
        search=(
            SearchSwitch(
                models="hunyuan",
                on={"enable_enhancement": TRUE},
                citations={"search_info": TRUE, "citation": TRUE},
                force={"force_search_enhancement": TRUE},
                shown="search_info",
            ),
        ),
        persona=(PersonaSwitch(models="hunyuan-role"),),
    ),
)
