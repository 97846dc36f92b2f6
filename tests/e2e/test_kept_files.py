"""Files through a whole fenli: the official client, what is read out of them, and whose they are."""

from __future__ import annotations

import json

import openai
import pytest
from fenli_service import ask_plainly, entries, entry_of, newcomer, on_the_market

KEEPING = ("moonshot", "openai", "zhipu", "alibaba", "stepfun", "baichuan")
READ = {"moonshot": "file-extract", "baichuan": "medical"}  # whose content is what was read out
ASKED = (*KEEPING, "deepseek")
ROUTE = """
[[routes]]
name = "long"
targets = ["deepseek/deepseek-flash", "moonshot/kimi-k2.6"]
"""
REPORT = "第三季度：分厘不差。\n" * 10_000  # larger than what is read of a balance


@pytest.fixture(scope="module")
def fenli(tmp_path_factory):
    with on_the_market(tmp_path_factory.mktemp("files"), ASKED, config=ROUTE) as running:
        yield running


def test_a_long_document_is_read_out_and_asked_about(fenli, client):
    """What file-extract is for: the text of a document, sent along with the question."""
    model = "moonshot/kimi-k2.6"
    file = client.files.create(
        file=("季报 1.txt", REPORT.encode()), purpose="file-extract", extra_body={"model": model}
    )
    assert (file.object, file.filename, file.bytes, file.purpose) == (
        "file", "季报 1.txt", len(REPORT.encode()), "file-extract",
    )  # fmt: skip
    content = client.files.content(file.id)
    assert json.loads(content.text) | {"title": ""} == {
        "content": REPORT, "file_type": "text/plain", "filename": "季报 1.txt", "title": "", "type": "file",
    }  # fmt: skip
    messages = [{"role": "system", "content": content.text[:9_000]}, {"role": "user", "content": "几个错？"}]
    answer = client.chat.completions.create(model=model, messages=messages)
    assert answer.choices[0].message.content
    assert answer.usage.prompt_tokens > 2_000
    client.files.delete(file.id)


@pytest.mark.parametrize("vendor", KEEPING)
def test_a_file_is_kept_listed_fetched_and_deleted(client, vendor):
    where = {"vendor": vendor}
    purpose = READ.get(vendor, "batch")
    made = [
        client.files.create(file=(name, data), purpose=purpose, extra_body=where)
        for name, data in (("a.bin", bytes(range(256))), ("b.txt", b"x\r\n--y"))
    ]
    listed = client.files.list(extra_query=where)
    assert [(file.id, file.filename) for file in listed.data] == [(file.id, file.filename) for file in made]
    assert [file.id for file in client.files.list(limit=1, extra_query=where)] == [file.id for file in made]
    told = client.files.retrieve(made[1].id)
    assert (told.id, told.filename, told.bytes) == (made[1].id, "b.txt", 6)
    if vendor in READ:
        assert json.loads(client.files.content(made[1].id).text)["content"] == "x\r\n--y"
    else:
        assert client.files.content(made[0].id).content == bytes(range(256))
        assert client.files.content(made[1].id).content == b"x\r\n--y"
    for file in made:
        assert client.files.delete(file.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(made[0].id)
    assert client.files.list(extra_query=where).data == []


def test_a_route_leads_to_its_first_vendor_that_keeps_files(client):
    raw = client.files.with_raw_response.create(
        file=("a.txt", b"hi"), purpose="file-extract", extra_body={"model": "long"}
    )
    assert raw.headers["x-fenli-vendor"] == "moonshot"
    client.files.delete(raw.parse().id)


def test_nobody_sees_the_files_of_others(fenli, client):
    other = newcomer(fenli, "--name", "other")
    where = {"vendor": "moonshot"}
    mine = client.files.create(file=("mine.txt", b"secret"), purpose="file-extract", extra_body=where)
    theirs = other.files.create(file=("theirs.txt", b"x"), purpose="file-extract", extra_body=where)
    assert [file.filename for file in client.files.list(extra_query=where)] == ["mine.txt"]
    # A page that holds only what others own is passed over.
    assert [file.filename for file in other.files.list(limit=1, extra_query=where)] == ["theirs.txt"]
    for act in (other.files.retrieve, other.files.content, other.files.delete):
        with pytest.raises(openai.NotFoundError, match="no such file of yours"):
            act(mine.id)
    with pytest.raises(openai.NotFoundError, match="no such file of yours"):
        other.files.list(after=mine.id, extra_query=where)
    assert client.files.retrieve(mine.id).filename == "mine.txt"
    client.files.delete(mine.id)
    other.files.delete(theirs.id)


def test_a_key_for_some_models_names_one_of_them(fenli):
    limited = newcomer(fenli, "--model", "moonshot/kimi-k2.6")
    for named in ({"vendor": "openai"}, {"model": "zhipu/glm-4.6"}, {}):
        with pytest.raises(openai.PermissionDeniedError):
            limited.files.create(file=("a.txt", b"x"), purpose="batch", extra_body=named)
    file = limited.files.create(
        file=("a.txt", b"x"), purpose="file-extract", extra_body={"model": "moonshot/kimi-k2.6"}
    )
    assert limited.files.delete(file.id).deleted


@pytest.mark.parametrize(
    ("said", "telling"),
    [
        ({}, "send 'model', or 'vendor'"),
        ({"vendor": "deepseek"}, "keeps no files here"),
        ({"model": "deepseek/deepseek-flash"}, "no files of deepseek"),
        ({"vendor": "zhipu", "model": "zhipu/glm-4.6"}, "send one of them"),
        ({"vendor": "moonshot"}, "purpose: nonsense is none of"),  # the vendor's own words
    ],
)
def test_what_cannot_be_kept_is_refused_and_named(client, said, telling):
    with pytest.raises(openai.APIStatusError, match=telling):
        client.files.create(file=("a.txt", b"x"), purpose="nonsense", extra_body=said)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/files/nothing", 404),
        ("GET", "/files/file-AAAA", 404),
        ("GET", "/files/file-" + "W" * 3000, 404),
        ("DELETE", "/files/file-WzFd/content", 405),
        ("PUT", "/files", 405),
        ("POST", "/files/file-WzFd", 405),
        ("POST", "/files?vendor=moonshot", 400),
    ],
)
def test_what_is_no_request_about_a_file_is_refused(fenli, method, path, status):
    found, _, body = ask_plainly(fenli, path, method=method)
    assert found == status
    assert json.loads(body)["error"]["message"]


def test_files_are_in_no_book(fenli, client):
    file = client.files.create(file=("a.txt", b"x"), purpose="batch", extra_body={"vendor": "openai"})
    client.files.delete(file.id)
    raw = client.chat.completions.with_raw_response.create(
        model="deepseek/deepseek-flash", messages=[{"role": "user", "content": "hi"}]
    )
    entry_of(fenli, raw.headers)
    assert "openai" not in {entry["vendor"] for entry in entries(fenli)}
