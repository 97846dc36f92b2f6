"""Large requests: checked and passed on without being copied."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.errors import CallRefused, Code
from fenli.http.transport import Pieces
from fenli.vendors.alibaba import ALIBABA
from fenli.wire.openai_chat import parse_request
from fenli.wire.openai_chat.request import LARGE, encode_members, encode_pieces

TEXTS = {"ascii": "word ", "chinese": "西湖", "emoji": "🙂x", "mixed": "é“西”🙂 plain "}


def of(text: str) -> bytes:
    return f'{{"model":"m","messages":[{{"content":"{text}"}}],"x":1}}'.encode()


@pytest.mark.parametrize("view", [bytes, memoryview])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_text_is_text_wherever_a_piece_of_it_ends(text: str, view: type) -> None:
    for shift in range(4):
        body = of("a" * shift + text * (3 * LARGE // len(text.encode())))
        ask = parse_request(view(body))
        assert (ask.model, ask.size) == ("m", len(body))
        assert bytes(ask.fields["messages"]) == body[len('{"model":"m","messages":') : -len(',"x":1}')]


@pytest.mark.parametrize("view", [bytes, memoryview])
@pytest.mark.parametrize("wrong", [b"\xff", b"\xe8\xa5", b"\xc0\xa2", b"\xed\xa0\x80", b"\x80"])
def test_a_wrong_byte_is_named_wherever_it_lies(wrong: bytes, view: type) -> None:
    good = of("西" * LARGE)
    at = good.index("西".encode())
    for place in (at, at + LARGE // 3 * 3, *range(LARGE - 6, LARGE + 6), 2 * LARGE - 1, len(good) - 9, len(good)):
        place -= (place - at) % 3 if place < len(good) - 9 else 0
        with pytest.raises(CallRefused) as caught:
            parse_request(view(good[:place] + wrong + good[place:]))
        assert caught.value.code is Code.MALFORMED_JSON
        assert f"(byte {place})" in caught.value.message


@given(st.dictionaries(st.text(max_size=5), st.sampled_from([b"1", b'"x"', b"9" * LARGE, b"9" * (LARGE - 1)])))
def test_pieces_are_the_same_text(fields: dict[str, bytes]) -> None:
    pieces = encode_pieces(dict(fields))
    assert b"".join(pieces) == encode_members(dict(fields))
    assert sum(isinstance(piece, memoryview) for piece in pieces) == sum(
        len(value) >= LARGE for value in fields.values()
    )


def test_a_vendor_gets_a_large_body_as_it_lies() -> None:
    body = of("西湖" * LARGE)
    request = ALIBABA.request(ALIBABA.address(ALIBABA.base_url, "k", "theirs"), parse_request(memoryview(body)), 0)
    assert isinstance(request.body, Pieces)
    assert len(request.body) == len(bytes(request.body))
    assert bytes(request.body) == body.replace(b'"m"', b'"theirs"')
    small = ALIBABA.request(ALIBABA.address(ALIBABA.base_url, "k", "theirs"), parse_request(of("hi")), 0)
    assert isinstance(small.body, bytes)
