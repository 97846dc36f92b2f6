"""What `fenli serve` tells its children at their start, and what they tell it."""

from __future__ import annotations

from pathlib import Path

import msgspec


class OfficeStart(msgspec.Struct, frozen=True):
    """``config`` is read again at every reload; ``local_url``: where the on-device model answers, if it is on."""

    data: Path
    port: int
    config: Path | None
    local_url: str | None


class MarketStart(msgspec.Struct, frozen=True):
    """The market of a rehearsal. ``ports`` are the vendors' own, ``port`` the one that tells of them all. The prices of
    the ``scenario`` (a name or a file) are written to ``scenario_prices``, which come after ``price_directories``.
    ``lists``: whose prices a vendor has, where not its own. ``own``: the user's own vendors, by id: what each speaks
    like, and its models."""

    folder: Path
    port: int
    ports: dict[str, int]
    language: str
    scenario: str | None
    speed: str | None
    served: Path
    price_directories: tuple[Path, ...]
    scenario_prices: Path
    currencies: dict[str, str]
    lists: dict[str, str]
    own: dict[str, tuple[str, tuple[str, ...]]]


class Rehearse(msgspec.Struct, frozen=True):
    """What a rehearsal was asked for: the user's configuration, and as on the command line."""

    config: Path | None
    data: Path | None
    scenario: str | None
    speed: str | None
    language: str


class Rehearsed(msgspec.Struct, frozen=True):
    """``config`` is the file in ``folder`` that the gateway and its office read. ``cleared``: how many older folders
    were removed."""

    folder: Path
    config: Path
    market: MarketStart
    cleared: int = 0


class Prepare(msgspec.Struct, frozen=True):
    """``config`` is tried out; ``key_name`` names the first key, made where there is none yet."""

    data: Path
    config: Path | None
    key_name: str


class Prepared(msgspec.Struct, frozen=True):
    first_key: str | None
