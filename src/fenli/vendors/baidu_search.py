"""百度 Baidu's web search (``/ai_search/web_search``): the query is a conversation of one message.

Source: its page on the search. A failure may come with a 200, then with ``code`` and ``message`` of its own.
"""

from __future__ import annotations

import msgspec

from fenli.wire.openai_chat.request import encode_members
from fenli.wire.services import ServiceRequest
from fenli.wire.services.search import Search


class BaiduSearch(Search, frozen=True, kw_only=True):
    """Implements `fenli.wire.services.Codec`. What the caller says in Baidu's own words stands."""

    def body(self, ask: ServiceRequest, model: bytes) -> bytes:
        fields = {name: value for name, value in ask.fields.items() if name not in ("model", "query", "max_results")}
        query = msgspec.Raw(ask.fields["query"])
        asked = {"messages": msgspec.json.encode([{"role": "user", "content": query}])}
        if "max_results" in ask.fields:
            kinds = [{"type": "web", "top_k": msgspec.Raw(ask.fields["max_results"])}]
            asked["resource_type_filter"] = msgspec.json.encode(kinds)
        return encode_members({**asked, **fields})
