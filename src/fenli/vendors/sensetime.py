"""商汤 SenseTime SenseNova, compatible mode. Its token plan speaks the same at another address, with keys of its own.

Sources: sensenova 1.0.6, a study of its 429s (2026-10). Codes are numbers as gRPC's; one of them stands for a limit and
for a quota that is used up, and the words say which.
"""

from __future__ import annotations

from fenli.errors import Kind
from fenli.vendors.failing import ErrorRule
from fenli.vendors.openai_compatible import OpenAICompatible
from fenli.vendors.switches import Switches, ThinkingSwitch

SENSETIME = OpenAICompatible(
    id="sensetime",
    title="SenseTime (SenseNova)",
    title_zh="商汤日日新",
    base_url="https://api.sensenova.cn/compatible-mode/v1",
    key_variables=("SENSENOVA_API_KEY",),
    keys_at="https://platform.sensenova.cn",
    errors=(
        ErrorRule(Kind.QUOTA_EXHAUSTED, text="entitlement exhausted"),
        ErrorRule(Kind.RATE_LIMITED, text="[rt]pm limit|tpm/rpm|rpm exhausted|tpm exhausted"),
        ErrorRule(Kind.NO_BALANCE, status=429, text="balance|arrears|余额|欠费"),
        ErrorRule(Kind.BAD_KEY, code="16"),
        ErrorRule(Kind.NO_PERMISSION, code="7"),
        ErrorRule(Kind.CONTENT_FILTERED, status=400, text="sensitive|inappropriate|敏感|违规"),
        ErrorRule(Kind.CONTEXT_TOO_LONG, status=400, text="context length|too long|context window|超长|上下文"),
        ErrorRule(Kind.MODEL_NOT_FOUND, status=400, text="model .*(not exist|not found)|模型不存在"),
        ErrorRule(Kind.RATE_LIMITED, code="8"),
        ErrorRule(Kind.OVERLOADED, code="14"),
        ErrorRule(Kind.BAD_REQUEST, code="3"),
    ),
    switches=Switches(
        thinking=(
            ThinkingSwitch(
                models="(?!SenseChat)",
                on={"reasoning_effort": b'"medium"'},
                off={"reasoning_effort": b'"none"'},
                effort="reasoning_effort",
            ),
        ),
    ),
)
