"""How each vendor's answers differ, as data. Facts: a survey of their pages and SDKs, 2026-11.

A `Refusal` is one way in which a vendor says no; the first of its kind is the one shown when nothing asks for another.
"""

from __future__ import annotations

import enum
from typing import Final

import msgspec

from fenli.clock import SECOND
from fenli.errors import Kind
from fenli.market.accounts import Teller, by_currency, with_sums_ever, with_vouchers
from fenli.market.usage import UsageShape


class Placement(enum.StrEnum):
    """Where a stream carries its usage."""

    EXTRA_CHUNK = "extra_chunk"  # asked for with stream_options; a chunk of its own, ``usage: null`` on the others
    LAST_CHUNK = "last_chunk"  # unasked, on the chunk with the finish reason
    CHOICE = "choice"  # in ``choices[0].usage`` of that chunk; an extra chunk as well when asked for
    EVERY_CHUNK = "every_chunk"  # unasked, as a running total


class Envelope(enum.StrEnum):
    OPENAI = "openai"  # {error: {message, type, param, code}}
    TYPE = "type"  # {error: {type, message}}
    CODE = "code"  # {error: {code, message}}
    LLAMA = "llama"  # {error: {code: <status>, message, type}}


class Refusal(msgspec.Struct, frozen=True):
    kind: Kind
    status: int
    message: str
    code: str | None = None
    type: str | None = None
    retry_after: int | None = None  # seconds


class Flavour(msgspec.Struct, frozen=True, kw_only=True):
    """``keep_alive``: the span between signs of life while the first token is waited for; 0 for none.
    ``paths``: further paths, beside the catalogue's, at which chat is served. ``filtered``: the finish reason of an
    answer that a filter ended. ``model_prefixes``: of ids taken beside the catalogue's models. ``reasoning_member``:
    where a message has its reasoning. ``unfinished`` and ``delta_role``: what chunks before the last say of their
    finish reason, and those behind the first of their role (None: nothing)."""

    id: str
    envelope: Envelope = Envelope.OPENAI
    placement: Placement = Placement.EXTRA_CHUNK
    usage: UsageShape = UsageShape()
    answer_id: str = "chatcmpl-"
    needs_key: bool = True
    shows_reasoning: bool = True
    reasoning_member: str = "reasoning_content"
    unfinished: str | None = None
    delta_role: str | None = None
    splits_arguments: bool = True
    keep_alive: int = 0
    filtered: str = "content_filter"
    request_id_header: bytes = b"x-request-id"
    request_id_member: str | None = None
    fingerprint: str | None = None
    paths: tuple[str, ...] = ()
    model_prefixes: tuple[str, ...] = ()
    teller: Teller | None = None
    refusals: tuple[Refusal, ...]

    def refusal(self, kind: Kind) -> Refusal | None:
        return next((refusal for refusal in self.refusals if refusal.kind is kind), None)


_TOO_LONG = "This model's maximum context length is exceeded: reduce the length of the messages."

OPENAI: Final = Flavour(
    id="openai",
    shows_reasoning=False,
    fingerprint="fp_market",
    refusals=(
        Refusal(Kind.BAD_KEY, 401, "Incorrect API key provided.", "invalid_api_key", "invalid_request_error"),
        Refusal(Kind.NO_PERMISSION, 403, "Country, region, or territory not supported", None, "request_forbidden"),
        Refusal(Kind.NO_BALANCE, 429, "You exceeded your current quota.", "insufficient_quota", "insufficient_quota"),
        Refusal(Kind.RATE_LIMITED, 429, "Rate limit reached for requests", "rate_limit_exceeded", "requests"),
        Refusal(Kind.OVERLOADED, 503, "The engine is currently overloaded.", None, "server_error"),
        Refusal(Kind.CONTENT_FILTERED, 400, "Your request was rejected by the safety system.",
                "content_policy_violation", "invalid_request_error"),
        Refusal(Kind.CONTEXT_TOO_LONG, 400, _TOO_LONG, "context_length_exceeded", "invalid_request_error"),
        Refusal(Kind.BAD_REQUEST, 400, "Invalid value in the request.", None, "invalid_request_error"),
        Refusal(Kind.MODEL_NOT_FOUND, 404, "The model does not exist.", "model_not_found", "invalid_request_error"),
        Refusal(Kind.SERVER_ERROR, 500, "The server had an error while processing your request.", None, "server_error"),
    ),
)  # fmt: skip

