"""What the configuration tells the office. Plain values: `config` reads the file, the office acts on them."""

from __future__ import annotations

from pathlib import Path

import msgspec

from fenli.prices.rates import Rate
from fenli.routing.snapshot import Deadlines, Route
from fenli.vendors.limits import LimitHeaders
from fenli.vendors.switches import Switches
from fenli.wire.openai_chat.options import Missing


class VendorSetting(msgspec.Struct, frozen=True, kw_only=True):
    """One vendor of the configuration. What is None is taken from the vendor's own description.

    ``id`` is its name in the books; ``adapter`` the vendor of `fenli.vendors` whose protocol it speaks (``id`` when
    None). ``credential``: ``env:NAME``, ``file:/path``, ``""`` for none; None takes the vendor's own variable.
    ``models`` replaces the whole list of its models; ``context`` is the limit of each, in tokens. ``poll_balances`` is
    how often it is asked what is left, ns; ``low_balance`` what is too little, picos. ``why_off`` is the reason where
    ``enabled`` is False. ``price_list``: the vendor whose prices hold, where that does not follow from the rest.
    """

    id: str
    adapter: str | None = None
    base_url: str | None = None
    credential: str | None = None
    models: tuple[str, ...] | None = None
    currency: str | None = None
    price_list: str | None = None
    context: int | None = None
    deadlines: Deadlines | None = None
    poll_balances: int | None = None
    low_balance: int | None = None
    missing_options: Missing = Missing.REFUSE
    switches: Switches | None = None
    limits: tuple[LimitHeaders, ...] | None = None
    enabled: bool = True
    why_off: str = "enabled = false"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """``price_directories`` and ``model_directories`` hold ``<vendor>.toml`` files that override fenli's own; of two
    directories the later one wins. ``rates`` are what the ``rate_files`` say. ``poll_balances``: how often vendors are
    asked what is left, ns, where nothing is said of the vendor; None does not ask."""

    vendors: tuple[VendorSetting, ...] = ()
    routes: tuple[Route, ...] = ()
    price_directories: tuple[Path, ...] = ()
    model_directories: tuple[Path, ...] = ()
    rate_files: tuple[Path, ...] = ()
    rates: tuple[Rate, ...] = ()
    attempts_max: int = 4
    journal_keep_days: int = 30
    poll_balances: int | None = None
