"""Whatever an emulated vendor refuses with, the vendor's adapter reads as the kind that was meant."""

from __future__ import annotations

import json

import pytest
from faces import EMULATED, MODELS, VirtualFace, ask_of, echoing, says

from fenli.errors import Kind
from fenli.market.dialects.openai_chat import OPENAI_CHAT, error_members
from fenli.market.flavours import FLAVOURS
from fenli.market.flavours.flavour import Refusal
from fenli.market.script import Outcome
from fenli.vendors.catalog import VENDORS
from fenli.wire.openai_chat import ChatRequest, parse_request

WHOLE = parse_request(b'{"model":"x","messages":[]}')
STREAMED = parse_request(b'{"model":"x","messages":[],"stream":true}')
EVERY = [
    pytest.param(name, refusal, id=f"{name}-{refusal.kind}-{refusal.code or refusal.type}-{refusal.status}")
    for name, flavour in FLAVOURS.items()
    for refusal in flavour.refusals
]


def body_of(name: str, refusal: Refusal) -> bytes:
    flavour = FLAVOURS[name]
    return (flavour.dialect or OPENAI_CHAT).error_body(flavour, refusal, "request-1")


def told_in(name: str, refusal: Refusal) -> bytes:
    """What a call has classified: the body of a reply that failed, or the error that was found inside a good one."""
    body = body_of(name, refusal)
    if refusal.status >= 300 or FLAVOURS[name].dialect is None:
        return body
    answer = VENDORS[name].answer(WHOLE, 0)
    answer.feed(body)
    answer.end()
    assert answer.error is not None
    return answer.error


@pytest.mark.parametrize(("name", "refusal"), EVERY)
def test_a_refusal_is_read_as_what_it_is(name: str, refusal: Refusal) -> None:
    body = told_in(name, refusal)
    failure = VENDORS[name].classify(refusal.status, [(b"retry-after", b"3")], body)
    assert failure.kind is refusal.kind
    assert failure.message == refusal.message
    assert failure.retry_after_ms == 3000


def _code_decides(name: str, refusal: Refusal) -> bool:
    """Whether the code alone says what it is: elsewhere the status or the text does, and a stream has no status."""
    if refusal.code in (None, "invalid_request_error") or refusal.kind in (Kind.SERVER_ERROR, Kind.BAD_REQUEST):
        return False
    if refusal.kind is Kind.CONTEXT_TOO_LONG:
        return name not in ("alibaba", "bytedance")
    if refusal.kind in (Kind.BAD_KEY, Kind.NO_PERMISSION) and name == "metaso":
        return False
    if refusal.code == "invalid_model":
        return refusal.kind is Kind.MODEL_NOT_FOUND
    return name not in ("deepseek", "stepfun")


CODED = [
    (name, refusal)
    for name, flavour in FLAVOURS.items()
    for refusal in flavour.refusals
    if flavour.dialect is None and _code_decides(name, refusal)
]


@pytest.mark.parametrize(("name", "refusal"), CODED)
def test_a_refusal_with_a_code_is_read_inside_a_stream_too(name: str, refusal: Refusal) -> None:
    answer = VENDORS[name].answer(STREAMED, 0)
    answer.feed(b'data: {"choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n')
    answer.feed(b"data: %b\n\n" % json.dumps(error_members(FLAVOURS[name], refusal)).encode())
    answer.end()
    assert answer.error is not None
    assert not answer.finished
    assert VENDORS[name].classify(200, [], answer.error).kind is refusal.kind


@pytest.mark.parametrize(("name", "refusal"), EVERY)
@pytest.mark.parametrize("asked", [WHOLE, STREAMED], ids=["whole", "streamed"])
def test_no_refusal_looks_like_an_answer_whatever_its_status(name: str, refusal: Refusal, asked: ChatRequest) -> None:
    answer = VENDORS[name].answer(asked, 0)
    assert answer.feed(body_of(name, refusal)) == b""
    answer.end()
    assert (answer.begun, answer.finished) == (False, False)


@pytest.mark.parametrize("name", EMULATED)
def test_the_model_refuses_in_the_vendors_way(name: str) -> None:
    vendor = VENDORS[name]
    cases = {
        Kind.MODEL_NOT_FOUND: ask_of(name, says("hi", model="no-such-model")),
        Kind.BAD_REQUEST: ask_of(name, b"{not json"),
        Kind.CONTEXT_TOO_LONG: ask_of(name, says("x" * 4_000_100)),
    }
    if FLAVOURS[name].needs_key:
        cases[Kind.BAD_KEY] = ask_of(name, says("hi"), key="sk-wrong")
    for kind, request in cases.items():
        limit = next(model.context for model in vendor.models if model.id == MODELS[name])
        if kind is Kind.CONTEXT_TOO_LONG and limit is None:
            continue
        face = VirtualFace(echoing(name))
        heard = face.ask(request)
        failure = vendor.classify(heard.status, list(heard.headers.items()), heard.body)
        assert failure.kind is kind, heard.body
        assert face.served()[0].outcome is Outcome.REFUSED
        assert heard.headers[FLAVOURS[name].request_id_header]


GOOD = b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"x"}]'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff\xfe",
        b'{"model":"gpt-4o-mini"}',
        b'{"model":1,"messages":[]}',
        b'{"model":"gpt-4o-mini","messages":[]}',
        GOOD + b',"max_tokens":0}',
        GOOD + b',"stream":"yes"}',
        GOOD + b',"n":100}',
    ],
)
def test_a_malformed_body_is_a_400(body: bytes) -> None:
    assert VirtualFace(echoing()).ask(ask_of("openai", body)).status == 400


def test_a_path_that_is_not_there_is_a_404() -> None:
    face = VirtualFace(echoing())
    assert face.ask(ask_of("openai", says("hi"), path="/moderations")).status == 404
    assert face.ask(ask_of("openai", says("hi"), method=b"GET")).status == 404


def test_the_models_are_listed() -> None:
    heard = VirtualFace(echoing()).ask(ask_of("openai", b"", method=b"GET", path="/models"))
    listed = {entry["id"] for entry in json.loads(heard.body)["data"]}
    assert listed == {model.id for model in VENDORS["openai"].models}
    assert VirtualFace(echoing()).ask(ask_of("openai", b"", method=b"GET", path="/models", key="no")).status == 401
