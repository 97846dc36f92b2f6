"""An upload as the vendor gets it, and what the caller reads when the vendor fails."""

from __future__ import annotations

import json

import msgspec
import pytest
from house import VENDOR_SECRET, House, reply, wait_until

import forms

TYPE = forms.TYPE.decode()


def form(*, name="a.txt", data=b"exact\r\n-b", **fields):
    return forms.form(*(forms.text(field, value) for field, value in fields.items()), forms.file(data, name))


def upload(house: House, body=None, content_type=TYPE, **fields):
    body = form(**{"purpose": "file-extract", "vendor": "moonshot", **fields}) if body is None else body
    return house.ask("/v1/files", body, content_type=content_type)


def kept(**members):
    return reply(200, json.dumps({"id": "f1", "object": "file", "filename": "x", **members}).encode())


def test_the_vendor_gets_the_file_with_a_mark_before_its_name_and_nothing_that_was_said_to_us(house):
    house.moonshot.scripts = [kept(bytes=9)]
    answer = upload(house, name="季报.txt")
    assert (answer.status, answer.json["filename"], answer.json["upstream_id"]) == (200, "季报.txt", "f1")
    (asked,) = house.moonshot.asked
    head = asked.head.decode()
    assert head.startswith("POST /base/files HTTP/1.1\r\n")
    assert [line for line in head.split("\r\n") if line.lower().startswith("content-type")] == [f"Content-Type: {TYPE}"]
    assert f"Authorization: Bearer {VENDOR_SECRET}" in head
    mark = asked.body.partition(b'filename="')[2].partition("季".encode())[0].decode()
    assert len(mark) > 20
    assert asked.body == form(purpose="file-extract", name=f"{mark}季报.txt")


@pytest.mark.parametrize(
    ("script", "status", "code"),
    [
        (reply(401, b'{"error":{"type":"invalid_authentication_error","message":"x"}}'), 502, "vendor_credential"),
        (reply(429, b'{"error":{"type":"engine_overloaded_error","message":"x"}}'), 429, None),
        (reply(400, b'{"error":{"type":"invalid_request_error","message":"too many files"}}'), 400, None),
        (reply(200, b"<html>"), 502, "vendor_error"),
        (reply(200, b'{"id":"../../users"}'), 502, "vendor_error"),
        (reply(200, b'{"error":{"message":"x"}}'), 502, "vendor_error"),
        (["close"], 502, None),
    ],
)
def test_an_upload_that_failed_never_looks_like_a_file(house, script, status, code):
    house.moonshot.scripts = [script]
    answer = upload(house)
    assert answer.status == status
    assert code in (None, answer.error.get("code"))
    assert VENDOR_SECRET.encode() not in answer.body
    assert len(house.moonshot.asked) == 1  # once: a second try could keep it twice


@pytest.mark.parametrize(
    ("body", "content_type", "telling"),
    [
        (b"{}", "application/json", "multipart/form-data"),
        (b"--b--", TYPE, "does not end"),
        (form(purpose=""), TYPE, "'purpose' is missing"),
        (form(purpose="x", name=""), TYPE, "'file' is missing"),
        (form(purpose="x").replace(b'"file"', b'"fill"'), TYPE, "'file' is missing"),
        (form(purpose="x"), TYPE, "which vendor"),
        (form(purpose="x", vendor="nobody"), TYPE, "keeps no files"),
    ],
)
def test_what_is_no_upload_goes_to_no_vendor(house, body, content_type, telling):
    answer = upload(house, body, content_type)
    assert answer.status == 400
    assert telling in answer.error["message"]
    assert house.moonshot.asked == house.zhipu.asked == []


def test_without_a_key_of_the_vendor_nobody_could_tell_whose_file_it_is(house):
    keyless = tuple(msgspec.structs.replace(vendor, credential="") for vendor in house.snapshot().vendors)
    house.swap(version="v2", vendors=keyless)
    answer = upload(house)
    assert (answer.status, house.moonshot.asked) == (400, [])
    assert "need a key" in answer.error["message"]


def test_a_file_that_never_ends_is_hung_up_on(house):
    house.moonshot.scripts = [[b"HTTP/1.1 200 OK\r\nContent-Length: 9000000000\r\n\r\n" + b" " * (65 * 2**20), "hold"]]
    answer = upload(house)
    assert (answer.status, answer.error["code"]) == (502, "answer_truncated")
    wait_until(lambda: house.moonshot.left == 1)