DEEPSEEK: Final = Flavour(
    id="deepseek",
    placement=Placement.LAST_CHUNK,
    usage=UsageShape(
        cached=("prompt_tokens_details.cached_tokens", "prompt_cache_hit_tokens"), missed="prompt_cache_miss_tokens"
    ),
    answer_id="",
    keep_alive=SECOND,
    fingerprint="fp_market_prod0820_fp8_kvcache",
    paths=("/v1/chat/completions",),
    teller=Teller("/user/balance", "CNY", by_currency),
    refusals=(
        Refusal(Kind.BAD_KEY, 401, "Authentication Fails, Your api key is invalid", "invalid_request_error",
                "authentication_error"),
        Refusal(Kind.NO_BALANCE, 402, "Insufficient Balance", "invalid_request_error", "unknown_error"),
        Refusal(Kind.RATE_LIMITED, 429, "Rate limit reached", "rate_limit_reached", "rate_limit_error"),
        Refusal(Kind.OVERLOADED, 503, "Service is too busy, please try again later", "service_unavailable", None),
        Refusal(Kind.CONTENT_FILTERED, 400, "Content Exists Risk", "invalid_request_error", "invalid_request_error"),
        Refusal(Kind.CONTEXT_TOO_LONG, 400, _TOO_LONG, "invalid_request_error", "invalid_request_error"),
        Refusal(Kind.BAD_REQUEST, 400, "Failed to deserialize the JSON body", "invalid_request_error",
                "invalid_request_error"),
        Refusal(Kind.BAD_REQUEST, 422, "Invalid parameters", "invalid_request_error", "invalid_request_error"),
        Refusal(Kind.MODEL_NOT_FOUND, 400, "Model Not Exist", "invalid_request_error", "invalid_request_error"),
        Refusal(Kind.SERVER_ERROR, 500, "Server error", "internal_error", None),
    ),
)  # fmt: skip

MOONSHOT: Final = Flavour(
    id="moonshot",
    envelope=Envelope.TYPE,
    placement=Placement.CHOICE,
    usage=UsageShape(cached=("cached_tokens",), reasoning=None),
    teller=Teller("/users/me/balance", "CNY", with_vouchers),
    refusals=(
        Refusal(Kind.BAD_KEY, 401, "Invalid Authentication", type="invalid_authentication_error"),
        Refusal(Kind.BAD_KEY, 401, "Incorrect API key provided", type="incorrect_api_key_error"),
        Refusal(Kind.NO_PERMISSION, 403, "The API you are accessing is not open", type="permission_denied_error"),
        Refusal(Kind.NO_BALANCE, 429, "Your account is suspended, please check your plan and billing details",
                type="exceeded_current_quota_error"),
        Refusal(Kind.NO_BALANCE, 403, "Your account balance is not enough", type="permission_denied_error"),
        Refusal(Kind.RATE_LIMITED, 429, "Your account reached max organization concurrency, try again after 1 s",
                type="rate_limit_reached_error"),
        Refusal(Kind.OVERLOADED, 429, "The engine is currently overloaded, please try again later",
                type="engine_overloaded_error"),
        Refusal(Kind.CONTENT_FILTERED, 400, "The request was rejected because it was considered high risk",
                type="content_filter"),
        Refusal(Kind.CONTEXT_TOO_LONG, 400, "Invalid request: Input token length too long",
                type="invalid_request_error"),
        Refusal(Kind.CONTEXT_TOO_LONG, 400, "Invalid request: Your request exceeded model token limit",
                type="invalid_request_error"),
        Refusal(Kind.BAD_REQUEST, 400, "Invalid request", type="invalid_request_error"),
        Refusal(Kind.MODEL_NOT_FOUND, 404, "Not found the model or Permission denied", type="resource_not_found_error"),
        Refusal(Kind.SERVER_ERROR, 500, "Internal server error", type="server_error"),
        Refusal(Kind.SERVER_ERROR, 500, "Unexpected output", type="unexpected_output"),
    ),
)  # fmt: skip

