"""What a document must also satisfy beyond its shape."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any, Final

from fenli.config import limits
from fenli.config.document import Gateway, Local, Office, Prices, Rates, Route, Tls, Vendor
from fenli.config.options import NONE
from fenli.config.problems import Path as Place
from fenli.config.problems import Problem, did_you_mean
from fenli.config.shape import Rule
from fenli.config.spans import Span
from fenli.errors import ConfigError, MoneyError
from fenli.values.money import picos_of
from fenli.vendors.catalog import VENDORS
from fenli.vendors.contract import parse_base_url
from fenli.vendors.openai_compatible import OpenAICompatible

_SECOND: Final = Span.parse("1s")
_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class Rules:
    """The rules for one file. Relative paths count from ``folder``; ``data`` is the file as read."""

    def __init__(self, folder: Path, data: dict[str, Any]) -> None:
        section = data.get("vendors")
        self._folder = folder
        self._vendors = VENDORS.keys() | (section.keys() if isinstance(section, dict) else set())
        self._routes: dict[str, Place] = {}

    def by_type(self) -> dict[type[Any], Rule]:
        return {
            Vendor: self.vendor, Route: self.route, Local: self.local, Prices: self.prices, Tls: self.tls,
            Gateway: self.gateway, Office: self.office, Rates: self.rates,
        }  # fmt: skip

    def gateway(self, gateway: Gateway, path: Place) -> Iterator[Problem]:
        if any(character.isspace() or character == "/" for character in gateway.host):
            yield Problem(
                (*path, "host"), f'"{gateway.host}" is no host: write a name or an address, such as 127.0.0.1'
            )

    def office(self, office: Office, path: Place) -> Iterator[Problem]:
        yield from _polls(office.poll_balances, path)

    def vendor(self, vendor: Vendor, path: Place) -> Iterator[Problem]:
        name = str(path[-1])
        if vendor.adapter is None and name not in VENDORS:
            known = did_you_mean(name, VENDORS)
            yield Problem(path, f'"{name}" is no known vendor: {known}; a vendor of your own needs adapter = "openai"')
        if vendor.adapter is not None and vendor.adapter not in VENDORS:
            message = f'"{vendor.adapter}" is no adapter: {did_you_mean(vendor.adapter, VENDORS)}'
            yield Problem((*path, "adapter"), message)
        if name not in VENDORS and vendor.base_url is None:
            yield Problem(path, 'needs base_url, such as "https://api.example.com/v1"')
        if name not in VENDORS and not vendor.models:
            yield Problem(path, 'needs models, such as ["some-model"]')
        if not _ID.fullmatch(name):
            yield Problem(path, f'"{name}" cannot name a vendor: small letters, digits, dots and dashes only')
        if vendor.base_url is not None:
            try:
                parse_base_url(vendor.base_url)
            except ConfigError as error:
                yield Problem((*path, "base_url"), str(error))
        yield from _balances(vendor, path)
        yield from _options(vendor, path)
        yield from limits.judge(vendor.limits or [], (*path, "limits"))

    def route(self, route: Route, path: Place) -> Iterator[Problem]:
        first = self._routes.setdefault(route.name, path)
        if first != path:
            yield Problem((*path, "name"), f'"{route.name}" is the name of routes[{first[-1]}] already')
        for index, target in enumerate(route.targets):
            vendor, slash, model = target.partition("/")
            place = (*path, "targets", index)
            if not slash or not vendor or not model:
                yield Problem(place, f'"{target}" is no target: write "vendor/model", such as "deepseek/deepseek-chat"')
            elif vendor not in self._vendors:
                yield Problem(place, f'"{vendor}" is no vendor: {did_you_mean(vendor, self._vendors)}')

    def local(self, local: Local, path: Place) -> Iterator[Problem]:
        if local.model is not None and not (self._folder / local.model).expanduser().is_file():
            yield Problem((*path, "model"), f"there is no file {self._folder / local.model}")

    def prices(self, prices: Prices, path: Place) -> Iterator[Problem]:
        for index, directory in enumerate(prices.directories):
            if not (self._folder / directory).expanduser().is_dir():
                yield Problem((*path, "directories", index), f"there is no directory {self._folder / directory}")

    def rates(self, rates: Rates, path: Place) -> Iterator[Problem]:
        for index, name in enumerate(rates.files):
            if not (self._folder / name).expanduser().is_file():
                yield Problem((*path, "files", index), f"there is no file {self._folder / name}")

    def tls(self, tls: Tls, path: Place) -> Iterator[Problem]:
        for name in ("cert", "key"):
            file = (self._folder / getattr(tls, name)).expanduser()
            if not file.is_file():
                yield Problem((*path, name), f"there is no file {file}")


def _options(vendor: Vendor, path: Place) -> Iterator[Problem]:
    adapter = VENDORS.get(vendor.adapter or str(path[-1]))
    said = vendor.options != NONE and not vendor.options.bounds
    if adapter is not None and said and not isinstance(adapter, OpenAICompatible):
        message = f"{adapter.id} has a dialect of its own, and its options are known: leave out all but search.tokens"
        yield Problem((*path, "options"), message)
    places = vendor.options.persona.places if vendor.options.persona is not None else {}
    if places and "bot_profile" not in places:
        message = "needs bot_profile, the place of all that has none of its own"
        yield Problem((*path, "options", "persona"), message)
    if any(f"{one}.".startswith(f"{other}.") for one, other in permutations(places.values(), 2)):
        yield Problem((*path, "options", "persona"), "has one place for two fields")


def _balances(vendor: Vendor, path: Place) -> Iterator[Problem]:
    yield from _polls(vendor.poll_balances, path)
    adapter = VENDORS.get(vendor.adapter or str(path[-1]))
    if adapter is not None and adapter.balance is None:
        telling = ", ".join(name for name, known in VENDORS.items() if known.balance is not None)
        for name in ("poll_balances", "low_balance"):
            if getattr(vendor, name) is not None:
                yield Problem(
                    (*path, name), f"{adapter.id} does not tell what is left: of the vendors only {telling} do"
                )
    if vendor.low_balance is not None:
        try:
            enough = picos_of(vendor.low_balance) >= 0
        except MoneyError as error:
            yield Problem((*path, "low_balance"), str(error))
        else:
            if not enough:
                yield Problem(
                    (*path, "low_balance"), f'"{vendor.low_balance}" is below 0: write an amount such as "20"'
                )


def _polls(span: Span | None, path: Place) -> Iterator[Problem]:
    if span is not None and span < _SECOND:
        yield Problem(
            (*path, "poll_balances"), f'"{span}" is too often to ask a vendor: write "1s" or more, such as "10m"'
        )
