"""Compiling the snapshot: settings, prices, environment, keys and budgets become the one value workers decide from."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from fenli.budgets import Budget
from fenli.clock import SECOND
from fenli.errors import ConfigError
from fenli.office.settings import Settings, VendorSetting
from fenli.planner.scenario import Contract
from fenli.prices import Offer, PriceBook
from fenli.prices.book import ANY_MODEL
from fenli.prices.rates import Rate, Rates
from fenli.prices.units import TOKENS
from fenli.routing.snapshot import Deadlines, Key, Route, Snapshot, VendorSettings
from fenli.values.money import NO_CURRENCY
from fenli.vendors.catalog import VENDORS
from fenli.vendors.contract import Vendor, parse_base_url
from fenli.vendors.models import departed_models, read_models

# An offer that has ended still prices what was asked before; by then every call has ended and every lag is over.
OFFER_KEPT: Final = 40 * 86_400 * SECOND

_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_encode = msgspec.msgpack.Encoder(order="deterministic").encode


class Stored(msgspec.Struct, frozen=True):
    """What the snapshot takes from the store; the fields as in `Snapshot`. ``rates`` come beside those of files."""

    keys: tuple[Key, ...] = ()
    budgets: tuple[Budget, ...] = ()
    prompt_ratios: dict[str, int] = {}
    rates: tuple[Rate, ...] = ()


def compile_snapshot(
    settings: Settings, stored: Stored, book: PriceBook, environ: Mapping[str, str], now: int
) -> Snapshot:
    """Raises ConfigError that names the wrong setting and the nearest right one. No secret gets into the snapshot."""
    if settings.attempts_max < 1:
        raise ConfigError(f"attempts_max is {settings.attempts_max}: a call needs at least one attempt")
    on = tuple(_switched_on(settings, environ))
    vendors = tuple(_vendor(setting, settings, book, environ, now) for setting in on)
    lists = {setting.id: _price_name(setting, _adapter(setting), book) for setting in on}
    offers = {vendor.id: _offers(vendor, lists[vendor.id], book, now) for vendor in vendors}
    snapshot = Snapshot(
        version="",
        compiled_at=0,
        keys=stored.keys,
        vendors=vendors,
        routes=tuple(_checked_routes(settings, vendors)),
        offers=offers,
        attempts_max=settings.attempts_max,
        budgets=stored.budgets,
        prompt_ratios=stored.prompt_ratios,
        rates=tuple(Rates((*settings.rates, *stored.rates))),
    )
    version = hashlib.sha256(_encode(snapshot)).hexdigest()[:16]
    return msgspec.structs.replace(snapshot, version=version, compiled_at=now)


def switched_off(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """The vendors of the settings that are off, and why."""
    reasons = {}
    for setting in settings.vendors:
        reason = setting.why_off if not setting.enabled else _missing(setting, environ)
        if reason is not None:
            reasons[setting.id] = reason
    return reasons


def contracts(vendors: Iterable[VendorSetting], book: PriceBook) -> dict[str, Contract]:
    """Whose prices each vendor's calls have, and in which currency, by its id; without those that have none."""
    priced = ((setting, _price_name(setting, _adapter(setting), book)) for setting in vendors)
    return {setting.id: Contract(name, setting.currency) for setting, name in priced if name is not None}


def _switched_on(settings: Settings, environ: Mapping[str, str]) -> Iterator[VendorSetting]:
    """Those of the settings, then every other one whose key is in the environment."""
    listed = set()
    off = switched_off(settings, environ)
    for setting in settings.vendors:
        if setting.id in listed:
            raise ConfigError(f"vendor {setting.id!r} is listed twice: give the second one another id and an adapter")
        listed.add(setting.id)
        if setting.id not in off:
            yield setting
    for vendor in VENDORS.values():
        if vendor.id not in listed and _variable(vendor, environ) is not None:
            yield VendorSetting(id=vendor.id)


