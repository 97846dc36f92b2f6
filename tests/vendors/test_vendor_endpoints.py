"""What each vendor is sent for anything but chat, and where; and what comes of its own shapes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from services_asked import ask_of, service

from fenli.errors import CallRefused, ConfigError, Kind
from fenli.vendors.catalog import VENDORS
from fenli.wire.capabilities import Capability
from fenli.wire.multipart import Part, form_of, parts_of
from fenli.wire.services.parsers import read_request

NOW = 1_700_000_000_000_000_000
EMBED, RERANK = {"input": "hi"}, {"query": "q", "documents": ["d"]}
DRAW, SPEAK, SEARCH = {"prompt": "cat"}, {"input": "hi", "voice": "v"}, {"query": "q", "max_results": 3}

READ = {"url": "https://example.com/"}


def sent(name: str, model: str, capability: Capability, members: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Address and body."""
    vendor = service(capability, name, model)
    address = vendor.address(VENDORS[name].base_url, "sk-1", model)
    request = vendor.request(address, ask_of(capability, **members), NOW)
    assert request.method == b"POST"
    assert b"Authorization: Bearer sk-1\r\n" in request.headers
    return f"{request.origin.scheme}://{request.origin.host}{request.target.decode()}", json.loads(bytes(request.body))


@pytest.mark.parametrize(
    ("name", "model", "capability", "members", "address", "body"),
    [
        ("openai", "tts-1", "speech", SPEAK, "https://api.openai.com/v1/audio/speech", {"model": "tts-1", **SPEAK}),
        ("zhipu", "embedding-3", "embeddings", EMBED, "https://open.bigmodel.cn/api/paas/v4/embeddings",
         {"model": "embedding-3", **EMBED}),
        ("zai", "search-pro", "search", SEARCH, "https://api.z.ai/api/paas/v4/web_search",
         {"search_query": "q", "count": 3, "search_engine": "search_pro"}),
        ("alibaba", "qwen3-rerank", "rerank", RERANK, "https://dashscope.aliyuncs.com/compatible-api/v1/reranks",
         {"model": "qwen3-rerank", **RERANK}),
        ("baichuan", "baichuan-text-embedding", "embeddings", EMBED, "https://api.baichuan-ai.com/v1/embeddings",
         {"model": "Baichuan-Text-Embedding", **EMBED}),
        ("bytedance", "ep-1", "images", DRAW, "https://ark.cn-beijing.volces.com/api/v3/images/generations",
         {"model": "ep-1", **DRAW}),
        ("huawei", "bge-reranker-v2-m3", "rerank", RERANK, "https://api.modelarts-maas.com/v1/rerank",
         {"model": "bge-reranker-v2-m3", **RERANK}),
        ("deepseek", "search-api", "search", SEARCH, "https://api.deepseek.com/v1/tools/search",
         {"query": "q", "count": 3}),
        ("stepfun", "search", "search", SEARCH, "https://api.stepfun.com/v1/search", {"query": "q", "n": 3}),
        ("alibaba", "qwen-image-plus", "images", DRAW | {"n": 2, "size": "1664x928", "watermark": False},
         "https://dashscope.aliyuncs.com/api/v1/services/aigc/multimodal-generation/generation",
         {"model": "qwen-image-plus", "input": {"messages": [{"role": "user", "content": [{"text": "cat"}]}]},
          "parameters": {"n": 2, "size": "1664*928", "watermark": False}}),
        ("alibaba", "wan2.2-t2i-flash", "images", DRAW | {"n": 2, "size": "1664x928", "negative_prompt": "dog"},
         "https://dashscope.aliyuncs.com/api/v1/services/aigc/text2image/image-synthesis",
         {"model": "wan2.2-t2i-flash", "input": {"prompt": "cat", "negative_prompt": "dog"},
          "parameters": {"n": 2, "size": "1664*928"}}),
        ("metaso", "search", "search", SEARCH | {"scope": "document"}, "https://metaso.cn/api/v1/search",
         {"q": "q", "size": 3, "scope": "document"}),
        ("minimax", "plan-search", "search", SEARCH, "https://api.minimaxi.com/v1/coding_plan/search", {"q": "q"}),
        ("baidu", "web-search", "search", SEARCH | {"search_recency_filter": "week"},
         "https://qianfan.baidubce.com/v2/ai_search/web_search",
         {"messages": [{"role": "user", "content": "q"}], "resource_type_filter": [{"type": "web", "top_k": 3}],
          "search_recency_filter": "week"}),
        ("metaso", "reader", "reader", READ | {"format": "markdown"}, "https://metaso.cn/api/v1/reader",
         READ | {"format": "markdown"}),
        ("zhipu", "reader", "reader", READ | {"return_format": "text"},
         "https://open.bigmodel.cn/api/paas/v4/reader", READ | {"return_format": "text"}),
        ("vllm", "bge", "rerank", RERANK, "http://127.0.0.1/v1/rerank", {"model": "bge", **RERANK}),
        ("minimax", "image-01", "images", DRAW | {"n": 2, "size": "1920x1080", "response_format": "b64_json"},
         "https://api.minimaxi.com/v1/image_generation",
         {"model": "image-01", "prompt": "cat", "n": 2, "aspect_ratio": "16:9", "response_format": "base64"}),
        ("minimax-intl", "speech-02-hd", "speech", SPEAK | {"speed": 1.5, "response_format": "wav",
                                                            "voice_setting": {"emotion": "happy"}},
         "https://api.minimax.io/v1/t2a_v2",
         {"model": "speech-02-hd", "text": "hi", "stream": False, "output_format": "hex",
          "voice_setting": {"voice_id": "v", "speed": 1.5, "emotion": "happy"}, "audio_setting": {"format": "wav"}}),
    ],
)  # fmt: skip
def test_what_is_sent_and_where(name, model, capability, members, address, body):
    assert sent(name, model, Capability(capability), members) == (address, body)


