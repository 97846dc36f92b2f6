"""What a configuration comes to on this machine: the settings that the office compiles the snapshot from."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

import msgspec

from fenli.clock import SystemClock
from fenli.config.load import Config, read_text
from fenli.config.on_device import OnDevice
from fenli.config.problems import ConfigRefused, Located, did_you_mean, dotted
from fenli.config.problems import Path as Place
from fenli.config.rates import load_rates
from fenli.config.vendors import LOCAL, deadlines_of, vendor_states
from fenli.errors import ConfigError
from fenli.office.compile import Stored, compile_snapshot
from fenli.office.compile import contracts as contracts_of
from fenli.office.settings import Settings, VendorSetting
from fenli.planner.scenario import Contract
from fenli.prices.book import PriceBook
from fenli.routing.snapshot import Route, Snapshot
from fenli.values.money import picos_of
from fenli.values.toml_lines import line_of, locate
from fenli.wire.openai_chat.options import Missing


def settings_of(
    config: Config, environ: Mapping[str, str], local: OnDevice, local_url: str | None, local_key: str = ""
) -> Settings:
    """``local_url`` is where the on-device model answers, with the key that ``local_key`` refers to; None leaves it
    off. Targets of vendors that are off are left out, and so are routes that have no other."""
    vendors = list(_vendors(config, environ))
    if local_url is not None:
        vendors.append(
            VendorSetting(
                id=LOCAL,
                base_url=local_url,
                credential=local_key,
                models=(local.model,),
                context=local.context,
                deadlines=deadlines_of(config.document.gateway.deadlines),
                missing_options=Missing(config.document.gateway.missing_options),
            )
        )
    on = {vendor.id for vendor in vendors if vendor.enabled}
    routes = list(_routes(config, on))
    if local_url is not None and all(route.name != LOCAL for route in routes):
        routes.append(Route(LOCAL, (f"{LOCAL}/{local.model}",)))
    return Settings(
        vendors=tuple(vendors),
        routes=tuple(routes),
        price_directories=tuple(config.resolve(directory) for directory in config.document.prices.directories),
        rate_files=tuple(config.resolve(file) for file in config.document.rates.files),
        rates=load_rates(config),
        journal_keep_days=config.document.office.journal_keep_days,
        poll_balances=config.document.office.poll_balances,
    )


def price_book(config: Config) -> PriceBook:
    """The built-in prices and those of the file's directories."""
    return PriceBook.load(*(config.resolve(directory) for directory in config.document.prices.directories))


def contracts(config: Config, book: PriceBook) -> dict[str, Contract]:
    """The vendor of ``book`` whose prices a vendor of the configuration has, by its id, on or off."""
    return contracts_of(_vendors(config, os.environ), book)


def try_out(config: Config, local: OnDevice, book: PriceBook | None = None) -> Snapshot:
    """The snapshot (without keys) that the office would compile here. Raises ConfigRefused, naming the line of the
    route at fault."""
    url = None if local.weights is None else "http://127.0.0.1:1/v1"
    settings = settings_of(config, os.environ, local, url)
    book = book or price_book(config)
    unlisted = list(_unlisted(config, book))
    if unlisted:
        raise ConfigRefused(unlisted)
    try:
        return _compiled(settings, book)
    except ConfigError as error:
        raise ConfigRefused(_located(config, settings, book) or [_whole(config, str(error))]) from None


def _vendors(config: Config, environ: Mapping[str, str]) -> Iterator[VendorSetting]:
    for state in vendor_states(config, environ):
        yield VendorSetting(
            id=state.id,
            adapter=state.adapter,
            base_url=state.base_url,
            credential=str(state.credential),  # a plain one: the snapshot is encoded
            models=state.models,
            currency=state.currency,
            price_list=state.price_list,
            poll_balances=state.poll_balances,
            low_balance=None if state.low_balance is None else picos_of(state.low_balance),
            deadlines=state.deadlines,
            missing_options=state.missing_options,
            switches=state.switches,
            limits=state.limits,
            enabled=state.on,
            why_off=state.why,
        )


def _routes(config: Config, on: set[str]) -> Iterator[Route]:
    for route in config.document.routes:
        targets = tuple(target for target in route.targets if target.partition("/")[0] in on)
        if targets:
            yield Route(route.name, targets)


def _compiled(settings: Settings, book: PriceBook) -> Snapshot:
    return compile_snapshot(settings, Stored(), book, os.environ, SystemClock().now())


def _unlisted(config: Config, book: PriceBook) -> Iterator[Located]:
    """The vendors, on or off, whose price list is none."""
    known = book.vendors()
    for name, section in config.document.vendors.items():
        if section.price_list is not None and section.price_list not in known:
            path = ("vendors", name, "price_list")
            message = f'"{section.price_list}" is no price list: {did_you_mean(section.price_list, known)}'
            yield Located(str(config.file), line_of(_lines(config), path), dotted(path), message)


def _located(config: Config, settings: Settings, book: PriceBook) -> list[Located]:
    """Which routes the office refuses when each is alone, and where they stand in the file."""
    if config.file is None:
        return []
    lines = _lines(config)
    places = {route.name: ("routes", index) for index, route in enumerate(config.document.routes)}
    found = []
    for route in settings.routes:
        try:
            _compiled(msgspec.structs.replace(settings, routes=(route,)), book)
        except ConfigError as error:
            path = places.get(route.name, ())
            found.append(Located(str(config.file), line_of(lines, path), dotted(path) or None, str(error)))
    return found if len(found) < len(settings.routes) or len(found) == 1 else found[:1]


def _lines(config: Config) -> dict[Place, int]:
    """Of the file; none where there is no file."""
    return {} if config.file is None else locate(read_text(config.file))


def _whole(config: Config, message: str) -> Located:
    return Located(str(config.file or "fenli"), None, None, message)
