"""Emulated vendors keep files: strictly by form and purpose, and Moonshot reads their text out."""

from __future__ import annotations

import json

import pytest
from faces import VirtualFace, ask_plainly, echoing

import forms
from fenli.market.flavours import FLAVOURS
from fenli.market.replies import AT_ONCE
from fenli.market.script import Outcome
from fenli.vendors.catalog import VENDORS
from fenli.vendors.contract import parse_base_url
from fenli.wire.capabilities import Capability

KEEPING = [name for name, flavour in FLAVOURS.items() if flavour.files]
READ = {"moonshot": "file-extract", "moonshot-intl": "file-extract", "baichuan": "medical"}
CONTENT = {"baichuan": "parsed-content"}


def form(*, purpose="file-extract", name="a.txt", data=b"exact"):
    return forms.form(forms.text("purpose", purpose), forms.file(data, name))


def ask(face, vendor, method="GET", behind="", body=b"", content_type="multipart/form-data; boundary=b"):
    path = FLAVOURS[vendor].files.path + behind
    return ask_plainly(face, vendor, method, path, body, more=f"Content-Type: {content_type}\r\n")


@pytest.mark.parametrize("vendor", KEEPING)
def test_a_file_comes_and_goes_and_costs_nothing(vendor):
    face = VirtualFace(echoing(vendor, pace=AT_ONCE))
    status, body = ask(face, vendor, "POST", body=form(name="季报.txt", purpose=READ.get(vendor, "batch")))
    made = json.loads(body)
    assert (status, made["filename"], made["bytes"]) == (200, "季报.txt", 5)
    assert json.loads(ask(face, vendor, behind=f"/{made['id']}")[1]) == made
    content = ask(face, vendor, behind=f"/{made['id']}/{CONTENT.get(vendor, 'content')}")[1]
    assert (json.loads(content)["content"] if vendor in READ else content.decode()) == "exact"
    assert json.loads(ask(face, vendor, "DELETE", f"/{made['id']}")[1])["deleted"]
    assert ask(face, vendor, behind=f"/{made['id']}")[0] == 404
    assert [one.outcome for one in face.served()] == [Outcome.REFUSED]  # the question after what is gone


def test_a_list_has_pages():
    face = VirtualFace(echoing("openai", pace=AT_ONCE))
    made = [json.loads(ask(face, "openai", "POST", body=form(name=f"{n}.txt"))[1])["id"] for n in range(3)]
    page = json.loads(ask(face, "openai", behind="?limit=2")[1])
    assert ([file["id"] for file in page["data"]], page["has_more"]) == (made[:2], True)
    rest = json.loads(ask(face, "openai", behind=f"?after={made[1]}&purpose=file-extract")[1])
    assert ([file["id"] for file in rest["data"]], rest["has_more"]) == (made[2:], False)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (form(purpose="nonsense"), "multipart/form-data; boundary=b"),
        (form(data=b""), "multipart/form-data; boundary=b"),
        (form(), "multipart/form-data; boundary=c"),
        (b"{}", "application/json"),
    ],
)
def test_what_is_no_upload_is_refused(body, content_type):
    face = VirtualFace(echoing("moonshot", pace=AT_ONCE))
    assert ask(face, "moonshot", "POST", body=body, content_type=content_type)[0] == 400


def test_files_are_kept_where_the_adapters_look_for_them():
    offered = {
        name: parse_base_url(vendor.base_url)[1] + endpoint.path
        for name, vendor in VENDORS.items()
        for endpoint in vendor.endpoints
        if endpoint.capability is Capability.FILES
    }
    assert offered == {name: FLAVOURS[name].files.path for name in KEEPING}
