"""What is not chat, through a whole fenli: official client and plain HTTP, each cost worked out by hand, budgets,
failover, errors. The vendors' own book says what they would charge."""

from __future__ import annotations

import json
from decimal import Decimal

import openai
import pytest
from fenli_service import ask_plainly, entries, entries_of, entry_of, on_the_market, price_file, served

ASKED = (
    "openai", "zhipu", "minimax", "minimax-intl", "alibaba", "bytedance", "huawei", "metaso", "deepseek", "stepfun",
    "baidu", "tencent", "baichuan",
)  # fmt: skip
COMPLETING = {"deepseek": "deepseek-flash", "alibaba": "qwen-plus"}
GAP = {"input": "1.000001", "cached_input": "0.1", "output": "4.000007"}
PRICES = {
    "huawei": price_file("huawei", "bge-reranker-v2-m3", {"input": "0.800003"}),
    "metaso": price_file("metaso", "reader", {"pages": "7.000001"}, "1000_pages"),
    **{vendor: price_file(vendor, model, GAP) for vendor, model in COMPLETING.items()},
}
ROUTES = """
[[routes]]
name = "embed"
targets = ["zhipu/embedding-3", "alibaba/text-embedding-v4"]
[[routes]]
name = "shaky"
targets = ["tencent/hunyuan-embedding", "alibaba/text-embedding-v4"]
"""
TEXTS = ["分厘之间,一分不差", "exact to the last pico", "x" * 401]


@pytest.fixture(scope="module")
def fenli(tmp_path_factory):
    folder = tmp_path_factory.mktemp("endpoints")
    with on_the_market(folder, ASKED, "--fault=tencent:overloaded", config=ROUTES, prices=PRICES) as running:
        yield running


