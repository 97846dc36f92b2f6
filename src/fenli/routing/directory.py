"""The snapshot, made ready for look-ups: keys by digest, plans by public name."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Final

from fenli.errors import CallRefused, Code, ConfigError
from fenli.http.transport import Deadlines as TransportDeadlines
from fenli.prices.book import ANY_MODEL
from fenli.prices.offers import Offer
from fenli.prices.tariff import Tariff
from fenli.routing.snapshot import Key, Snapshot, VendorSettings
from fenli.routing.targets import OUTPUT_BOUND, Plan, Target
from fenli.vendors.catalog import VENDORS

# Names outside the catalogue that callers may use (`vendor/model` always works) are remembered up to this many.
_PASSING_MAX: Final = 4_096
_SAFE: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/@+")

Secrets = Callable[[str], str]


class Directory:
    """Immutable but for the plans it remembers. ``secrets`` turns a credential reference into the secret.

    A vendor whose credential cannot be resolved or whose base URL is wrong stays off; ``problems`` says why.
    """

    def __init__(self, snapshot: Snapshot, secrets: Secrets) -> None:
        self.snapshot = snapshot
        self.keys: dict[bytes, Key] = {key.digest: key for key in snapshot.keys}
        self.problems: list[str] = []
        self._vendors: dict[str, tuple[VendorSettings, str]] = {}
        self._offers: dict[str, dict[tuple[str, str], list[Offer]]] = {}
        self._plans: dict[str, Plan] = {}
        self._passing = 0
        for settings in snapshot.vendors:
            try:
                secret = secrets(settings.credential)
                VENDORS[settings.adapter].address(settings.base_url, secret, "check")
            except (ConfigError, KeyError) as error:
                self.problems.append(f"{settings.id} is off: {error}")
                continue
            self._vendors[settings.id] = (settings, secret)
            by_model = self._offers[settings.id] = {}
            for offer in snapshot.offers.get(settings.id, ()):
                by_model.setdefault((offer.model, offer.currency), []).append(offer)
        self._routes = {route.name: route for route in snapshot.routes}
        self._bare: dict[str, list[str]] = {}
        for settings, _ in self._vendors.values():
            for model in settings.models:
                self._bare.setdefault(model, []).append(settings.id)

    def names(self) -> list[str]:
        """Every public name: routes first, then ``vendor/model`` of the catalogue."""
        models = [f"{settings.id}/{model}" for settings, _ in self._vendors.values() for model in settings.models]
        return [*self._routes, *models]

    def knows(self, name: str) -> bool:
        return name in self._routes or name in self._bare or name.partition("/")[0] in self._vendors

    def plan(self, name: str) -> Plan:
        """Raises CallRefused (model_not_found) with the nearest names."""
        plan = self._plans.get(name)
        return plan if plan is not None else self._make(name)

    def _make(self, name: str) -> Plan:
        if name in self._routes:
            paths = self._routes[name].targets
        elif name in self._bare:
            vendors = self._bare[name]
            if len(vendors) > 1:
                choices = " or ".join(f"{vendor}/{name}" for vendor in vendors)
                raise CallRefused(
                    Code.MODEL_NOT_FOUND, f"{name!r} is sold by several vendors: write {choices}", "model"
                )
            paths = (f"{vendors[0]}/{name}",)
        else:
            paths = (name,)
        targets = tuple(self._target(path) for path in paths if path.partition("/")[0] in self._vendors)
        if not targets or "/" not in paths[0]:
            raise self._unknown(name)
        plan = Plan(name, targets, targets[0].deadlines.total)
        listed = name in self._routes or name in self._bare
        if listed or self._passing < _PASSING_MAX:
            self._plans[name] = plan
            self._passing += not listed
        return plan

    def _target(self, path: str) -> Target:
        vendor_id, _, model = path.partition("/")
        if not model or len(model) > 200 or not _SAFE.issuperset(model):
            raise CallRefused(Code.MODEL_NOT_FOUND, f"{path!r} is not a model name: write vendor/model", "model")
        settings, secret = self._vendors[vendor_id]
        vendor = VENDORS[settings.adapter]
        rows = self._offers[vendor_id]
        offers = rows.get((model, settings.currency)) or rows.get((ANY_MODEL, settings.currency))
        deadlines = settings.deadlines
        limit = next((entry.output for entry in vendor.models if entry.id == model), None)
        return Target(
            vendor=vendor,
            vendor_id=vendor_id,
            model=model,
            address=vendor.address(settings.base_url, secret, model),
            tariff=Tariff(offers, settings.basis) if offers else None,
            transport=TransportDeadlines(deadlines.connect, deadlines.head, deadlines.first_byte, deadlines.idle),
            deadlines=deadlines,
            output_bound=limit or OUTPUT_BOUND,
            label=f"x-fenli-vendor: {vendor_id}\r\nx-fenli-model: {model}\r\n".encode(),
        )

    def _unknown(self, name: str) -> CallRefused:
        vendor = name.partition("/")[0]
        if vendor in VENDORS and vendor not in self._vendors:
            variables = " or ".join(VENDORS[vendor].key_variables)
            why = f"{vendor} is not switched on here: set {variables} and restart, or ask for another model"
            return CallRefused(Code.MODEL_NOT_FOUND, f"{name!r} cannot be served: {why}", "model")
        near = difflib.get_close_matches(name, [*self.names(), *self._bare], 3)
        hint = f"did you mean {' or '.join(near)}?" if near else "GET /v1/models lists what can be served"
        return CallRefused(Code.MODEL_NOT_FOUND, f"there is no model {name!r}: {hint}", "model")
