from __future__ import annotations

import json
import socket
import struct
import threading
import time
from typing import Any

import openai
import pytest
from house import (
    BODY_MAX,
    DONE,
    EXTRA,
    HI,
    LIMITED,
    ROLE,
    SECRET,
    SHOWING,
    STOP,
    USAGE,
    VENDOR_SECRET,
    WHOLE,
    House,
    events,
    plain,
    read_all,
    read_until,
    reply,
    request_bytes,
    stream,
    wait_until,
)

from fenli.errors import CODES, Code
from fenli.ledger.records import Grade

JSON_ERROR = b'{"error":{"message":"temperature is too high","type":"invalid_request_error","param":null,"code":"x"}}'


# A call


def test_a_call_and_its_books(house: House) -> None:
    answer = house.call(max_tokens=5)
    assert (answer.status, answer.body) == (200, WHOLE)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-fenli-vendor"] == "deepseek"
    assert float(answer.headers["x-fenli-overhead-ms"]) >= 0
    (entry,) = house.books()
    assert entry.call == answer.headers["x-request-id"] == answer.headers["x-fenli-call-id"]
    assert (entry.key, entry.asked, entry.vendor, entry.model) == ("plain", "fast", "deepseek", "deepseek-chat")
    assert (entry.outcome, entry.grade, entry.picos, entry.currency) == ("ok", Grade.MEASURED, 18, "CNY")
    assert entry.raw_usage == USAGE


def test_the_vendor_gets_its_own_model_our_key_and_the_rest_untouched(house: House) -> None:
    messages = b'[ {"role":"user","content":"\\u00e9 \xe4\xb8\xad"} ]'
    body = b'{"messages":' + messages + b',"model":"fast","top_p":0.50,"x":{"a": 1}}'
    assert house.ask(body=body).status == 200
    (asked,) = house.deepseek.asked
    assert asked.body == body.replace(b'"fast"', b'"deepseek-chat"')
    assert asked.head.startswith(b"POST /base/chat/completions HTTP/1.1\r\n")
    assert f"Authorization: Bearer {VENDOR_SECRET}\r\n".encode() in asked.head
    assert SECRET.encode() not in asked.head


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]},
        {"response_format": {"type": "json_object"}},
        {
            "messages": [
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]}
            ]
        },
        {"messages": [{"role": "assistant", "reasoning_content": " ", "tool_calls": []}]},
        {"thinking": {"type": "enabled"}, "cache_control": {"type": "ephemeral"}},
        {"stop": ["\u2028", "\x00", "\U0001f600"]},
    ],
)
def test_what_it_does_not_know_it_passes_on(house: House, fields: dict[str, Any]) -> None:
    assert house.call(**fields).status == 200
    assert house.deepseek.asked[0].json == plain(**fields) | {"model": "deepseek-chat"}


def test_a_connection_is_kept_for_the_next_call(house: House) -> None:
    with house.dial() as connection:
        for _ in range(3):
            connection.sendall(request_bytes())
            assert WHOLE in read_until(connection, WHOLE)
    assert len(house.books(3)) == 3


def test_the_callers_own_ids_are_kept(house: House) -> None:
    house.ask(x_client_request_id="mine-7", x_stainless_retry_count="2")
    house.ask(x_client_request_id="not\tprintable", x_stainless_retry_count="many")
    house.ask(x_client_request_id="x" * 129, x_stainless_retry_count="-1")
    entries = house.books(3)
    assert [(entry.request_id, entry.retry) for entry in entries] == [("mine-7", 2), (None, 0), (None, 0)]


# Who may call what


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "missing_api_key"),
        ({"authorization": "Bearer "}, "missing_api_key"),
        ({"authorization": "Basic Zmw6c2VjcmV0"}, "missing_api_key"),
        ({"x_api_key": ""}, "missing_api_key"),
        ({"authorization": "Bearer fl-revoked"}, "invalid_api_key"),
        ({"authorization": "Bearer fl-secret x"}, "invalid_api_key"),
        ({"x_api_key": "fl-wrong"}, "invalid_api_key"),
        ({"authorization": "Bearer fl-wrong", "x_api_key": SECRET}, "invalid_api_key"),
        ({"authorization": "Bearer \xff\xfe"}, "invalid_api_key"),
    ],
)
def test_without_a_key_of_ours_there_is_nothing(house: House, headers: dict[str, str], code: str) -> None:
    for path, method in (("/v1/chat/completions", "POST"), ("/v1/models", "GET"), ("/v1/models/fast", "GET")):
        answer = house.ask(path, method=method, key=None, **headers)
        assert (answer.status, answer.error["code"]) == (401, code)
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["x-should-retry"] == "false"
        assert "fl-" not in answer.error["message"]
    assert house.deepseek.asked == []


