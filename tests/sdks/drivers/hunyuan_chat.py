"""tencentcloud-sdk-python-hunyuan: it signs each request, and can be told a host and no path."""

from __future__ import annotations

import json
import os
from typing import Any

from driver import serve
from tencentcloud.common import credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.hunyuan.v20230901 import hunyuan_client, models


def answer(question: dict[str, Any]) -> dict[str, Any]:
    os.environ["NO_PROXY"] = f"127.0.0.1,{question['host']}"  # the SDK looks for the port there, too
    profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=question["host"]))
    profile.unsignedPayload = question.get("unsigned", False)
    client = hunyuan_client.HunyuanClient(credential.Credential(*question["key"]), "", profile)
    request = models.ChatCompletionsRequest()
    request._deserialize(question["asked"])
    reply = client.ChatCompletions(request)
    if not question["asked"].get("Stream"):
        return {"parts": 1, "last": reply._serialize(allow_none=False)}
    parts = [json.loads(event["data"]) for event in reply if event.get("data")]
    return {"parts": len(parts), "last": parts[-1], "all": parts}


serve(answer)