def test_metaso_is_asked_for_json_and_for_nothing_else():
    reader = service(Capability.READER, "metaso")
    headers = reader.address(VENDORS["metaso"].base_url, "mk-1", "reader").headers
    assert [line for line in headers.split(b"\r\n") if line.startswith(b"Accept:")] == [b"Accept: application/json"]


@pytest.mark.parametrize(
    ("name", "model", "capability", "address", "texts"),
    [
        ("openai", "whisper-1", "translations", "https://api.openai.com/v1/audio/translations", {}),
        ("zhipu", "glm-asr-2512", "transcriptions", "https://open.bigmodel.cn/api/paas/v4/audio/transcriptions", {}),
        ("stepfun", "step-asr", "transcriptions", "https://api.stepfun.com/v1/audio/transcriptions",
         {"response_format": "json"}),
        ("vllm", "openai/whisper-large-v3", "transcriptions", "http://127.0.0.1/v1/audio/transcriptions", {}),
    ],
)  # fmt: skip
def test_a_sound_is_sent_in_a_form(name, model, capability, address, texts):
    kind = b"multipart/form-data; boundary=b"
    fields = [Part.of("model", "public"), Part.of("language", "zh")]
    head = b'Content-Disposition: form-data; name="file"; filename="a.wav"'
    ask = read_request(Capability(capability), form_of([*fields, Part("file", "a.wav", head, b"sound")], kind), kind)
    speaker = service(Capability(capability), name)
    request = speaker.request(speaker.address(VENDORS[name].base_url, "sk-1", model), ask, NOW)
    assert f"{request.origin.scheme}://{request.origin.host}{request.target.decode()}" == address
    lines = request.headers.split(b"\r\n")
    assert [line for line in lines if line.lower().startswith(b"content-type:")] == [b"Content-Type: " + kind]
    *parts, sound = sorted(parts_of(bytes(request.body), kind), key=lambda part: part.file is not None)
    assert {part.name: part.text for part in parts} == {"model": model, "language": "zh"} | texts
    assert (sound.file, sound.data) == ("a.wav", b"sound")


def test_an_address_that_the_other_one_cannot_be_told_from_is_refused():
    rerank = service(Capability.RERANK, "alibaba")
    with pytest.raises(ConfigError, match="does not end in /compatible-mode/v1"):
        rerank.address("https://gateway.example/qwen", "sk", "qwen3-rerank")
    moved = rerank.address("https://gateway.example/qwen/compatible-mode/v1/", "sk", "qwen3-rerank")
    assert moved.target == b"/qwen/compatible-api/v1/reranks"


@pytest.mark.parametrize("size", ["7x5", "big", "0x10", "1024", "1024x"])
def test_minimax_is_not_asked_for_a_size_that_it_does_not_make(size):
    images = service(Capability.IMAGES, "minimax")
    with pytest.raises(CallRefused, match="1:1, 16:9"):
        images.check(ask_of(Capability.IMAGES, **DRAW, size=size))


@pytest.mark.parametrize(("size", "ratio"), [("512x512", "1:1"), ("2520x1080", "21:9"), ("auto", None), (None, None)])
def test_a_size_is_a_ratio_to_minimax(size, ratio):
    _, body = sent("minimax", "image-01", Capability.IMAGES, DRAW | ({} if size is None else {"size": size}))
    assert body.get("aspect_ratio") == ratio


def whole(name: str, capability: Capability, members: dict[str, Any], answer: Any):
    reader = service(capability, name).answer(ask_of(capability, **members), NOW)
    reader.feed(json.dumps(answer).encode())
    reader.end()
    return reader


