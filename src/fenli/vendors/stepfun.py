"""阶跃星辰 StepFun.

Sources: its pages on Chat Completions, error codes, reasoning and accounts, as of 2026-06-19. They show no error body,
so what a 400 means beyond a bad request is read from its words. Of an account it tells, beside what is left, the sums
ever paid in and ever granted, which are no parts of it.
"""

from __future__ import annotations

from fenli.errors import Kind
from fenli.vendors.balances import BalanceMap
from fenli.vendors.contract import UsageMap
from fenli.vendors.endpoints import FILES, IMAGES, SPEECH, Endpoint
from fenli.vendors.failing import ErrorRule
from fenli.vendors.openai_compatible import OpenAICompatible
from fenli.vendors.switches import SchemaSwitch, SchemaWay, SearchSwitch, Switches, ThinkingSwitch
from fenli.wire.capabilities import Capability
from fenli.wire.services.search import Search
from fenli.wire.services.transcriptions import Transcriptions

STEPFUN = OpenAICompatible(
    id="stepfun",
    title="StepFun",
    title_zh="阶跃星辰",
    base_url="https://api.stepfun.com/v1",
    key_variables=("STEPFUN_API_KEY", "STEP_API_KEY"),
    keys_at="https://platform.stepfun.com",
    asks_usage=False,  # every chunk carries it
    limit_field="max_tokens",
    usage_map=UsageMap(cached=("cached_tokens", "prompt_tokens_details.cached_tokens")),
    balance=BalanceMap(path="/accounts", total="balance"),
    endpoints=(
        IMAGES,
        SPEECH,
        # It wants to be told the format; its pages differ in whether there are more than these two.
        Endpoint(
            capability=Capability.TRANSCRIPTIONS,
            path="/audio/transcriptions",
            codec=Transcriptions(formats=("json", "text"), usual="json"),
        ),
        FILES,
        Endpoint(
            capability=Capability.SEARCH,
            path="/search",
            codec=Search(limit="n", date=("time",)),
        ),
    ),
    errors=(
        ErrorRule(Kind.MODEL_NOT_FOUND, status=400, text="model .*(not exist|not found)|模型不存在"),
        ErrorRule(Kind.CONTEXT_TOO_LONG, status=400, text="context length|maximum context|exceeds? .*context|上下文"),
    ),
    switches=Switches(
        thinking=(
            ThinkingSwitch(models=r"step-3\.7-flash", effort="reasoning_effort"),
            ThinkingSwitch(models=r"step-3\.5-flash-2603", effort="reasoning_effort", levels=("low", "high")),
            ThinkingSwitch(models="step-(3|r1)"),
        ),
        search=(
            SearchSwitch(
                tool=b'{"type":"web_search","function":{"description":"Searches the web."}}',
                shown="tool_calls[].function.results",
            ),
        ),
        schema=(
            SchemaSwitch(models=r"step-3\.5-flash", way=SchemaWay.TAKEN),
            SchemaSwitch(way=SchemaWay.OBJECT),
        ),
    ),
)