ZHIPU: Final = Flavour(  # codes are strings, 429 covers arrears too
    id="zhipu",
    envelope=Envelope.CODE,
    placement=Placement.LAST_CHUNK,
    answer_id="",
    splits_arguments=False,
    filtered="sensitive",
    request_id_member="request_id",
    refusals=(
        Refusal(Kind.BAD_KEY, 401, "身份验证失败。", "1000"),
        Refusal(Kind.BAD_KEY, 401, "Header 中未收到 Authorization 参数,无法进行身份验证。", "1001"),
        Refusal(Kind.BAD_KEY, 401, "Authentication Token 已过期,请重新生成。", "1003"),
        Refusal(Kind.NO_PERMISSION, 429, "您的账户状态异常,请检查账户信息。", "1110"),
        Refusal(Kind.NO_PERMISSION, 429, "当前订阅套餐不包含该模型。", "1311"),
        Refusal(Kind.NO_BALANCE, 429, "您的账户已欠费,请充值后重试。", "1113"),
        Refusal(Kind.QUOTA_EXHAUSTED, 429, "已达到每日调用上限。", "1304"),
        Refusal(Kind.QUOTA_EXHAUSTED, 429, "已达到使用上限,限额将在稍后重置。", "1308"),
        Refusal(Kind.RATE_LIMITED, 429, "您当前使用该 API 的并发数过高,请降低并发。", "1302"),
        Refusal(Kind.RATE_LIMITED, 429, "您当前使用该 API 的频率过高。", "1303"),
        Refusal(Kind.OVERLOADED, 429, "该模型当前访问量过大,请稍后再试。", "1305"),
        Refusal(Kind.OVERLOADED, 429, "该模型当前访问量过大,请稍后再试。", "1312"),
        Refusal(Kind.CONTENT_FILTERED, 400, "系统检测到输入或生成内容可能包含不安全或敏感内容。", "1301"),
        Refusal(Kind.CONTEXT_TOO_LONG, 400, "Prompt 超长。", "1261"),
        Refusal(Kind.BAD_REQUEST, 400, "API 调用参数有误,请检查文档。", "1210"),
        Refusal(Kind.BAD_REQUEST, 400, "messages 参数非法,请检查文档。", "1214"),
        Refusal(Kind.MODEL_NOT_FOUND, 400, "模型不存在,请检查模型代码。", "1211"),
        Refusal(Kind.SERVER_ERROR, 500, "系统异常,请稍后重试。", "500"),
        Refusal(Kind.SERVER_ERROR, 500, "网络错误,请联系客服。", "1234"),
    ),
)

STEPFUN: Final = Flavour(  # the words of its errors are made up: its pages show the status alone
    id="stepfun",
    envelope=Envelope.TYPE,
    placement=Placement.EVERY_CHUNK,
    usage=UsageShape(cached=("cached_tokens",), reasoning=None),
    answer_id="",
    reasoning_member="reasoning",
    unfinished="",
    delta_role="",
    teller=Teller("/accounts", "CNY", with_sums_ever),
    refusals=(
        Refusal(Kind.BAD_KEY, 401, "Incorrect API key provided", type="invalid_api_key"),
        Refusal(Kind.NO_BALANCE, 402, "Insufficient balance", type="insufficient_balance"),
        Refusal(Kind.RATE_LIMITED, 429, "Too many requests", type="rate_limited"),
        Refusal(Kind.OVERLOADED, 503, "The server is overloaded", type="overloaded"),
        Refusal(Kind.CONTENT_FILTERED, 451, "The content did not pass the review", type="censorship_block"),
        Refusal(Kind.CONTEXT_TOO_LONG, 400, _TOO_LONG, type="request_params_invalid"),
        Refusal(Kind.BAD_REQUEST, 400, "The request is not valid.", type="request_params_invalid"),
        Refusal(Kind.MODEL_NOT_FOUND, 400, "The model does not exist, or it is not yours: model not found",
                type="request_params_invalid"),
        Refusal(Kind.SERVER_ERROR, 500, "Internal server error", type="server_error"),
    ),
)  # fmt: skip