def _vendor(
    setting: VendorSetting, settings: Settings, book: PriceBook, environ: Mapping[str, str], now: int
) -> VendorSettings:
    vendor = _adapter(setting)
    priced = _price_name(setting, vendor, book)
    base_url = setting.base_url or vendor.base_url
    try:
        parse_base_url(base_url)
    except ConfigError as error:
        raise ConfigError(f"vendor {setting.id!r}: {error}") from None
    return VendorSettings(
        id=setting.id,
        adapter=vendor.id,
        base_url=base_url,
        credential=_credential(setting, vendor, environ),
        models=_models(setting, vendor, settings.model_directories, book, now),
        currency=setting.currency or (book.currency(priced) if priced else NO_CURRENCY),
        basis=book.basis(priced) if priced else "start",
        deadlines=setting.deadlines or Deadlines(),
        context=setting.context,
        missing_options=setting.missing_options,
        switches=setting.switches,
        limits=setting.limits,
    )


def _adapter(setting: VendorSetting) -> Vendor:
    name = setting.adapter or setting.id
    if not _ID.fullmatch(setting.id):
        raise ConfigError(f"vendor id {setting.id!r}: write small letters, digits, dots, dashes, such as 'deepseek-eu'")
    if name in VENDORS:
        return VENDORS[name]
    if setting.adapter is None:
        hint = f"or say which one it speaks like: adapter = {_nearest(name, VENDORS, 'openai')!r}"
        raise ConfigError(f"there is no vendor {name!r}{_suggestion(name, VENDORS)}; {hint}")
    raise ConfigError(f"vendor {setting.id!r}: there is no adapter {name!r}{_suggestion(name, VENDORS)}")


def _price_name(setting: VendorSetting, vendor: Vendor, book: PriceBook) -> str | None:
    """Whose prices hold: the list that is named, else the vendor's own. A second account of a vendor pays what the
    first one does; another address does not. Raises ConfigError for a list that does not exist."""
    known = book.vendors()
    if setting.price_list is not None:
        if setting.price_list not in known:
            near = _suggestion(setting.price_list, known)
            raise ConfigError(f"vendor {setting.id!r}: there is no price list {setting.price_list!r}{near}")
        return setting.price_list
    if setting.id in known:
        return setting.id
    if setting.base_url not in (None, vendor.base_url):
        return None
    return next((name for name in (vendor.id, vendor.sells) if name in known), None)


def _credential(setting: VendorSetting, vendor: Vendor, environ: Mapping[str, str]) -> str:
    """A reference, never a secret."""
    if setting.credential is not None:
        return setting.credential
    variable = _variable(vendor, environ)
    return f"env:{variable}" if variable else ""


def _missing(setting: VendorSetting, environ: Mapping[str, str]) -> str | None:
    """Why there is no key for the vendor just now; None where there is one or none is needed."""
    vendor = _adapter(setting)
    if setting.credential is None:
        if not vendor.key_variables or _variable(vendor, environ) is not None:
            return None
        return f"{' or '.join(vendor.key_variables)} is not set"
    kind, _, name = setting.credential.partition(":")
    if setting.credential and (kind not in ("env", "file") or not name):
        raise ConfigError(
            f"vendor {setting.id!r}: a key is written as env:NAME or file:/path, so that no file of ours holds it"
        )
    if kind == "env" and not environ.get(name, "").strip():
        return f"{name} is not set"
    if kind == "file" and not Path(name).is_file():
        return f"there is no file {name}"
    return None


def _variable(vendor: Vendor, environ: Mapping[str, str]) -> str | None:
    return next((name for name in vendor.key_variables if environ.get(name, "").strip()), None)


