"""秘塔 Metaso: chat that answers out of a search, with its sources; the search itself; pages read.

Sources: metaso-sdk 0.1.6, mcp-metaso 0.2.0, clients in the open. A failure has a number and comes with a 200; beyond
1000, a bad parameter, no list of them is known, so that the words say what it is.
"""

from __future__ import annotations

from typing import Final

from fenli.errors import Kind
from fenli.vendors.endpoints import Endpoint
from fenli.vendors.failing import ErrorRule
from fenli.vendors.openai_compatible import Added, OpenAICompatible
from fenli.vendors.switches import SchemaSwitch, SchemaWay, SearchSwitch, Switches, ThinkingSwitch
from fenli.wire.capabilities import Capability
from fenli.wire.openai_chat import FailurePlace
from fenli.wire.services.reading import Reading
from fenli.wire.services.search import Search

_FAILURES: Final = (FailurePlace(code="errCode", message="errMsg"),)

METASO = OpenAICompatible(
    id="metaso",
    title="Metaso",
    title_zh="秘塔",
    base_url="https://metaso.cn/api/v1",
    key_variables=("METASO_API_KEY",),
    keys_at="https://metaso.cn/search-api",
    asks_usage=False,  # the last chunk carries it
    limit_field="max_tokens",
    adds=(Added("format", b'"chat_completions"'),),
    failures=_FAILURES,
    endpoints=(
        Endpoint(
            capability=Capability.SEARCH,
            path="/search",
            codec=Search(
                query="q",
                limit="size",
                results=("webpages", "documents", "scholars", "images", "videos", "podcasts"),
                url=("link", "imageUrl"),
                date=("date", "displayDate"),
                told=("credits",),
            ),
            failures=_FAILURES,
        ),
        Endpoint(
            capability=Capability.READER,
            path="/reader",
            codec=Reading(content="markdown", told=("credits",)),
            accepts=b"application/json",  # else it may answer in plain Markdown, without credits
            failures=_FAILURES,
        ),
    ),
    errors=(
        ErrorRule(Kind.NO_BALANCE, text="balance|credits|recharge|余额|欠费|充值|积分"),
        ErrorRule(Kind.RATE_LIMITED, text="rate limit|too many|频繁|限流|并发"),
        ErrorRule(Kind.OVERLOADED, text="busy|overloaded|繁忙|负载"),
        ErrorRule(Kind.MODEL_NOT_FOUND, text="model .*not (exist|found|supported)|模型不存在"),
        ErrorRule(Kind.BAD_REQUEST, code="1000"),
    ),
    switches=Switches(
        thinking=(ThinkingSwitch(models="fast_thinking|ds-r1"),),
        search=(SearchSwitch(shown="citations"),),
        schema=(SchemaSwitch(way=SchemaWay.TEXT),),
    ),
)
