"""An Ollama of one's own, by its own chat API, for instance with MiniCPM.

Source: ollama 0.6.3 (its Python client). Its answers tell how many tokens of the prompt were evaluated, and tell none
where all of it was still in the cache: then what the prompt came to is unknown. It needs no key and takes any.
"""

from __future__ import annotations

from typing import Final

from fenli.vendors.contract import UsageMap
from fenli.vendors.ollama import OLLAMA
from fenli.vendors.switches import SchemaSwitch, SchemaWay, Switches, ThinkingSwitch
from fenli.vendors.translated import Translated
from fenli.wire.frames import LineFrames
from fenli.wire.ollama import ChatReader, chat
from fenli.wire.openai_chat import ChatRequest


class OllamaNative(Translated, frozen=True, kw_only=True):
    def body(self, ask: ChatRequest, model: bytes) -> bytes:
        return chat(self.spelled(ask, model), model, self.title)

    def frames(self) -> LineFrames:
        return LineFrames()

    def streamed(self, ask: ChatRequest) -> ChatReader:
        return ChatReader()

    def whole(self, ask: ChatRequest) -> ChatReader:
        return ChatReader()


OLLAMA_NATIVE: Final = OllamaNative(
    id="ollama-native",
    title="A server of your own (Ollama, its own API)",
    title_zh="自建服务(Ollama 原生接口)",
    base_url="http://127.0.0.1:11434",
    key_variables=("OLLAMA_NATIVE_API_KEY",),
    sells="ollama",
    path="/api/chat",
    usage_map=UsageMap(
        prompt=("prompt_eval_count",), completion=("eval_count",), total=(), cached=(), cache_write=(), reasoning=()
    ),
    errors=OLLAMA.errors,
    switches=Switches(
        thinking=(ThinkingSwitch(on={"think": b"true"}, off={"think": b"false"}, effort="think"),),
        schema=(SchemaSwitch(way=SchemaWay.TAKEN),),
    ),
)
