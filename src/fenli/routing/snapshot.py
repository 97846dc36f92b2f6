"""The snapshot: everything a worker decides from, as one immutable, versioned value.

The office compiles it and writes it to a file; workers swap it in whole. Secrets are not in it: a credential is a
reference (``env:NAME`` or ``file:PATH``) that each worker resolves itself, so the file can be shown to anyone.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import msgspec

from fenli.budgets import Budget
from fenli.prices.offers import Offer
from fenli.prices.rates import Rate
from fenli.vendors.limits import LimitHeaders
from fenli.vendors.switches import Switches
from fenli.wire.openai_chat.options import Missing


class Key(msgspec.Struct, frozen=True):
    """``digest`` is the sha256 of the secret. ``models`` None allows every model; otherwise public names, exactly.

    ``project`` and ``customer`` are ids, None where the key is for our own use.
    """

    id: str
    name: str
    digest: bytes
    models: tuple[str, ...] | None = None
    show_cost: bool = False
    project: str | None = None
    customer: str | None = None

    @property
    def owner(self) -> str:
        """Whose it is what a vendor keeps for this key: keys of one customer and project share it, one that has neither
        has its own."""
        if self.customer is None and self.project is None:
            return f"key {self.id}"
        return f"customer {self.customer or ''} project {self.project or ''}"


class Deadlines(msgspec.Struct, frozen=True):
    """Spans in nanoseconds. ``first_content`` runs from the attempt's start, ``total`` over the whole call."""

    connect: int = 5_000_000_000
    head: int = 300_000_000_000
    first_byte: int = 60_000_000_000
    idle: int = 120_000_000_000
    first_content: int = 300_000_000_000
    total: int = 1_800_000_000_000


class VendorSettings(msgspec.Struct, frozen=True):
    """A vendor that is switched on. ``adapter`` names its entry in `fenli.vendors`; ``id`` is its name in the books.

    ``context`` holds for every model of it, in tokens, where it is known better than the catalogue knows it.
    ``missing_options``: what to do where a request asks for an option that a model lacks; ``switches`` and ``limits``
    stand in the place of the adapter's.
    """

    id: str
    adapter: str
    base_url: str
    credential: str
    models: tuple[str, ...]
    currency: str
    basis: Literal["start", "end"] = "start"
    deadlines: Deadlines = Deadlines()
    context: int | None = None
    missing_options: Missing = Missing.REFUSE
    switches: Switches | None = None
    limits: tuple[LimitHeaders, ...] | None = None


class Route(msgspec.Struct, frozen=True):
    """A public model name and its targets (``vendor/model``), in the order to try them."""

    name: str
    targets: tuple[str, ...]


class Snapshot(msgspec.Struct, frozen=True):
    """``version`` is a hash of the content. ``offers`` are by vendor; only vendors that are on appear.

    ``budgets`` are those for whose sake calls may be refused. ``prompt_ratios``: by ``vendor/model``, the tokens that
    1,000 bytes of a text prompt come to at most; a model that is not in it has not been measured enough. ``rates`` of
    exchange: for budgets in another currency than a vendor's.
    """

    version: str
    compiled_at: int
    keys: tuple[Key, ...]
    vendors: tuple[VendorSettings, ...]
    routes: tuple[Route, ...]
    offers: dict[str, tuple[Offer, ...]]
    attempts_max: int = 4
    budgets: tuple[Budget, ...] = ()
    prompt_ratios: dict[str, int] = {}
    rates: tuple[Rate, ...] = ()


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Snapshot).decode


def write_snapshot(snapshot: Snapshot, path: Path) -> None:
    """Replaces the file in one step: a reader sees the old snapshot or the new one, never a part."""
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(_encode(snapshot))
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)


def read_snapshot(path: Path) -> Snapshot:
    return _decode(path.read_bytes())