def test_minimaxs_images_are_said_again_in_openais_words():
    answer = {"id": "t1", "data": {"image_urls": ["u1", "u2"]}, "metadata": {"failed_count": "1"},
              "base_resp": {"status_code": 0, "status_msg": "success"}}  # fmt: skip
    reader = whole("minimax", Capability.IMAGES, DRAW | {"n": 3}, answer)
    assert json.loads(reader.tail(None)) == {
        "id": "t1", "created": 1_700_000_000, "data": [{"url": "u1"}, {"url": "u2"}],
    }  # fmt: skip
    assert service(Capability.IMAGES, "minimax").usage(reader.usage) == {"images": 2}
    assert json.loads(reader.usage)["metadata"] == {"failed_count": "1"}


def test_dashscopes_images_are_said_again_in_openais_words():
    parts = [{"image": "u1"}, {"text": "what it thought of"}, {"image": "u2"}]
    choice = {"finish_reason": "stop", "message": {"role": "assistant", "content": parts}}
    answer = {"request_id": "r1", "output": {"choices": [choice]}, "usage": {"image_count": 2, "width": 1664}}
    reader = whole("alibaba", Capability.IMAGES, DRAW, answer)
    assert json.loads(reader.tail(None))["data"] == [{"url": "u1"}, {"url": "u2"}]
    assert service(Capability.IMAGES, "alibaba").usage(reader.usage) == {"images": 2}
    assert whole("alibaba", Capability.IMAGES, DRAW, {"output": {"choices": []}}).damage


def test_minimaxs_sound_comes_out_of_its_digits():
    answer = {"data": {"audio": "49443300ff", "status": 2}, "extra_info": {"usage_characters": 14}, "trace_id": "t2"}
    reader = whole("minimax", Capability.SPEECH, SPEAK, answer)
    assert (reader.tail(None), reader.lines) == (b"ID3\x00\xff", b"content-type: audio/mpeg\r\n")
    assert service(Capability.SPEECH, "minimax").usage(reader.usage) == {"input_characters": 14}
    silent = whole("minimax", Capability.SPEECH, SPEAK, {"data": {"audio": "00"}})
    assert (silent.finished, silent.usage) == (True, None)


@pytest.mark.parametrize("audio", ["", "xyz", "0"])
def test_what_is_no_sound_is_damage(audio):
    assert whole("minimax", Capability.SPEECH, SPEAK, {"data": {"audio": audio}}).damage


@pytest.mark.parametrize(
    ("name", "capability", "members", "answer", "kind"),
    [
        ("minimax", "images", DRAW, {"base_resp": {"status_code": 1008, "status_msg": "balance"}}, Kind.NO_BALANCE),
        ("minimax", "speech", SPEAK, {"data": {"audio": "00"}, "base_resp": {"status_code": 1002, "status_msg": "x"}},
         Kind.RATE_LIMITED),
        ("metaso", "search", SEARCH, {"errCode": 1000, "errMsg": "no such parameter"}, Kind.BAD_REQUEST),
        ("metaso", "reader", READ, {"errCode": 1000, "errMsg": "no such page"}, Kind.BAD_REQUEST),
        ("minimax", "search", SEARCH, {"base_resp": {"status_code": 2056, "status_msg": "x"}}, Kind.QUOTA_EXHAUSTED),
        ("baidu", "search", SEARCH, {"code": "BILLING_INSUFFICIENT_BALANCE", "message": "x"}, Kind.NO_BALANCE),
        ("huawei", "embeddings", EMBED, {"error_code": "ModelArts.81101", "error_msg": "rpm"}, Kind.RATE_LIMITED),
        ("zhipu", "images", DRAW, {"error": {"code": "1301", "message": "no"}}, Kind.CONTENT_FILTERED),
        ("alibaba", "embeddings", EMBED, {"error": {"code": "Arrearage", "message": "no"}}, Kind.NO_BALANCE),
    ],
)  # fmt: skip
def test_a_failure_inside_a_200_is_one(name, capability, members, answer, kind):
    reader = whole(name, Capability(capability), members, answer)
    assert not reader.finished
    assert service(Capability(capability), name).classify(200, [], reader.error).kind is kind


def test_no_vendor_offers_a_thing_twice():
    for vendor in VENDORS.values():
        offered = [(endpoint.capability, endpoint.models) for endpoint in vendor.endpoints]
        assert len(set(offered)) == len(offered)
        seen = set()
        for capability, models in offered:
            assert capability not in seen, "an endpoint behind one that serves every model is never asked"
            seen |= set() if models else {capability}
        offered = [capability for capability, _ in offered]
        does = {model.does for model in vendor.models} - {Capability.CHAT}
        # Who sells another's models in a dialect of its own need not have all that the other has.
        assert not vendor.endpoints or vendor.sells or does <= {*offered, *does - set(WHAT_IS_HERE)}


WHAT_IS_HERE = (
    Capability.EMBEDDINGS, Capability.RERANK, Capability.IMAGES, Capability.SPEECH, Capability.SEARCH,
    Capability.READER,
)  # fmt: skip
