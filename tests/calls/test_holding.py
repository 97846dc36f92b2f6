"""Budgets and a call: held before the vendor hears of it, shortened or refused where too little is left."""

from __future__ import annotations

import json

import msgspec
import pytest
from call_stage import DONE, ROLE, STOP, USAGE, WHOLE, CallStage, plan, words

from fenli.budgets.budget import Budget, Mode, Period, Scope
from fenli.budgets.messages import Granted
from fenli.budgets.purse import Purse
from fenli.calls.holding import TEMPLATE_TOKENS
from fenli.clock import SECOND
from fenli.errors import CallRefused, Code
from fenli.ledger.records import Grade
from fenli.prices.rates import Rates
from fenli.prices.tariff import Tariff


def purse(left: int, mode: Mode = Mode.HARD, limit: int = 10_000_000) -> Purse:
    made = Purse()
    made.update([Budget("b1", "lab", Scope.KEY, "k1", "CNY", str(limit), Period.TOTAL, mode)], Rates())
    grant(made, left)
    return made


def grant(purse: Purse, total: int, spent: int = 0) -> None:
    account = purse.accounts["b1"]
    account.granted(Granted("b1", 0, total - account.lease(0).total, str(spent), "0", None))


def lease(stage: CallStage):
    return stage.purse.accounts["b1"].lease(stage.now)


def sent(stage: CallStage, attempt: int = 1) -> dict:
    return json.loads(bytes(stage.sends[attempt].request.body))


# The prompt of the stage's call: 33 bytes of "fast" and no message, or so; a token in costs 1 pico, one out 2.


def prompt(stage: CallStage) -> int:
    return stage.call.ask.size + TEMPLATE_TOKENS


def test_what_a_call_can_cost_is_held_and_what_it_cost_is_spent():
    stage = CallStage(purse=purse(1_000_000), max_tokens=100).ask()
    assert lease(stage).held == prompt(stage) + 200
    assert stage.records[0].picos == prompt(stage) + 200
    stage.head().body(WHOLE).complete()
    stage.write_journal()
    assert stage.entries[0].picos == 18
    assert (lease(stage).held, lease(stage).spent) == (0, 18)


def test_the_office_is_asked_for_what_is_short_and_then_the_call_goes_on():
    stage = CallStage(purse=purse(0), max_tokens=100).begin()
    whole = prompt(stage) + 200
    assert [(need.amount, need.whole) for need in stage.needs] == [(whole, whole)]
    assert stage.sends == {}
    assert stage.unwritten == []
    grant(stage.purse, whole)
    stage.perform(stage.call.allowed(stage.now, met=True))
    stage.write_journal()
    assert sent(stage)["max_tokens"] == 100
    assert lease(stage).free == 0


def test_a_refusal_says_which_budget_and_how_it_stands():
    stage = CallStage(purse=purse(50, limit=5_000_000_000_000), max_tokens=100).begin()
    grant(stage.purse, 50, spent=4_000_000_000_000)
    with pytest.raises(CallRefused) as refused:
        stage.call.allowed(stage.now, met=False)
    assert refused.value.code is Code.INSUFFICIENT_QUOTA
    message = refused.value.message
    for part in ("'lab' (key k1, total)", "limit 5,", "spent 4,", "held 0.99999999995;", "never begins anew"):
        assert part in message, message
    assert lease(stage).held == 0
    assert stage.sends == {}


def test_a_refusal_names_the_limit_that_the_office_lends_by():
    stage = CallStage(purse=purse(0, limit=5), max_tokens=100).begin()
    stage.purse.accounts["b1"].granted(Granted("b1", 0, 0, "6", "0", None, "7"))
    with pytest.raises(CallRefused, match=r"limit 0.000000000007, spent 0.000000000006, held 0.000000000001;"):
        stage.call.allowed(stage.now, met=False)


