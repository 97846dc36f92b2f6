"""Whatever happens, in whatever order: one end, every hold closed once, books that post."""

from __future__ import annotations

import contextlib
from typing import Any

from call_stage import DONE, EXTRA, JSON, ROLE, SSE, STOP, USAGE, WHOLE, CallStage, problem, words
from hypothesis import given, settings
from hypothesis import strategies as st

from fenli.budgets import Budget, Mode, Period, Scope
from fenli.budgets.messages import Granted
from fenli.budgets.purse import Purse
from fenli.clock import SECOND
from fenli.errors import CallRefused, ConnectFailed, ConnectionLost, TimedOut
from fenli.ledger.entries import Entry, Poster
from fenli.ledger.records import Grade
from fenli.prices.rates import Rates

LIE = USAGE.replace(b"14", b"100010").replace(b'"completion_tokens":4', b'"completion_tokens":100000')
PIECES = st.sampled_from(
    [
        ROLE, words("Hi"), words("there"), STOP, EXTRA, DONE, WHOLE, WHOLE[:40], WHOLE[40:],
        STOP[:-2], ROLE + words("x") + STOP + EXTRA + DONE, b": hm\n\n", b"<html>", b"data: <html>\n\n",
        b"data: " + problem(code="1301", message="no") + b"\n\n", problem(code="1113", message="no"),
        words("x")[:-9] + b',"usage":' + USAGE + b"}\n\n", b'data: {"choices":[],"usage":5}\n\n', b"",
        WHOLE.replace(USAGE, LIE), ROLE + words("x") + STOP + EXTRA.replace(USAGE, LIE) + DONE,
    ]
)  # fmt: skip
ERRORS = st.sampled_from(
    [ConnectFailed("x", sent=False), ConnectionLost("x", sent=True), TimedOut("idle", "x", sent=True), OSError("odd")]
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("body"), st.integers(1, 3), PIECES),
        st.tuples(st.just("body"), st.integers(1, 3), PIECES),
        st.tuples(st.just("head"), st.integers(1, 3), st.sampled_from([200, 200, 200, 204, 302, 400, 401, 429, 500])),
        st.tuples(st.just("complete"), st.integers(1, 3), st.none()),
        st.tuples(st.just("fail"), st.integers(1, 3), ERRORS),
        st.tuples(st.just("leave"), st.none(), st.none()),
        st.tuples(st.just("hedge"), st.none(), st.none()),
        st.tuples(st.just("pass_time"), st.none(), st.sampled_from([0, SECOND, 11 * SECOND, 31 * SECOND, 61 * SECOND])),
        st.tuples(st.just("write_journal"), st.none(), st.none()),
        st.tuples(st.just("write_journal"), st.none(), st.none()),
        st.tuples(st.just("refuse_journal"), st.none(), st.booleans()),
    ),
    max_size=25,
)


class Rehearsal:
    """Plays steps as far as the world allows them: replies only to what was sent, in the order of a transport."""

    def __init__(self, stage: CallStage) -> None:
        self.stage = stage
        self.answered: set[int] = set()

    def play(self, step: str, number: int | None, given: Any) -> None:
        stage = self.stage
        if number is not None:
            if number not in stage.on_the_way:
                return
            if step == "head":
                if number not in self.answered:
                    self.answered.add(number)
                    stage.head(given, SSE if stage.call.ask.stream and given == 200 else JSON, at=number)
            elif step == "fail":
                stage.fail(given, at=number)
            elif number in self.answered:
                _ = stage.body(given, at=number) if step == "body" else stage.complete(at=number)
        elif step == "leave":
            if not stage.client_left:
                stage.leave()
        elif step == "hedge":
            if stage.ended is None and not stage.client_left and stage.started is None and len(stage.sends) < 3:
                stage.hedge() if stage.now < stage.call.deadline else None
        elif step == "pass_time":
            stage.pass_time(given)
        elif step == "refuse_journal":
            stage.refuse_journal(written=given)
        else:
            stage.write_journal()

    def finish(self) -> None:
        """Time passes until the call has to be over."""
        for _ in range(5):
            self.stage.write_journal()
            self.stage.pass_time(61 * SECOND)
        self.stage.write_journal()


