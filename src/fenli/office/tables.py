"""The tables of the books. Instants are ns since the epoch, amounts picos, digests and chain links 32 bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text, UniqueConstraint, text

from fenli.store import ExactInteger

SCHEMA: Final = "0006"
MIGRATIONS: Final = Path(__file__).with_name("migrations")

metadata = MetaData()

keys = Table(
    "keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("models", Text),  # JSON list of public names; NULL allows every model
    Column("show_cost", Integer, nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("revoked_at", Integer),
    Column("project", Text),  # a row of `projects`, for good; NULL for our own use
    sqlite_strict=True,
)

# Who pays us. Rows of both tables are never changed: entries are booked by what they say.
customers = Table(
    "customers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at", Integer, nullable=False),
    sqlite_strict=True,
)

projects = Table(
    "projects",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("customer", Text, ForeignKey("customers.id")),  # NULL: nobody but us pays for it
    Column("created_at", Integer, nullable=False),
    sqlite_strict=True,
)

# A directory of the journal. (segment, position) is the watermark: everything before it is posted.
journals = Table(
    "journals",
    metadata,
    Column("run", Text, primary_key=True),
    Column("segment", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("started_at", Integer),  # of the first segment's header; NULL until one was read
    Column("state", Text, nullable=False),  # live, closed, damaged
    Column("records", Integer, nullable=False),
    Column("entries", Integer, nullable=False),
    Column("torn", Integer, nullable=False),  # bytes of writes that never became whole
    Column("closed_at", Integer),
    Column("removed_at", Integer),  # when its first file was deleted, its retention over
    sqlite_strict=True,
)

# One row for every attempt that has ended. Never updated, never deleted: `chain` would break.
entries = Table(
    "entries",
    metadata,
    Column("sequence", Integer, primary_key=True),  # from 1, without a gap
    Column("call", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("opened_at", Integer, nullable=False),
    Column("closed_at", Integer, nullable=False),
    Column("final", Integer, nullable=False),
    Column("key", Text, nullable=False),
    Column("asked", Text, nullable=False),
    Column("vendor", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("answered_model", Text),
    Column("stream", Integer, nullable=False),
    Column("retry", Integer, nullable=False),
    Column("request_id", Text),
    Column("outcome", Text, nullable=False),
    Column("status", Integer),
    Column("grade", Text, nullable=False),
    Column("usage", Text),  # JSON object: units by meter
    Column("raw_usage", LargeBinary),
    Column("currency", Text),
    Column("picos", ExactInteger),
    Column("held_picos", ExactInteger),
    Column("offer", Text),
    Column("rated_at", Integer),
    Column("first_content", Integer),
    Column("upstream_id", Text),
    Column("note", Text),
    Column("chain", LargeBinary, nullable=False),
    Column("facts", Text),  # JSON object: what chose the price row, where it is not taken for granted
    Column("project", Text),
    Column("customer", Text),
    Column("charge_currency", Text),
    Column("charge_picos", ExactInteger),
    UniqueConstraint("call", "attempt"),
    Index("entries_by_opened_at", "opened_at"),
    sqlite_strict=True,
)

# The one row that says where the chain ends, so that entries missing at its end are missed.
chain_end = Table(
    "chain_end",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("chain", LargeBinary, nullable=False),
    sqlite_strict=True,
)

# Attempts whose end has not been read yet: what `Poster` goes on from. Attempt 0 stands for a call between attempts.
open_holds = Table(
    "open_holds",
    metadata,
    Column("run", Text, ForeignKey("journals.run"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("hold", LargeBinary, nullable=False),  # msgpack of `ledger.entries.OpenHold`
    sqlite_strict=True,
)

# Sums of entries, as corrected, by the UTC hour in which their attempt was opened. "" where a name or currency is none.
usage_rollups = Table(
    "usage_rollups",
    metadata,
    Column("hour", Integer, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("customer", Text, primary_key=True),
    Column("asked", Text, primary_key=True),
    Column("vendor", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("charge_currency", Text, primary_key=True),
    Column("grade", Text, primary_key=True),
    Column("calls", Integer, nullable=False),  # entries that ended their call
    Column("attempts", Integer, nullable=False),
    Column("usage", Text, nullable=False),  # JSON object: units by meter
    Column("picos", ExactInteger, nullable=False),  # of the entries whose cost is known
    Column("unknown", Integer, nullable=False),  # entries whose cost is not known
    Column("unknown_held", ExactInteger, nullable=False),  # what was held for those, picos
    Column("unknown_unheld", Integer, nullable=False),  # how many of those had no hold, being unpriced
    Column("charge_picos", ExactInteger, nullable=False),  # of the entries whose charge is known
    Column("charge_unknown", Integer, nullable=False),  # entries that a customer pays for, nobody knows how much yet
    sqlite_strict=True,
)

findings = Table(
    "findings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("found_at", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("place", Text, nullable=False),  # a file and a byte, a run, an entry
    Column("what", Text, nullable=False),
    Column("next_step", Text, nullable=False),
    UniqueConstraint("kind", "place"),
    sqlite_strict=True,
)

# Two sides and what is pending on them; sums of `transfers`, kept for speed and checked by `fenli ledger verify`.
accounts = Table(
    "accounts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", Text, nullable=False),  # as in `ledger.chart.Kind`
    Column("owner", Text, nullable=False),  # a customer, a vendor, a lot; "" for ourselves
    Column("currency", Text, nullable=False),
    Column("debits_posted", ExactInteger, nullable=False),
    Column("credits_posted", ExactInteger, nullable=False),
    Column("debits_pending", ExactInteger, nullable=False),
    Column("credits_pending", ExactInteger, nullable=False),
    Column("opened_at", Integer, nullable=False),
    UniqueConstraint("kind", "owner", "currency"),
    sqlite_strict=True,
)

# Never updated, never deleted: what was wrong is put right by a further one.
transfers = Table(
    "transfers",
    metadata,
    Column("id", Integer, primary_key=True),  # from 1, without a gap
    Column("key", Text, nullable=False, unique=True),  # says what it is for: the same one cannot be made twice
    Column("kind", Text, nullable=False),  # why money moves; as in `ledger.chart.Move`
    Column("phase", Text, nullable=False),  # posted, pending, post, void; as in `ledger.accounts.Phase`
    Column("debit", Integer, ForeignKey("accounts.id"), nullable=False),
    Column("credit", Integer, ForeignKey("accounts.id"), nullable=False),
    Column("amount", ExactInteger, nullable=False),
    Column("at", Integer, nullable=False),
    Column("first", Integer),  # the entries of the batch it sums up, by sequence; both ends are in
    Column("last", Integer),
    Column("names", Integer),  # the transfer that it resolves or corrects
    Column("reference", Text),  # of the papers of whoever asked for it
    Column("why", Text),
    Column("chain", LargeBinary, nullable=False),
    Index("transfers_by_debit", "debit"),
    Index("transfers_by_credit", "credit"),
    Index("transfers_by_first", "first", sqlite_where=text("first IS NOT NULL")),
    Index("transfers_by_names", "names", sqlite_where=text("names IS NOT NULL")),
    sqlite_strict=True,
)

transfers_end = Table(
    "transfers_end",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("transfer", Integer, nullable=False),
    Column("chain", LargeBinary, nullable=False),
    sqlite_strict=True,
)

# Money or units set apart that calls draw on until they are used up or over: a customer's credits and allowances,
# our packs and balances at vendors. Only `used` and the two of its lapse ever change.
lots = Table(
    "lots",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("side", Text, nullable=False),  # customer, vendor
    Column("owner", Text, nullable=False),  # the id of one
    Column("kind", Text, nullable=False),  # as in `ledger.lots.LotKind`
    Column("unit", Text, nullable=False),  # money (picos of the currency) or tokens
    Column("currency", Text, nullable=False),
    Column("face", ExactInteger, nullable=False),  # how many units it holds
    Column("cash", ExactInteger, nullable=False),  # what it cost us, picos
    Column("used", ExactInteger, nullable=False),
    Column("scope", Text),  # JSON list: the models it is for, or the project; NULL for all
    Column("opens_at", Integer, nullable=False),
    Column("expires_at", Integer),
    Column("lapsed_at", Integer),  # when what was left was written off
    Column("lapsed_after", Integer),  # the last entry that was posted before
    Column("created_at", Integer, nullable=False),
    Column("reference", Text, nullable=False),
    Column("why", Text),
    UniqueConstraint("side", "owner", "reference"),
    sqlite_strict=True,
)

# What the entries of a batch took out of a lot.
lot_draws = Table(
    "lot_draws",
    metadata,
    Column("lot", Integer, ForeignKey("lots.id"), primary_key=True),
    Column("first", Integer, primary_key=True),
    Column("last", Integer, nullable=False),
    Column("units", ExactInteger, nullable=False),
    Column("picos", ExactInteger, nullable=False),  # at list price, or of the charge
    Column("cash", ExactInteger, nullable=False),  # of what the lot cost us
    sqlite_strict=True,
)

# What customers pay by. Never changed: a new price is a new plan.
plans = Table(
    "plans",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("terms", Text, nullable=False),  # JSON of `prices.plans.Terms`
    Column("created_at", Integer, nullable=False),
    sqlite_strict=True,
)

# Each holds from its start until the next one of the same customer or project. Never back in time.
plan_assignments = Table(
    "plan_assignments",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("customer", Text, ForeignKey("customers.id"), nullable=False),
    Column("project", Text, ForeignKey("projects.id")),  # NULL: for every project without an assignment of its own
    Column("plan", Integer, ForeignKey("plans.id")),  # NULL: from then on nothing is charged
    Column("starts_at", Integer, nullable=False),
    Column("created_at", Integer, nullable=False),
    sqlite_strict=True,
)

# What an entry's cost turned out to be. The entry stays; the newest correction of it counts.
corrections = Table(
    "corrections",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("entry", Integer, ForeignKey("entries.sequence"), nullable=False),
    Column("call", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("at", Integer, nullable=False),
    Column("currency", Text, nullable=False),
    Column("picos", ExactInteger, nullable=False),
    Column("picos_before", ExactInteger),
    Column("charge_currency", Text),
    Column("charge_picos", ExactInteger),
    Column("charge_before", ExactInteger),
    Column("why", Text, nullable=False),
    Column("reference", Text, nullable=False),
    UniqueConstraint("entry", "reference"),
    sqlite_strict=True,
)

# Never deleted. A budget that was removed has neither leases nor draws.
budgets = Table(
    "budgets",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("scope", Text, nullable=False),  # as in `fenli.budgets.Scope`, like period and mode
    Column("subject", Text, nullable=False),  # an id; "" for the organisation
    Column("currency", Text, nullable=False),
    Column("limit_picos", ExactInteger, nullable=False),
    Column("period", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("span", Integer, nullable=False),
    Column("notices", Text, nullable=False),  # JSON list of percents
    Column("effective_from", Integer, nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("removed_at", Integer),
    sqlite_strict=True,
)

# What a run may spend of a budget's window, from its start on. Committed before the run is told.
leases = Table(
    "leases",
    metadata,
    Column("budget", Text, ForeignKey("budgets.id"), primary_key=True),
    Column("window_start", Integer, primary_key=True),
    Column("run", Text, primary_key=True),
    Column("total", ExactInteger, nullable=False),
    sqlite_strict=True,
)

# What the posted entries of a run, as corrected, took out of a budget's window. Run "": no lease covered them.
budget_draws = Table(
    "budget_draws",
    metadata,
    Column("budget", Text, ForeignKey("budgets.id"), primary_key=True),
    Column("window_start", Integer, primary_key=True),
    Column("run", Text, primary_key=True),
    Column("picos", ExactInteger, nullable=False),
    Column("uncounted", Integer, nullable=False),  # entries of which nobody can say what they took, not even at most
    sqlite_strict=True,
)

# The one row that says up to which correction the draws are corrected.
draws_end = Table(
    "draws_end",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("correction", Integer, nullable=False),
    sqlite_strict=True,
)

# That the draws of a window passed a percentage of the limit. Once each.
budget_notices = Table(
    "budget_notices",
    metadata,
    Column("budget", Text, ForeignKey("budgets.id"), primary_key=True),
    Column("window_start", Integer, primary_key=True),
    Column("percent", Integer, primary_key=True),
    Column("given_at", Integer, nullable=False),
    Column("picos", ExactInteger, nullable=False),  # drawn by then
    Column("limit_picos", ExactInteger, nullable=False),  # as it was then
    sqlite_strict=True,
)

# How many tokens the prompts of a model came to by the vendor's count, for their bytes.
calibrations = Table(
    "calibrations",
    metadata,
    Column("vendor", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("samples", Integer, nullable=False),
    Column("most_ppm", Integer, nullable=False),  # the most tokens that a million bytes would have come to
    sqlite_strict=True,
)

# Vendors' bills as they were imported. One that was dropped counts no more.
bills = Table(
    "bills",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("vendor", Text, nullable=False),
    Column("name", Text, nullable=False),  # of the file
    Column("digest", LargeBinary, nullable=False),  # sha256 of the file
    Column("layout", Text, nullable=False),  # how it was read: a preset's name, or the mapping
    Column("zone", Text, nullable=False),  # of its days
    Column("first_day", Text, nullable=False),  # 2026-10-01, or 2026-10 where its lines are by month
    Column("last_day", Text, nullable=False),
    Column("imported_at", Integer, nullable=False),
    Column("dropped_at", Integer),
    sqlite_strict=True,
)

bill_lines = Table(
    "bill_lines",
    metadata,
    Column("bill", Integer, ForeignKey("bills.id"), primary_key=True),
    Column("line", Integer, primary_key=True),  # of the file
    Column("day", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("picos", ExactInteger, nullable=False),  # below zero for what was given back
    Column("decimals", Integer),  # that the file shows
    Column("meters", Text),  # JSON list: what `units` counts, added up
    Column("units", ExactInteger),
    Column("request_id", Text),
    sqlite_strict=True,
)

# Rates of exchange. Never changed: of two rows for one pair and instant the one with the greater id counts.
rates = Table(
    "rates",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("base", Text, nullable=False),
    Column("quote", Text, nullable=False),
    Column("value", Text, nullable=False),  # a decimal: so many of the quote for one of the base
    Column("effective_from", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("recorded_at", Integer, nullable=False),
    sqlite_strict=True,
)

# Every time a vendor was asked what is left of our money with it. Rows are added, never changed.
balance_polls = Table(
    "balance_polls",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("vendor", Text, nullable=False),
    Column("asked_at", Integer, nullable=False),
    Column("took", Integer, nullable=False),  # ns, to the end of the reply
    Column("outcome", Text, nullable=False),  # ok, not_told, or the kind of failure
    Column("status", Integer),
    Column("note", Text),  # why there is no balance
    Column("usable", Integer),  # whether the vendor says that it still serves calls; NULL where it does not say
    Column("reply", LargeBinary),  # as it came, where it told a balance
    Index("balance_polls_by_vendor", "vendor", "asked_at"),
    sqlite_strict=True,
)

# What it said, one row a currency.
balances = Table(
    "balances",
    metadata,
    Column("poll", Integer, ForeignKey("balance_polls.id"), primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("picos", ExactInteger, nullable=False),  # negative where we owe
    Column("granted_picos", ExactInteger),  # of it, or NULL where that is not told
    Column("topped_up_picos", ExactInteger),
    sqlite_strict=True,
)
