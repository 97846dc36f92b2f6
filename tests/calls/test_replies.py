"""What callers and books read of a failure: the origin of an upstream is the books' business alone."""

from __future__ import annotations

import json

import pytest

from fenli.calls.attempt import failure_of
from fenli.calls.replies import error_reply, explain, stream_error
from fenli.errors import ConnectFailed, ConnectionLost, Failure, Kind, ProtocolError, TimedOut
from fenli.routing.directory import Directory
from fenli.routing.snapshot import Snapshot, VendorSettings
from fenli.routing.targets import Target

ORIGIN = "http://127.0.0.1:18520"


@pytest.fixture
def target() -> Target:
    settings = VendorSettings("acme", "openai", f"{ORIGIN}/v1", "", ("m1",), "CNY")
    return Directory(Snapshot("v", 0, (), (settings,), (), {}), lambda _: "sk-secret").plan("acme/m1").targets[0]


def told(failure: Failure, target: Target) -> str:
    """What the caller reads, the same before and within a stream."""
    message: str = json.loads(error_reply(failure, target, [], "call_1")[2])["error"]["message"]
    assert json.loads(stream_error(failure, target, "call_1"))["error"]["message"] == message
    return message


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectFailed(f"No connection to {ORIGIN}: refused. Check it.", sent=False), "server error: it could not be"),
        (TimedOut("connect", f"No connection to {ORIGIN} in time.", sent=False), "timeout: no connection to it in"),
        (TimedOut("head", f"{ORIGIN} did not answer.", sent=True), "timeout: it did not begin to answer in time"),
        (TimedOut("first_byte", f"{ORIGIN} was silent.", sent=True), "timeout: the answer's body did not begin in"),
        (TimedOut("idle", f"{ORIGIN} fell silent.", sent=True), "timeout: the answer stood still for too long"),
        (ConnectionLost(f"{ORIGIN} closed the connection.", sent=True), "truncated: it closed the connection before"),
        (ProtocolError(f"{ORIGIN} breaks HTTP.", sent=True), "truncated: its reply breaks HTTP"),
    ],
)
def test_a_caller_reads_what_happened_and_the_books_where(error: Exception, said: str, target: Target) -> None:
    failure = failure_of(error)
    message = told(failure, target)
    assert message.startswith(f"acme/m1: {said}")
    assert "127.0.0.1" not in message
    assert "18520" not in message
    assert ORIGIN in explain(failure, target)


@pytest.mark.parametrize("said", ["It broke. Try again.", "It broke. Try again", "出错了。"])
def test_a_sentence_ends_once(said: str, target: Target) -> None:
    failure = Failure(Kind.SERVER_ERROR, said, 500)
    for text in (explain(failure, target), told(failure, target)):
        assert ".." not in text
        assert "。." not in text
        assert text.startswith("acme/m1: server error (HTTP 500): ")
        assert text.endswith(". Next: retry, or add a second target to the route.")


def test_a_vendors_own_words_still_reach_the_caller_without_our_secret(target: Target) -> None:
    failure = Failure(Kind.SERVER_ERROR, "GPU sk-secret on fire", 500)
    assert "GPU *** on fire" in told(failure, target)


def test_a_failure_without_words_is_named_all_the_same(target: Target) -> None:
    assert told(Failure(Kind.TRUNCATED, ""), target) == "acme/m1: truncated. Next: retry."
