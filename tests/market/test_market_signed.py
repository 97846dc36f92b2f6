"""Vendors that want a signature, or a ticket, in the place of a key: what they check, and what comes through."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from faces import PATIENT
from hypothesis import given, settings
from hypothesis import strategies as st
from native_calls import Native

from fenli.clock import SECOND
from fenli.errors import CallRefused, ConfigError, Kind
from fenli.http.transport import Origin, Request
from fenli.market.dialects.lent_tokens import lend, lent
from fenli.market.flavours import FLAVOURS
from fenli.market.market import market_key
from fenli.market.replies import Reply, ToolCall
from fenli.wire.openai_chat import parse_request
from fenli.wire.signing import sign_jwt

MODELS = {"tencent-native": "hunyuan-turbos-latest", "sensetime-native": "SenseChat-5"}
REFUSALS = [
    (name, refusal.kind)
    for name in MODELS
    for refusal in FLAVOURS[name].refusals
    if refusal is FLAVOURS[name].refusal(refusal.kind)
]
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=60)
ARGUMENTS = st.dictionaries(TEXTS, TEXTS, max_size=2).map(lambda value: json.dumps(value, ensure_ascii=False))
CALLS = st.builds(ToolCall, name=st.sampled_from(["get_weather", "查询"]), arguments=ARGUMENTS)


@pytest.mark.parametrize("name", MODELS)
@settings(deadline=None, max_examples=20)
@given(
    text=TEXTS, thought=st.one_of(st.just(""), TEXTS), calls=st.lists(CALLS, max_size=2), stream=st.booleans(),
    seed=st.integers(1, 99), piece=st.sampled_from([1, 7, 64, 4096]),
)  # fmt: skip
def test_an_answer_is_told_exactly(
    name: str, text: str, thought: str, calls: list[ToolCall], stream: bool, seed: int, piece: int
) -> None:
    reply = Reply(text=text, reasoning=thought, tool_calls=tuple(calls))
    told = Native(name, MODELS[name], reply, seed, piece).call(stream=stream)
    assert (told.failure, told.answer.damage) == (None, None)
    assert (told.text, told.reasoning) == (text, thought if FLAVOURS[name].shows_reasoning else "")
    assert [(call["name"], json.loads(call["arguments"])) for call in told.calls] == [
        (call.name, json.loads(call.arguments)) for call in calls
    ]
    assert told.finish == ("tool_calls" if calls else "stop")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_usage_is_what_was_served(stream: bool) -> None:
    for name, cached in (("tencent-native", {"cached_input": 3}), ("sensetime-native", {})):
        native = Native(name, MODELS[name], Reply(text="ten mills", cached=3))
        told, serving = native.call(stream=stream), native.serving
        told_input = serving.prompt_tokens - cached.get("cached_input", 0)
        assert told.usage == {"input": told_input, "output": serving.completion_tokens, **cached}


@pytest.mark.parametrize(("name", "kind"), REFUSALS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_refusals_mean_what_they_mean(name: str, kind: Kind, stream: bool) -> None:
    told = Native(name, MODELS[name]).call(stream=stream, fault=f"!{kind}")
    refusal = FLAVOURS[name].refusal(kind)
    assert refusal is not None
    assert told.failure is not None
    assert (told.failure.kind, told.failure.message, told.heard.status) == (kind, refusal.message, refusal.status)
    assert not told.answer.begun


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("fault", ["error_inside@3", "cut@700", "half"])
def test_a_stream_that_breaks_off_is_not_whole(name: str, fault: str) -> None:
    told = Native(name, MODELS[name]).call(stream=True, fault=f"!{fault}")
    assert not told.answer.finished
    if fault == "error_inside@3":
        assert told.failure is not None
        assert told.failure.kind is Kind.SERVER_ERROR


def test_a_filter_that_ends_an_answer_is_told_in_openais_word() -> None:
    for name, model in MODELS.items():
        told = Native(name, model).call(stream=True, fault="!filtered_inside@2")
        assert (told.finish, told.answer.finished) == ("content_filter", True)


def test_only_a_limit_that_can_be_told_is_taken() -> None:
    told = Native("sensetime-native", "SenseChat-5", Reply(text="four" * 10)).call(max_tokens=3)
    assert (told.finish, told.text) == ("length", "four" * 3)
    with pytest.raises(CallRefused, match="takes no limit on the length") as caught:
        Native("tencent-native", "hunyuan-lite").call(max_tokens=3)
    assert caught.value.param == "max_tokens"


def test_a_search_is_asked_for_and_its_sources_come_back() -> None:
    for name, member, place in (
        ("tencent-native", "search_info", "SearchResults"), ("sensetime-native", "plugins", "web_search"),
    ):  # fmt: skip
        native = Native(name, MODELS[name], Reply(text="ten mills"))
        for options, shown in (({"search": True}, True), ({}, False)):
            ask = parse_request(json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}],
                                            "fenli": options}).encode())  # fmt: skip
            answer = native.vendor.answer(ask, native.face.sim.now())
            for piece in native.face.ask(native.request(ask), PATIENT).pieces:
                answer.feed(piece)
            answer.end()
            message = json.loads(answer.tail(None))["choices"][0]["message"]
            assert (member in message) is shown
            assert not shown or message[member][place][0]


# Who is let in


def asked(native: Native, **changes: str) -> Request:
    """A request with some of its headers changed; an empty one is left out."""
    ask = parse_request(json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}]}).encode())
    request = native.request(ask)
    lines = dict(line.split(": ", 1) for line in request.headers.decode().split("\r\n") if line)
    lines |= {name.replace("_", "-"): value for name, value in changes.items()}
    headers = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    return msgspec.structs.replace(request, headers=headers.encode())


def code_of(native: Native, request: Request) -> Any:
    answer = json.loads(native.face.ask(request, PATIENT).body)
    return answer["Response"].get("Error", {}).get("Code")


def test_a_signature_covers_body_host_and_second() -> None:
    native = Native("tencent-native", "hunyuan-lite", Reply(text="x"))
    good = asked(native)
    assert code_of(native, good) is None
    assert code_of(native, msgspec.structs.replace(good, body=good.body + b" ")) == "AuthFailure.SignatureFailure"  # type: ignore[operator]
    now = native.face.sim.now() // SECOND
    assert code_of(native, asked(native, X_TC_Timestamp=str(now + 1))) == "AuthFailure.SignatureFailure"
    assert code_of(native, asked(native, X_TC_Timestamp=str(now - 301))) == "AuthFailure.SignatureExpire"
    assert code_of(native, asked(native, Host="elsewhere.example.com")) == "AuthFailure.SignatureFailure"
    assert code_of(native, asked(native, Authorization="")) == "AuthFailure.InvalidAuthorization"


def test_a_signature_is_good_for_five_minutes() -> None:
    native = Native("tencent-native", "hunyuan-lite", Reply(text="x"))
    request = asked(native)
    native.face.sim.run(until=native.face.sim.now() + 299 * SECOND)
    assert code_of(native, request) is None
    native.face.sim.run(until=native.face.sim.now() + 2 * SECOND)
    assert code_of(native, request) == "AuthFailure.SignatureExpire"


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("AKIDmarket:another", Kind.BAD_KEY),
        ("AKIDnobody:secret-of-the-market", Kind.BAD_KEY),
        (market_key("tencent-native"), None),
    ],
)
def test_only_its_own_key_signs(key: str, kind: Kind | None) -> None:
    failure = Native("tencent-native", "hunyuan-lite", Reply(text="x")).call(key=key).failure
    assert (failure and failure.kind) == kind


def test_a_key_without_its_parts_is_none() -> None:
    with pytest.raises(ConfigError, match="SecretId:SecretKey"):
        Native("tencent-native", "hunyuan-lite").call(key="nobodys")


def test_a_token_is_signed_and_runs_out() -> None:
    native = Native("sensetime-native", "SenseChat-5", Reply(text="x"))
    now = native.face.sim.now() // SECOND

    def status(token: str) -> int:
        return native.face.ask(asked(native, Authorization=f"Bearer {token}"), PATIENT).status

    assert status(sign_jwt({"iss": "market-ak", "exp": now + 10, "nbf": now - 5}, "market-sk")) == 200
    assert status(sign_jwt({"iss": "market-ak", "exp": now - 1, "nbf": now - 5}, "market-sk")) == 401
    assert status(sign_jwt({"iss": "market-ak", "exp": now + 10, "nbf": now + 100}, "market-sk")) == 401
    assert status(sign_jwt({"iss": "market-ak", "exp": now + 10}, "another-sk")) == 401
    assert status(sign_jwt({"iss": "nobody", "exp": now + 10}, "market-sk")) == 401
    assert status("market-ak:market-sk") == 401


def test_a_ticket_says_until_when_and_cannot_be_forged() -> None:
    keys = frozenset({"ak:sk", "domain/user:password"})
    ticket = lend("ak:sk", 1_700_000_000 * SECOND)
    assert lent(ticket, keys) == 1_700_000_000 * SECOND
    for forged in ("", "x", "1", ticket[:-1] + "?", ticket.replace("17", "18", 1), lend("ak:other", 10**18)):
        assert lent(forged, keys) is None


def test_a_ticket_is_lent_for_the_whole_key_only() -> None:
    native = Native("huawei-pangu", "pangu-1")

    def token(body: object) -> tuple[int, dict[bytes, bytes]]:
        origin, headers = Origin("http", "market", 80), b"Host: market\r\nContent-Type: application/json\r\n"
        target = b"/huawei-pangu/v3/auth/tokens"
        heard = native.face.ask(Request(origin, b"POST", target, headers, json.dumps(body).encode()), PATIENT)
        return heard.status, heard.headers

    user = {"name": "user", "password": "password-of-the-market", "domain": {"name": "market"}}
    scope = {"project": {"name": "cn-southwest-2"}}
    good = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}
    status, headers = token(good)
    assert status == 201
    assert headers[b"x-subject-token"]
    for wrong in ({}, [], {"auth": {**good["auth"], "scope": {}}}):
        assert token(wrong)[0] == 401
    user["password"] = "another"
    assert token(good)[0] == 401