def test_a_refusal_has_an_id_of_its_own_and_no_call(house: House) -> None:
    first, second = house.call(model="no-such-model"), house.call(model="no-such-model")
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert "x-fenli-call-id" not in first.headers


@pytest.mark.parametrize("headers", [{"authorization": f"bearer {SECRET}"}, {"x_api_key": SECRET}])
def test_a_key_may_come_in_either_header(house: House, headers: dict[str, str]) -> None:
    assert house.ask(key=None, **headers).status == 200


def test_a_key_may_be_limited_to_some_names(house: House) -> None:
    assert house.ask(body={"model": "deepseek/deepseek-chat"}, key=LIMITED).status == 200
    refused = house.ask(key=LIMITED)
    assert (refused.status, refused.error["code"], refused.error["param"]) == (403, "model_not_allowed", "model")
    assert "deepseek/deepseek-chat" in refused.error["message"]
    assert [model["id"] for model in house.ask("/v1/models", method="GET", key=LIMITED).json["data"]] == [
        "deepseek/deepseek-chat"
    ]
    assert house.ask("/v1/models/fast", method="GET", key=LIMITED).status == 404


def test_a_revoked_key_is_refused_from_the_next_snapshot_on(house: House) -> None:
    assert house.call().status == 200
    house.swap(keys=())
    assert house.call().error["code"] == "invalid_api_key"


# What cannot be read


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (b"", "malformed_json", None),
        (b"{", "malformed_json", None),
        (b"[]", "malformed_json", None),
        (b'{"model":"fast","messages":[]} x', "malformed_json", None),
        (b'{"model":"fast","messages":["\xff"]}', "malformed_json", None),
        (b'{"model":"fast","messages":' + b"[" * 60_000 + b"]" * 60_000 + b"}", "malformed_json", None),
        (b"{}", "invalid_value", "model"),
        (b'{"model":5,"messages":[]}', "invalid_value", "model"),
        (b'{"model":"fast"}', "invalid_value", "messages"),
        (b'{"model":"fast","messages":{}}', "invalid_value", "messages"),
        (b'{"model":"fast","messages":[],"stream":"yes"}', "invalid_value", "stream"),
        (b'{"model":"fast","messages":[],"max_tokens":-1}', "invalid_value", "max_tokens"),
        (b'{"model":"fast","messages":[],"max_tokens":99999999999999999999999}', "invalid_value", "max_tokens"),
        (b'{"model":"fast","messages":[],"n":0}', "invalid_value", "n"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(house: House, body: bytes, code: str, param: str | None) -> None:
    answer = house.ask(body=body)
    assert (answer.status, answer.error["code"], answer.error["param"]) == (400, code, param)
    assert answer.error["type"] == "invalid_request_error"
    assert len(answer.body) < 1000
    assert house.deepseek.asked == []
    assert house.call().status == 200


def test_a_model_that_is_not_there_names_the_nearest(house: House) -> None:
    answer = house.call(model="deepseek-caht")
    assert (answer.status, answer.error["code"], answer.error["param"]) == (404, "model_not_found", "model")
    assert "deepseek-chat" in answer.error["message"]


@pytest.mark.parametrize("model", ["deepseek/x\r\nX-Evil: 1", "x" * 100_000, "中文", "", "gone"])
def test_a_model_name_cannot_be_anything(house: House, model: str) -> None:
    answer = house.call(model=model)
    assert answer.status in (400, 404)
    assert answer.headers["x-evil"] is None
    assert len(answer.body) < 1000


def test_a_body_that_is_too_large(house: House) -> None:
    answer = house.ask(body=b" " * (BODY_MAX + 1))
    assert (answer.status, answer.error["code"]) == (413, "request_too_large")


def test_a_compressed_body_is_refused(house: House) -> None:
    answer = house.ask(body=b"\x1f\x8b", content_encoding="gzip")
    assert (answer.status, answer.error["code"]) == (400, "bad_http")
    assert house.ask(content_encoding="identity").status == 200


@pytest.mark.parametrize(
    "request_text",
    [
        b"GARBAGE\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
)
def test_even_what_is_no_http_gets_the_envelope(house: House, request_text: bytes) -> None:
    head, _, body = house.raw(request_text).partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.1 400", b"HTTP/1.1 431"))
    assert json.loads(body)["error"]["code"] in ("bad_http", "headers_too_large")


# Paths


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions",
        "/chat/completions",
        "/v1/v1/chat/completions",
        "/v1/v1/v1/chat/completions",
        "//v1//chat///completions",
        "/v1/chat/completions/",
        "//chat/completions//",
        "/v1/chat/completions?x=1",
    ],
)
def test_clients_join_base_urls_in_every_way(house: House, path: str) -> None:
    answer = house.ask(path)
    assert answer.status == 200
    assert answer.headers["location"] is None