ALIBABA: Final = Flavour(  # two spellings of some codes
    id="alibaba",
    request_id_member="request_id",
    refusals=(
        Refusal(Kind.BAD_KEY, 401, "Incorrect API key provided.", "invalid_api_key", "invalid_request_error"),
        Refusal(Kind.BAD_KEY, 401, "Invalid API-key provided.", "InvalidApiKey"),
        Refusal(Kind.NO_PERMISSION, 403, "Access denied.", "AccessDenied.Unpurchased"),
        Refusal(Kind.NO_PERMISSION, 403, "Model access denied.", "Model.AccessDenied"),
        Refusal(Kind.NO_BALANCE, 400, "Access denied, please make sure your account is in good standing.", "Arrearage",
                "Arrearage"),
        Refusal(Kind.QUOTA_EXHAUSTED, 403, "The free tier of the model has been exhausted.",
                "AllocationQuota.FreeTierOnly"),
        Refusal(Kind.QUOTA_EXHAUSTED, 429, "You exceeded your current quota.", "insufficient_quota",
                "insufficient_quota"),
        Refusal(Kind.RATE_LIMITED, 429, "You have exceeded your current request limit.", "limit_requests",
                "limit_requests"),
        Refusal(Kind.RATE_LIMITED, 429, "Requests rate limit exceeded, try again later.", "Throttling.RateQuota"),
        Refusal(Kind.RATE_LIMITED, 429, "Requests throttling triggered.", "Throttling"),
        Refusal(Kind.OVERLOADED, 503, "The model is unavailable, please try again later.", "ModelUnavailable"),
        Refusal(Kind.OVERLOADED, 503, "Failed to serve the model.", "ModelServingError"),
        Refusal(Kind.CONTENT_FILTERED, 400, "Input data may contain inappropriate content.", "data_inspection_failed",
                "data_inspection_failed"),
        Refusal(Kind.CONTENT_FILTERED, 400, "Output data may contain inappropriate content.", "DataInspectionFailed"),
        Refusal(Kind.CONTEXT_TOO_LONG, 400, "Range of input length should be [1, 129024]", "invalid_parameter_error",
                "invalid_request_error"),
        Refusal(Kind.BAD_REQUEST, 400, "Required parameter missing or invalid.", "invalid_parameter_error",
                "invalid_request_error"),
        Refusal(Kind.MODEL_NOT_FOUND, 404, "The model does not exist or you do not have access to it.",
                "model_not_found", "invalid_request_error"),
        Refusal(Kind.TIMEOUT, 408, "Request timed out.", "RequestTimeOut"),
        Refusal(Kind.SERVER_ERROR, 500, "An internal error has occurred.", "InternalError"),
        Refusal(Kind.SERVER_ERROR, 500, "An internal error of the algorithm.", "InternalError.Algo"),
    ),
)  # fmt: skip

