"""百川 Baichuan.

Sources: its pages on chat and files, as they stand in its repository baichuan-mcp-servers, a mirror of its page on
errors, langchain-community 0.4.2, clients of its role-play models. A 429 is a limit or an empty account: the words say
which. ``search_count`` is told where it searched, which its medical models with evidence do by themselves;
those take no system message, and none of the medical ones calls functions or has a JSON mode.
"""

from __future__ import annotations

import msgspec

from fenli.errors import Kind
from fenli.vendors.contract import UsageMap
from fenli.vendors.endpoints import EMBEDDINGS, FILES
from fenli.vendors.failing import ErrorRule
from fenli.vendors.openai_compatible import OpenAICompatible
from fenli.vendors.switches import (
    PersonaSwitch,
    SchemaSwitch,
    SchemaWay,
    SearchSwitch,
    Switches,
    ThinkingSwitch,
)

BAICHUAN = OpenAICompatible(
    id="baichuan",
    title="Baichuan",
    title_zh="百川智能",
    base_url="https://api.baichuan-ai.com/v1",
    key_variables=("BAICHUAN_API_KEY",),
    keys_at="https://platform.baichuan-ai.com",
    limit_field="max_tokens",
    usage_map=UsageMap(searches=("search_count",)),
    endpoints=(EMBEDDINGS, msgspec.structs.replace(FILES, content="/parsed-content")),
    errors=(
        ErrorRule(Kind.NO_BALANCE, status=429, text="balance|arrears|recharge|余额|欠费|充值"),
        ErrorRule(Kind.OVERLOADED, status=500, text="busy|overloaded|负载|繁忙"),
        ErrorRule(Kind.CONTENT_FILTERED, status=400, text="sensitive|inappropriate|敏感|违规"),
        ErrorRule(Kind.CONTEXT_TOO_LONG, status=400, text="context length|too long|exceeds? .*tokens|超长|上下文"),
        ErrorRule(Kind.MODEL_NOT_FOUND, status=400, text="model .*(not exist|not found)|模型不存在"),
    ),
    switches=Switches(
        thinking=(ThinkingSwitch(models="Baichuan-M[123]"),),
        search=(
            SearchSwitch(models="Baichuan-M[23]-Plus", shown="choices[].grounding.evidence"),
            SearchSwitch(tool=b'{"type":"web_search","web_search":{"enable":true}}', shown="knowledge_base.cites"),
        ),
        persona=(
            PersonaSwitch(
                models="Baichuan-NPC",
                places={
                    "bot_name": "character_profile.character_name",
                    "bot_profile": "character_profile.character_info",
                    "user_name": "character_profile.user_name",
                    "user_profile": "character_profile.user_info",
                },
            ),
        ),
        schema=(
            SchemaSwitch(way=SchemaWay.TEXT, models="Baichuan-(M|NPC)"),
            SchemaSwitch(way=SchemaWay.OBJECT),
        ),
    ),
)