@pytest.mark.parametrize("path", ["/v1/models", "/models", "/models/", "/v1/v1/models", "//v1/models?limit=1000"])
def test_models_are_listed_in_every_way_too(house: House, path: str) -> None:
    assert house.ask(path, method="GET").json["object"] == "list"


@pytest.mark.parametrize(
    "path", ["/v1/moderations", "/v2/chat/completions", "/v1/v1x", "/%2e%2e", "/v1" * 20_000 + "/x"]
)
def test_what_is_nowhere_is_not_found_quickly(house: House, path: str) -> None:
    started = time.monotonic()
    answer = house.ask(path)
    assert (answer.status, answer.error["code"]) == (404, "path_not_found")
    assert len(answer.body) < 1000
    assert time.monotonic() - started < 10


def test_a_wrong_method_says_the_right_one(house: House) -> None:
    for method in ("GET", "PUT", "DELETE", "HEAD", "PATCH"):
        answer = house.ask(method=method)
        assert answer.status == 405
        assert answer.headers["allow"] == "POST"
    answer = house.ask("/v1/models")
    assert (answer.status, answer.error["code"], answer.headers["allow"]) == (405, "method_not_allowed", "GET, HEAD")


@pytest.mark.parametrize("path", ["/", "/v1", "/healthz", "/readyz", "/metrics", "/v1/models", "/v1/models/fast"])
def test_head_works_where_get_does(house: House, path: str) -> None:
    head, get = house.ask(path, method="HEAD"), house.ask(path, method="GET")
    assert (head.status, get.status) == (200, 200)
    assert head.body == b""
    assert head.headers["content-type"] == get.headers["content-type"]


# Models


def test_a_model_in_both_dialects(house: House) -> None:
    listed = house.ask("/v1/models", method="GET").json
    names = [model["id"] for model in listed["data"]]
    assert names == ["fast", "deepseek/deepseek-chat", "moonshot/kimi-k2.6", "zhipu/glm-4.6"]
    assert (listed["first_id"], listed["last_id"], listed["has_more"]) == ("fast", "zhipu/glm-4.6", False)
    model = listed["data"][0]
    assert (model["object"], model["type"], model["owned_by"]) == ("model", "model", "deepseek")
    assert (model["created"], model["created_at"]) == (1_700_000_000, "2023-11-14T22:13:20.000Z")
    assert {"display_name", "lifecycle", "max_input_tokens", "max_tokens", "capabilities"} <= set(model)


@pytest.mark.parametrize("name", ["fast", "deepseek/deepseek-chat", "deepseek%2Fdeepseek-chat", "deepseek/unlisted"])
def test_one_model_by_a_name_that_may_hold_slashes(house: House, name: str) -> None:
    answer = house.ask(f"/v1/models/{name}", method="GET")
    assert (answer.status, answer.json["id"]) == (200, name.replace("%2F", "/"))


