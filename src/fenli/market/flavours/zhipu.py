"""智谱 Zhipu. Codes are strings, and 429 covers arrears too."""

from __future__ import annotations

from typing import Final

import msgspec

from fenli.clock import MILLISECOND
from fenli.errors import Kind
from fenli.market.flavours.flavour import Envelope, Flavour, Place, Placement, Refusal
from fenli.market.requests import Ask
from fenli.market.senses import Senses
from fenli.market.services.files import FileShape
from fenli.market.services.films import ZhipuFilms
from fenli.market.services.hearing import Hearing
from fenli.market.services.media import Drawing, Speaking
from fenli.market.services.reading import Reading
from fenli.market.services.searching import Searching
from fenli.market.services.texts import Embedding
from fenli.market.signed_tokens import read_token
from fenli.market.tasks import TaskShape

_NO_HEADER: Final = Refusal(Kind.BAD_KEY, 401, "Header 中未收到 Authorization 参数,无法进行身份验证。", "1001")
_RUN_OUT: Final = Refusal(Kind.BAD_KEY, 401, "Authentication Token 已过期,请重新生成。", "1003")


class KeyOrToken:
    """Takes a key as it is, or a token that is signed with what stands behind the key's dot, names what stands before
    it, and has not run out. Times in it are milliseconds; that is how zai-sdk 0.2.3 and zhipuai 2.1.5 sign."""

    def refused(self, vendor: Place, ask: Ask, now: int) -> Kind | Refusal | None:
        if "authorization" not in ask.headers:
            return _NO_HEADER
        scheme, _, sent = ask.headers["authorization"].partition(" ")
        sent = sent.strip()
        if scheme.lower() != "bearer":
            return Kind.BAD_KEY
        if sent in vendor.keys:
            return None
        token = read_token(sent)
        if token is None or token.header.get("sign_type") != "SIGN":
            return Kind.BAD_KEY
        runs_out = token.instant("exp", MILLISECOND)
        known = any(
            name == token.claims.get("api_key") and token.is_signed_with(secret)
            for name, mark, secret in (key.partition(".") for key in vendor.keys)
            if mark
        )
        if not known or runs_out is None:
            return Kind.BAD_KEY
        return None if now < runs_out else _RUN_OUT


ZHIPU: Final = Flavour(
    id="zhipu",
    key="market-zhipu.secret",
    envelope=Envelope.CODE,
    placement=Placement.LAST_CHUNK,
    answer_id="",
    splits_arguments=False,
    filtered="sensitive",
    request_id_member="request_id",
    admission=KeyOrToken(),
    tasks=TaskShape(
        "/async/chat/completions", "/async-result/", "task_status", going="PROCESSING", done="SUCCESS", failed="FAIL"
    ),
    senses=Senses(
        thinking={
            r"glm-5\.3": (),
            r"glm-5\.2": ("thinking.type", "reasoning_effort"),
            r"glm-(4\.[5-9]|5)": ("thinking.type",),
        },
        tool="web_search",
        sources="web_search",
        name="meta.bot_name",
    ),
    films=(ZhipuFilms(),),
    files=FileShape("/api/paas/v4/files"),
    services={
        "/api/paas/v4/embeddings": Embedding(("completion_tokens",)),
        "/api/paas/v4/images/generations": Drawing(),
        "/api/paas/v4/audio/speech": Speaking(),
        "/api/paas/v4/web_search": Searching(
            query="search_query",
            engine="search_engine",
            results="search_result",
            names=("link", "content", "publish_date"),
            members={"search_intent": []},
            each={"icon": "", "media": "market", "images": []},
            numbered="refer",
        ),
        "/api/paas/v4/reader": Reading(
            sole="reader",
            page="reader_result",
            date="publishedTime",
            each={"description": "", "images": {}, "links": {}, "metadata": {}, "external": {}},
        ),
    },
    forms={"/api/paas/v4/audio/transcriptions": Hearing(("json",), tells="", named=True, seconds_max=30)},
    refusals=(
        Refusal(Kind.BAD_KEY, 401, "身份验证失败。", "1000"),
        _NO_HEADER,
        _RUN_OUT,
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

ZAI: Final = msgspec.structs.replace(
    ZHIPU, id="zai", key="market-zai.secret", senses=msgspec.structs.replace(ZHIPU.senses or Senses(), schemas=False)
)