BYTEDANCE: Final = Flavour(
    id="bytedance",
    answer_id="",
    model_prefixes=("ep-",),
    refusals=(
        Refusal(Kind.BAD_KEY, 401, "The API key in the request is missing or invalid.", "AuthenticationError",
                "Unauthorized"),
        Refusal(Kind.NO_PERMISSION, 403, "The request has been denied.", "AccessDenied", "Forbidden"),
        Refusal(Kind.NO_PERMISSION, 403, "The operation is denied.", "OperationDenied.PermissionDenied", "Forbidden"),
        Refusal(Kind.NO_BALANCE, 403, "The account has an overdue balance.", "AccountOverdueError", "Forbidden"),
        Refusal(Kind.QUOTA_EXHAUSTED, 429, "The free quota has been used up.", "QuotaExceeded", "TooManyRequests"),
        Refusal(Kind.QUOTA_EXHAUSTED, 429, "The model was paused in safe mode.", "SetLimitExceeded", "TooManyRequests"),
        Refusal(Kind.RATE_LIMITED, 429, "The requests per minute limit is exceeded.",
                "RateLimitExceeded.EndpointRPMExceeded", "TooManyRequests"),
        Refusal(Kind.RATE_LIMITED, 429, "Account rate limit exceeded.", "AccountRateLimitExceeded", "TooManyRequests"),
        Refusal(Kind.RATE_LIMITED, 429, "Requests rise too fast.", "RequestBurstTooFast", "TooManyRequests"),
        Refusal(Kind.OVERLOADED, 429, "The service is currently overloaded.", "ServerOverloaded", "TooManyRequests"),
        Refusal(Kind.OVERLOADED, 429, "The model is being loaded.", "ModelLoadingError", "TooManyRequests"),
        Refusal(Kind.CONTENT_FILTERED, 400, "The request may contain sensitive information.",
                "InputTextSensitiveContentDetected", "BadRequest"),
        Refusal(Kind.CONTENT_FILTERED, 400, "The request may contain sensitive information.",
                "SensitiveContentDetected", "BadRequest"),
        Refusal(Kind.CONTEXT_TOO_LONG, 400, "Total tokens of the input exceed max message tokens",
                "InvalidParameter", "BadRequest"),
        Refusal(Kind.BAD_REQUEST, 400, "A parameter of the request is not valid.", "InvalidParameter", "BadRequest"),
        Refusal(Kind.BAD_REQUEST, 400, "The request lacks a parameter.", "MissingParameter", "BadRequest"),
        Refusal(Kind.MODEL_NOT_FOUND, 404, "The model or endpoint does not exist.",
                "InvalidEndpointOrModel.NotFound", "NotFound"),
        Refusal(Kind.MODEL_NOT_FOUND, 404, "The account has not activated the model.", "ModelNotOpen", "NotFound"),
        Refusal(Kind.SERVER_ERROR, 500, "The service encountered an unexpected error.", "InternalServiceError",
                "InternalServerError"),
    ),
)  # fmt: skip

LOCAL: Final = Flavour(  # llama.cpp
    id="local",
    envelope=Envelope.LLAMA,
    needs_key=False,
    usage=UsageShape(reasoning=None),
    fingerprint="b0-market",
    refusals=(
        Refusal(Kind.BAD_KEY, 401, "Invalid API Key", type="authentication_error"),
        Refusal(Kind.OVERLOADED, 503, "Loading model", type="unavailable_error"),
        Refusal(Kind.CONTEXT_TOO_LONG, 400, "the request exceeds the available context size",
                type="exceed_context_size_error"),
        Refusal(Kind.BAD_REQUEST, 400, "'messages' is required", type="invalid_request_error"),
        Refusal(Kind.BAD_REQUEST, 501, "This feature is not supported.", type="not_supported_error"),
        Refusal(Kind.MODEL_NOT_FOUND, 404, "model not found", type="not_found_error"),
        Refusal(Kind.SERVER_ERROR, 500, "Internal error", type="server_error"),
    ),
)  # fmt: skip

FLAVOURS: Final[dict[str, Flavour]] = {
    flavour.id: flavour for flavour in (OPENAI, DEEPSEEK, MOONSHOT, ZHIPU, STEPFUN, ALIBABA, BYTEDANCE, LOCAL)
} | {
    "moonshot-intl": msgspec.structs.replace(
        MOONSHOT, id="moonshot-intl", teller=Teller("/users/me/balance", "USD", with_vouchers)
    ),
    "zai": msgspec.structs.replace(ZHIPU, id="zai"),
}  # fmt: skip