@settings(max_examples=400, deadline=None)
@given(STEPS, st.booleans(), st.booleans(), st.booleans(), st.integers(1, 4))
def test_any_sequence_of_events_ends_every_hold_once(
    steps: list[tuple[str, int | None, Any]], stream: bool, drain: bool, wants_cost: bool, attempts_max: int
) -> None:
    stage = CallStage(
        "zhipu", "deepseek", "moonshot", stream=stream, drain=drain, wants_cost=wants_cost, attempts_max=attempts_max
    )
    rehearsal = Rehearsal(stage.begin())
    for step in steps:
        rehearsal.play(*step)
    rehearsal.finish()
    stage.check()
    assert all(end.grade is not Grade.NONE or end.picos is None for end in stage.entries)
    if stage.finished and stream:
        assert stage.said.endswith(DONE)
    if stage.aborted:
        assert DONE not in stage.said


@settings(max_examples=100, deadline=None)
@given(STEPS, st.data())
def test_the_books_can_be_read_up_to_any_record_and_closed_there(
    steps: list[tuple[str, int | None, Any]], data: st.DataObject
) -> None:
    stage = CallStage("zhipu", "deepseek", "moonshot", stream=True)
    rehearsal = Rehearsal(stage.begin())
    for step in steps:
        rehearsal.play(*step)
    rehearsal.finish()
    cut = data.draw(st.integers(0, len(stage.records)))
    poster = Poster("run")
    entries = [entry for record in stage.records[:cut] if (entry := poster.post(record)) is not None]
    entries += poster.close(stage.now)
    assert [entry.final for entry in entries].count(True) == (1 if cut else 0)
    assert not cut or entries[-1].final
    assert len({entry.attempt for entry in entries}) == len(entries)


# The same with budgets. A token in costs from 1 pico to 100 and the prompt counts for about 130.


def budgeted(lent: tuple[int, int]) -> Purse:
    made = Purse()
    made.update(
        [
            Budget("key", "key", Scope.KEY, "k1", "CNY", "1000000", Period.TOTAL, Mode.CAP),
            Budget("vendor", "vendor", Scope.VENDOR, "zhipu", "CNY", "1000000", Period.TOTAL, Mode.HARD),
        ],
        Rates(),
    )
    for account, more in zip(made.accounts.values(), lent, strict=True):
        account.granted(Granted(account.budget.id, 0, more, "0", "0", None))
    return made


def drawn(entries: list[Entry], name: str) -> int:
    mine = [entry for entry in entries if name == "key" or entry.vendor == "zhipu"]
    owed = [entry for entry in mine if entry.grade is not Grade.NONE]
    return sum(entry.picos if entry.picos is not None else entry.held_picos or 0 for entry in owed)


LENT = st.sampled_from([0, 200, 1_000, 20_000, 100_000])
OFFICE = st.lists(st.tuples(LENT, LENT, st.booleans()), max_size=4)


@settings(max_examples=400, deadline=None)
@given(STEPS, st.booleans(), st.none() | st.integers(1, 500), st.tuples(LENT, LENT), OFFICE)
def test_whatever_happens_no_hold_outlives_its_call_and_no_lease_is_overdrawn(
    steps: list[tuple[str, int | None, Any]],
    stream: bool,
    limit: int | None,
    lent: tuple[int, int],
    office: list[tuple[int, int, bool]],
) -> None:
    purse = budgeted(lent)
    limited = {} if limit is None else {"max_tokens": limit}
    stage = CallStage("zhipu", "deepseek", "moonshot", stream=stream, purse=purse, **limited)
    leases = {name: account.lease(stage.now) for name, account in purse.accounts.items()}

    def within() -> None:
        assert all(0 <= lease.used <= lease.total for lease in leases.values())

    rehearsal = Rehearsal(stage)
    try:
        stage.begin()
        while stage.needs is not None:
            within()
            one, other, met = office.pop() if office else (0, 0, False)
            for account, more in zip(purse.accounts.values(), (one, other), strict=True):
                account.granted(Granted(account.budget.id, 0, more, "0", "0", None))
            stage.needs = None
            stage.perform(stage.call.allowed(stage.now, met=met))
        for step in steps:
            with contextlib.suppress(CallRefused):  # a second attempt at once that no budget has room for
                rehearsal.play(*step)
            within()
        rehearsal.finish()
        stage.check()
    except CallRefused:
        assert stage.records == stage.unwritten == []
    for name, lease in leases.items():
        assert lease.held == 0
        assert lease.spent == drawn(stage.entries, name) <= lease.total
        for cut in range(len(stage.records)):
            poster = Poster("run")
            entries = [entry for record in stage.records[:cut] if (entry := poster.post(record)) is not None]
            assert drawn(entries + poster.close(stage.now), name) <= lease.total, "had it died there"
