"""Whose file it is: marks that only the owner's shelf makes, and ids that no other shelf takes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.wire.services.files import Shelf, vendor_in

OURS = Shelf("moonshot", "sk-secret", "customer c project ")
OTHERS = [
    Shelf("moonshot", "sk-secret", "customer d project "),
    Shelf("moonshot", "sk-another", "customer c project "),
    Shelf("openai", "sk-secret", "customer c project "),
]
FILES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}", fullmatch=True)
NAMES = st.text(st.characters(codec="utf-8"), max_size=40)


def kept(file, name, **more):
    return {"id": file, "object": "file", "bytes": 3, "filename": name, "purpose": "batch", **more}


@given(file=FILES)
def test_an_id_leads_its_owner_to_the_file_and_nobody_else(file):
    given_out = OURS.id(file)
    assert (vendor_in(given_out), OURS.file(given_out)) == ("moonshot", file)
    assert [other.file(given_out) for other in OTHERS] == [None, None, None]


@given(text=st.text(max_size=60), tail=st.text(st.sampled_from("ABCDabcd0123_-="), max_size=60))
def test_what_is_no_id_is_none_and_never_a_crash(text, tail):
    assert OURS.file(text) is OURS.file("file-" + tail) is None
    assert vendor_in(text) is None


@given(file=FILES, place=st.integers(min_value=0), letter=st.sampled_from("ABCDEFGHabcdefgh01234567"))
def test_an_id_that_was_changed_leads_to_no_other_file(file, place, letter):
    given_out = OURS.id(file)
    place %= len(given_out)
    changed = given_out[:place] + letter + given_out[place + 1 :]
    assert OURS.file(changed) in (None, file)


@pytest.mark.parametrize("file", ["", "..", "a/b", "a?b", "-x", "x" * 201, "文"])
def test_what_no_path_can_hold_is_no_file(file):
    with pytest.raises(ValueError, match="names no file"):
        OURS.id(file)


@given(name=NAMES)
def test_the_owner_reads_the_name_that_was_given(name):
    told = OURS.object(json.dumps(kept("f1", OURS.mark + name, status="ok")).encode())
    assert (told["filename"], told["id"], told["upstream_id"]) == (name, OURS.id("f1"), "f1")
    assert json.loads(bytes(told["status"])) == "ok"


def test_a_list_holds_what_the_owner_has_and_goes_on_from_the_last_file_of_anybody():
    data = [kept("f1", OURS.mark + "a"), kept("f2", OTHERS[0].mark + "b"), kept("f3", "from elsewhere")]
    listed = OURS.listed(json.dumps({"data": data, "has_more": True}).encode())
    assert ([file["upstream_id"] for file in listed.files], listed.last) == (["f1"], "f3")
    assert OURS.listed(json.dumps({"data": data}).encode()).last is None
    assert OURS.listed(b'{"data":[],"has_more":true}').last is None


def test_the_mark_is_taken_off_what_was_read_out_of_a_file_and_off_nothing_else():
    said = json.dumps({"content": f'"filename":"{OURS.mark}x"', "filename": OURS.mark + "a.pdf"}).encode()
    assert json.loads(OURS.unmarked(said)) == {"content": f'"filename":"{OURS.mark}x"', "filename": "a.pdf"}


def test_a_vendor_that_did_not_delete_it_is_not_believed():
    OURS.deleted(b"")
    OURS.deleted(b'{"id":"f1"}')
    with pytest.raises(ValueError, match="not deleted"):
        OURS.deleted(b'{"id":"f1","deleted":false}')


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"id":1,"filename":"x"}', b"<html>", b'{"id":"\xff"}'])
def test_what_is_no_file_object_is_none(data):
    with pytest.raises(ValueError):  # noqa: PT011  whichever of them: all are caught alike
        OURS.object(data)
