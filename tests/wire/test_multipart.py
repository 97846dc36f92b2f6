"""Forms become the JSON that they stand for, or are refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.errors import CallRefused
from fenli.wire.multipart import form_of, json_of_form, parts_of, plain_type
from forms import TYPE, form, text

NAMES = st.text(st.characters(codec="utf-8", exclude_characters='"\r\n\\'), min_size=1, max_size=20)


@given(fields=st.dictionaries(NAMES, st.text(st.characters(codec="utf-8")), min_size=1, max_size=5))
def test_what_a_client_writes_is_read_back(fields):
    parts = [text(name, value) for name, value in fields.items()]
    if not any(b"\r\n--b" in part for part in parts):
        assert json.loads(json_of_form(form(*parts), TYPE)) == fields


def test_a_file_is_a_data_url():
    head = b'content-disposition: form-data; filename="a.png"; name="image"\r\nContent-Type: image/png\r\n\r\n'
    kind = b'multipart/form-data; boundary="a-long-one"; charset=utf-8'
    body = (form(head + b"\x89PNG\r\n--b")).replace(b"--b\r\n", b"--a-long-one\r\n", 1)
    body = body.replace(b"--b--", b"--a-long-one--")
    assert json.loads(json_of_form(body, kind)) == {"image": "data:image/png;base64,iVBORw0KLS1i"}


def test_a_type_that_is_none_is_not_passed_on():
    body = form(b'Content-Disposition: form-data; name="f"; filename="x"\r\nContent-Type: a"b\r\n\r\nhi')
    assert json.loads(json_of_form(body, TYPE)) == {"f": "data:application/octet-stream;base64,aGk="}


@pytest.mark.parametrize(
    ("body", "kind", "telling"),
    [
        (form(b'Content-Disposition: form-data; name="a"\r\n\r\nx'), b"multipart/form-data", "no boundary"),
        (b"", TYPE, "does not end"),
        (b"--b--", TYPE, "does not end"),
        (b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx', TYPE, "does not end"),
        (form(b"no head"), TYPE, "no head"),
        (form(b"Content-Disposition: form-data\r\n\r\nx"), TYPE, "no name"),
        (form(b'Content-Disposition: form-data; name="a"\r\n\r\n\xff'), TYPE, "not UTF-8"),
        (form(*[b'Content-Disposition: form-data; name="a"\r\n\r\nx'] * 200), TYPE, "more than 100"),
    ],
)
def test_a_form_that_is_none_is_refused(body, kind, telling):
    with pytest.raises(CallRefused, match=telling):
        json_of_form(body, kind)


@given(body=st.binary(max_size=200))
def test_noise_is_refused_and_never_a_crash(body):
    with pytest.raises(CallRefused):
        json_of_form(body, b"multipart/form-data; boundary=nothing-like-it")


@given(texts=st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=5), data=st.binary(max_size=200))
def test_a_form_is_put_together_as_it_came_but_for_the_name_of_its_file(texts, data):
    head = b'Content-Disposition: form-data; name="file"; filename="a \xc3\xa9.txt"\r\nContent-Type: text/plain'
    fields = [b'Content-Disposition: form-data; name="t"\r\n\r\n%b' % text.encode() for text in texts]
    parts = [*fields, head + b"\r\n\r\n" + data]
    if any(b"--b" in part for part in parts):
        return
    came = parts_of(form(*parts), TYPE)
    assert form_of(came, TYPE) == form(*parts)
    assert ([part.text for part in came[:-1]], came[-1].file, came[-1].data) == (texts, "a é.txt", data)
    renamed = parts_of(form_of([came[-1].called("x-é\\1.txt")], TYPE), TYPE)
    assert [(part.name, part.file, part.data) for part in renamed] == [("file", "x-é\\1.txt", data)]


@pytest.mark.parametrize(
    "head",
    [
        b'Content-Type: text/plain; filename="decoy"\r\nContent-Disposition: form-data; name="file"; filename="own"',
        b'Content-Disposition: form-data; name="file"; filename="own"; filename*=UTF-8\'\'another',
        b'Content-Disposition: form-data; name="file"; filename="own"\r\nContent-Disposition: form-data; '
        b'name="file"; filename="own"',
        b'Content-Disposition: form-data; name="file"; filename="own"\r\nX-Other: filename="another"',
    ],
)
def test_a_file_has_the_name_that_it_is_called_and_no_other(head):
    (part,) = parts_of(form(head + b"\r\n\r\nhi"), TYPE)
    called = part.called("mark-own")
    assert called.head.split(b"\r\n")[0] == b'Content-Disposition: form-data; name="file"; filename="mark-own"'
    assert form_of([called], TYPE).count(b"name") == 2
    assert called.data == b"hi"


@pytest.mark.parametrize("name", [b"a\\", b"a\nb", b"a\rb", b"a\0b"])
def test_a_name_that_could_end_early_is_refused(name):
    (part,) = parts_of(form(b'Content-Disposition: form-data; name="file"; filename="%b"\r\n\r\nhi' % name), TYPE)
    with pytest.raises(CallRefused, match="control characters, or ends in a backslash"):
        part.plain()


def test_a_type_goes_on_without_what_stands_behind_it():
    head = b'Content-Disposition: form-data; name="file"; filename="a"\r\nContent-Type: text/plain; charset=utf-8'
    (part,) = parts_of(form(head + b"\r\n\r\nhi"), TYPE)
    assert part.plain().head.endswith(b"\r\nContent-Type: text/plain")


def test_a_form_costs_no_more_than_its_bytes():
    with pytest.raises(CallRefused, match="more than 100 fields"):
        parts_of(b"--b" + b"\r\n--b" * 100_000, TYPE)
    lines = b"\r\na" * 10_000
    with pytest.raises(CallRefused, match="head of more than 8192 bytes"):
        parts_of(form(b'Content-Disposition: form-data; name="a"' + lines + b"\r\n\r\nx"), TYPE)


def test_a_boundary_within_a_field_is_not_read_as_two_fields():
    head = b'Content-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    inner = b'one\r\n--bx\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nother'
    with pytest.raises(CallRefused, match="boundary stands within a field"):
        parts_of(form(head + inner), TYPE)


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        (b"multipart/form-data; boundary=b", b"multipart/form-data; boundary=b"),
        (b'Multipart/Form-Data; charset=utf-8; Boundary="a b:c"', b'multipart/form-data; boundary="a b:c"'),
        (b"multipart/form-data; xboundary=x; boundary=b", b"multipart/form-data; boundary=b"),
        (b"multipart/form-data; boundary=b; boundary=x", b"multipart/form-data; boundary=b"),
        (b"multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxk",
         b"multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxk"),
    ],
)  # fmt: skip
def test_a_form_goes_on_with_one_boundary(said, sent):
    assert plain_type(said) == sent
    assert plain_type(sent) == sent


@pytest.mark.parametrize("boundary", [b"", b'"', b'a"b', b"a\\b", b'"a\\"', b"x" * 71, b"a b"])
def test_what_is_no_boundary_is_refused(boundary):
    with pytest.raises(CallRefused, match="names no boundary"):
        plain_type(b"multipart/form-data; boundary=" + boundary)


@pytest.mark.parametrize("end", [b"\n", b"\r", b" ", b""])
def test_a_boundary_that_somebody_could_find_in_a_file_is_refused_on_its_way(end):
    head = b'Content-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    parts = parts_of(form(head + b"one" + end + b"--b\n"), TYPE)
    with pytest.raises(CallRefused, match="boundary stands within a field"):
        form_of(parts, TYPE)