@pytest.mark.parametrize("name", ["nobody", "gone", "deepseek/", "a%ff%00", "%0d%0aX-Evil:%201", "x" * 3000])
def test_one_that_is_not_there(house: House, name: str) -> None:
    answer = house.ask(f"/v1/models/{name}", method="GET")
    assert (answer.status, answer.error["code"]) == (404, "model_not_found")
    assert answer.headers["x-evil"] is None


# Cost


def test_the_cost_in_a_body(house: House) -> None:
    usage = house.ask(x_fenli_cost="true").json["usage"]
    assert usage["cost_details"] == {"currency": "CNY", "offer": "o-deepseek", "grade": "measured"}
    assert usage["cost"] == pytest.approx(18e-12)
    assert house.ask(key=SHOWING).json["usage"] == usage
    assert house.ask(key=SHOWING, x_fenli_cost="false").body == WHOLE


def test_the_cost_in_a_stream(house: House) -> None:
    house.deepseek.scripts.append(stream(ROLE, HI, STOP, EXTRA, DONE))
    answer = house.ask(body={"stream": True}, x_fenli_cost="1")
    last, mark = events(answer.body)[-2:]
    assert last["usage"]["cost"] == pytest.approx(18e-12)
    assert last["choices"] == []
    assert mark == "[DONE]"


def test_an_unpriced_answer_costs_null(house: House) -> None:
    assert house.ask(body={"model": "glm-4.6"}, x_fenli_cost="true").json["usage"]["cost"] is None
    (entry,) = house.books()
    assert (entry.picos, entry.grade, entry.note) == (None, Grade.UNKNOWN, "unpriced")


# Streams


def test_a_stream_as_it_comes(house: House) -> None:
    house.deepseek.scripts.append(stream(b": keep-alive\n\n", ROLE, HI, 0.05, HI + STOP, EXTRA, DONE))
    answer = house.call(stream=True)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.headers["content-encoding"] is None
    assert [event for event in events(answer.body) if not isinstance(event, str)] == events(ROLE + HI + HI + STOP)
    assert answer.body.endswith(DONE)
    assert house.deepseek.asked[0].json["stream_options"] == {"include_usage": True}
    (entry,) = house.books()
    assert (entry.stream, entry.grade, entry.picos) == (True, Grade.MEASURED, 18)


def test_the_usage_chunk_only_for_who_asks(house: House) -> None:
    house.deepseek.scripts += [stream(HI, STOP, EXTRA, DONE)] * 2
    assert EXTRA not in house.call(stream=True).body
    assert house.call(stream=True, stream_options={"include_usage": True}).body == HI + STOP + EXTRA + DONE


def test_nothing_is_said_before_the_first_content(house: House) -> None:
    house.deepseek.scripts.append(stream(ROLE, 0.3, HI, STOP, DONE))
    with house.dial() as connection:
        connection.sendall(request_bytes({"stream": True}))
        connection.settimeout(0.15)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(20)
        assert ROLE + HI in read_until(connection, HI)


def test_an_error_in_the_middle_of_a_stream_arrives_before_the_end_of_the_connection(house: House) -> None:
    house.deepseek.scripts.append(stream(HI, 0.05, b'data: {"error":{"message":"broke"}}\n\n', 5.0))
    text = house.raw(request_bytes({"stream": True}))
    assert text.endswith(b"\r\n")
    assert not text.endswith(b"0\r\n\r\n")  # the end of the chunked body never comes
    assert b"[DONE]" not in text
    error = json.loads(text.rpartition(b"data: ")[2].partition(b"\n\n")[0])["error"]
    assert error["code"] == "vendor_error"
    assert "broke" in error["message"]
    (entry,) = house.books()
    assert (entry.outcome, entry.grade) == ("server_error", Grade.ESTIMATED)


def test_a_long_stream_that_breaks_is_flushed_with_its_error(house: House) -> None:
    """The error event goes out even when the caller has not yet taken what came before it."""
    many = [HI * 1000] * 80
    house.deepseek.scripts.append(stream(*many, end=False))
    with house.dial() as connection:
        connection.sendall(request_bytes({"stream": True}))
        time.sleep(0.3)
        text = read_all(connection)
    assert text.count(b'"Hi"') == 80_000
    assert b'"code":"answer_truncated"' in text[-600:]
    assert not text.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("piece", [HI, HI + STOP[:-2], HI + STOP])