@pytest.mark.parametrize(
    ("model", "currency", "per_million"),
    [
        ("openai/text-embedding-ada-002", "USD", "0.1"),
        ("alibaba/text-embedding-v4", "CNY", "0.5"),
        ("zhipu/embedding-3", "CNY", "0.5"),
        ("baichuan/baichuan-text-embedding", "CNY", "0.5"),
        ("baidu/Embedding-V1", "CNY", "0.5"),
        ("openai/text-embedding-3-small", None, None),
        ("bytedance/doubao-embedding", None, None),
        ("huawei/bge-m3", None, None),
    ],
)
def test_embeddings_cost_their_tokens(fenli, client, model, currency, per_million):
    raw = client.embeddings.with_raw_response.create(model=model, input=TEXTS, dimensions=4)
    answer = raw.parse()
    assert [len(item.embedding) for item in answer.data] == [4, 4, 4]
    tokens = sum(-(-len(text.encode()) // 4) for text in TEXTS)
    assert answer.usage.prompt_tokens == tokens
    entry = entry_of(fenli, raw.headers)
    assert entry["usage"] == {"input": tokens}
    assert (entry["outcome"], entry["grade"]) == ("ok", "measured" if per_million else "unknown")
    if per_million is None:
        assert entry["cost"] is None
    else:
        assert (entry["currency"], Decimal(entry["cost"])) == (currency, tokens * Decimal(per_million) / 10**6)


@pytest.mark.parametrize("vendor", COMPLETING)
def test_a_gap_is_filled_and_costs_its_tokens(fenli, client, vendor):
    prompt, suffix = "def cents(mills):\n", "\nprint(cents(10))"
    raw = client.completions.with_raw_response.create(
        model=f"{vendor}/{COMPLETING[vendor]}", prompt=prompt, suffix=suffix, max_tokens=9
    )
    answer = raw.parse()
    assert "print(cents" in answer.choices[0].text  # the market says what it saw on both sides
    assert answer.choices[0].finish_reason == "length"
    entry = entry_of(fenli, raw.headers)
    read = sum(-(-len(text) // 4) for text in (prompt, suffix))
    assert entry["usage"] == {"input": read, "output": 9}
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (read, 9)
    assert (entry["vendor"], entry["outcome"], entry["grade"]) == (vendor, "ok", "measured")
    cost = (read * Decimal("1.000001") + 9 * Decimal("4.000007")) / 10**6
    assert (entry["currency"], Decimal(entry["cost"])) == ("CNY", cost)


@pytest.mark.parametrize("vendor", COMPLETING)
@pytest.mark.parametrize("shown", [True, False])
def test_a_text_is_streamed_and_costs_its_tokens(fenli, client, vendor, shown):
    prompt, suffix = "def cents(mills):\n", "\nprint(cents(10))"
    asked = {"stream_options": {"include_usage": True}} if shown else {}
    raw = client.completions.with_raw_response.create(
        model=f"{vendor}/{COMPLETING[vendor]}", prompt=prompt, suffix=suffix, max_tokens=9, stream=True, n=2, **asked
    )
    chunks = list(raw.parse())
    texts = ["".join(one.text for chunk in chunks for one in chunk.choices if one.index == index) for index in (0, 1)]
    assert texts[0] == texts[1]
    assert "print(cents" in texts[0]
    assert [one.finish_reason for chunk in chunks for one in chunk.choices if one.finish_reason] == ["length"] * 2
    told = [chunk.usage for chunk in chunks if chunk.usage]
    entry = entry_of(fenli, raw.headers)
    read = sum(-(-len(text) // 4) for text in (prompt, suffix))
    assert entry["usage"] == {"input": read, "output": 18}
    assert Decimal(entry["cost"]) == (read * Decimal("1.000001") + 18 * Decimal("4.000007")) / 10**6
    if shown or vendor == "deepseek":  # which tells it unasked, in a chat, too
        assert [(usage.prompt_tokens, usage.completion_tokens) for usage in told] == [(read, 18)]
    else:
        assert told == []


def test_the_cost_of_a_streamed_text_stands_in_its_usage(fenli, client):
    raw = client.completions.with_raw_response.create(
        model="alibaba/qwen-plus", prompt="one", max_tokens=3, stream=True, extra_headers={"x-fenli-cost": "true"}
    )
    usage = list(raw.parse())[-1].usage
    assert Decimal(str(usage.cost)) == Decimal(entry_of(fenli, raw.headers)["cost"])


@pytest.mark.parametrize("fault", ["cut@700", "error_inside@3"])
def test_a_text_that_breaks_off_raises_and_is_counted_here(fenli, client, fault):
    headers = None
    try:
        raw = client.completions.with_raw_response.create(
            model=f"alibaba/qwen-plus!{fault}", prompt="one" * 20, max_tokens=9, stream=True
        )
        headers = raw.headers
        list(raw.parse())
    except openai.APIStatusError as error:  # where all of it came at once
        headers = error.response.headers
    except openai.APIError:
        pass
    else:
        pytest.fail("it did not break off")
    entry = entry_of(fenli, headers)
    assert entry["outcome"] != "ok"
    assert entry["usage"]["input"] == 15  # by our own count: 60 bytes
    assert entry["usage"]["output"] >= 1


def test_a_model_that_only_ranks_does_not_go_on_with_a_text(fenli):
    status, _, body = ask_plainly(fenli, "/completions", {"model": "huawei/bge-reranker-v2-m3", "prompt": "x"})
    assert (status, json.loads(body)["error"]["code"]) == (404, "model_not_found")


def test_rerank_by_http_costs_query_and_documents(fenli):
    documents = ["a cat on a mat", "the ledger is exact", "ledger of a budget"]
    body = {"model": "huawei/bge-reranker-v2-m3", "query": "exact ledger", "documents": documents, "top_n": 2}
    status, headers, answer = ask_plainly(fenli, "/rerank", body, x_fenli_cost="true")
    told = json.loads(answer, parse_float=Decimal)
    assert status == 200
    assert [result["index"] for result in told["results"]] == [1, 2]
    tokens = sum(-(-len("exact ledger") // 4) + -(-len(text) // 4) for text in documents)
    cost = tokens * Decimal("0.800003") / 10**6
    assert told["usage"] | {"cost_details": None} == {"total_tokens": tokens, "cost": cost, "cost_details": None}
    assert Decimal(entry_of(fenli, headers)["cost"]) == cost


def test_qwens_rerank_has_an_address_of_its_own(fenli):
    body = {"model": "alibaba/qwen3-rerank", "query": "q", "documents": ["q", "r"]}
    status, headers, answer = ask_plainly(fenli, "/rerank", body)
    assert (status, len(json.loads(answer)["results"])) == (200, 2)
    assert entry_of(fenli, headers)["grade"] == "unknown"


@pytest.mark.parametrize(
    ("model", "currency", "each"),
    [
        ("zhipu/cogview-4", "CNY", "0.06"),
        ("minimax/image-01", "CNY", "0.025"),
        ("bytedance/doubao-seedream-4-5-251128", "CNY", "0.25"),
        ("baidu/irag-1.0", "CNY", "0.14"),
        ("stepfun/step-2x-large", "CNY", "0"),
        ("alibaba/qwen-image-plus", "CNY", "0.2"),
    ],
)
@pytest.mark.parametrize("form", ["url", "b64_json"])
def test_images_are_paid_one_by_one(fenli, client, model, currency, each, form):
    if model.startswith("alibaba/") and form == "b64_json":
        with pytest.raises(openai.BadRequestError, match="gives addresses"):
            client.images.generate(model=model, prompt="x", response_format=form)
        return
    raw = client.images.with_raw_response.generate(
        model=model, prompt="一只猫", n=3, size="1024x1024", response_format=form,
        extra_headers={"x-fenli-cost": "true"},
    )  # fmt: skip
    answer = raw.parse()
    assert len([image for image in answer.data if getattr(image, form)]) == 3
    assert answer.created > 1_700_000_000
    entry = entry_of(fenli, raw.headers)
    assert (entry["usage"], entry["grade"], entry["currency"]) == ({"images": 3}, "measured", currency)
    assert Decimal(entry["cost"]) == 3 * Decimal(each)
    assert Decimal(str(json.loads(raw.content)["usage"]["cost"])) == 3 * Decimal(each)


def test_images_written_out_as_data_urls_become_what_clients_read(client):
    answer = client.images.generate(model="huawei/qwen-image", prompt="a cat", size="1024x1024")
    assert answer.data[0].b64_json.startswith("R0lGOD")


def test_speech_costs_the_characters_of_its_text(fenli, client):
    said = "Exact. 分毫不差。"
    raw = client.audio.speech.with_raw_response.create(
        model="openai/tts-1", voice="alloy", input=said, extra_headers={"x-fenli-cost": "true"}
    )
    assert len(raw.content) == 100 * len(said)
    assert raw.headers["content-type"] == "audio/mpeg"
    entry = entry_of(fenli, raw.headers)
    cost = len(said) * Decimal(15) / 10**6
    assert (entry["usage"], entry["grade"]) == ({"input_characters": len(said)}, "estimated")
    assert (entry["currency"], Decimal(entry["cost"])) == ("USD", cost)
    assert json.loads(raw.headers["x-fenli-cost"], parse_float=Decimal)["cost"] == cost


def test_minimax_speaks_in_hexadecimal_and_counts_chinese_twice(fenli, client):
    said = "Exact. 分毫不差"
    raw = client.audio.speech.with_raw_response.create(
        model="minimax-intl/speech-02-hd", voice="male-qn-qingse", input=said, response_format="wav", speed=1.5
    )
    assert (raw.headers["content-type"], len(raw.content)) == ("audio/wav", 100 * len(said))
    entry = entry_of(fenli, raw.headers)
    assert (entry["usage"], entry["grade"]) == ({"input_characters": len(said) + 4}, "measured")
    assert (entry["currency"], Decimal(entry["cost"])) == ("USD", (len(said) + 4) * Decimal(100) / 10**6)


@pytest.mark.parametrize(
    ("model", "cost"),
    [("zhipu/search-std", "0.01"), ("zhipu/search-pro", "0.03"), ("metaso/search", "0.03"),
     ("deepseek/search-api", "0.005"), ("stepfun/search", None), ("baidu/web-search", None),
     ("minimax/plan-search", None)],
)  # fmt: skip
def test_a_search_is_the_same_everywhere_and_costs_what_each_asks(fenli, model, cost):
    body = {"model": model, "query": "上海 天气", "max_results": 3}
    status, headers, answer = ask_plainly(fenli, "/search", body, x_fenli_cost="true")
    told = json.loads(answer, parse_float=Decimal)
    assert (status, told["object"], told["model"], told["query"]) == (200, "search", model, "上海 天气")
    assert [result["position"] for result in told["results"]] == [1, 2, 3]
    assert all(result[name] for result in told["results"] for name in ("title", "url", "snippet", "date"))
    entry = entry_of(fenli, headers)
    assert entry["usage"] == {"searches": 1}
    assert (None if entry["cost"] is None else Decimal(entry["cost"])) == (None if cost is None else Decimal(cost))
    assert told["usage"]["cost"] == (None if cost is None else Decimal(cost))
    if model == "metaso/search":
        assert told["credits"] == 3


@pytest.mark.parametrize(("model", "cost"), [("metaso/reader", "0.007000001"), ("zhipu/reader", None)])
def test_a_page_is_read_the_same_way_everywhere_and_costs_what_each_asks(fenli, model, cost):
    url = "https://example.com/history?of=the%20abacus"
    status, headers, answer = ask_plainly(fenli, "/reader", {"model": model, "url": url}, x_fenli_cost="true")
    told = json.loads(answer, parse_float=Decimal)
    assert (status, told["object"], told["model"], told["url"]) == (200, "page", model, url)
    assert url in told["content"]
    assert told["title"]
    assert told["date"]
    entry = entry_of(fenli, headers)
    assert (entry["usage"], entry["outcome"]) == ({"pages": 1}, "ok")
    assert (None if entry["cost"] is None else Decimal(entry["cost"])) == (None if cost is None else Decimal(cost))
    assert told["usage"]["cost"] == (None if cost is None else Decimal(cost))


def test_the_next_target_is_asked_and_the_books_say_so(fenli, client):
    raw = client.embeddings.with_raw_response.create(model="shaky", input="hello")
    assert (raw.headers["x-fenli-vendor"], raw.headers["x-fenli-attempts"]) == ("alibaba", "2")
    both = sorted(entry["vendor"] for entry in entries_of(fenli, raw.headers))
    assert both == ["alibaba", "tencent"]


@pytest.mark.parametrize("kind", ["rate_limited", "no_balance", "content_filtered", "server_error"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/images/generations", {"model": "minimax/image-01", "prompt": "a cat"}),
        ("/audio/speech", {"model": "minimax-intl/speech-02-hd", "input": "hi", "voice": "v"}),
        ("/search", {"model": "zhipu/search-std", "query": "q"}),
        ("/embeddings", {"model": "openai/text-embedding-ada-002", "input": "hi"}),
    ],
)
def test_a_refusal_never_looks_like_an_answer(fenli, kind, path, body):
    status, headers, answer = ask_plainly(fenli, path, body | {"model": f"{body['model']}!{kind}"})
    assert status >= 400
    assert json.loads(answer)
    entry = entry_of(fenli, headers)
    assert (entry["outcome"], entry["cost"]) == (kind, None)


@pytest.mark.parametrize("kind", ["rate_limited", "no_balance", "server_error"])
@pytest.mark.parametrize("model", ["metaso/reader", "zhipu/reader"])
def test_a_page_that_is_refused_is_no_page(fenli, kind, model):
    status, headers, answer = ask_plainly(fenli, "/reader", {"model": model, "url": f"https://example.com/!{kind}"})
    assert status >= 400
    assert json.loads(answer)
    entry = entry_of(fenli, headers)
    assert (entry["outcome"], entry["cost"]) == (kind, None)


@pytest.mark.parametrize(
    ("path", "body", "code", "telling"),
    [
        ("/embeddings", {"model": "embed"}, "invalid_value", "'input' is missing"),
        ("/embeddings", {"model": "embed", "input": []}, "invalid_value", "from 1 to"),
        ("/images/generations", {"model": "zhipu/cogview-4", "prompt": "x", "stream": True}, "invalid_value", "one"),
        ("/images/generations", {"model": "minimax/image-01", "prompt": "x", "size": "7x5"}, "invalid_value", "1:1"),
        ("/audio/speech", {"model": "minimax/speech-02-hd", "input": "x", "response_format": "opus"},
         "invalid_value", "wav"),
        ("/embeddings", {"model": "zhipu/glm-4.6", "input": "x"}, "model_not_found", "/v1/chat/completions"),
        ("/chat/completions", {"model": "zhipu/embedding-3", "messages": []}, "model_not_found", "/v1/embeddings"),
        ("/rerank", {"model": "openai/x", "query": "q", "documents": ["d"]}, "model_not_found", "alibaba"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_whole_and_named(fenli, path, body, code, telling):
    status, _, answer = ask_plainly(fenli, path, body)
    error = json.loads(answer)["error"]
    assert (status >= 400, error["code"]) == (True, code)
    assert telling in error["message"]


def test_each_model_says_what_it_is_for(client):
    listed = {model.id: model.model_extra for model in client.models.list().data}
    assert listed["zhipu/embedding-3"]["capabilities"] == {"embeddings": True}
    assert listed["metaso/search"]["endpoint"] == "/v1/search"
    assert listed["embed"]["endpoint"] == "/v1/embeddings"
    assert listed["zhipu/glm-4.6"]["capabilities"] == {"chat": True}


def test_the_vendors_books_agree(fenli):
    """Whatever the market says it served in units is in our books, and nothing else."""
    _, headers, _ = ask_plainly(fenli, "/search", {"model": "zhipu/search-std", "query": "q"})
    entry_of(fenli, headers)
    theirs = sorted((one.vendor, *one.units.items()) for one in served(fenli.market_port) if one.units)
    ours = [entry for entry in entries(fenli) if entry["usage"] and "input" not in entry["usage"]]
    assert theirs
    assert theirs == sorted((entry["vendor"], *entry["usage"].items()) for entry in ours)


def test_what_was_paid_in_units_is_verified_and_can_be_rated_again(fenli):
    _, headers, _ = ask_plainly(fenli, "/images/generations", {"model": "zhipu/glm-image", "prompt": "a cat", "n": 2})
    assert Decimal(entry_of(fenli, headers)["cost"]) == Decimal("0.2")
    assert "Sound" in fenli.command("ledger", "verify")
    fenli.command("archive", "write")
    rated = fenli.command("replay", "--model", "zhipu/glm-image")
    (line,) = [line.split() for line in rated.splitlines() if line.startswith("zhipu/glm-image")]
    assert line[4:6] == ["0.2", "0.2"]  # paid, and now
