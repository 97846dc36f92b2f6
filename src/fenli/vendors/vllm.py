"""A vLLM server of one's own, for instance with MiniCPM.

Sources: its error bodies as Huawei's user manual shows them (flat, as it wrote them of old) and as it writes them now;
its own pages for what it offers beside chat.
A key is needed only where the server was started with one. What it costs is for a price file of one's own to say.
"""

from __future__ import annotations

from fenli.errors import Kind
from fenli.vendors.contract import UsageMap
from fenli.vendors.endpoints import EMBEDDINGS, RERANK, TRANSCRIPTIONS, TRANSLATIONS, completions
from fenli.vendors.failing import ErrorRule
from fenli.vendors.openai_compatible import OpenAICompatible
from fenli.vendors.switches import FALSE, TRUE, PrefixSwitch, SchemaSwitch, SchemaWay, Switches, ThinkingSwitch
from fenli.wire.openai_chat import FailurePlace

_FAILURES = (FailurePlace(code="code", message="message"),)

VLLM = OpenAICompatible(
    id="vllm",
    title="A server of your own (vLLM)",
    title_zh="自建服务(vLLM)",
    base_url="http://127.0.0.1:8000/v1",
    key_variables=("VLLM_API_KEY",),
    failures=_FAILURES,
    endpoints=(completions(UsageMap().meters, failures=_FAILURES), EMBEDDINGS, RERANK, TRANSCRIPTIONS, TRANSLATIONS),
    errors=(
        ErrorRule(Kind.CONTEXT_TOO_LONG, status=400, text="maximum context length|maximum model length"),
        ErrorRule(Kind.MODEL_NOT_FOUND, code="NotFoundError"),
    ),
    switches=Switches(
        thinking=(
            ThinkingSwitch(models="(.*/)?gpt-oss", effort="reasoning_effort"),
            ThinkingSwitch(
                on={"chat_template_kwargs.enable_thinking": TRUE}, off={"chat_template_kwargs.enable_thinking": FALSE}
            ),
        ),
        prefix=(PrefixSwitch(on={"continue_final_message": TRUE, "add_generation_prompt": FALSE}),),
        schema=(SchemaSwitch(way=SchemaWay.TAKEN),),
    ),
)