def test_a_stream_that_is_cut_never_looks_whole(house: House, piece: bytes) -> None:
    house.deepseek.scripts.append(stream(piece, end=False))
    text = house.raw(request_bytes({"stream": True}))
    assert b"[DONE]" not in text
    assert not text.endswith(b"0\r\n\r\n")
    assert house.books()[0].outcome == "truncated"


def test_a_vendor_that_never_says_done_is_ended_for_it(house: House) -> None:
    house.deepseek.scripts.append(stream(HI, STOP, EXTRA))
    assert house.call(stream=True).body.endswith(DONE)
    assert house.books()[0].grade is Grade.MEASURED


def test_two_choices_in_one_stream(house: House) -> None:
    second = HI.replace(b'"index":0', b'"index":1'), STOP.replace(b'"index":0', b'"index":1')
    house.deepseek.scripts.append(stream(HI, second[0], STOP, second[1]))
    assert house.call(stream=True, n=2).body == HI + second[0] + STOP + second[1] + DONE


def test_http_1_0_gets_a_stream_to_the_end_of_the_connection(house: House) -> None:
    house.deepseek.scripts.append(stream(HI, STOP, DONE))
    text = house.raw(request_bytes({"stream": True}).replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert text.partition(b"\r\n\r\n")[2] == HI + STOP + DONE


# When vendors fail


def test_failover_before_the_first_content(house: House) -> None:
    house.deepseek.scripts.append(reply(503, b"busy", "text/plain"))
    answer = house.call()
    assert (answer.status, answer.headers["x-fenli-vendor"], answer.headers["x-fenli-attempts"]) == (
        200,
        "moonshot",
        "2",
    )
    entries = house.books()
    assert [(entry.vendor, entry.outcome, entry.picos, entry.final) for entry in entries] == [
        ("deepseek", "overloaded", None, False),
        ("moonshot", "ok", 180, True),
    ]


@pytest.mark.parametrize(
    "script",
    [
        stream(ROLE, b'data: {"error":{"message":"x"}}\n\n'),
        stream(ROLE, end=False),
        stream(DONE),
        stream(b"<html>\n\n"),
        reply(200, b'{"error":{"message":"x"}}'),
        reply(502, b"<html>Bad Gateway</html>", "text/html"),
        reply(401, b"{}"),
        reply(302, b"", "text/html", "Location: http://evil.example/"),
        ["close"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n", "close"],
        [b"garbage\r\n\r\n", "close"],
    ],
)
def test_a_stream_fails_over_whatever_the_first_vendor_does(house: House, script: list[Any]) -> None:
    house.deepseek.scripts.append(script)
    house.moonshot.scripts.append(stream(ROLE, HI, STOP, EXTRA, DONE))
    answer = house.call(stream=True)
    assert answer.status == 200
    assert [event for event in events(answer.body) if isinstance(event, dict)] == events(ROLE + HI + STOP)
    entries = house.books()
    assert [entry.vendor for entry in entries] == ["deepseek", "moonshot"]
    assert entries[1].picos == 180


def test_a_silent_vendor_is_left_for_the_next(house: House) -> None:
    house.deepseek.scripts.append(["hold"])
    started = time.monotonic()
    assert house.call().headers["x-fenli-vendor"] == "moonshot"
    assert 1.5 < time.monotonic() - started < 30
    entries = house.books()
    assert [(entry.outcome, entry.grade) for entry in entries] == [("timeout", Grade.UNKNOWN), ("ok", Grade.MEASURED)]


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, JSON_ERROR, "application/json; charset=utf-8"),
        (422, b'{ "odd" :\n1}', "application/problem+json"),
        (413, b"<html>too large</html>", "text/html"),
        (451, b"", "text/plain"),
    ],
)
def test_a_vendors_own_4xx_passes_byte_for_byte(house: House, status: int, body: bytes, kind: str) -> None:
    house.deepseek.scripts.append(reply(status, body, kind))
    answer = house.call()
    assert (answer.status, answer.body, answer.headers["content-type"]) == (status, body, kind)
    assert answer.headers["x-fenli-vendor"] == "deepseek"
    assert house.moonshot.asked == []
    (entry,) = house.books()
    assert (entry.grade, entry.picos) == (Grade.NONE, None)