def test_a_refusal_speaks_of_its_own_day_and_of_when_the_next_amount_comes_free():
    made = Purse()
    rolling = Budget("b1", "lab", Scope.KEY, "k1", "CNY", "10", Period.ROLLING, Mode.HARD, span=240 * SECOND)
    made.update([rolling], Rates())
    stage = CallStage(purse=made, max_tokens=100).begin()
    made.accounts["b1"].granted(Granted("b1", 0, 0, "7", "0", 77 * SECOND))
    with pytest.raises(CallRefused, match=r"spent 0,.*anew at 1970-01-01T00:20:50"):
        stage.call.allowed(stage.now, met=False)
    made.accounts["b1"].granted(Granted("b1", 1000 * SECOND, 0, "9", "0", 1007 * SECOND))
    with pytest.raises(CallRefused, match=r"spent 0.000000000009,.*anew at 1970-01-01T00:16:47"):
        stage.call.allowed(stage.now, met=False)


@pytest.mark.parametrize("mode", [Mode.HARD, Mode.CAP])
def test_an_answer_without_a_limit_gets_the_one_that_the_budget_can_afford(mode):
    stage = CallStage(purse=purse(0, mode)).begin()
    left = prompt(stage) + 2 * 500 + 1
    grant(stage.purse, left)
    stage.perform(stage.call.allowed(stage.now, met=False))
    stage.write_journal()
    assert sent(stage)["max_tokens"] == 500
    assert lease(stage).held == left - 1


def test_a_limit_of_the_callers_own_is_lowered_by_a_cap_and_refused_by_a_hard_budget():
    capped = CallStage(purse=purse(0, Mode.CAP), max_tokens=1000).begin()
    grant(capped.purse, prompt(capped) + 2 * 20)
    capped.perform(capped.call.allowed(capped.now, met=False))
    assert sent(capped)["max_tokens"] == 20
    hard = CallStage(purse=purse(0), max_tokens=1000).begin()
    grant(hard.purse, prompt(hard) + 2 * 20)
    with pytest.raises(CallRefused):
        hard.call.allowed(hard.now, met=False)


def test_an_answer_is_not_shortened_to_nothing():
    stage = CallStage(purse=purse(0, Mode.CAP)).begin()
    grant(stage.purse, prompt(stage) + 2 * 15)
    with pytest.raises(CallRefused, match="shorter answer"):
        stage.call.allowed(stage.now, met=False)


def test_a_model_without_a_price_is_refused_by_name_and_served_where_no_budget_binds():
    with pytest.raises(CallRefused, match=r"deepseek/deepseek-chat has no price.*'lab'"):
        CallStage(purse=purse(10**9), priced=False).begin()
    CallStage(priced=False).ask().head().body(WHOLE).complete()


def test_a_vendor_that_claims_more_than_was_held_is_not_believed_at_the_budgets_cost():
    stage = CallStage(purse=purse(0), max_tokens=1).begin()
    held = prompt(stage) + 2
    grant(stage.purse, held)
    stage.perform(stage.call.allowed(stage.now, met=True))
    stage.write_journal()
    lie = USAGE.replace(b"14", b"1000010").replace(b'"completion_tokens":4', b'"completion_tokens":1000000')
    stage.head().body(WHOLE.replace(USAGE, lie)).complete()
    stage.write_journal()
    entry = stage.entries[0]
    assert (entry.grade, entry.picos, entry.held_picos) == (Grade.UNKNOWN, None, held)
    assert entry.note.startswith("over_hold: the vendor's usage costs 0.00000200001 CNY")
    assert entry.usage == {"input": 10, "output": 1_000_000}
    assert lease(stage).spent == held


def test_a_refused_attempt_gives_its_hold_back_and_the_next_one_holds_anew():
    stage = CallStage("deepseek", "moonshot", purse=purse(1_000_000), max_tokens=10).ask()
    first = lease(stage).held
    stage.head(500).body(b"{}").complete()
    stage.write_journal()
    assert lease(stage).held == 10 * first
    stage.head().body(WHOLE).complete()
    assert (lease(stage).held, lease(stage).spent) == (0, 180)


def test_there_is_no_second_attempt_that_a_budget_has_no_room_for():
    stage = CallStage("deepseek", "moonshot", purse=purse(0), max_tokens=10).begin()
    grant(stage.purse, prompt(stage) + 20)
    stage.perform(stage.call.allowed(stage.now, met=True))
    stage.write_journal()
    stage.head(500).body(b"{}").complete()
    stage.write_journal()
    assert stage.reply.status == 502
    assert stage.entries[0].final
    assert lease(stage).held == 0


