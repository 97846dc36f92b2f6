"""What is not chat: requests read whole or refused by name, answers counted, and passed on as they came."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.errors import CallRefused, Code, UsageError
from fenli.wire.capabilities import PATHS, Capability
from fenli.wire.services import Delivered, Reply, ServiceAnswer
from fenli.wire.services.embeddings import Embeddings
from fenli.wire.services.images import Images
from fenli.wire.services.parsers import PARSERS
from fenli.wire.services.reading import Reading
from fenli.wire.services.rerank import PAIR_TOKENS, Rerank
from fenli.wire.services.search import Search
from fenli.wire.services.speech import Speech
from fenli.wire.services.usage import counted, tokens_read

WHOLE = {
    Capability.EMBEDDINGS: {"input": "hello"},
    Capability.RERANK: {"query": "q", "documents": ["a"]},
    Capability.IMAGES: {"prompt": "a cat"},
    Capability.SPEECH: {"input": "hello", "voice": "v"},
    Capability.SEARCH: {"query": "q"},
    Capability.READER: {"url": "https://example.com/"},
}
JSON = b"application/json"


def asked(capability: Capability, **changed: Any):
    return PARSERS[capability](json.dumps({"model": "m", **WHOLE[capability], **changed}).encode())


def read(codec, ask, answer: Any, content_type: bytes = JSON) -> Delivered:
    data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return codec.read(ask, Reply(data, content_type, 1_700_000_000_000_000_000))


def test_every_capability_but_chat_has_a_path_and_a_parser():
    assert set(PATHS) == set(Capability)
    assert set(PARSERS) | {Capability.CHAT} >= {*WHOLE, Capability.CHAT}


@pytest.mark.parametrize("capability", WHOLE)
@pytest.mark.parametrize(
    ("body", "code", "telling"),
    [
        (b"", Code.MALFORMED_JSON, "not JSON"),
        (b"[]", Code.MALFORMED_JSON, "a JSON object"),
        (b'{"model":"m","x":"\xff"}', Code.MALFORMED_JSON, "not UTF-8 (byte 18)"),
        (b"[" * 100_000, Code.MALFORMED_JSON, ""),
        (b"{}", Code.INVALID_VALUE, "'model' is missing"),
        (b'{"model":5}', Code.INVALID_VALUE, "'model' must be a string, not 5"),
        (b'{"model":"%b"}' % (b"m" * 300), Code.INVALID_VALUE, "300 characters"),
        (b'{"model":"m","stream":true}', Code.INVALID_VALUE, "one piece"),
        (b'{"model":"m"}', Code.INVALID_VALUE, "is missing"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_and_named(capability, body, code, telling):
    with pytest.raises(CallRefused) as caught:
        PARSERS[capability](body)
    assert caught.value.code is code
    assert telling in caught.value.message


@pytest.mark.parametrize(
    ("capability", "changed", "telling"),
    [
        (Capability.EMBEDDINGS, {"input": ""}, "empty"),
        (Capability.EMBEDDINGS, {"input": ["a", 1]}, "mixes kinds"),
        (Capability.EMBEDDINGS, {"input": {"text": "a"}}, "a text, a list"),
        (Capability.EMBEDDINGS, {"input": ["a"] * 5000}, "from 1 to 4096"),
        (Capability.RERANK, {"documents": []}, "from 1 to"),
        (Capability.RERANK, {"query": " "}, "empty"),
        (Capability.RERANK, {"top_n": 0}, "from 1"),
        (Capability.IMAGES, {"n": 0}, "from 1 to 128, not 0"),
        (Capability.IMAGES, {"n": "3"}, "a whole number"),
        (Capability.IMAGES, {"prompt": ""}, "empty"),
        (Capability.SPEECH, {"input": "\n"}, "empty"),
        (Capability.SPEECH, {"stream_format": "sse"}, "one piece"),
        (Capability.SEARCH, {"query": None}, "missing"),
        (Capability.SEARCH, {"max_results": 1000}, "from 1 to 100"),
        (Capability.READER, {"url": ["https://example.com/"]}, "the address of a page"),
        (Capability.READER, {"url": " "}, "empty"),
    ],
)
def test_a_member_that_cannot_be_is_refused_by_name(capability, changed, telling):
    with pytest.raises(CallRefused) as caught:
        asked(capability, **changed)
    assert caught.value.param == next(iter(changed))
    assert telling in caught.value.message


def test_the_most_is_bounded_by_bytes():
    assert asked(Capability.EMBEDDINGS, input=[[1, 22], [333]]).most == {"input": len("[[1, 22], [333]]")}
    assert asked(Capability.IMAGES, n=3).most == {"images": 3}
    assert asked(Capability.SPEECH, input="分a").most == {"input_characters": 4}
    assert asked(Capability.SPEECH, input="分a").sure == {"input_characters": 2}
    assert asked(Capability.SEARCH).most == {"searches": 1}
    assert asked(Capability.READER).most == {"pages": 1}
    ranking = asked(Capability.RERANK, query="four", documents=["a", "b", "c"])
    assert ranking.most == {"input": 3 * 4 + len('["a", "b", "c"]') + 3 * PAIR_TOKENS}


def test_an_instruction_is_read_with_every_text():
    told = len('"find it"')
    ranking = asked(Capability.RERANK, query="four", documents=["a", "b", "c"], instruct="find it", top_n=2)
    assert ranking.most == {"input": 3 * 4 + len('["a", "b", "c"]') + 3 * (PAIR_TOKENS + told)}
    assert asked(Capability.EMBEDDINGS, input=["a", "b"], instruct="find it", dimensions=64).most == {
        "input": len('["a", "b"]') + 2 * told
    }
    assert asked(Capability.EMBEDDINGS, input=[1, 2], instruct="find it").most == {"input": len("[1, 2]") + told}


@given(texts=st.lists(st.text(min_size=1), min_size=1, max_size=20))
def test_no_embedding_has_more_tokens_than_were_held(texts):
    ask = PARSERS[Capability.EMBEDDINGS](json.dumps({"model": "m", "input": texts}).encode())
    assert ask.most["input"] >= sum(len(text.encode()) for text in texts)


@pytest.mark.parametrize(
    ("codec", "capability"),
    [(Embeddings(), Capability.EMBEDDINGS), (Rerank(), Capability.RERANK), (Images(), Capability.IMAGES),
     (Speech(), Capability.SPEECH)],
)  # fmt: skip
def test_what_goes_out_is_what_came_but_for_the_model(codec, capability):
    body = codec.body(asked(capability, seed=7, x={"y": [1, None]}), b'"theirs"')
    assert json.loads(body) == {"model": "theirs", **WHOLE[capability], "seed": 7, "x": {"y": [1, None]}}


def test_an_answer_goes_through_byte_for_byte():
    answer = b'{"data": [ {"embedding":[1.50]} ],  "usage":{"prompt_tokens":3,"total_tokens":3}, "vendor":"own"}'
    delivered = read(Embeddings(), asked(Capability.EMBEDDINGS), answer)
    assert (delivered.body, Embeddings().meters(delivered.usage)) == (answer, {"input": 3})


@pytest.mark.parametrize(
    ("raw", "tokens"),
    [(b'{"prompt_tokens":5,"total_tokens":5}', 5), (b'{"total_tokens":9}', 9), (b'{"input_tokens":4}', 4)],
)  # fmt: skip
def test_tokens_are_found_where_vendors_put_them(raw, tokens):
    assert tokens_read(raw) == tokens


@pytest.mark.parametrize(
    "raw",
    [b"{}", b"5", b'{"prompt_tokens":-1}', b'{"prompt_tokens":1.5}', b'{"prompt_tokens":"3"}', b'{"total_tokens":2e9}',
     b'{"prompt_tokens":3,"total_tokens":4}', b'{"prompt_tokens":0,"total_tokens":0}'],
)  # fmt: skip
def test_usage_that_does_not_count_is_never_zero(raw):
    with pytest.raises(UsageError):
        tokens_read(raw)
    with pytest.raises(UsageError):
        counted(raw, "images")


def test_only_images_that_came_count():
    data = [{"url": "a"}, {"b64_json": "R0"}, {"error": {"code": "OutputImageSensitiveContentDetected"}}, {"url": None}]
    usage = {"generated_images": 2, "total_tokens": 8}
    delivered = read(Images(), asked(Capability.IMAGES, n=4), {"data": data, "usage": usage})
    assert json.loads(delivered.usage) == {"images": 2, "usage": usage}
    assert Images().meters(delivered.usage) == {"images": 2}
    with pytest.raises(ValueError, match="no image"):
        read(Images(), asked(Capability.IMAGES), {"data": [{"error": "x"}]})


def test_a_data_url_loses_what_clients_cannot_read():
    answer = {"data": [{"url": None, "b64_json": "data:image/png;base64,R0lG"}]}
    assert json.loads(read(Images(), asked(Capability.IMAGES), answer).body)["data"][0]["b64_json"] == "R0lG"


@pytest.mark.parametrize(
    ("wanted", "told", "shown"),
    [(None, b"audio/mpeg", b"audio/mpeg"), ("wav", b"audio/x-wav; rate=1", b"audio/x-wav"),
     ("flac", b"application/octet-stream", b"audio/flac"), ("opus", b"", b"audio/ogg")],
)  # fmt: skip
def test_sound_says_what_it_is(wanted, told, shown):
    ask = asked(Capability.SPEECH, **({} if wanted is None else {"response_format": wanted}))
    delivered = read(Speech(), ask, b"\x00\xff", told)
    assert delivered.lines == b"content-type: %b\r\n" % shown
    assert delivered.usage is None


def test_results_have_the_names_that_callers_read_and_all_the_rest():
    codec = Search(results=("webpages", "images"), url=("link",), snippet=("content",), told=("credits",))
    answer = {
        "credits": 3, "total": 9, "webpages": None,
        "images": [{"title": "T", "link": "u", "content": "c", "score": "high", "url": "theirs"}],
    }  # fmt: skip
    delivered = read(codec, asked(Capability.SEARCH, max_results=1), answer)
    told = json.loads(delivered.body)
    assert told["results"] == [{"title": "T", "url": "u", "snippet": "c", "date": None, "score": "high"}]
    assert (told["credits"], told["total"], told["usage"]) == (3, 9, {"searches": 1})
    assert json.loads(delivered.usage) == {"searches": 1, "credits": 3}
    with pytest.raises(ValueError, match="webpages or images"):
        read(codec, asked(Capability.SEARCH), {"results": []})


def test_who_takes_no_limit_is_read_up_to_the_callers() -> None:
    codec = Search(query="q", limit="", results=("organic",), url=("link",))
    ask = asked(Capability.SEARCH, max_results=2)
    assert json.loads(codec.body(ask, b'"m"')) == {"q": "q"}
    answer = {"organic": [{"title": str(at), "link": "u"} for at in range(4)]}
    assert [one["title"] for one in json.loads(read(codec, ask, answer).body)["results"]] == ["0", "1"]
    assert len(json.loads(read(codec, asked(Capability.SEARCH), answer).body)["results"]) == 4


def test_a_page_has_the_names_that_callers_read_and_all_the_rest():
    codec = Reading(content="markdown", told=("credits",))
    answer = {"title": "T", "url": "https://example.com/moved", "author": "A", "date": "2026-01-02",
              "markdown": "# T", "credits": 3, "model": "theirs"}  # fmt: skip
    delivered = read(codec, asked(Capability.READER, format="x"), answer)
    assert json.loads(delivered.body) == {
        "id": None, "object": "page", "model": "m", "url": "https://example.com/moved", "title": "T", "content": "# T",
        "date": "2026-01-02", "author": "A", "credits": 3, "usage": {"pages": 1},
    }  # fmt: skip
    assert json.loads(delivered.usage) == {"pages": 1, "credits": 3}
    assert codec.meters(delivered.usage) == {"pages": 1}


def test_a_page_within_the_answer_is_the_same_page():
    codec = Reading(page="reader_result", date="publishedTime")
    answer = {
        "id": "r1",
        "created": 7,
        "reader_result": {"content": "words", "publishedTime": None, "links": {"a": "b"}},
    }
    delivered = read(codec, asked(Capability.READER), answer)
    assert delivered.id == "r1"
    assert json.loads(delivered.body) == {
        "id": "r1", "object": "page", "model": "m", "url": "https://example.com/", "title": None, "content": "words",
        "date": None, "created": 7, "links": {"a": "b"}, "usage": {"pages": 1},
    }  # fmt: skip


@pytest.mark.parametrize("page", [None, {}, {"content": None}, {"content": ["words"]}, "words", []])
def test_a_page_without_words_is_damage(page):
    codec = Reading(page="reader_result")
    answer = json.dumps({"content": "words", "reader_result": page}).encode()
    told = answer_of(codec, asked(Capability.READER), [answer])
    assert (told.finished, told.usage) == (False, None)
    assert told.damage


def answer_of(codec, ask, pieces: list[bytes], content_type: bytes = JSON) -> ServiceAnswer:
    answer = ServiceAnswer(codec, ask, None, 0)
    answer.content_type = content_type
    for piece in pieces:
        assert answer.feed(piece) == b""
    answer.end()
    return answer


@given(cuts=st.lists(st.integers(0, 120), max_size=6))
def test_however_it_is_cut_the_answer_is_the_same(cuts):
    usage = b'{"prompt_tokens":3,"total_tokens":3}'
    whole = b'{"data":[{"embedding":[0.25,1e-3]}],"model":"m","usage":%b,"x":"\xe5\x88\x86"}' % usage
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    pieces = [whole[start:end] for start, end in pairwise(places)]
    answer = answer_of(Embeddings(), asked(Capability.EMBEDDINGS), pieces)
    assert (answer.finished, answer.damage, answer.error) == (True, None, None)
    assert answer.tail(None) == whole
    told = json.loads(answer.tail(b'"cost":0.5'))
    assert told.pop("usage") == {"prompt_tokens": 3, "total_tokens": 3, "cost": 0.5}
    assert told == {name: value for name, value in json.loads(whole).items() if name != "usage"}


@given(data=st.binary(max_size=200), content_type=st.sampled_from([JSON, b"", b"audio/mpeg", b"text/html"]))
@pytest.mark.parametrize(
    ("codec", "capability"),
    [(Embeddings(), Capability.EMBEDDINGS), (Rerank(), Capability.RERANK), (Images(), Capability.IMAGES),
     (Search(), Capability.SEARCH), (Reading(), Capability.READER), (Speech(), Capability.SPEECH)],
)  # fmt: skip
def test_noise_is_damage_and_never_a_crash(codec, capability, data, content_type):
    answer = answer_of(codec, asked(capability), [data], content_type)
    assert answer.finished == (answer.damage is None and answer.error is None)
    if capability is not Capability.SPEECH:
        assert not answer.finished


@pytest.mark.parametrize("told", [b'{"error":{"message":"no"}}', b' \n{"data":[{"embedding":[1]}],"error":"no"}'])
def test_an_error_inside_is_an_error(told):
    answer = answer_of(Embeddings(), asked(Capability.EMBEDDINGS), [told])
    assert (answer.error, answer.finished) == (told, False)