@pytest.mark.parametrize("streamed", [False, True])
def test_the_trouble_of_our_account_is_ours(house: House, streamed: bool) -> None:
    words = f'{{"error":{{"code":"1113","message":"arrears of {VENDOR_SECRET}, org-77"}}}}'.encode()
    house.zhipu.scripts.append(reply(429, words, "application/json", "X-Org: org-77"))
    answer = house.call(model="glm-4.6", stream=streamed)
    assert (answer.status, answer.error["code"], answer.error["type"]) == (502, "vendor_credential", "vendor_error")
    assert answer.headers["x-should-retry"] == "false"
    assert answer.error["call_id"] == answer.headers["x-request-id"]
    told = answer.body + str(answer.headers).encode()
    assert b"org-77" not in told
    assert VENDOR_SECRET.encode() not in told
    note = house.books()[0].note or ""
    assert "org-77" in note
    assert VENDOR_SECRET not in note


@pytest.mark.parametrize(
    ("status", "lines", "wait"),
    [
        (429, ["Retry-After: 7"], ("7", "7000")),
        (429, ["Retry-After: 7", "retry-after-ms: 6500"], ("7", "6500")),
        (429, ["Retry-After: 3600"], ("120", "120000")),
        (429, ["Retry-After: soon"], (None, None)),
        (503, ["Retry-After: 1"], ("1", "1000")),
        (500, ["Retry-After: 1"], (None, None)),
    ],
)
def test_a_wait_is_passed_on_and_capped(house: House, status: int, lines: list[str], wait: tuple[Any, Any]) -> None:
    house.zhipu.scripts.append(reply(status, b"{}", "application/json", *lines))
    answer = house.call(model="glm-4.6")
    assert (answer.headers["retry-after"], answer.headers["retry-after-ms"]) == wait


@pytest.mark.parametrize(
    ("script", "status", "code"),
    [
        (reply(502, b"<html>nginx</html>", "text/html"), 502, "vendor_error"),
        (reply(200, b"<html>hello</html>", "text/html"), 502, "vendor_error"),
        (reply(200, b'{"choices":[]}'), 502, "vendor_error"),
        (reply(200, WHOLE[:-5]), 502, "vendor_error"),
        (reply(200, b'{"error":{"code":"1301","message":"x"}}'), 400, "content_filtered"),
        (reply(504, b""), 504, "vendor_timeout"),
        (reply(529, b""), 503, "vendor_overloaded"),
        (["close"], 502, "answer_truncated"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + WHOLE[:20], "close"], 502, "answer_truncated"),
        (["hold"], 504, "vendor_timeout"),
    ],
)
def test_what_a_caller_reads_when_nobody_answered(house: House, script: list[Any], status: int, code: str) -> None:
    house.zhipu.scripts.append(script)
    answer = house.call(model="glm-4.6")
    assert (answer.status, answer.error["code"]) == (status, code)
    assert CODES[Code(code)][1] == answer.error["type"]
    assert "zhipu/glm-4.6" in answer.error["message"]
    assert house.books()[0].outcome != "ok"


def test_a_vendors_headers_are_not_passed_on(house: House) -> None:
    house.deepseek.scripts.append(reply(200, WHOLE, "application/json", "Set-Cookie: a=1", "X-Request-Id: theirs"))
    answer = house.call()
    assert answer.headers["set-cookie"] is None
    assert answer.headers["x-request-id"].startswith("call_")


def test_a_vendor_that_cannot_be_reached(house: House) -> None:
    dead = house.snapshot()
    vendors = tuple(
        type(v)(v.id, v.adapter, "http://127.0.0.1:1/", v.credential, v.models, v.currency)
        if v.id == "deepseek" else v for v in dead.vendors
    )  # fmt: skip
    house.swap(vendors=vendors)
    assert house.call().headers["x-fenli-vendor"] == "moonshot"
    assert [entry.grade for entry in house.books()] == [Grade.NONE, Grade.MEASURED]


# When callers leave