def _models(
    setting: VendorSetting, vendor: Vendor, directories: Iterable[Path], book: PriceBook, now: int
) -> tuple[str, ...]:
    if setting.models is not None:
        if not setting.models:
            raise ConfigError(f"vendor {setting.id!r} has an empty list of models: name one, or leave the list out")
        return setting.models
    own = vendor.models
    for directory in directories:
        path = directory / f"{setting.id}.toml"
        if path.is_file():
            own = read_models(path)
    priced = _price_name(setting, vendor, book)
    names = [model.id for model in own]
    chosen = priced == vendor.sells and vendor.models != VENDORS[priced].models  # of another's models, a few
    if priced is not None and not chosen:
        names += [model for model in book.models(priced) if any(_talks(row, now) for row in book.offers(priced, model))]
    departed = {departed.id for departed in departed_models(vendor.sells or vendor.id)}
    return tuple(name for name in dict.fromkeys(names) if name not in departed)


def _talks(row: Offer, now: int) -> bool:
    """Whether the row, not long over, sells text by the token; clips, images and embeddings are no chat models."""
    text = row.unit == TOKENS and "output" in row.prices and row.conditions.modality in (None, "text")
    return row.model != ANY_MODEL and text and not _over(row, now)


def _over(row: Offer, now: int) -> bool:
    return row.effective_to is not None and row.effective_to <= now - OFFER_KEPT


def _offers(vendor: VendorSettings, priced: str | None, book: PriceBook, now: int) -> tuple[Offer, ...]:
    """The rows of every model in the vendor's currency, each under the name that callers use; ids stay. ``priced`` is
    whose prices hold."""
    if priced is None:
        return ()
    aliases = (alias.name for alias in book.aliases(priced))
    rows = []
    for model in dict.fromkeys((*vendor.models, *book.models(priced), *aliases)):
        tariff = book.tariff(priced, model, vendor.currency)
        for row in tariff.offers if tariff is not None else ():
            if not _over(row, now):
                rows.append(row if row.model == model else msgspec.structs.replace(row, model=model))
    return tuple(rows)


def _checked_routes(settings: Settings, vendors: Iterable[VendorSettings]) -> Iterator[Route]:
    """A target whose vendor is known but off stays: the worker passes it over until its key is there."""
    known: dict[str, tuple[str, ...] | None] = dict.fromkeys((*VENDORS, *(each.id for each in settings.vendors)))
    known |= {vendor.id: vendor.models for vendor in vendors}
    names = set()
    for route in settings.routes:
        where = f"route {route.name!r}"
        if not route.name or not route.name.isprintable():
            raise ConfigError(f"{where} has no usable name")
        if route.name in names:
            raise ConfigError(f"{where} is written twice: put all its targets into one list")
        names.add(route.name)
        prefix, slash, _ = route.name.partition("/")
        if slash and prefix in known:
            raise ConfigError(f"{where} looks like a model of {prefix}: choose a name without {prefix + slash!r}")
        if not route.targets:
            raise ConfigError(f"{where} has no targets: write one such as 'deepseek/deepseek-chat'")
        for target in route.targets:
            _check_target(f"{where}: target {target!r}", target, known)
        yield route


def _check_target(where: str, target: str, known: Mapping[str, tuple[str, ...] | None]) -> None:
    vendor, slash, model = target.partition("/")
    if not slash or not vendor or not model:
        every = [f"{name}/{each}" for name, models in known.items() for each in models or ()]
        raise ConfigError(f"{where} is not of the form vendor/model{_suggestion(target, every)}")
    if vendor not in known:
        raise ConfigError(f"{where}: there is no vendor {vendor!r}{_suggestion(vendor, known)}")
    models = known[vendor]
    if models is not None and model not in models:
        raise ConfigError(
            f"{where}: {vendor} has no model {model!r}{_suggestion(model, models)}; "
            f"one that fenli does not know yet is listed under models of vendor {vendor!r}"
        )


def _nearest(name: str, known: Iterable[str], otherwise: str) -> str:
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)), otherwise)


def _suggestion(name: str, known: Iterable[str]) -> str:
    near = _nearest(name, known, "")
    return f": did you mean {near!r}?" if near else f": there are {', '.join(sorted(known)[:20]) or 'none'}"
