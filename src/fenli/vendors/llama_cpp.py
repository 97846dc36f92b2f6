"""The on-device model: a llama.cpp server (also any other one, by configuration).

The process itself lives in `fenli.vendors.local`; its address is settled when it starts.
"""

from __future__ import annotations

from fenli.errors import Kind
from fenli.vendors.contract import Disconnect, UsageMap
from fenli.vendors.endpoints import EMBEDDINGS, RERANK, completions
from fenli.vendors.failing import ErrorRule
from fenli.vendors.openai_compatible import OpenAICompatible
from fenli.vendors.switches import FALSE, TRUE, SchemaSwitch, SchemaWay, Switches, ThinkingSwitch

LOCAL = OpenAICompatible(
    id="local",
    title="On this machine (llama.cpp)",
    title_zh="本机模型(llama.cpp)",
    base_url="http://127.0.0.1:8080/v1",
    key_variables=(),
    disconnect=Disconnect.CANCEL,
    limit_field="max_tokens",
    endpoints=(completions(UsageMap().meters), EMBEDDINGS, RERANK),
    errors=(
        ErrorRule(Kind.BAD_REQUEST, status=500, text="input is not supported"),
        ErrorRule(Kind.CONTEXT_TOO_LONG, code="exceed_context_size_error"),
        ErrorRule(Kind.OVERLOADED, code="unavailable_error"),
        ErrorRule(Kind.BAD_REQUEST, code="not_supported_error"),
    ),
    switches=Switches(
        thinking=(
            ThinkingSwitch(
                models="(?!smollm2)",
                on={"chat_template_kwargs.enable_thinking": TRUE},
                off={"chat_template_kwargs.enable_thinking": FALSE},
            ),
        ),
        schema=(SchemaSwitch(way=SchemaWay.TAKEN),),
    ),
)
