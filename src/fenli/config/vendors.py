"""Which vendors this machine can call, and why the others are off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from fenli.config.document import Deadlines as Spans
from fenli.config.document import Vendor as Section
from fenli.config.limits import headers_of
from fenli.config.load import Config
from fenli.config.options import switches_of
from fenli.config.references import missing
from fenli.config.spans import Span
from fenli.routing.snapshot import Deadlines
from fenli.vendors.catalog import VENDORS
from fenli.vendors.limits import LimitHeaders
from fenli.vendors.switches import Switches
from fenli.wire.openai_chat.options import Missing

LOCAL = "local"


class VendorState(msgspec.Struct, frozen=True, kw_only=True):
    """``why`` says what switched the vendor on or off. ``models`` and ``currency`` are None where the built-in ones
    hold, ``switches`` and ``limits`` where its own do; ``credential`` is a reference, empty where no key is needed.
    ``poll_balances`` (ns) is what is said of this vendor alone; ``low_balance`` is a decimal. ``price_list``: the
    vendor whose prices are said to hold."""

    id: str
    on: bool
    why: str
    adapter: str
    base_url: str
    credential: str = ""
    models: tuple[str, ...] | None = None
    currency: str | None = None
    price_list: str | None = None
    poll_balances: Span | None = None
    low_balance: str | None = None
    deadlines: Deadlines = Deadlines()
    missing_options: Missing = Missing.REFUSE
    switches: Switches | None = None
    limits: tuple[LimitHeaders, ...] | None = None


def vendor_states(config: Config, environ: Mapping[str, str]) -> list[VendorState]:
    """Every vendor but the on-device model, by id: those of the catalogue and those of the file."""
    return list(_states(config, environ))


def deadlines_of(*spans: Spans) -> Deadlines:
    """The defaults, overridden by what each of ``spans`` states, the last one winning."""
    stated = {name: int(span) for one in spans for name in one.__struct_fields__ if (span := getattr(one, name))}
    return msgspec.structs.replace(Deadlines(), **stated)


def _states(config: Config, environ: Mapping[str, str]) -> Iterator[VendorState]:
    sections = config.document.vendors
    for name in [*VENDORS, *(name for name in sections if name not in VENDORS)]:
        section = sections.get(name, Section())
        if name == LOCAL and section.base_url is None:
            continue  # `fenli.config.on_device` settles it
        adapter = VENDORS[section.adapter or name]
        on, why, credential = _credential(name, section, environ)
        yield VendorState(
            id=name,
            on=on and section.enabled,
            why=why if section.enabled else "enabled = false",
            adapter=adapter.id,
            base_url=section.base_url or adapter.base_url,
            credential=credential,
            models=tuple(section.models) if section.models else None,
            currency=section.currency,
            price_list=section.price_list,
            poll_balances=section.poll_balances,
            low_balance=section.low_balance,
            deadlines=deadlines_of(config.document.gateway.deadlines, section.deadlines),
            missing_options=Missing(section.missing_options or config.document.gateway.missing_options),
            switches=switches_of(section.options, adapter.switches),
            limits=headers_of(section.limits),
        )


def _credential(name: str, section: Section, environ: Mapping[str, str]) -> tuple[bool, str, str]:
    """Whether there is a key, where or why not, and the reference to it."""
    if section.api_key is not None:
        gap = missing(section.api_key, environ)
        return gap is None, gap or section.api_key.partition(":")[2], str(section.api_key)
    variables = VENDORS[name].key_variables if name in VENDORS else ()
    for variable in variables:
        if environ.get(variable, "").strip():
            return True, variable, f"env:{variable}"
    if section.base_url is not None:
        return True, section.base_url, ""
    return False, f"{' or '.join(variables)} is not set", ""