def test_a_caller_who_leaves_mid_stream_settles(house: House) -> None:
    house.deepseek.scripts.append(stream(HI, "hold"))
    with house.dial() as connection:
        connection.sendall(request_bytes({"stream": True}))
        read_until(connection, HI)
    (entry,) = house.books()
    assert (entry.outcome, entry.grade) == ("client_gone", Grade.ESTIMATED)
    wait_until(lambda: house.deepseek.left >= 1)  # the vendor's connection is closed too


def test_a_caller_who_resets_mid_stream_settles(house: House) -> None:
    house.deepseek.scripts.append(stream(HI, "hold"))
    connection = house.dial()
    connection.sendall(request_bytes({"stream": True}))
    read_until(connection, HI)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    assert house.books()[0].outcome == "client_gone"


def test_a_caller_who_hangs_up_at_once_leaves_whole_books(house: House) -> None:
    for _ in range(20):
        with house.dial() as connection:
            connection.sendall(request_bytes())
    for entry in house.books(20):
        assert entry.outcome in ("client_gone", "ok")


def test_a_caller_who_leaves_while_the_disk_is_full_leaves_no_trace(house: House) -> None:
    house.full = True
    for _ in range(20):
        with house.dial() as connection:
            connection.sendall(request_bytes())
    house.full = False
    assert house.call().status == 200
    assert house.books()[-1].outcome == "ok"


def test_a_caller_that_reads_slowly_gets_everything(house: House) -> None:
    """More than the kernel's buffers and ours hold together: the vendor has to wait in between."""
    house.deepseek.scripts.append(stream(*[HI * 1000] * 250, STOP, EXTRA, DONE))
    with house.dial() as connection:
        connection.sendall(request_bytes({"stream": True}, "Connection: close"))
        time.sleep(0.3)
        text = read_all(connection)
    assert text.count(b'"Hi"') == 250_000
    assert text.endswith(b"0\r\n\r\n")
    assert house.books()[0].outcome == "ok"


# The journal


def test_while_the_disk_is_full_no_vendor_is_asked(house: House) -> None:
    house.full = True
    answer = house.call()
    assert (answer.status, answer.error["code"], answer.error["type"]) == (503, "journal_unavailable", "server_error")
    assert "free disk space" in answer.error["message"]
    assert house.deepseek.asked == []
    ready = house.ask("/readyz", method="GET")
    assert ready.status == 503
    assert "No space left" in ready.json["problems"][0]
    house.full = False
    wait_until(lambda: house.ask("/readyz", method="GET").status == 200)  # without a call
    assert house.call().status == 200
    assert len(house.books()) == 1


def test_while_the_journal_cannot_be_synced_others_are_asked_first(house: House) -> None:
    """Calls go on, since their holds are written; whoever chooses among gateways is told that power must not fail."""
    house.shaky = True
    assert house.call().status == 200
    house.recorder.sync()  # as the worker's thread does, many times a second
    for _ in range(2):
        ready = house.ask("/readyz", method="GET")
        assert (ready.status, ready.json["problems"]) == (
            503,
            ["the journal cannot be synced: [Errno 5] Input/output error"],
        )
        house.recorder.sync()
    assert house.call().status == 200
    house.shaky = False
    house.recorder.sync()  # without a call
    assert house.ask("/readyz", method="GET").status == 200
    assert len(house.books()) == 2


def test_what_was_metered_while_the_disk_was_full_is_written_later(house: House) -> None:
    house.deepseek.scripts.append(stream(HI, 0.3, STOP, EXTRA, DONE))
    with house.dial() as connection:
        connection.sendall(request_bytes({"stream": True}))
        read_until(connection, HI)
        house.full = True
        read_until(connection, DONE)
    wait_until(lambda: b"fenli_journal_pending_records 1" in house.ask("/metrics", method="GET", key=None).body)
    house.full = False
    (entry,) = house.books()
    assert (entry.outcome, entry.picos) == ("ok", 18)


# The house itself


