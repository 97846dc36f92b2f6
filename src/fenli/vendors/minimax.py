"""MiniMax, the site for China and the international one: keys do not cross.

Sources: its pages on error codes and on text chat (zh and en), minimax-mcp 0.0.19, litellm. A failure has a number of
its own: in ``base_resp`` of a body that may come with a 200, or, with a real status, in brackets at the end of the
message. Thinking stands between tags in the text unless it is asked for apart, which fenli does.
"""

from __future__ import annotations

from typing import Final

import msgspec

from fenli.errors import Kind
from fenli.vendors.endpoints import Endpoint
from fenli.vendors.failing import ErrorRule
from fenli.vendors.minimax_films import MiniMaxFilms, MiniMaxH3Films, h3_facts, h3_units, hailuo_facts
from fenli.vendors.minimax_media import MiniMaxImages, MiniMaxSpeech
from fenli.vendors.openai_compatible import Added, OpenAICompatible
from fenli.vendors.switches import DISABLED, PersonaSwitch, Switches, ThinkingSwitch
from fenli.wire.capabilities import Capability
from fenli.wire.openai_chat import FailurePlace
from fenli.wire.openai_chat.request import TRUE
from fenli.wire.services.search import Search

_FAILURES: Final = (FailurePlace(within="base_resp", code="status_code", message="status_msg"),)
# One number stands for every bad parameter: the words say which.
_TOO_LONG: Final = "context window|context length|too long|token limit"
_NO_MODEL: Final = "(unknown|invalid|unsupported) model|model .*not (exist|found|supported)"


def _numbered(kind: Kind, numbers: str) -> tuple[ErrorRule, ErrorRule]:
    return ErrorRule(kind, code=numbers), ErrorRule(kind, text=rf"\(({numbers})\)")


MINIMAX = OpenAICompatible(
    id="minimax",
    title="MiniMax",
    title_zh="MiniMax 稀宇科技",
    base_url="https://api.minimaxi.com/v1",
    key_variables=("MINIMAX_API_KEY",),
    keys_at="https://platform.minimaxi.com",
    limit_field="max_completion_tokens",
    standard_tiers=("standard", "default"),
    adds=(Added("reasoning_split", TRUE),),
    returned=("reasoning_details",),
    failures=_FAILURES,
    endpoints=(
        Endpoint(capability=Capability.IMAGES, path="/image_generation", codec=MiniMaxImages(), failures=_FAILURES),
        Endpoint(
            capability=Capability.VIDEOS,
            path="/v2/video_generation",
            instead_of="/v1",
            codec=MiniMaxH3Films(),
            failures=_FAILURES,
            charges=h3_units,
            facts=h3_facts,
            models="MiniMax-H[0-9]",
        ),
        Endpoint(
            capability=Capability.VIDEOS,
            path="/video_generation",
            codec=MiniMaxFilms(),
            failures=_FAILURES,
            facts=hailuo_facts,
        ),
        Endpoint(capability=Capability.SPEECH, path="/t2a_v2", codec=MiniMaxSpeech(), failures=_FAILURES),
        Endpoint(
            capability=Capability.SEARCH,
            path="/coding_plan/search",
            codec=Search(query="q", limit="", results=("organic",), url=("link",)),
            failures=_FAILURES,
        ),
    ),
    errors=(
        *_numbered(Kind.BAD_KEY, "1004|2049"),
        *_numbered(Kind.NO_BALANCE, "1008"),
        *_numbered(Kind.QUOTA_EXHAUSTED, "2056"),
        *_numbered(Kind.RATE_LIMITED, "1002|1039|1041|2045"),
        *_numbered(Kind.OVERLOADED, "1001|1033"),
        *_numbered(Kind.CONTENT_FILTERED, "1026|1027"),
        *_numbered(Kind.NO_PERMISSION, "2038"),
        ErrorRule(Kind.CONTEXT_TOO_LONG, code="2013", text=_TOO_LONG),
        ErrorRule(Kind.CONTEXT_TOO_LONG, status=400, text=_TOO_LONG),
        ErrorRule(Kind.MODEL_NOT_FOUND, code="2013", text=_NO_MODEL),
        ErrorRule(Kind.MODEL_NOT_FOUND, status=400, text=_NO_MODEL),
        *_numbered(Kind.BAD_REQUEST, "1042|2013"),
        *_numbered(Kind.SERVER_ERROR, "1000|1013|1024"),
    ),
    switches=Switches(
        thinking=(
            ThinkingSwitch(models="MiniMax-M3", on={"thinking.type": b'"adaptive"'}, off=DISABLED),
            ThinkingSwitch(models="MiniMax-M[12]"),
        ),
        persona=(
            PersonaSwitch(
                models="M2-her",
                roles={
                    "bot_profile": "system",
                    "user_profile": "user_system",
                    "scene": "group",
                    "user": "sample_message_user",
                    "bot": "sample_message_ai",
                },
            ),
        ),
    ),
)

MINIMAX_INTL = msgspec.structs.replace(
    MINIMAX,
    id="minimax-intl",
    sells="minimax",
    title="MiniMax (international)",
    title_zh="MiniMax 国际站",
    base_url="https://api.minimax.io/v1",
    key_variables=("MINIMAX_INTL_API_KEY",),
    keys_at="https://platform.minimax.io",
)
