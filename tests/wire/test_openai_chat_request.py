from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.errors import CallRefused, Code
from fenli.wire.openai_chat import parse_request
from fenli.wire.openai_chat.request import encode_members

MESSAGES = b'"messages":[{"role":"user","content":"hi"}]'


def refusal(body: bytes) -> CallRefused:
    with pytest.raises(CallRefused) as caught:
        parse_request(body)
    return caught.value


def of(extra: bytes = b"") -> bytes:
    return b'{"model":"m",' + MESSAGES + extra + b"}"


def test_what_routing_needs_is_read() -> None:
    ask = parse_request(of(b',"stream":true,"n":3,"max_tokens":7,"stream_options":{"include_usage":true}'))
    assert (ask.model, ask.stream, ask.choices, ask.output_limit, ask.wants_usage) == ("m", True, 3, 7, True)


def test_a_bare_request_has_the_defaults() -> None:
    ask = parse_request(of())
    assert (ask.stream, ask.choices, ask.output_limit, ask.wants_usage) == (False, 1, None, False)
    assert ask.size == len(of())


def test_null_means_absent() -> None:
    ask = parse_request(of(b',"stream":null,"n":null,"max_tokens":null,"stream_options":null'))
    assert (ask.stream, ask.choices, ask.output_limit, ask.wants_usage) == (False, 1, None, False)


@pytest.mark.parametrize(
    ("extra", "limit"),
    [
        (b',"max_tokens":5', 5),
        (b',"max_completion_tokens":6', 6),
        (b',"max_tokens":5,"max_completion_tokens":6', 6),
        (b',"max_tokens":5,"max_completion_tokens":null', 5),
    ],
)
def test_the_newer_name_of_the_output_limit_counts(extra: bytes, limit: int) -> None:
    assert parse_request(of(extra)).output_limit == limit


def test_a_doubled_member_means_its_last_value() -> None:
    ask = parse_request(b'{"model":"one","model":"two","messages":1,' + MESSAGES + b"}")
    assert ask.model == "two"
    assert encode_members(ask.fields).count(b'"model"') == 1


def test_an_escaped_name_is_the_name() -> None:
    assert parse_request(b'{"m\\u006fdel":"x",' + MESSAGES + b"}").model == "x"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1]",
        b"null",
        b'"text"',
        of() + b"x",
        of(b',"x":'),
        of(b',"x":01'),
        of(b',"x":1..2'),
        of(b',"x":NaN'),
        of(b',"x":"\x01"'),
        of(b',"x":"\xff"'),
        of(b',"x":"\xed\xa0\x80"'),
        of(b',"x":"\\ud800"'),
        b"\xef\xbb\xbf" + of(),
        of().decode().encode("utf-16"),
    ],
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    assert refusal(body).code is Code.MALFORMED_JSON


def test_the_byte_that_is_no_utf8_is_named() -> None:
    assert "byte 5" in refusal(b'{"a":\xff}').message


def test_json_nested_beyond_all_reason_is_refused_and_not_followed() -> None:
    assert refusal(of(b',"x":' + b"[" * 100_000 + b"]" * 100_000)).code is Code.MALFORMED_JSON
    assert refusal(b"[" * 100_000).code is Code.MALFORMED_JSON


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{" + MESSAGES + b"}", "model"),
        (b'{"model":1,' + MESSAGES + b"}", "model"),
        (b'{"model":null,' + MESSAGES + b"}", "model"),
        (b'{"model":"' + b"a" * 300 + b'",' + MESSAGES + b"}", "model"),
        (b'{"model":"m"}', "messages"),
        (b'{"model":"m","messages":"hi"}', "messages"),
        (b'{"model":"m","messages":null}', "messages"),
        (of(b',"stream":"yes"'), "stream"),
        (of(b',"stream":1'), "stream"),
        (of(b',"n":0'), "n"),
        (of(b',"n":-1'), "n"),
        (of(b',"n":"2"'), "n"),
        (of(b',"n":1000000'), "n"),
        (of(b',"max_tokens":0'), "max_tokens"),
        (of(b',"max_tokens":1.5'), "max_tokens"),
        (of(b',"max_tokens":1e3'), "max_tokens"),
        (of(b',"max_tokens":1' + b"0" * 30), "max_tokens"),
        (of(b',"max_completion_tokens":"many"'), "max_completion_tokens"),
        (of(b',"max_completion_tokens":9223372036854775807'), "max_completion_tokens"),
        (of(b',"stream_options":[]'), "stream_options"),
        (of(b',"stream_options":{"include_usage":"yes"}'), "stream_options.include_usage"),
    ],
)
def test_a_wrong_value_is_refused_by_name(body: bytes, param: str) -> None:
    error = refusal(body)
    assert error.code is Code.INVALID_VALUE
    assert error.param == param
    assert len(error.message) < 400


def test_usage_is_asked_for_whatever_else_was_set() -> None:
    assert parse_request(of()).asking_usage() == b'{"include_usage":true}'
    asked = parse_request(of(b',"stream_options":{"include_usage":false,"x":[1, 2]}')).asking_usage()
    assert asked == b'{"include_usage":true,"x":[1, 2]}'
    assert parse_request(of(b',"stream_options":null')).asking_usage() == b'{"include_usage":true}'


# Splicing: what is not changed is put back byte for byte.

SPACE = st.sampled_from([b"", b" ", b"\n", b"\t\r\n  "])
NAMES = st.one_of(
    st.sampled_from(["model", "messages", "stream", "top_p", "tools", "n\\o", "中文"]), st.text(max_size=5)
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=8,
)


@st.composite
def json_text(draw: st.DrawFn) -> bytes:
    value = draw(JSON)
    text = json.dumps(value, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 0, 3])))
    return text.encode("utf-8", "backslashreplace") if "\\ud" not in text else b"0"


@st.composite
def members(draw: st.DrawFn) -> tuple[bytes, dict[str, bytes]]:
    """The text of an object with doubled names, escapes and odd whitespace, and the last text of each member."""
    texts: dict[str, bytes] = {}
    pieces = []
    for name in draw(st.lists(NAMES.filter(lambda name: name.isprintable()), max_size=6)):
        value = draw(json_text())
        texts[name] = value
        key = json.dumps(name, ensure_ascii=draw(st.booleans())).encode()
        gaps = [draw(SPACE) for _ in range(4)]
        pieces.append(gaps[0] + key + gaps[1] + b":" + gaps[2] + value + gaps[3])
    return draw(SPACE) + b"{" + (b",".join(pieces) or draw(SPACE)) + b"}" + draw(SPACE), texts


@given(members(), st.sampled_from(["model", "stream_options", "中文"]), json_text())
def test_splicing_keeps_every_untouched_member_byte_for_byte(
    given_members: tuple[bytes, dict[str, bytes]], changed: str, value: bytes
) -> None:
    text, texts = given_members
    head = b'"model":"m","messages":[],'
    body = text.lstrip()
    body = b"{" + (head if texts else head[:-1]) + body[1:]
    try:
        fields = dict(parse_request(body).fields)
    except CallRefused:
        return  # the members that routing reads had values it refuses
    fields[changed] = value
    spliced = encode_members(fields)
    assert json.loads(spliced) == {**json.loads(body), changed: json.loads(value)}
    for name, member in texts.items():
        if name != changed:
            assert bytes(fields[name]) == member
            assert b":" + member in spliced


def test_an_empty_object_splices_to_one() -> None:
    assert encode_members({}) == b"{}"
