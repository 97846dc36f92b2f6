"""`fenli serve --market`: a folder with books of its own, and a configuration in which every vendor is an emulated one.

Everything that a rehearsal is made of stands in its folder, so that it can be looked at: `rehearsal.toml` (the user's
own configuration with other addresses and keys), `market-keys/`, `prices/` (those of the scenario), `served.jsonl` (the
vendors' own book).
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from fenli.cli.language import say, spoken
from fenli.cli.orders import MarketStart, Rehearsed
from fenli.cli.running import REHEARSAL_FILE, is_locked, is_rehearsal, make_folder
from fenli.config.load import Config, load_config, parse_toml, read_text
from fenli.errors import ConfigError, FenliError
from fenli.market.flavours import FLAVOURS
from fenli.market.market import market_key
from fenli.market.options import timeline_of
from fenli.market.scenario_files import shipped
from fenli.prices.book import PriceBook
from fenli.values.toml_text import toml_of
from fenli.vendors.catalog import VENDORS
from fenli.vendors.contract import parse_base_url

KEYS: Final = "market-keys"
PRICES: Final = "prices"
SERVED: Final = "served.jsonl"
FIRST_PORT, LAST_PORT, BLOCK = 16_384, 32_768, 64
# Where rehearsals are that nobody named a folder for: the last few that are over stay, to be looked at.
OWN_FOLDERS: Final = Path("~/.local/share/fenli-rehearsals")
KEPT: Final = 5
_OWN_NAME: Final = re.compile(r"\d{8}T\d{6}-\d+")
_OURS: Final = (
    "adapter",
    "base_url",
    "api_key",
    "enabled",
)  # what a rehearsal says of a vendor, whatever the file does


def rehearse(config: Config, asked: Path | None, scenario: str | None, speed: str | None) -> Rehearsed:
    """Raises FenliError for a folder that has anything in it, ConfigError for a scenario that cannot be."""
    if scenario is not None and scenario not in shipped():
        scenario = str(Path(scenario).expanduser().absolute()) if Path(scenario).expanduser().exists() else scenario
    directories = [str(config.resolve(directory)) for directory in config.document.prices.directories]
    book = PriceBook.load(*map(Path, directories))
    if scenario is not None:  # a mistake in it is found before anything is made
        timeline_of(scenario, book, 0, speed)
    elif speed is not None:
        raise ConfigError(say("rehearse.speed_of_what"))
    folder = _folder(asked)
    cleared = _clear(folder)
    adapters = _adapters(config)
    ports = free_ports(len(adapters) + 1)
    doors = dict(zip(adapters, ports, strict=False))
    for name in (KEYS, PRICES):
        (folder / name).mkdir(mode=0o700)
    for vendor, adapter in adapters.items():
        (folder / KEYS / vendor).write_text(market_key(adapter) + "\n")
    file = folder / REHEARSAL_FILE
    lists = _lists(config, book)
    file.write_text(
        say("rehearse.file_head") + "\n\n" + toml_of(_rehearsed(config, folder, adapters, doors, directories, lists))
    )
    made = load_config(file)
    sections = made.document.vendors
    market = MarketStart(
        folder=folder,
        port=ports[-1],
        ports=doors,
        language=spoken(),
        scenario=scenario,
        speed=speed,
        served=folder / SERVED,
        price_directories=tuple(map(Path, directories)),
        scenario_prices=folder / PRICES,
        currencies={name: section.currency for name, section in sections.items() if section.currency is not None},
        lists={name: section.price_list for name, section in sections.items() if section.price_list is not None},
        own={
            name: (adapters[name], tuple(section.models or ()))
            for name, section in sections.items()
            if name not in VENDORS or section.models
        },
    )
    return Rehearsed(folder, file, market, cleared)


def free_ports(count: int) -> list[int]:
    """So many ports in a row that nobody listens on. They are used seconds later, so they are none of those that
    systems give away by themselves, and other rehearsals begin their search elsewhere. Raises FenliError."""
    size = max(count, BLOCK)
    starts = range(FIRST_PORT, LAST_PORT - size, size)
    own = os.getpid() % len(starts)
    for start in (*starts[own:], *starts[:own]):
        ports = list(range(start, start + count))
        with contextlib.suppress(OSError), contextlib.ExitStack() as probes:
            for port in ports:
                probe = probes.enter_context(socket.socket())
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
            return ports
    raise FenliError(say("rehearse.no_ports", count=count, first=FIRST_PORT, last=LAST_PORT))


def _folder(asked: Path | None) -> Path:
    """A folder with nothing in it: the books of a rehearsal are never mixed with others, real ones least of all."""
    if asked is None or str(asked) == os.environ.get("FENLI_DATA"):
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        asked = OWN_FOLDERS / f"{stamp}-{os.getpid()}"
    folder = asked.expanduser().absolute()
    make_folder(folder)
    if any(folder.iterdir()):
        raise FenliError(say("rehearse.not_empty", data=folder))
    return folder


def _clear(folder: Path) -> int:
    """Beside a folder of our own choice the older ones go, unless something runs there; says how many went."""
    if folder.parent != OWN_FOLDERS.expanduser().absolute():
        return 0
    others = (one for one in folder.parent.iterdir() if one != folder and _OWN_NAME.fullmatch(one.name))
    over = sorted(one for one in others if is_rehearsal(one) and not is_locked(one))
    for one in over[:-KEPT]:
        shutil.rmtree(one, ignore_errors=True)
    return sum(not one.exists() for one in over[:-KEPT])


def _adapters(config: Config) -> dict[str, str]:
    """Every vendor that is emulated: those of the catalogue as themselves, the user's own as what they speak."""
    sections = config.document.vendors
    own = {name: section.adapter for name, section in sections.items() if name not in VENDORS and section.adapter}
    return {**{name: name for name in FLAVOURS}, **own}


