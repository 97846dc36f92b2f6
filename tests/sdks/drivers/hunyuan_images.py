"""tencentcloud-sdk-python-hunyuan: an image by a job, which is asked after until it is over."""

from __future__ import annotations

import os
import time
from typing import Any

from driver import serve
from tencentcloud.common import credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.hunyuan.v20230901 import hunyuan_client, models


def answer(question: dict[str, Any]) -> dict[str, Any]:
    os.environ["NO_PROXY"] = f"127.0.0.1,{question['host']}"  # the SDK looks for the port there, too
    profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=question["host"]))
    client = hunyuan_client.HunyuanClient(credential.Credential(*question["key"]), "", profile)
    submission = models.SubmitHunyuanImageJobRequest()
    submission._deserialize(question["asked"])
    query = models.QueryHunyuanImageJobRequest()
    query.JobId = client.SubmitHunyuanImageJob(submission).JobId
    while (job := client.QueryHunyuanImageJob(query)).JobStatusCode not in ("4", "5"):
        time.sleep(0.05)
    return job._serialize(allow_none=False)


serve(answer)
