"""Every way in which an emulated vendor says no, and every trouble on the way, as the OpenAI client is told of it.

What a kind of failure comes to, and whether to try again, is what docs/api.md promises. Whether the client would try
again it is asked itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import openai
import pytest
from matrix_list import matrix
from rehearsed import Exchange, Rehearsal
from rehearsed_client import AppTransport, client_of

from fenli.errors import Kind
from fenli.ledger.records import Released
from fenli.market.faults import Fault, FaultRule, Trouble
from fenli.market.flavours import FLAVOURS
from fenli.market.flavours.flavour import Refusal
from fenli.vendors.catalog import VENDORS
from fenli.vendors.openai_compatible import OpenAICompatible

API = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
STATUS = {code: int(status) for code, status in re.findall(r"^\| `([a-z_]+)` \| ([0-9]{3}) \|", API, re.MULTILINE)}
OURS = ("vendor_credential", False)  # a caller cannot mend our account by asking again
PROMISED: dict[Kind, tuple[str, bool]] = {  # the code, and whether a second try may help
    Kind.BAD_KEY: OURS,
    Kind.NO_PERMISSION: OURS,
    Kind.NO_BALANCE: OURS,
    Kind.QUOTA_EXHAUSTED: OURS,
    Kind.RATE_LIMITED: ("rate_limit_exceeded", True),
    Kind.OVERLOADED: ("vendor_overloaded", True),
    Kind.CONTENT_FILTERED: ("content_filtered", False),
    Kind.CONTEXT_TOO_LONG: ("context_length_exceeded", False),
    Kind.BAD_REQUEST: ("bad_request", False),
    Kind.MODEL_NOT_FOUND: ("model_not_found", False),
    Kind.SERVER_ERROR: ("vendor_error", True),
    Kind.TIMEOUT: ("vendor_timeout", True),
    Kind.TRUNCATED: ("answer_truncated", True),
}
# What only the HTTP status tells: inside a 200 it is a failure of the vendor's, and worth another try. That a request
# was wrong is believed only of a code that means nothing else.
STATUS_ALONE: dict[str, set[Kind]] = {
    "deepseek": {Kind.NO_BALANCE, Kind.BAD_REQUEST},
    "moonshot": {Kind.BAD_REQUEST},
    "moonshot-intl": {Kind.BAD_REQUEST},
    "stepfun": {Kind.BAD_REQUEST},
    "baichuan": {Kind.BAD_KEY, Kind.BAD_REQUEST},
    "01ai": {Kind.BAD_KEY, Kind.OVERLOADED, Kind.BAD_REQUEST},
    "alibaba": {Kind.BAD_REQUEST},
    "alibaba-native": {Kind.BAD_REQUEST},
    "bytedance": {Kind.BAD_REQUEST},
    "baidu": {Kind.OVERLOADED, Kind.BAD_REQUEST},
    "huawei-pangu": {Kind.NO_PERMISSION, Kind.BAD_REQUEST},
    "metaso": {Kind.BAD_KEY, Kind.NO_PERMISSION},
    "openai": {Kind.OVERLOADED, Kind.BAD_REQUEST},
    "ollama": {Kind.OVERLOADED, Kind.BAD_REQUEST},
    "ollama-native": {Kind.OVERLOADED, Kind.BAD_REQUEST},
}
OWN_CODE_INSIDE = ("tencent-native",)  # a stream has a number of its own for whatever fails in it
QUESTION: Any = [{"role": "user", "content": "How many mills make a cent?"}]
EVERY = [
    pytest.param(name, refusal, id=f"{name}-{refusal.kind}-{refusal.code or refusal.type}-{refusal.status}")
    for name, flavour in FLAVOURS.items()
    for refusal in dict.fromkeys(flavour.refusals)
]
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


class Failing:
    """The gateway before all vendors, of which one always fails in one way."""

    def __init__(self) -> None:
        self.rehearsal = Rehearsal(VENDORS)
        self.transport = AppTransport(self.rehearsal)
        self.client = client_of(self.transport)

    @contextmanager
    def refusing(self, name: str, refusal: Refusal, fault: Fault) -> Iterator[None]:
        emulated = self.rehearsal.market.vendors[name]
        flavour = emulated.flavour
        emulated.flavour = msgspec.structs.replace(flavour, refusals=(refusal,))
        emulated.faults.rules = (FaultRule(fault),)
        yield
        emulated.flavour, emulated.faults.rules = flavour, ()

    def ask(self, name: str, *, stream: bool) -> str:
        """The text of an answer that came to its end. Raises what the client does."""
        model = next(matrix.chat_models(name))
        answer = self.client.chat.completions.create(model=f"{name}/{model}", messages=QUESTION, stream=stream)
        if not stream:
            return answer.choices[0].message.content or ""
        return "".join(part.choices[0].delta.content or "" for part in answer if part.choices)

    def failure(self, name: str, *, stream: bool) -> tuple[openai.APIStatusError, bool]:
        """The error in the place of an answer, and whether the client would try again by itself."""
        with pytest.raises(openai.APIStatusError) as caught:
            self.ask(name, stream=stream)
        response = caught.value.response
        return caught.value, self.client._should_retry(response)

    @property
    def last(self) -> Exchange:
        return self.transport.exchanges[-1]


@pytest.fixture(scope="module")
def failing() -> Failing:
    return Failing()


@BOTH
@pytest.mark.parametrize(("name", "refusal"), EVERY)
def test_a_refusal_is_the_kind_that_it_is_with_the_right_advice(
    failing: Failing, name: str, refusal: Refusal, stream: bool
) -> None:
    code, again = PROMISED[refusal.kind]
    patient = msgspec.structs.replace(refusal, retry_after=7)
    with failing.refusing(name, patient, Fault(refusal.kind)):
        error, retried = failing.failure(name, stream=stream)
    own = isinstance(VENDORS[name], OpenAICompatible) and 400 <= refusal.status < 500 and code != "vendor_credential"
    if own:
        assert error.status_code == refusal.status
        assert msgspec.json.encode(refusal.message)[1:-1] in failing.last.got
    else:
        assert (error.status_code, error.code) == (STATUS[code], code)
    assert retried is again
    booked = failing.rehearsal.booked
    assert isinstance(booked, Released)  # nothing is owed
    assert (booked.outcome, booked.final) == (refusal.kind, True)
    waits = refusal.kind in (Kind.RATE_LIMITED, Kind.OVERLOADED)
    assert failing.last.header("retry-after") == ("7" if waits else "")
    assert failing.last.header("x-fenli-vendor") == name


def code_inside(name: str, refusal: Refusal, stream: bool) -> str:
    """What an error is called that came inside a 200, where no status tells what it is."""
    if stream and name in OWN_CODE_INSIDE:
        return "vendor_error"
    if (name, refusal.code) == ("baidu", "invalid_model") and refusal.kind is Kind.NO_PERMISSION:
        return "model_not_found"  # only its 401 says that the account may not use the model
    if (name, refusal.code) == ("iflytek", None):
        return "answer_truncated" if stream else "vendor_error"  # words alone: neither an answer nor an error object
    if refusal.kind in STATUS_ALONE.get(name, ()):
        return "vendor_error"
    return PROMISED[refusal.kind][0]


@BOTH
@pytest.mark.parametrize(("name", "refusal"), EVERY)
def test_an_error_in_the_place_of_an_answer_inside_a_200_is_no_answer(
    failing: Failing, name: str, refusal: Refusal, stream: bool
) -> None:
    with failing.refusing(name, refusal, Fault(Trouble.ERROR_INSIDE, 0)):
        error, retried = failing.failure(name, stream=stream)
    code = code_inside(name, refusal, stream)
    again = next(again for promised, again in PROMISED.values() if promised == code)
    assert (error.code, error.status_code, retried) == (code, STATUS[code], again)


@pytest.mark.parametrize(("name", "refusal"), EVERY)
def test_an_error_in_the_middle_of_a_stream_ends_it_as_an_error(failing: Failing, name: str, refusal: Refusal) -> None:
    with failing.refusing(name, refusal, Fault(Trouble.ERROR_INSIDE, 9)):
        if name.startswith("tiangong") and refusal.type == "4":  # a filter's word behind an answer's words is its end
            assert failing.ask(name, stream=True)
            assert [choice["finish_reason"] for choice in failing.last.parts[-1]["choices"]] == ["content_filter"]
            return
        with pytest.raises(openai.APIError) as caught:
            failing.ask(name, stream=True)
    assert failing.last.status == 200
    assert len(failing.last.parts) > 1
    assert failing.last.aborted
    assert b"[DONE]" not in failing.last.got
    assert caught.value.code == code_inside(name, refusal, stream=True)


TROUBLES = {
    Trouble.UNREACHABLE: "vendor_error",
    Trouble.UNRESOLVED: "vendor_error",
    Trouble.UNCONNECTED: "vendor_timeout",
    Trouble.CUT_HEAD: "answer_truncated",
    Trouble.STALL_HEAD: "vendor_timeout",
    Trouble.HTML: "vendor_error",
    Trouble.EMPTY: "vendor_error",
    Trouble.CUT: "answer_truncated",
    Trouble.STALL: "vendor_timeout",
    Trouble.GARBAGE: "vendor_error",
}


@BOTH
@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("name", VENDORS)
def test_trouble_on_the_way_is_never_taken_for_an_answer(
    failing: Failing, name: str, trouble: Trouble, stream: bool
) -> None:
    with failing.refusing(name, FLAVOURS[name].refusals[0], Fault(trouble)), pytest.raises(openai.APIError) as caught:
        failing.ask(name, stream=stream)
    broken = stream and trouble is Trouble.EMPTY  # a stream that ends before it has begun was cut off
    assert caught.value.code == ("answer_truncated" if broken else TROUBLES[trouble])
    assert b"[DONE]" not in failing.last.got
