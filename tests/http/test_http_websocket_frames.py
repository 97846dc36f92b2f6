"""Frames: the RFC's own examples, every split, and what must be refused."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.http.websocket_frames import (
    BINARY,
    CLOSE,
    NO_CODE,
    PING,
    PONG,
    TEXT,
    Event,
    FrameReader,
    encode_close,
    encode_frame,
    mask,
)

KEY = bytes.fromhex("37fa213d")


def reader(masked: bool = False, message_bytes: int = 1 << 20) -> FrameReader:
    return FrameReader(masked=masked, message_bytes=message_bytes)


# RFC 6455 §5.7
@pytest.mark.parametrize(
    ("frame", "masked", "events"),
    [
        ("810548656c6c6f", False, [Event(TEXT, b"Hello")]),
        ("818537fa213d7f9f4d5158", True, [Event(TEXT, b"Hello")]),
        ("010348656c80026c6f", False, [Event(TEXT, b"Hello")]),
        ("890548656c6c6f", False, [Event(PING, b"Hello")]),
        ("8a8537fa213d7f9f4d5158", True, []),
    ],
)
def test_the_examples_of_the_rfc(frame, masked, events):
    assert reader(masked).feed(bytes.fromhex(frame)) == events


def test_what_we_send_is_what_the_rfc_shows():
    assert encode_frame(TEXT, b"Hello") == bytes.fromhex("810548656c6c6f")
    assert encode_frame(TEXT, b"Hello", KEY) == bytes.fromhex("818537fa213d7f9f4d5158")
    assert encode_frame(BINARY, bytes(256))[:4] == bytes.fromhex("827e0100")
    assert encode_frame(BINARY, bytes(65536))[:10] == bytes.fromhex("827f0000000000010000")
    assert encode_close(1001, "厘" * 100) == bytes((0x88, 125)) + b"\x03\xe9" + ("厘" * 41).encode()


@given(data=st.binary(max_size=70), key=st.binary(min_size=4, max_size=4))
def test_a_mask_is_its_own_inverse(data, key):
    assert mask(data, key) == bytes(byte ^ key[at % 4] for at, byte in enumerate(data))
    assert mask(mask(data, key), key) == data


@st.composite
def conversations(draw) -> tuple[bytes, list[Event], bool]:
    """Messages in fragments, with control frames between them, and a close at the end."""
    masked = draw(st.booleans())

    def frame(final: bool, opcode: int, data: bytes) -> bytes:
        whole = encode_frame(opcode, data, draw(st.binary(min_size=4, max_size=4)) if masked else b"")
        return whole if final else bytes((whole[0] & 0x7F,)) + whole[1:]

    wire, events = b"", []
    for _ in range(draw(st.integers(0, 4))):
        if draw(st.booleans()):
            opcode, data = TEXT, draw(st.text(max_size=100)).encode()
        else:
            opcode, data = BINARY, draw(st.binary(max_size=300))
        cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=3)))
        edges = [0, *cuts, len(data)]
        for number, (start, end) in enumerate(pairwise(edges)):
            wire += frame(number == len(cuts), opcode if number == 0 else 0, data[start:end])
            if draw(st.booleans()) and number < len(cuts):
                control = draw(st.sampled_from((PING, PONG)))
                wire += frame(True, control, b"still here")
                events += [Event(PING, b"still here")] if control == PING else []
        events.append(Event(opcode, data))
    if draw(st.booleans()):
        wire += frame(True, CLOSE, b"\x03\xe8bye") + b"what is behind a close is no frame"
        events.append(Event(CLOSE, b"bye", 1000))
    return wire, events, masked


@given(conversation=conversations(), data=st.data())
def test_the_same_events_however_the_bytes_come(conversation, data):
    wire, events, masked = conversation
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=6)))
    whole, split, drop = reader(masked), reader(masked), reader(masked)
    assert whole.feed(wire) == events
    edges = [0, *cuts, len(wire)]
    assert [event for start, end in pairwise(edges) for event in split.feed(wire[start:end])] == events
    assert [event for at in range(len(wire)) for event in drop.feed(wire[at : at + 1])] == events
    assert whole.fault is split.fault is drop.fault is None


@pytest.mark.parametrize(
    ("frame", "masked", "code"),
    [
        ("c100", False, 1002),  # a reserved bit
        ("8300", False, 1002),  # an opcode that means nothing
        ("8b00", False, 1002),
        ("818537fa213d", False, 1002),  # masked by a server
        ("810548", True, 1002),  # not masked by a client
        ("0900", False, 1002),  # a ping in fragments
        ("897e007e", False, 1002),  # a long ping
        ("8000", False, 1002),  # goes on with nothing
        ("01006148" + "8100", False, 1002),  # begins inside another
        ("817e0005", False, 1002),  # a length written longer than need be
        ("817f000000000000ffff", False, 1002),
        ("817fffffffffffffffff", False, 1009),
        ("817e0401", False, 1009),  # larger than the limit, refused before it is here
        ("0163" + "61" * 99 + "007e039e", False, 1009),  # so are its fragments together
        ("8102e588", False, 1007),
        ("0102e588" + "800198", False, None),  # a character may lie in two fragments
        ("880103", False, 1002),
        ("880203ed", False, 1002),  # 1005 is never sent
        ("880203ee", False, 1002),
        ("8802ffff", False, 1002),
        ("8804" + "03e8" + "e588", False, 1007),
    ],
)
def test_what_breaks_the_protocol(frame, masked, code):
    strict = reader(masked, 1024)
    events = strict.feed(bytes.fromhex(frame))
    if code is None:
        assert strict.fault is None
        assert events == [Event(TEXT, "刘".encode())]
        return
    assert events == []
    assert strict.fault is not None
    assert strict.fault.code == code
    assert strict.feed(encode_frame(TEXT, b"later")) == []


def test_a_close_without_a_code():
    assert reader().feed(b"\x88\x00") == [Event(CLOSE, b"", NO_CODE)]


@given(wire=st.binary(max_size=200), masked=st.booleans())
def test_any_bytes_are_read_or_refused(wire, masked):
    at_once, in_drops = reader(masked), reader(masked)
    events = at_once.feed(wire)
    assert [event for at in range(len(wire)) for event in in_drops.feed(wire[at : at + 1])] == events
    assert in_drops.fault == at_once.fault


def test_empty_fragments_cost_nothing():
    patient = reader()
    assert patient.feed(b"\x01\x01a" + b"\x00\x00" * 10_000) == []
    assert patient.feed(b"\x80\x01b") == [Event(TEXT, b"ab")]


def test_small_fragments_cost_no_more_than_their_bytes():
    patient, fragment = reader(), b"\x00\x02ab" * 10_000
    patient.feed(b"\x01\x00")
    tracemalloc.start()
    for _ in range(20):
        patient.feed(fragment)
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert patient.feed(b"\x80\x00") == [Event(TEXT, b"ab" * 200_000)]
    assert kept < 4 * 400_000
