"""智谱 Zhipu (bigmodel.cn) and Z.ai, its international site.

Sources: its API code and FAQ pages, zai-sdk 0.2.3. Codes are strings; 429 covers arrears too.
"""

from __future__ import annotations

import msgspec

from fenli.errors import Kind
from fenli.vendors.endpoints import EMBEDDINGS, FILES, IMAGES, SPEECH, Endpoint
from fenli.vendors.failing import ErrorRule
from fenli.vendors.films import ZhipuFilms
from fenli.vendors.openai_compatible import OpenAICompatible
from fenli.vendors.switches import (
    DISABLED,
    ENABLED,
    PersonaSwitch,
    SchemaSwitch,
    SchemaWay,
    SearchSwitch,
    Switches,
    ThinkingSwitch,
)
from fenli.wire.capabilities import Capability
from fenli.wire.services.reading import Reading
from fenli.wire.services.search import Search
from fenli.wire.services.transcriptions import Transcriptions

ZHIPU = OpenAICompatible(
    id="zhipu",
    title="Zhipu (GLM)",
    title_zh="智谱 GLM",
    base_url="https://open.bigmodel.cn/api/paas/v4",
    key_variables=("ZHIPUAI_API_KEY", "ZHIPU_API_KEY"),
    keys_at="https://open.bigmodel.cn/usercenter/apikeys",
    limit_field="max_tokens",
    endpoints=(
        EMBEDDINGS,
        IMAGES,
        SPEECH,
        Endpoint(
            capability=Capability.TRANSCRIPTIONS, path="/audio/transcriptions", codec=Transcriptions(formats=("json",))
        ),
        FILES,
        Endpoint(capability=Capability.VIDEOS, path="/videos/generations", codec=ZhipuFilms()),
        Endpoint(
            capability=Capability.SEARCH,
            path="/web_search",
            codec=Search(
                query="search_query",
                limit="count",
                engine="search_engine",
                results=("search_result",),
                url=("link",),
                snippet=("content",),
                date=("publish_date",),
            ),
        ),
        Endpoint(
            capability=Capability.READER,
            path="/reader",
            codec=Reading(page="reader_result", date="publishedTime"),
        ),
    ),
    errors=(
        ErrorRule(Kind.NO_BALANCE, code="1113"),
        ErrorRule(Kind.RATE_LIMITED, code="1302|1303|1313"),
        ErrorRule(Kind.QUOTA_EXHAUSTED, code="1304|1308|1309|1310"),
        ErrorRule(Kind.OVERLOADED, code="1305|1312"),
        ErrorRule(Kind.NO_PERMISSION, code="1311|111[0-24-9]|112[0-1]|122[0-2]"),
        ErrorRule(Kind.BAD_KEY, code="100[0-4]"),
        ErrorRule(Kind.MODEL_NOT_FOUND, code="1211"),
        ErrorRule(Kind.BAD_REQUEST, code="121[0-5]|1231"),
        ErrorRule(Kind.CONTEXT_TOO_LONG, code="1261"),
        ErrorRule(Kind.CONTENT_FILTERED, code="1301"),
    ),
    switches=Switches(
        thinking=(
            ThinkingSwitch(models=r"glm-5\.3", effort="reasoning_effort", levels=("low", "high", "max")),
            ThinkingSwitch(
                models=r"glm-5\.2",
                on=ENABLED,
                off=DISABLED,
                effort="reasoning_effort",
                levels=("minimal", "low", "medium", "high", "xhigh", "max"),
            ),
            ThinkingSwitch(models=r"glm-(4\.[5-9]|5)", on=ENABLED, off=DISABLED),
        ),
        search=(
            SearchSwitch(
                tool=b'{"type":"web_search","web_search":{"enable":true,"search_result":true}}', shown="web_search"
            ),
        ),
        persona=(
            PersonaSwitch(
                models="charglm|emohaa",
                places={
                    "bot_name": "meta.bot_name",
                    "bot_profile": "meta.bot_info",
                    "user_name": "meta.user_name",
                    "user_profile": "meta.user_info",
                },
            ),
        ),
    ),
)

ZAI = msgspec.structs.replace(
    ZHIPU,
    id="zai",
    sells="zhipu",
    title="Z.ai (GLM, international)",
    title_zh="Z.ai(智谱国际站)",
    base_url="https://api.z.ai/api/paas/v4",
    key_variables=("ZAI_API_KEY",),
    keys_at="https://z.ai/manage-apikey",
    switches=msgspec.structs.replace(ZHIPU.switches, schema=(SchemaSwitch(way=SchemaWay.OBJECT),)),
)
