"""The shape of `fenli.toml`: every section and field, with its default. All of it is optional."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from fenli.config.limits import LimitedBy
from fenli.config.options import Options
from fenli.config.references import Reference
from fenli.config.spans import Span

Port = Annotated[int, Meta(ge=0, le=65535)]
Count = Annotated[int, Meta(ge=1)]
Words = Annotated[str, Meta(min_length=1)]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$")]


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """How large a request may be."""

    header_bytes: Annotated[int, Meta(ge=1024, le=1024 * 1024)] = 64 * 1024
    body_bytes: Annotated[int, Meta(ge=1024, le=1024 * 1024 * 1024)] = 64 * 1024 * 1024


class Deadlines(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How long each step of a call may take. What is left out keeps its default."""

    connect: Span | None = None
    head: Span | None = None
    first_byte: Span | None = None
    idle: Span | None = None
    first_content: Span | None = None
    total: Span | None = None


class Tls(Struct, frozen=True, forbid_unknown_fields=True):
    """The certificate chain and its private key, PEM files."""

    cert: Words
    key: Words


class Gateway(Struct, frozen=True, forbid_unknown_fields=True):
    """The endpoint that clients talk to. ``missing_options``: what to do where a model lacks an option."""

    host: Words = "127.0.0.1"
    port: Port = 8410
    workers: Annotated[int, Meta(ge=1, le=256)] = 1
    durability: Literal["group", "each", "os"] = "group"
    missing_options: Literal["refuse", "downgrade"] = "refuse"
    drain: Span = field(default_factory=lambda: Span.parse("30s"))
    limits: Limits = field(default_factory=Limits)
    deadlines: Deadlines = field(default_factory=Deadlines)
    tls: Tls | None = None


class Office(Struct, frozen=True, forbid_unknown_fields=True):
    """The process behind the gateway that keeps the books."""

    port: Port = 8411
    journal_keep_days: Count = 30
    poll_balances: Span | None = None


class Vendor(Struct, frozen=True, forbid_unknown_fields=True):
    """One vendor. ``adapter`` says what a vendor id of your own speaks; ``models`` replaces the built-in list.
    ``price_list`` names the vendor whose prices hold here.

    ``poll_balances`` is how often it is asked what is left of our money with it, ``low_balance`` what is too little.
    ``missing_options`` goes before the gateway's; ``options`` say what it calls them, where fenli does not know.
    ``limits``: in which headers it tells what it takes.
    """

    adapter: Words | None = None
    base_url: Words | None = None
    api_key: Reference | None = None
    currency: Currency | None = None
    price_list: Words | None = None
    models: list[Words] | None = None
    enabled: bool = True
    poll_balances: Span | None = None
    low_balance: Words | None = None
    missing_options: Literal["refuse", "downgrade"] | None = None
    options: Options = field(default_factory=Options)
    limits: list[LimitedBy] | None = None
    deadlines: Deadlines = field(default_factory=Deadlines)


class Local(Struct, frozen=True, forbid_unknown_fields=True):
    """The model on this machine. ``auto``: on where it is installed."""

    enabled: bool | Literal["auto"] = "auto"
    model: Words | None = None
    threads: Count | None = None
    context: Annotated[int, Meta(ge=256)] | None = None


class Prices(Struct, frozen=True, forbid_unknown_fields=True):
    """Price files of your own, read after the built-in ones."""

    directories: list[Words] = field(default_factory=list)


class Rates(Struct, frozen=True, forbid_unknown_fields=True):
    """Files with rates of exchange, which reports convert by."""

    files: list[Words] = field(default_factory=list)


class Route(Struct, frozen=True, forbid_unknown_fields=True):
    """A public model name and its targets (``vendor/model``), in the order to try them."""

    name: Words
    targets: Annotated[list[Words], Meta(min_length=1)]


class Document(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    gateway: Gateway = field(default_factory=Gateway)
    office: Office = field(default_factory=Office)
    vendors: dict[str, Vendor] = field(default_factory=dict)
    local: Local = field(default_factory=Local)
    routes: list[Route] = field(default_factory=list)
    prices: Prices = field(default_factory=Prices)
    rates: Rates = field(default_factory=Rates)
