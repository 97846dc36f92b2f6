"""The on-device model as the gateway sees it: a real model in a child process, asked over HTTP."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fenli.errors import ConfigError
from fenli.vendors.local import weights
from fenli.vendors.local.process import LocalModel, free_port

KEY = "a-key-of-the-gateway"
ASK = {"model": "local", "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 8, "temperature": 0}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalModel]:
    log = tmp_path_factory.mktemp("local") / "engine.log"
    with LocalModel(weights.find(), context=512, key=KEY, log=log) as running:
        running.wait_ready()
        yield running


@contextlib.contextmanager
def ask(model: LocalModel, **body: Any) -> Iterator[http.client.HTTPConnection]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", model.port, timeout=60)) as connection:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {model._key}"}
        connection.request("POST", "/v1/chat/completions", json.dumps(ASK | body), headers)
        yield connection


def post(model: LocalModel, **body: Any) -> tuple[int, bytes]:
    with ask(model, **body) as connection:
        reply = connection.getresponse()
        return reply.status, reply.read()


def events(stream: bytes) -> list[bytes]:
    return [line.removeprefix(b"data: ") for line in stream.split(b"\n\n") if line.startswith(b"data: ")]


def assert_adds_up(usage: dict[str, Any]) -> None:
    assert usage["prompt_tokens"] + usage["completion_tokens"] == usage["total_tokens"]
    assert 0 <= usage["prompt_tokens_details"]["cached_tokens"] < usage["prompt_tokens"]
    assert 0 < usage["completion_tokens"] <= ASK["max_tokens"]


def test_an_answer_carries_text_and_usage_that_adds_up(model: LocalModel) -> None:
    status, body = post(model)

    answer = json.loads(body)
    assert status == 200
    assert answer["model"] == "local"
    assert answer["choices"][0]["message"]["content"]
    assert answer["choices"][0]["finish_reason"] in ("stop", "length")
    assert_adds_up(answer["usage"])


def test_a_prompt_asked_again_is_counted_as_cached(model: LocalModel) -> None:
    post(model, messages=[{"role": "user", "content": "Name a river."}])
    _, body = post(model, messages=[{"role": "user", "content": "Name a river."}])

    usage = json.loads(body)["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] == usage["prompt_tokens"] - 1


def test_a_stream_ends_with_usage_and_done(model: LocalModel) -> None:
    status, body = post(model, stream=True, stream_options={"include_usage": True})

    *chunks, usage, done = events(body)
    assert status == 200
    assert done == b"[DONE]"
    assert json.loads(usage)["choices"] == []
    assert_adds_up(json.loads(usage)["usage"])
    assert not any("usage" in json.loads(chunk) for chunk in chunks)
    assert any(json.loads(chunk)["choices"][0]["delta"].get("content") for chunk in chunks)


def test_a_stream_without_include_usage_has_none(model: LocalModel) -> None:
    _, body = post(model, stream=True)

    *chunks, done = events(body)
    assert done == b"[DONE]"
    assert not any("usage" in json.loads(chunk) for chunk in chunks)


def test_tools_are_accepted(model: LocalModel) -> None:
    history = [
        {"role": "user", "content": "How is the weather in Paris?"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "1", "content": "22 degrees, sunny"},
    ]

    first, _ = post(model, tools=[WEATHER])
    second, body = post(model, tools=[WEATHER], messages=history)

    assert (first, second) == (200, 200)
    assert_adds_up(json.loads(body)["usage"])


def test_a_prompt_beyond_the_context_is_refused_with_its_length(model: LocalModel) -> None:
    status, body = post(model, messages=[{"role": "user", "content": "again " * 600}], stream=True)

    error = json.loads(body)["error"]
    assert status == 400
    assert error["type"] == "exceed_context_size_error"
    assert (error["n_prompt_tokens"] > 600, error["n_ctx"]) == (True, 512)


def test_only_the_loopback_address_listens(model: LocalModel) -> None:
    listening = [
        line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines() if f":{model.port:04X} " in line
    ]

    assert f"0100007F:{model.port:04X}" in listening
    assert f"00000000:{model.port:04X}" not in listening


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer guessed"}])
def test_only_the_gateway_may_ask(model: LocalModel, headers: dict[str, str]) -> None:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", model.port, timeout=60)) as connection:
        connection.request("POST", "/v1/chat/completions", json.dumps(ASK), headers)
        assert connection.getresponse().status == 401


def test_the_key_stands_where_no_other_user_can_read_it(model: LocalModel) -> None:
    assert model.log is not None
    assert KEY.encode() not in Path(f"/proc/{model.pid}/cmdline").read_bytes()
    assert KEY not in model.log.read_text()
    assert model.log.stat().st_mode & 0o777 == 0o600


def test_it_comes_back_on_its_port_after_it_was_killed(tmp_path: Path) -> None:
    with LocalModel(weights.find(), context=256, slots=1, log=tmp_path / "engine.log") as model:
        model.wait_ready()
        pid = model.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        until(lambda: not model.running)

        model.restart()
        model.wait_ready()

        assert post(model)[0] == 200
        assert model.pid != pid


def test_stopping_takes_no_time_even_while_it_computes(tmp_path: Path) -> None:
    model = LocalModel(weights.find(), context=1024, slots=1, log=tmp_path / "engine.log")
    model.start()
    model.wait_ready()
    with ask(model, max_tokens=900, ignore_eos=True, stream=True) as connection, connection.getresponse() as reply:
        reply.read(1)

        began = time.monotonic()
        model.stop()

        assert time.monotonic() - began < 20
        assert not model.running


def test_the_child_dies_with_its_parent() -> None:
    program = """if True:
        import time
        from fenli.vendors.local import weights
        from fenli.vendors.local.process import LocalModel
        model = LocalModel(weights.find(), context=256, slots=1)
        model.start()
        model.wait_ready()
        print(model.pid, flush=True)
        time.sleep(60)
    """
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert Path(f"/proc/{child}").exists()

    parent.kill()
    parent.wait()
    parent.stdout.close()

    until(lambda: gone(child))


def test_a_damaged_model_is_refused_with_the_engine_s_reason(tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    with weights.installed().open("rb") as whole:
        cut.write_bytes(whole.read(10_000_000))

    with (
        LocalModel(weights.find(cut), log=tmp_path / "engine.log") as model,
        pytest.raises(ConfigError, match="model is corrupted or incomplete"),
    ):
        model.wait_ready()


def test_a_port_that_a_stranger_holds_is_no_model(model: LocalModel, tmp_path: Path) -> None:
    with (
        LocalModel(weights.find(), port=model.port, log=tmp_path / "engine.log") as second,
        pytest.raises(ConfigError, match="couldn't bind"),
    ):
        second.wait_ready()


def test_a_model_that_is_not_ready_in_time_says_so(tmp_path: Path) -> None:
    with (
        LocalModel(weights.find(), port=free_port(), log=tmp_path / "engine.log") as model,
        pytest.raises(ConfigError, match="not ready after 0 s"),
    ):
        model.wait_ready(timeout_s=0)


def test_a_context_longer_than_the_model_s_is_refused() -> None:
    with pytest.raises(ConfigError, match="outside 1 to 8192"):
        LocalModel(weights.find(), context=8193)


def until(true: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 60
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def gone(pid: int) -> bool:
    """A zombie, which only waits for someone to look, is gone too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True