def test_a_caller_who_leaves_while_the_office_is_asked_leaves_no_trace():
    stage = CallStage(purse=purse(0)).begin()
    stage.leave()
    assert stage.ended.status == 499
    assert stage.records == stage.unwritten == []
    assert stage.call.allowed(stage.now, met=True) == ()


def test_a_caller_who_leaves_a_stream_pays_what_was_said():
    stage = CallStage(purse=purse(10**6), stream=True, max_tokens=100).ask()
    stage.head().body(ROLE + words("Hello there"))
    stage.leave()
    stage.write_journal()
    spent = stage.entries[0].picos
    assert spent is not None
    assert (lease(stage).held, lease(stage).spent) == (0, spent)


def test_a_stream_is_shortened_too():
    stage = CallStage(purse=purse(0), stream=True).begin()
    grant(stage.purse, prompt(stage) + 2 * 30)
    stage.perform(stage.call.allowed(stage.now, met=False))
    stage.write_journal()
    assert sent(stage)["max_tokens"] == 30
    stage.head().body(ROLE + words("Hi") + STOP + DONE)
    assert stage.finished


def test_a_hold_that_cannot_be_written_is_given_back():
    stage = CallStage(purse=purse(10**6), max_tokens=10).begin()
    stage.refuse_journal()
    assert (lease(stage).held, lease(stage).spent) == (0, 0)


def test_an_image_is_held_for_by_the_image_and_not_by_its_bytes():
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 300_000}}
    messages = [{"role": "user", "content": [picture]}]
    stage = CallStage(purse=purse(10**9), messages=messages, max_tokens=10).ask()
    assert lease(stage).held < 40_000


def searching(**more):
    """Zhipu's model reads 200,000 tokens."""
    return CallStage("zhipu", purse=purse(10_000_000), max_tokens=100, **more)


@pytest.mark.parametrize(
    "ask",
    [
        {"fenli": {"search": True}},
        {"web_search_options": {}},
        {"tools": [{"type": "web_search", "web_search": {"enable": True}}]},
    ],
)
def test_what_a_search_finds_is_held_as_all_that_the_model_reads(ask):
    stage = searching(**ask).ask()
    assert lease(stage).held == 200_000 + 200


@pytest.mark.parametrize(
    "ask", [{}, {"tools": [{"type": "function", "function": {"name": "search"}}]}, {"fenli": {"thinking": True}}]
)
def test_a_request_that_does_not_search_is_held_by_its_own_size(ask):
    stage = searching(**ask).ask()
    assert lease(stage).held == prompt(stage) + 200


def test_what_is_known_of_a_search_is_held_and_what_it_costs_too():
    made = plan("zhipu")
    (target,) = made.targets
    row = msgspec.structs.replace(target.tariff.offers[0], prices={"input": 1, "output": 2, "searches": 1_000})
    search = msgspec.structs.replace(target.search, tokens=5_000, most=3)
    made = msgspec.structs.replace(
        made, targets=(msgspec.structs.replace(target, search=search, tariff=Tariff([row], "start")),)
    )
    stage = searching(plan_=made, fenli={"search": True}).ask()
    assert lease(stage).held == prompt(stage) + 5_000 + 3_000 + 200


def test_an_answer_with_a_search_is_shortened_to_what_the_budget_has_left_beside_it():
    stage = CallStage("zhipu", purse=purse(0), fenli={"search": True}).begin()
    grant(stage.purse, 200_000 + 2 * 500)
    stage.perform(stage.call.allowed(stage.now, met=False))
    stage.write_journal()
    assert sent(stage)["max_tokens"] == 500


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "file", "file": {"file_id": "file-1"}}],
        [{"type": "image_file_id", "image_file_id": "f-1"}],
        "fileid://file-fe-xxx",
    ],
)
def test_a_file_that_the_vendor_keeps_is_held_as_all_that_the_model_reads(content):
    stage = searching(messages=[{"role": "system", "content": content}]).ask()
    assert lease(stage).held == 200_000 + 200
