"""百川 Baichuan.

Sources: a mirror of its page on errors, langchain-community 0.4.2, LobeHub. A 429 is a limit or an empty account: the
words say which. ``search_count`` is told where it searched, which its medical models do by themselves.
"""

from __future__ import annotations

from fenli.errors import Kind
from fenli.vendors.contract import UsageMap
from fenli.vendors.endpoints import EMBEDDINGS
from fenli.vendors.failing import ErrorRule
from fenli.vendors.openai_compatible import OpenAICompatible
from fenli.vendors.switches import SchemaSwitch, SchemaWay, SearchSwitch, Switches, ThinkingSwitch

BAICHUAN = OpenAICompatible(
    id="baichuan",
    title="Baichuan",
    title_zh="百川智能",
    base_url="https://api.baichuan-ai.com/v1",
    key_variables=("BAICHUAN_API_KEY",),
    keys_at="https://platform.baichuan-ai.com",
    limit_field="max_tokens",
    usage_map=UsageMap(searches=("search_count",)),
    endpoints=(EMBEDDINGS,),
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
            SearchSwitch(models="Baichuan-M3-Plus", shown="knowledge_base.cites"),
            SearchSwitch(tool=b'{"type":"web_search","web_search":{"enable":true}}', shown="knowledge_base.cites"),
        ),
        schema=(SchemaSwitch(way=SchemaWay.OBJECT),),
    ),
)
