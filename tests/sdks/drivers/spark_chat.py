"""spark-ai-python: Spark over a WebSocket. A key is AppID:APIKey:APISecret, as fenli writes it."""

from __future__ import annotations

from typing import Any

from driver import serve
from sparkai.core.messages import ChatMessage
from sparkai.llm.llm import ChatSparkLLM


def answer(question: dict[str, Any]) -> dict[str, Any]:
    asked = question["asked"]
    app, key, secret = question["key"].split(":")
    made = ChatSparkLLM(
        spark_api_url=question["base_url"] + question["path"],
        spark_app_id=app,
        spark_api_key=key,
        spark_api_secret=secret,
        spark_llm_domain=asked["model"],
        streaming=asked.get("stream", False),
        request_timeout=10,
    )
    messages = [ChatMessage(role=one["role"], content=one["content"]) for one in asked["messages"]]
    more = {"function_definition": asked["functions"]} if "functions" in asked else {}
    return streamed(made, messages, more) if asked.get("stream") else whole(made, messages, more)


def whole(made: ChatSparkLLM, messages: list[ChatMessage], more: dict[str, Any]) -> dict[str, Any]:
    result = made.generate([messages], **more)
    message = result.generations[0][0].message
    call = getattr(message, "function_call", None)
    return {"text": message.content, "call": call, "usage": result.llm_output["token_usage"], "parts": 1}


def streamed(made: ChatSparkLLM, messages: list[ChatMessage], more: dict[str, Any]) -> dict[str, Any]:
    text, call, usage, parts = "", None, None, 0
    for chunk in made.stream(messages, **more):
        parts += 1
        text += chunk.content
        call = getattr(chunk, "function_call", None) or call
        usage = chunk.additional_kwargs.get("token_usage") or usage
    return {"text": text, "call": call, "usage": usage, "parts": parts}


serve(answer)
