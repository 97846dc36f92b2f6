"""Options through a whole fenli, as the openai client sends them."""

from __future__ import annotations

import openai
import pytest
from fenli_service import entry_of, on_the_market

ON = ("deepseek", "alibaba", "moonshot")
CONFIG = """missing_options = "downgrade" # of the last
[[routes]]
name = "chat"
targets = ["deepseek/deepseek-flash", "alibaba/qwen-plus"]
"""
QUESTION = [{"role": "user", "content": "How many mills make a cent?"}]


@pytest.fixture(scope="module")
def fenli(tmp_path_factory):
    with on_the_market(tmp_path_factory.mktemp("options"), ON, config=CONFIG) as running:
        yield running


def test_thinking_is_turned_on_and_paid_for(fenli, client):
    raw = client.chat.completions.with_raw_response.create(
        model="deepseek/deepseek-flash", messages=QUESTION, extra_body={"fenli": {"thinking": True}}
    )
    answer = raw.parse()
    assert answer.choices[0].message.model_extra["reasoning_content"]
    entry = entry_of(fenli, raw.headers)
    assert entry["usage"]["reasoning"] == answer.usage.completion_tokens_details.reasoning_tokens > 0


def test_a_prefix_goes_on_at_the_path_that_takes_it(client):
    begun = {"role": "assistant", "content": "Ten mills"}
    stream = client.chat.completions.create(
        model="deepseek/deepseek-flash",
        messages=[*QUESTION, begun],
        stream=True,
        extra_body={"fenli": {"prefix": True}},
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert text.startswith(" (on from 'Ten mills')")


def test_the_route_goes_to_the_target_that_searches(client):
    raw = client.chat.completions.with_raw_response.create(model="chat", messages=QUESTION, web_search_options={})
    assert raw.headers["x-fenli-vendor"] == "alibaba"
    assert raw.parse().choices[0].message.content.endswith("[1]")


def test_what_nobody_has_is_refused_by_name(client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model="deepseek/deepseek-flash", messages=QUESTION, extra_body={"fenli": {"search": True}}
        )
    assert (caught.value.code, caught.value.param) == ("option_not_supported", "fenli.search")
    assert "alibaba" in caught.value.message


def test_a_downgrade_is_told(client):
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object", "properties": {}}}}
    raw = client.chat.completions.with_raw_response.create(
        model="moonshot/moonshot-v1-8k", messages=QUESTION, response_format=form
    )
    assert raw.headers["x-fenli-downgraded"] == "schema"
    assert raw.parse().choices[0].message.content == "{}"
