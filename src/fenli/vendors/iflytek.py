"""讯飞 iFlytek Spark over HTTP: each generation of models has a path of its own, behind a base URL without a version.

Sources: spark-ai-python 0.4.5, one-api, higress, LobeHub. A key is the APIPassword of a service, or APIKey:APISecret.
Every body has a code, 0 where all is well; one with another code is a failure, mostly with a 200. Tool calls come as a
list only where that is asked for.
"""

from __future__ import annotations

from fenli.errors import Kind
from fenli.vendors.contract import UsageMap
from fenli.vendors.failing import ErrorRule
from fenli.vendors.openai_compatible import Added, OpenAICompatible
from fenli.vendors.switches import DISABLED, ENABLED, SchemaSwitch, SchemaWay, SearchSwitch, Switches, ThinkingSwitch
from fenli.wire.openai_chat import FailurePlace
from fenli.wire.openai_chat.request import TRUE

IFLYTEK = OpenAICompatible(
    id="iflytek",
    title="iFlytek (Spark)",
    title_zh="讯飞星火",
    base_url="https://spark-api-open.xf-yun.com",
    path="/v1/chat/completions",
    key_variables=("SPARK_API_KEY",),
    keys_at="https://console.xfyun.cn",
    key_form="APIPassword, or APIKey:APISecret",
    asks_usage=False,  # the last chunk carries it
    limit_field="max_tokens",
    usage_map=UsageMap(cached=("prompt_tokens_details.cached_tokens", "cached_tokens")),
    adds=(Added("tool_calls_switch", TRUE, beside="tools"),),
    failures=(FailurePlace(code="code", message="message"),),
    errors=(
        ErrorRule(Kind.BAD_KEY, code="10015|10016"),
        ErrorRule(Kind.QUOTA_EXHAUSTED, code="11200", text="quota|limit|exhaust|超|用完"),
        ErrorRule(Kind.NO_PERMISSION, code="11200"),
        ErrorRule(Kind.QUOTA_EXHAUSTED, code="11201"),
        ErrorRule(Kind.RATE_LIMITED, code="10006|10007|11202|11203"),
        ErrorRule(Kind.OVERLOADED, code="10008|10110"),
        ErrorRule(Kind.CONTENT_FILTERED, code="10013|10014|10019"),
        ErrorRule(Kind.CONTEXT_TOO_LONG, code="10907"),
        ErrorRule(Kind.MODEL_NOT_FOUND, code="10404"),
        ErrorRule(Kind.BAD_REQUEST, code="10163"),
    ),
    switches=Switches(
        thinking=(ThinkingSwitch(models="spark-x|x[12]", on=ENABLED, off=DISABLED),),
        search=(
            SearchSwitch(
                tool=b'{"type":"web_search","web_search":{"enable":true,"show_ref_label":true,"search_mode":"normal"}}',
                shown="the text",
            ),
        ),
        schema=(SchemaSwitch(way=SchemaWay.OBJECT),),
    ),
)
