"""Options through a whole fenli, as the openai client sends them."""

from __future__ import annotations

import openai
import pytest
from fenli_service import KEYS, emulated_market, serving, wait_for

from fenli.market.market import market_key
from fenli.vendors.catalog import VENDORS
from fenli.vendors.contract import parse_base_url

ON = ("deepseek", "alibaba", "moonshot")
QUESTION = [{"role": "user", "content": "How many mills make a cent?"}]


@pytest.fixture(scope="module")
def fenli(tmp_path_factory):
    folder = tmp_path_factory.mktemp("options")
    with emulated_market("--at-once", *(f"--vendor={vendor}" for vendor in ON)) as port:
        lines = ["[local]", "enabled = false"]
        for vendor in ON:
            path = parse_base_url(VENDORS[vendor].base_url)[1]
            lines += [f"[vendors.{vendor}]", f'base_url = "http://127.0.0.1:{port}/{vendor}{path}"']
        lines += ['missing_options = "downgrade"']  # of the last
        lines += ["[[routes]]", 'name = "chat"', 'targets = ["deepseek/deepseek-flash", "alibaba/qwen-plus"]']
        environ = {KEYS[vendor]: market_key(vendor) for vendor in ON}
        with serving(folder / "data", config="\n".join(lines) + "\n", environ=environ) as running:
            yield running


@pytest.fixture(scope="module")
def client(fenli):
    return openai.OpenAI(base_url=fenli.url, api_key=fenli.first_key, max_retries=0)


def test_thinking_is_turned_on_and_paid_for(fenli, client):
    raw = client.chat.completions.with_raw_response.create(
        model="deepseek/deepseek-flash", messages=QUESTION, extra_body={"fenli": {"thinking": True}}
    )
    answer, call = raw.parse(), raw.headers["x-fenli-call-id"]
    assert answer.choices[0].message.model_extra["reasoning_content"]

    def booked():
        return [entry for entry in fenli.listing("ledger", "list", "--limit", "100") if entry["call"] == call]

    (entry,) = wait_for("the entry", booked)
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