def test_alive_ready_and_measured_without_a_key(house: House) -> None:
    assert house.ask("/healthz", method="GET", key=None).json == {"status": "ok"}
    assert house.ask("/readyz", method="GET", key=None).json == {"status": "ready", "problems": []}
    assert house.ask("/", method="GET", key=None).json["name"] == "fenli"
    house.call()
    house.ask(key="fl-wrong")
    text = house.ask("/metrics", method="GET", key=None).body.decode()
    assert 'fenli_calls_total{vendor="deepseek",model="deepseek-chat",outcome="ok",stream="false"} 1' in text
    assert 'fenli_refused_total{code="invalid_api_key"} 1' in text
    assert "fenli_calls_in_flight 0" in text


def test_metrics_may_need_a_key(house: House) -> None:
    house.app.open_metrics = False
    assert house.ask("/metrics", method="GET", key=None).status == 401
    assert house.ask("/metrics", method="GET").status == 200


def test_before_the_first_snapshot(house: House) -> None:
    house.snapshots.directory = None
    assert house.call().error["code"] == "internal_error"
    ready = house.ask("/readyz", method="GET")
    assert (ready.status, ready.json["status"]) == (503, "not ready")


def test_while_it_drains(house: House) -> None:
    house.app.draining = True
    answer = house.call()
    assert (answer.status, answer.error["code"]) == (503, "shutting_down")
    assert answer.headers["x-should-retry"] is None
    assert house.ask("/readyz", method="GET").json["problems"] == ["shutting down"]
    assert house.ask("/healthz", method="GET").status == 200


def test_a_new_snapshot_changes_nothing_for_calls_under_way(house: House) -> None:
    house.deepseek.scripts.append([0.4, *reply(503, b"{}")])
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(house.call()))
    thread.start()
    while not house.deepseek.asked:
        time.sleep(0.01)
    house.swap(keys=(), routes=(), vendors=(), offers={})
    thread.join()
    assert (answers[0].status, answers[0].headers["x-fenli-vendor"]) == (200, "moonshot")
    assert [entry.picos for entry in house.books()] == [None, 180]


def test_a_bug_is_answered_in_the_envelope_and_logged(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def explode(*_: Any) -> None:
        raise RuntimeError("bug")

    monkeypatch.setattr("fenli.gateway.app.parse_request", explode)
    answer = house.call()
    assert (answer.status, answer.error["code"]) == (500, "internal_error")
    assert "bug" not in answer.error["message"]
    assert SECRET not in caplog.text
    monkeypatch.undo()
    assert house.call().status == 200


# OpenAI's own client


def test_openais_client_is_content(house: House) -> None:
    client = openai.OpenAI(base_url=f"http://127.0.0.1:{house.port}/v1", api_key=SECRET, max_retries=0)
    said = client.chat.completions.create(model="fast", messages=[{"role": "user", "content": "Hello"}])
    assert said.choices[0].message.content == "Hi"
    assert said._request_id == house.books()[0].call
    house.deepseek.scripts += [stream(ROLE, HI, STOP, EXTRA, DONE)] * 2
    chunks = list(client.chat.completions.create(model="fast", messages=[], stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Hi"
    options: Any = {"include_usage": True}
    chunks = list(client.chat.completions.create(model="fast", messages=[], stream=True, stream_options=options))
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 14
    assert [model.id for model in client.models.list()][:1] == ["fast"]
    assert client.models.retrieve("deepseek/deepseek-chat").owned_by == "deepseek"


def test_openais_client_knows_our_refusals(house: House) -> None:
    client = openai.OpenAI(base_url=f"http://127.0.0.1:{house.port}/v1", api_key=SECRET, max_retries=0)
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="nobody", messages=[])
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="fl-wrong").models.list()
    house.deepseek.scripts.append(reply(400, JSON_ERROR))
    with pytest.raises(openai.BadRequestError, match="temperature is too high"):
        client.chat.completions.create(model="fast", messages=[])
    house.deepseek.scripts.append(stream(HI, 0.05, b'data: {"error":{"message":"broke"}}\n\n'))
    with pytest.raises(openai.APIError, match="broke"):
        list(client.chat.completions.create(model="fast", messages=[], stream=True))
    house.deepseek.scripts.append(stream(HI, 0.05, end=False))
    with pytest.raises(openai.APIError, match="before the answer was whole"):
        list(client.chat.completions.create(model="fast", messages=[], stream=True))
