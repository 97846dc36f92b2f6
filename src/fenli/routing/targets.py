"""A target: one model of one vendor with one credential, ready to be asked."""

from __future__ import annotations

from typing import Final

import msgspec

from fenli.http.transport import Deadlines as TransportDeadlines
from fenli.prices.tariff import Tariff
from fenli.routing.snapshot import Deadlines
from fenli.vendors.contract import Address, Speaker
from fenli.vendors.switches import SearchSwitch, Switches
from fenli.wire.openai_chat.options import Missing

# What an answer is bounded by where neither the caller nor the vendor's catalogue says; only holds come from it.
OUTPUT_BOUND: Final = 32_768
# No tokenizer makes more than one token of a byte.
BYTES_ARE_TOKENS: Final = 1_000


class Target(msgspec.Struct, frozen=True, eq=False):
    """``vendor_id`` is the name in the books; ``label`` the answer headers that name vendor and model, for the wire.

    ``context`` and ``output`` are the model's limits in tokens, None where nobody says. ``prompt_ratio``: tokens that
    1,000 bytes of a text prompt come to at most. ``switches`` say which options the model has, ``missing`` what to do
    about the others. ``search`` is how it searches, where it can.
    """

    vendor: Speaker
    vendor_id: str
    model: str
    address: Address
    tariff: Tariff | None
    transport: TransportDeadlines
    deadlines: Deadlines
    output_bound: int
    context: int | None
    output: int | None
    label: bytes
    prompt_ratio: int = BYTES_ARE_TOKENS
    switches: Switches = Switches()
    missing: Missing = Missing.REFUSE
    search: SearchSwitch | None = None


class Plan(msgspec.Struct, frozen=True, eq=False):
    """The targets of one public name, in the order to try them."""

    name: str
    targets: tuple[Target, ...]
    total: int
