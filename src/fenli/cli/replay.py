"""`fenli replay`: what some time's traffic would have cost at other prices, or as another model's."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from fenli.cli.books import key_names, open_books
from fenli.cli.language import say
from fenli.cli.options import (
    ConfigFile,
    Data,
    Json,
    Since,
    Until,
    Zone,
    configuration,
    data_folder,
    instant,
    zone_named,
)
from fenli.cli.output import complain
from fenli.cli.posted import wait_until_posted
from fenli.cli.progress import progress_bar
from fenli.cli.rates import all_rates
from fenli.cli.replay_report import DoubtfulFile, Told, print_csv, print_json, print_report
from fenli.config.load import Config
from fenli.config.rates import load_rates
from fenli.config.settings import contracts, price_book
from fenli.errors import BooksError, ConfigError
from fenli.office.traffic import corrected_costs, traffic_of
from fenli.planner.archive import MANIFEST, read_manifest
from fenli.planner.exchange import converted
from fenli.planner.parquet import engine
from fenli.planner.replay import Replayer, Traffic
from fenli.planner.scenario import Scenario, parse_swaps
from fenli.planner.selection import Selection
from fenli.planner.traffic import ArchivedTraffic
from fenli.prices.book import PriceBook
from fenli.prices.rates import Rate, Rates
from fenli.values.money import currency_of

Key = Annotated[str | None, typer.Option("--key", help=say("option.replay_key"))]
Project = Annotated[str | None, typer.Option("--project", help=say("option.replay_project"))]
Customer = Annotated[str | None, typer.Option("--customer", help=say("option.replay_customer"))]
RouteName = Annotated[str | None, typer.Option("--route", help=say("option.replay_route"))]
Vendor = Annotated[str | None, typer.Option("--vendor", help=say("option.vendor"))]
Model = Annotated[str | None, typer.Option("--model", help=say("option.model"))]
AsOf = Annotated[str | None, typer.Option("--as-of", help=say("option.as_of"))]
Prices = Annotated[list[Path] | None, typer.Option("--prices", help=say("option.replay_prices"))]
Swaps = Annotated[list[str] | None, typer.Option("--swap", help=say("option.swap"), metavar="MODEL=MODEL")]
Currency = Annotated[str | None, typer.Option("--currency", help=say("option.currency"))]
Archive = Annotated[Path | None, typer.Option("--archive", help=say("option.archive"))]
Doubtful = Annotated[Path | None, typer.Option("--doubtful", help=say("option.doubtful"))]
Csv = Annotated[bool, typer.Option("--csv", help=say("option.replay_csv"))]


def replay(
    since: Since = None, until: Until = None, key: Key = None, project: Project = None, customer: Customer = None,
    route: RouteName = None, vendor: Vendor = None, model: Model = None, as_of: AsOf = None, prices: Prices = None,
    swap: Swaps = None, currency: Currency = None, zone: Zone = "UTC", archive: Archive = None,
    doubtful: Doubtful = None, data: Data = None, config: ConfigFile = None, json: Json = False, csv: Csv = False,
) -> None:  # fmt: skip
    if json and csv:
        raise ConfigError(say("replay.one_form"))
    folder, calendar = data_folder(data), zone_named(zone)
    first, last, at = (instant(text, calendar) for text in (since, until, as_of))
    wanted = None if currency is None else currency_of(currency)
    settings = configuration(config, folder)
    then = price_book(settings)
    now = _book(settings, prices) if prices else then
    scenario = Scenario(
        now, as_of=at, swaps=parse_swaps(swap or (), now), contracts=contracts(settings, now), before=then
    )
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fenli-replay-")))
        source = _Source(stack, folder, archive, settings)
        selection = Selection(
            since=first, until=last, key=source.key(key), project=project, customer=customer, route=route,
            vendor=vendor, model=model,
        )  # fmt: skip
        rates = source.rates() if wanted is not None else Rates()
        listed = stack.enter_context(DoubtfulFile(doubtful)) if doubtful is not None else None
        bar = stack.enter_context(progress_bar())
        tasks = {what: bar.add_task(say(f"replay.{what}"), total=None) for what in ("reading", "rating")}
        replayer = Replayer(
            stack.enter_context(engine(scratch / "spill")),
            scenario,
            selection,
            zone=calendar,
            cuts=_changes(rates, wanted),
            corrections=source.corrections,
            doubtful=listed,
            progress=lambda what, done, total: bar.update(tasks[what], completed=done, total=total),
        )
        found = replayer.run(source.traffic(selection, scratch))
        used: list[Rate] = []
        if wanted is not None:
            found, used = converted(found, rates, wanted)
    told = Told(found, scenario, selection, list(prices or ()), used, calendar)
    (print_json if json else print_csv if csv else print_report)(told)


class _Source:
    """Where the traffic comes from: the books with their archive, or an archive alone."""

    def __init__(self, stack: ExitStack, folder: Path, archive: Path | None, settings: Config) -> None:
        self._folder = folder
        self._archive = archive
        self._settings = settings
        self._books = None
        self.corrections: dict[int, tuple[str, int]] = {}
        if archive is None:
            self._books = stack.enter_context(open_books(folder))
            if not wait_until_posted(folder, self._books):
                complain(say("ledger.lagging"))
            self.corrections = corrected_costs(self._books)
        elif not (archive / MANIFEST).is_file():
            raise BooksError(say("replay.no_archive", folder=archive, manifest=MANIFEST))

    def traffic(self, selection: Selection, scratch: Path) -> Sequence[Traffic]:
        if self._archive is not None:
            return [ArchivedTraffic(self._archive, read_manifest(self._archive), selection)]
        assert self._books is not None
        return traffic_of(self._books, self._folder, selection, scratch)

    def key(self, asked: str | None) -> str | None:
        """A key's id; its name will do."""
        if self._books is None:
            return asked
        return next((id for id, name in key_names(self._books).items() if name == asked), asked)

    def rates(self) -> Rates:
        if self._books is None:
            return Rates(load_rates(self._settings))
        return all_rates(self._books, self._folder, self._settings.file)


def _book(settings: Config, prices: list[Path]) -> PriceBook:
    own = (settings.resolve(directory) for directory in settings.document.prices.directories)
    return PriceBook.load(*own, *prices)


def _changes(rates: Rates, currency: str | None) -> list[int] | None:
    """Every instant at which a rate to ``currency`` changes."""
    if currency is None:
        return None
    return sorted({rate.effective_from for rate in rates if currency in (rate.base, rate.quote)})
