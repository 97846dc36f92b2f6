"""What a newcomer does in the first minute, against the model on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import openai
import pytest
from fenli_service import client_of, is_known, serving, wait_for


@pytest.fixture(scope="module")
def fenli(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("first") / "data") as running:
        running.wait_local()
        yield running


QUESTION = [{"role": "user", "content": "Say hello in one word."}]


def test_the_first_start_prints_all_that_is_needed(fenli):
    assert fenli.url in fenli.output
    assert fenli.output.count(fenli.first_key) == 2  # once as such, once in the line to paste
    assert "curl" in fenli.output


def test_curl_streams_an_answer_with_usage(fenli):
    body = json.dumps(
        {
            "model": "local",
            "stream": True,
            "max_tokens": 8,
            "messages": QUESTION,
            "stream_options": {"include_usage": True},
        }
    )
    out = subprocess.run(
        ["curl", "-sN", f"{fenli.url}/chat/completions", "-H", f"Authorization: Bearer {fenli.first_key}", "-d", body],
        capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip
    events = [line.removeprefix("data: ") for line in out.splitlines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    usage = json.loads(events[-2])["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert "".join(choice["delta"].get("content") or "" for e in events[:-1] for choice in json.loads(e)["choices"])


def test_the_openai_client_chats(client):
    answer = client.chat.completions.create(model="local", messages=QUESTION, max_tokens=8)
    assert answer.choices[0].message.content
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_the_openai_client_streams_and_gets_usage_only_when_it_asks(client):
    plain = list(client.chat.completions.create(model="local", messages=QUESTION, max_tokens=8, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in plain)
    assert all(chunk.choices and chunk.usage is None for chunk in plain)
    asked = list(
        client.chat.completions.create(
            model="local", messages=QUESTION, max_tokens=8, stream=True, stream_options={"include_usage": True}
        )
    )
    assert asked[-1].usage.completion_tokens > 0


def test_tools_are_accepted(client):
    tool = {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}
    answer = client.chat.completions.create(model="local", messages=QUESTION, max_tokens=8, tools=[tool])
    assert answer.choices[0].finish_reason in ("stop", "length", "tool_calls")


def test_errors_arrive_as_the_clients_own_exceptions(client, fenli):
    with pytest.raises(openai.NotFoundError, match="did you mean local"):
        client.chat.completions.create(model="locl", messages=QUESTION)
    with pytest.raises(openai.BadRequestError, match="messages"):
        client.chat.completions.create(model="local", messages="hello")
    with pytest.raises(openai.BadRequestError, match="context"):
        client.chat.completions.create(model="local", messages=[{"role": "user", "content": "word " * 9000}])
    with pytest.raises(openai.AuthenticationError, match="fenli key create"):
        client_of(fenli, "fl-wrong").models.list()


def test_the_models_are_listed(client):
    assert "local" in [model.id for model in client.models.list()]
    assert client.models.retrieve("local").owned_by == "local"


def test_the_cost_comes_with_the_answer_when_asked(client):
    answer = client.chat.completions.create(
        model="local", messages=QUESTION, max_tokens=4, extra_headers={"x-fenli-cost": "true"}
    )
    assert answer.usage.model_extra["cost"] == 0
    assert answer.usage.model_extra["cost_details"]["currency"] == "CNY"


def test_the_ledger_shows_the_calls_and_proves_itself(fenli, client):
    raw = client.chat.completions.with_raw_response.create(model="local", messages=QUESTION, max_tokens=4)
    call = raw.headers["x-fenli-call-id"]
    usage = raw.parse().usage
    entry = next(entry for entry in fenli.listing("ledger", "list") if entry["call"] == call)
    assert entry["grade"] == "measured"
    assert entry["cost"] == "0"
    prompt = entry["usage"]["input"] + entry["usage"].get("cached_input", 0)
    assert (prompt, entry["usage"]["output"]) == (usage.prompt_tokens, usage.completion_tokens)
    fenli.command("ledger", "verify")


def test_nobody_else_on_this_machine_may_read_what_is_written(fenli):
    for path in [fenli.data, *fenli.data.rglob("*")]:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_nobody_else_on_this_machine_may_ask_the_model(fenli):
    key = (fenli.data / "local-key").read_text().strip()
    [pid] = fenli.pids("local")
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    [port] = [word.removeprefix(b"--port=").decode() for word in words if word.startswith(b"--port=")]
    assert key.encode() not in b" ".join(words)
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/chat/completions", b"{}", timeout=30)


def test_the_context_is_the_one_that_the_model_runs_with(fenli, client):
    told = {model.id: model.model_extra["context_length"] for model in client.models.list().data}
    listed = subprocess.run([sys.executable, "-m", "fenli", "models", "--json"], capture_output=True, env=fenli.environ)
    shown = {model["name"]: model["context"] for model in json.loads(listed.stdout)}
    name = next(name for name in shown if name.startswith("local/"))
    assert told["local"] == told[name] == shown[name] == 4096


def test_a_key_works_soon_and_a_revoked_one_stops(fenli):
    made = fenli.listing("key", "create", "--name", "short-lived")
    other = client_of(fenli, made["key"])
    wait_for("the key to work", lambda: is_known(other))
    fenli.command("key", "revoke", made["id"])
    wait_for("the key to stop", lambda: not is_known(other))
