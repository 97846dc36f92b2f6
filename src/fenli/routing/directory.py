"""The snapshot, made ready for look-ups: keys by digest, plans by public name."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Final

import msgspec

from fenli.errors import CallRefused, Code, ConfigError
from fenli.http.transport import Deadlines as TransportDeadlines
from fenli.prices.book import ANY_MODEL
from fenli.prices.offers import Offer
from fenli.prices.rates import Rates
from fenli.prices.tariff import Tariff
from fenli.routing.snapshot import Key, Snapshot, VendorSettings
from fenli.routing.targets import BYTES_ARE_TOKENS, OUTPUT_BOUND, Plan, Target
from fenli.vendors.catalog import VENDORS, successor_of
from fenli.vendors.contract import Model, Vendor
from fenli.vendors.services import service_of
from fenli.vendors.switches import switch_of
from fenli.vendors.tickets import TicketRack
from fenli.wire.capabilities import PATHS as PUBLIC_PATHS
from fenli.wire.capabilities import Capability, serves

# Names outside the catalogue that callers may use (`vendor/model` always works) are remembered up to this many.
_PASSING_MAX: Final = 4_096
_SAFE: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:@+")
# What else a model's name may hold: a path of its own, and the fault that an emulated vendor is asked for.
_WITHIN_MODELS: Final = str.maketrans("", "", "/!")
_NAME_MAX: Final = 200
_CALLERS_MAX: Final = 4_096

Secrets = Callable[[str], str]


class Directory:
    """Immutable but for the plans and callers it remembers. ``secrets`` turns a credential reference into the secret.

    ``callers``: the keys of those who called, by the authorization they sent; forgotten with this directory, and so as
    soon as any key is revoked.
    ``tickets`` keeps what vendors have lent beyond the life of this directory.

    A vendor whose credential cannot be resolved or whose base URL is wrong stays off; ``problems`` says why.
    """

    def __init__(self, snapshot: Snapshot, secrets: Secrets, tickets: TicketRack | None = None) -> None:
        self.snapshot = snapshot
        self._tickets = TicketRack() if tickets is None else tickets
        self.keys: dict[bytes, Key] = {key.digest: key for key in snapshot.keys}
        self.callers: dict[bytes, Key] = {}
        self.rates = Rates(snapshot.rates)
        self.problems: list[str] = []
        self._vendors: dict[str, tuple[VendorSettings, str]] = {}
        self._offers: dict[str, dict[tuple[str, str], list[Offer]]] = {}
        self._plans: dict[str, Plan] = {}
        self._others: dict[tuple[Capability, str], Plan] = {}
        self._passing = 0
        for settings in snapshot.vendors:
            if not _is_name(settings.id):
                self.problems.append(f"{settings.id[:60]!r} is off: a vendor's id has letters, digits and -_.:@+ only")
                continue
            try:
                secret = secrets(settings.credential)
                _adapter(settings).address(settings.base_url, secret, "check")
            except ConfigError as error:
                self.problems.append(f"{settings.id} is off: {error}")
                continue
            self._vendors[settings.id] = (settings, secret)
            by_model = self._offers[settings.id] = {}
            for offer in snapshot.offers.get(settings.id, ()):
                by_model.setdefault((offer.model, offer.currency), []).append(offer)
        # What callers may send back to whoever is asked next.
        self._returned = sorted({name for each, _ in self._vendors.values() for name in VENDORS[each.adapter].returned})
        self._routes = {route.name: route for route in snapshot.routes}
        self._bare: dict[str, list[str]] = {}
        self._listed: set[str] = set()
        for settings, _ in self._vendors.values():
            for model in settings.models:
                self._bare.setdefault(model, []).append(settings.id)
                self._listed.add(f"{settings.id}/{model}")

    def names(self) -> list[str]:
        """Every public name: routes first, then ``vendor/model`` of the catalogue."""
        models = [f"{settings.id}/{model}" for settings, _ in self._vendors.values() for model in settings.models]
        return [*self._routes, *models]

    def remember(self, given: bytes, key: Key) -> None:
        """``given`` is an authorization header, which is of this caller."""
        if given:
            if len(self.callers) >= _CALLERS_MAX:
                self.callers.clear()
            self.callers[given] = key

    def plan(self, name: str) -> Plan:
        """Raises CallRefused (model_not_found) with the nearest names."""
        plan = self._plans.get(name)
        return plan if plan is not None else self._make(name)

    def plan_for(self, capability: Capability, name: str) -> Plan:
        """Raises CallRefused (model_not_found), also where there is such a model and it is for something else."""
        if capability is Capability.CHAT:
            return self.plan(name)
        plan = self._others.get((capability, name))
        return plan if plan is not None else self._make(name, capability)

    def capability(self, name: str) -> Capability:
        """What a public name is for; chat where nobody says."""
        paths = self._routes[name].targets if name in self._routes else self._paths(name)
        known = (self._known(path) for path in paths)
        return next((model.does for model in known if model is not None), Capability.CHAT)

    def offering(self, capability: Capability) -> list[str]:
        """The vendors that are on and have it beside chat."""
        return [name for name, (settings, _) in self._vendors.items()
                if any(one.capability is capability for one in VENDORS[settings.adapter].endpoints)]  # fmt: skip

    def _make(self, name: str, capability: Capability = Capability.CHAT) -> Plan:
        paths = self._paths(name)
        on = [path for path in paths if path.partition("/")[0] in self._vendors]
        if not on or "/" not in paths[0]:
            raise self._unknown(name, paths)
        targets = tuple(self._target(path, capability) for path in on if self._serves(path, capability))
        if not targets:
            raise self._for_something_else(name, on, capability)
        plan = Plan(name, targets, targets[0].deadlines.total)
        listed = name in self._routes or name in self._bare or name in self._listed
        if listed or self._passing < _PASSING_MAX:
            if capability is Capability.CHAT:
                self._plans[name] = plan
            else:
                self._others[capability, name] = plan
            self._passing += not listed
        return plan

    def _paths(self, name: str) -> tuple[str, ...]:
        """The ``vendor/model`` of each target. Raises CallRefused where it could be any of several vendors'."""
        if name in self._routes:
            return self._routes[name].targets
        vendors = self._bare.get(name, ())
        if len(vendors) > 1:
            choices = " or ".join(f"{vendor}/{name}" for vendor in vendors)
            message = f"{_shown(name)} is sold by several vendors: write {choices}"
            raise CallRefused(Code.MODEL_NOT_FOUND, message, "model")
        return (f"{vendors[0]}/{name}",) if vendors else (name,)

    def _known(self, path: str) -> Model | None:
        """The catalogue's entry; None where the vendor is off or the model is not in it."""
        vendor_id, _, model = path.partition("/")
        if vendor_id not in self._vendors:
            return None
        models = VENDORS[self._vendors[vendor_id][0].adapter].models
        return next((entry for entry in models if entry.id == model), None)

    def _serves(self, path: str, capability: Capability) -> bool:
        known = self._known(path)
        if known is not None and not serves(known.does, capability):
            return False
        vendor_id, _, model = path.partition("/")
        vendor = VENDORS[self._vendors[vendor_id][0].adapter]
        return capability is Capability.CHAT or service_of(vendor, capability, model) is not None

    def _for_something_else(self, name: str, paths: list[str], capability: Capability) -> CallRefused:
        known = next((model for path in paths if (model := self._known(path)) is not None), None)
        if known is not None and not serves(known.does, capability):
            message = f"{_shown(name)} is for {known.does}, not for {capability}: POST it to {PUBLIC_PATHS[known.does]}"
        else:
            offering = self.offering(capability)
            vendor = paths[0].partition("/")[0]
            hint = f"ask one of {', '.join(offering)}" if offering else "no vendor that is on here has any"
            message = f"fenli knows no {capability} of {vendor}: {hint}"
        return CallRefused(Code.MODEL_NOT_FOUND, message, "model")

    def _target(self, path: str, capability: Capability) -> Target:
        vendor_id, _, model = path.partition("/")
        if not _is_name(model.translate(_WITHIN_MODELS)):
            raise CallRefused(Code.MODEL_NOT_FOUND, f"{_shown(path)} is not a model name: write vendor/model", "model")
        settings, secret = self._vendors[vendor_id]
        vendor = VENDORS[settings.adapter]
        if settings.switches is not None:
            vendor = vendor.switched(settings.switches)
        if settings.limits is not None:
            vendor = vendor.telling(settings.limits)
        strange = tuple(member for member in self._returned if member not in vendor.returned)
        if strange and vendor_id == settings.adapter:  # what a vendor of one's own has words for nobody knows
            vendor = vendor.withholding(strange)
        rows = self._offers[vendor_id]
        offers = rows.get((model, settings.currency)) or rows.get((ANY_MODEL, settings.currency))
        deadlines = settings.deadlines
        known = self._known(path)
        output = known.output if known else None
        service = service_of(vendor, capability, model)
        speaker = service or vendor
        try:
            address = speaker.address(settings.base_url, secret, model)
        except ConfigError as error:
            raise CallRefused(Code.MODEL_NOT_FOUND, f"{_shown(path)} cannot be asked: {error}", "model") from None
        if address.ticket is not None:
            address = msgspec.structs.replace(address, ticket=self._tickets.shared(address.ticket))
        return Target(
            vendor=speaker,
            vendor_id=vendor_id,
            model=model,
            address=address,
            tariff=Tariff(offers, settings.basis) if offers else None,
            transport=TransportDeadlines(deadlines.connect, deadlines.head, deadlines.first_byte, deadlines.idle),
            deadlines=deadlines,
            output_bound=output or OUTPUT_BOUND,
            context=settings.context or (known.context if known else None),
            output=output,
            label=f"x-fenli-vendor: {vendor_id}\r\nx-fenli-model: {model}\r\n".encode(),
            prompt_ratio=self.snapshot.prompt_ratios.get(path, BYTES_ARE_TOKENS),
            switches=vendor.switches,
            missing=settings.missing_options,
            search=switch_of(vendor.switches.search, model),
        )

    def _unknown(self, name: str, paths: tuple[str, ...]) -> CallRefused:
        off = dict.fromkeys(vendor for vendor in (path.partition("/")[0] for path in paths) if self._is_off(vendor))
        if off:
            variables = [variable for vendor in off if vendor in VENDORS for variable in VENDORS[vendor].key_variables]
            step = f"set {' or '.join(variables)} and restart" if variables else "switch it on"
            are = "is" if len(off) == 1 else "are"
            why = f"{' and '.join(off)} {are} not switched on here: {step}, or ask for another model"
            return CallRefused(Code.MODEL_NOT_FOUND, f"{_shown(name)} cannot be served: {why}", "model")
        followed = successor_of(name)
        if followed is not None:
            step = f"ask for {followed}, or name a route {_shown(name)} that leads there"
            vendor = followed.partition("/")[0]
            return CallRefused(Code.MODEL_NOT_FOUND, f"{vendor} no longer has {_shown(name)}: {step}", "model")
        near = difflib.get_close_matches(name, [*self.names(), *self._bare], 3) if len(name) <= _NAME_MAX else []
        hint = f"did you mean {' or '.join(near)}?" if near else "GET /v1/models lists what can be served"
        return CallRefused(Code.MODEL_NOT_FOUND, f"there is no model {_shown(name)}: {hint}", "model")

    def _is_off(self, vendor: str) -> bool:
        known = vendor in VENDORS or any(settings.id == vendor for settings in self.snapshot.vendors)
        return known and vendor not in self._vendors


def _adapter(settings: VendorSettings) -> Vendor:
    try:
        return VENDORS[settings.adapter]
    except KeyError:
        raise ConfigError(f"there is no adapter {settings.adapter!r}: write one of {', '.join(VENDORS)}") from None


def _is_name(text: str) -> bool:
    return 0 < len(text) <= _NAME_MAX and _SAFE.issuperset(text)


def _shown(name: str) -> str:
    return repr(name if len(name) <= 80 else name[:77] + "...")
