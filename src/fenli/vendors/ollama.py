"""An Ollama of one's own, by its OpenAI-compatible endpoint, for instance with MiniCPM.

Sources: ollama 0.6.3, one-api. It needs no key and takes any. A prompt beyond the server's context is cut without a
word: start it with a context that is long enough. What it costs is for a price file of one's own to say.
"""

from __future__ import annotations

from fenli.errors import Kind
from fenli.vendors.contract import UsageMap
from fenli.vendors.endpoints import EMBEDDINGS, completions
from fenli.vendors.failing import ErrorRule
from fenli.vendors.openai_compatible import OpenAICompatible
from fenli.vendors.switches import Switches, ThinkingSwitch

OLLAMA = OpenAICompatible(
    id="ollama",
    title="A server of your own (Ollama)",
    title_zh="自建服务(Ollama)",
    base_url="http://127.0.0.1:11434/v1",
    key_variables=("OLLAMA_API_KEY",),
    limit_field="max_tokens",
    endpoints=(completions(UsageMap().meters), EMBEDDINGS),
    errors=(
        ErrorRule(Kind.MODEL_NOT_FOUND, text="model .*not found"),
        ErrorRule(Kind.CONTEXT_TOO_LONG, status=400, text="context length|exceeds? .*context"),
    ),
    switches=Switches(
        thinking=(
            ThinkingSwitch(
                on={"reasoning_effort": b'"medium"'}, off={"reasoning_effort": b'"none"'}, effort="reasoning_effort"
            ),
        ),
    ),
)
