"""What a process may spend: all or nothing, never beyond what it was given."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fenli.budgets.budget import Budget, Mode, Period, Scope
from fenli.budgets.messages import Granted
from fenli.budgets.purse import Hold, Purse, Shortage
from fenli.clock import SECOND
from fenli.prices.rates import Rate, Rates

NOW = 1_800_000_000 * SECOND
DAY = 86_400 * SECOND


def budget(id: str, scope: Scope = Scope.KEY, subject: str = "k", **fields) -> Budget:
    values = {"currency": "CNY", "limit": "1000", "period": Period.TOTAL, "mode": Mode.HARD} | fields
    return Budget(id, id, scope, subject, **values)


def purse(*budgets: Budget, rates: Rates | None = None, **totals: int) -> Purse:
    made = Purse()
    made.update(budgets, rates or Rates())
    for name, total in totals.items():
        account = made.accounts[name]
        account.granted(Granted(name, account.lease(NOW).window.start, total, "0", "0", None))
    return made


def test_a_call_draws_on_every_budget_in_scope():
    mine = purse(
        budget("key"), budget("project", Scope.PROJECT, "p"), budget("customer", Scope.CUSTOMER, "c"),
        budget("vendor", Scope.VENDOR, "v"), budget("all", Scope.ORGANISATION, ""), budget("other", subject="k2"),
    )  # fmt: skip
    ids = [account.budget.id for account in mine.binding("k", "p", "c", "v")]
    assert ids == ["key", "project", "customer", "vendor", "all"]
    assert [account.budget.id for account in mine.binding("k2", None, None, "w")] == ["other", "all"]


def test_all_of_them_or_none():
    mine = purse(budget("a"), budget("b"), a=100, b=50)
    accounts = mine.binding("k", None, None, "v")
    short = mine.hold(accounts, "CNY", 60, NOW)
    assert isinstance(short, Shortage)
    assert [(need.lease.account.budget.id, need.amount, need.whole) for need in short.needs] == [("b", 10, 60)]
    assert mine.accounts["a"].lease(NOW).held == 0
    hold = mine.hold(accounts, "CNY", 50, NOW)
    assert isinstance(hold, Hold)
    assert hold.settle(30)
    assert (mine.accounts["a"].lease(NOW).free, mine.accounts["b"].lease(NOW).free) == (70, 20)


def test_an_unknown_cost_counts_as_what_was_held_and_none_as_nothing():
    mine = purse(budget("a"), a=100)
    accounts = mine.binding("k", None, None, "v")
    assert mine.hold(accounts, "CNY", 40, NOW).settle(None)
    mine.hold(accounts, "CNY", 60, NOW).release()
    assert (mine.accounts["a"].lease(NOW).spent, mine.accounts["a"].lease(NOW).held) == (40, 0)


def test_more_than_was_held_is_taken_where_there_is_room_and_else_not_at_all():
    mine = purse(budget("a"), budget("b"), a=100, b=70)
    accounts = mine.binding("k", None, None, "v")
    assert mine.hold(accounts, "CNY", 10, NOW).settle(70)
    mine = purse(budget("a"), budget("b"), a=100, b=70)
    accounts = mine.binding("k", None, None, "v")
    assert not mine.hold(accounts, "CNY", 10, NOW).settle(71)
    assert [mine.accounts[name].lease(NOW).spent for name in "ab"] == [10, 10]


def test_a_budget_covers_calls_from_its_instant_on():
    mine = purse(budget("a", effective_from=NOW + 1))
    accounts = mine.binding("k", None, None, "v")
    assert mine.hold(accounts, "CNY", 1, NOW) is None
    assert isinstance(mine.hold(accounts, "CNY", 1, NOW + 1), Shortage)


def test_dollars_on_a_budget_in_yuan_are_rounded_up_one_by_one():
    rates = Rates([Rate("USD", "CNY", Decimal("7.1"), 0)])
    mine = purse(budget("a"), rates=rates, a=1000)
    accounts = mine.binding("k", None, None, "v")
    hold = mine.hold(accounts, "USD", 3, NOW)
    assert mine.accounts["a"].lease(NOW).held == 22  # 21.3
    assert hold.settle(1)
    assert mine.accounts["a"].lease(NOW).spent == 8  # 7.1
    assert mine.affordable(accounts, "USD", NOW) == 992 * 10 // 71
    assert "EUR" in mine.hold(accounts, "EUR", 1, NOW).no_rate


def test_tomorrow_is_another_lease():
    mine = purse(budget("a", period=Period.DAY), a=100)
    accounts = mine.binding("k", None, None, "v")
    today = mine.hold(accounts, "CNY", 100, NOW)
    assert isinstance(mine.hold(accounts, "CNY", 1, NOW + DAY), Shortage)
    assert today.settle(90)
    assert [lease.spent for lease in mine.accounts["a"].leases.values()] == [90, 0]


def test_what_is_granted_of_a_window_that_no_call_has_opened_yet_is_there_when_one_does():
    mine = purse(budget("a", period=Period.DAY), a=100)
    account = mine.accounts["a"]
    lease, more = account.granted(Granted("a", account.lease(NOW).window.end, 70, "0", "0", None))
    assert (lease.total, more) == (70, 70)
    assert (account.lease(NOW).total, account.lease(NOW + DAY).total) == (100, 70)
    account.forget(account.lease(NOW))
    assert (account.lease(NOW).total, account.lease(NOW + DAY).total) == (0, 70)


def test_a_new_snapshot_keeps_what_is_leased():
    mine = purse(budget("a"), a=100)
    hold = mine.hold(mine.binding("k", None, None, "v"), "CNY", 40, NOW)
    mine.update([budget("a", limit="5000"), budget("b")], Rates())
    assert mine.accounts["a"].budget.picos == 5000
    assert mine.accounts["a"].lease(NOW).free == 60
    assert hold.settle(40)
    assert isinstance(mine.hold(mine.binding("k", None, None, "v"), "CNY", 1, NOW), Shortage)


class AnyOrder(RuleBasedStateMachine):
    """Whatever comes in whatever order: what is spent and held stays within what was given."""

    def __init__(self) -> None:
        super().__init__()
        self.purse = purse(budget("a"), budget("b", Scope.ORGANISATION, ""))
        self.given = {"a": 0, "b": 0}
        self.holds: list[Hold] = []
        self.now = NOW

    @rule(name=st.sampled_from("ab"), more=st.integers(0, 500))
    def grant(self, name, more):
        self.given[name] += more
        self.purse.accounts[name].granted(Granted(name, 0, more, "0", "0", None))

    @rule(name=st.sampled_from("ab"))
    def give_back(self, name):
        lease = self.purse.accounts[name].lease(self.now)
        self.given[name] -= lease.free
        lease.total = lease.used

    @rule(picos=st.integers(0, 300), key=st.sampled_from(["k", "k2"]))
    def hold(self, picos, key):
        held = self.purse.hold(self.purse.binding(key, None, None, "v"), "CNY", picos, self.now)
        if isinstance(held, Hold):
            self.holds.append(held)

    @precondition(lambda self: self.holds)
    @rule(data=st.data(), cost=st.none() | st.integers(0, 5_000))
    def settle(self, data, cost):
        self.holds.pop(data.draw(st.integers(0, len(self.holds) - 1))).settle(cost)

    @precondition(lambda self: self.holds)
    @rule(data=st.data())
    def release(self, data):
        self.holds.pop(data.draw(st.integers(0, len(self.holds) - 1))).release()

    @invariant()
    def within(self):
        for name, account in self.purse.accounts.items():
            lease = account.lease(self.now)
            assert lease.held >= 0
            assert lease.spent + lease.held <= lease.total == self.given[name]


TestAnyOrder = AnyOrder.TestCase
