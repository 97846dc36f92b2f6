"""零一万物 01.AI (Yi).

Sources: langchain-community 0.4.2, one-api, higress: client code, since its pages are not to be had. Beyond OpenAI's
shape nothing is known of it, and whether it still serves is uncertain.
"""

from __future__ import annotations

from fenli.errors import Kind
from fenli.vendors.failing import ErrorRule
from fenli.vendors.openai_compatible import OpenAICompatible
from fenli.vendors.switches import SchemaSwitch, SchemaWay, SearchSwitch, Switches

ZERO_ONE_AI = OpenAICompatible(
    id="01ai",
    title="01.AI (Yi)",
    title_zh="零一万物",
    base_url="https://api.lingyiwanwu.com/v1",
    key_variables=("YI_API_KEY", "LINGYIWANWU_API_KEY"),
    keys_at="https://platform.lingyiwanwu.com",
    limit_field="max_tokens",
    errors=(
        ErrorRule(Kind.NO_BALANCE, status=429, text="balance|quota|余额|欠费"),
        ErrorRule(Kind.CONTEXT_TOO_LONG, status=400, text="context length|maximum context|too long|上下文"),
        ErrorRule(Kind.MODEL_NOT_FOUND, status=400, text="model .*(not exist|not found)|模型不存在"),
    ),
    switches=Switches(
        search=(SearchSwitch(models="yi-large-rag", shown="the text"),),
        schema=(SchemaSwitch(way=SchemaWay.TEXT),),
    ),
)
