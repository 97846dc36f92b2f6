"""Answers that are fetched later: a task is under way for as long as its answer would have taken, and charged once."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from fenli.clock import SECOND
from fenli.market.market import emulate, market_key
from fenli.market.model import EmulatedVendor
from fenli.market.replies import Echo, Pace
from fenli.market.requests import Ask
from fenli.market.script import Body, Enter, Outcome, Script
from fenli.sim.random import Chance, Stream

NOW = 1_700_000_000 * SECOND
SAID = {"messages": [{"role": "user", "content": "0123456789ab"}]}


class Client:
    def __init__(self) -> None:
        # A second for the first token and for each one: an echo of 12 bytes is 3 tokens.
        self.vendor: EmulatedVendor = emulate("zhipu", behaviour=Echo(), pace=Pace(SECOND, SECOND))
        self.chance: Stream = Chance(1).stream("zhipu")

    def send(self, method: str, path: str, body: dict[str, Any] | None = None, now: int = NOW) -> tuple[Script, Any]:
        headers = {"authorization": f"Bearer {market_key('zhipu')}"}
        data = b"" if body is None else msgspec.json.encode({"model": "glm-5.3", **body})
        script = self.vendor.script(Ask(method, self.vendor.prefix + path, headers, data), now, self.chance)
        [told] = [action.data for action in script.actions if isinstance(action, Body)]
        members = json.loads(told)
        assert members.pop("request_id")  # of this request, not of the task
        return script, members

    def begin(self, **more: Any) -> tuple[Script, Any]:
        return self.send("POST", "/async/chat/completions", SAID | more)

    def fetch(self, task: str, after: int) -> Any:
        return self.send("GET", f"/async-result/{task}", now=NOW + after)[1]


def entry(script: Script) -> Enter:
    [entered] = [action for action in script.actions if isinstance(action, Enter)]
    return entered


def test_a_task_takes_as_long_as_the_answer_would_have() -> None:
    client = Client()
    script, told = client.begin()
    assert told == {"id": script.id, "model": "glm-5.3", "task_status": "PROCESSING"}
    assert (entry(script).outcome, entry(script).tokens) == (Outcome.WHOLE, 3)
    assert client.fetch(script.id, 4 * SECOND - 1) == told
    done = client.fetch(script.id, 4 * SECOND)
    assert (done["id"], done["task_status"]) == (script.id, "SUCCESS")
    assert done["choices"][0]["message"]["content"] == "0123456789ab"
    assert (done["usage"]["prompt_tokens"], done["usage"]["completion_tokens"]) == (3, 3)


def test_a_task_is_charged_when_it_begins_and_never_again() -> None:
    client = Client()
    script, _ = client.begin()
    assert script.count.completion == 3
    fetched, _ = client.send("GET", f"/async-result/{script.id}", now=NOW + 9 * SECOND)
    assert [action for action in fetched.actions if isinstance(action, Enter)] == []


@pytest.mark.parametrize(("fault", "status"), [("rate_limited", 429), ("no_balance", 429), ("content_filtered", 400)])
def test_a_refusal_comes_at_once(fault: str, status: int) -> None:
    script, told = Client().begin(model=f"glm-5.3!{fault}")
    assert (script.status, entry(script).outcome) == (status, Outcome.REFUSED)
    assert told["error"]["code"]


@pytest.mark.parametrize("fault", ["error_inside", "cut@20", "empty", "garbage", "cut_head"])
def test_a_task_that_fails(fault: str) -> None:
    client = Client()
    script, told = client.begin(model=f"glm-5.3!{fault}")
    assert (script.status, told["task_status"]) == (200, "PROCESSING")
    assert client.fetch(script.id, 9 * SECOND) == told | {"task_status": "FAIL"}


def test_a_task_that_stalls_never_ends() -> None:
    client = Client()
    script, told = client.begin(model="glm-5.3!stall@0")
    assert client.fetch(script.id, 10**6 * SECOND) == told


@pytest.mark.parametrize("path", ["/async-result/nobody", "/async-result/"])
def test_a_task_that_was_never_asked_for(path: str) -> None:
    script, told = Client().send("GET", path)
    assert (script.status, told["error"]["code"]) == (400, "1210")


def test_a_vendor_without_tasks_has_no_such_endpoint() -> None:
    vendor = emulate("deepseek")
    ask = Ask("GET", vendor.prefix + "/async-result/x", {"authorization": f"Bearer {market_key('deepseek')}"}, b"")
    assert vendor.script(ask, NOW, Chance(1).stream("deepseek")).status == 404