def _lists(config: Config, book: PriceBook) -> dict[str, str]:
    """Whose prices hold at the emulated addresses, as at the real ones: of vendors that sell another one's models."""
    known, sections = book.vendors(), config.document.vendors
    sellers = (VENDORS[name] for name in FLAVOURS if name not in known and VENDORS[name].sells in known)
    return {
        vendor.id: vendor.sells
        for vendor in sellers
        if vendor.id not in sections or sections[vendor.id].base_url in (None, vendor.base_url)
    }


def _rehearsed(
    config: Config, folder: Path, adapters: Mapping[str, str], doors: Mapping[str, int], directories: list[str],
    lists: Mapping[str, str],
) -> dict[str, Any]:  # fmt: skip
    """The user's file with every vendor emulated, and its relative paths made absolute."""
    data = {} if config.file is None else parse_toml(config.file, read_text(config.file))
    sections = data.get("vendors", {})
    data.pop("local", None)
    said = {name: {"price_list": listed} for name, listed in lists.items()}
    data["vendors"] = {
        name: _vendor(name, adapter, doors[name], folder, said.get(name, {}) | sections.get(name, {}))
        for name, adapter in adapters.items()
    }
    data["prices"] = {"directories": [*directories, str(folder / PRICES)]}
    if "files" in data.get("rates", {}):
        data["rates"]["files"] = [str(config.resolve(file)) for file in config.document.rates.files]
    tls = data.get("gateway", {}).get("tls")
    if tls is not None:
        tls |= {name: str(config.resolve(tls[name])) for name in ("cert", "key")}
    return data


def _vendor(name: str, adapter: str, door: int, folder: Path, section: dict[str, Any]) -> dict[str, Any]:
    origin, prefix = parse_base_url(VENDORS[adapter].base_url)
    scheme = {"https": "http", "wss": "ws"}.get(origin.scheme, origin.scheme)
    spoken_to = {} if name == adapter else {"adapter": adapter}
    return {
        **spoken_to,
        "base_url": f"{scheme}://127.0.0.1:{door}/{name}{prefix}",
        "api_key": f"${{file:{folder / KEYS / name}}}",
        **{field: value for field, value in section.items() if field not in _OURS},
    }
