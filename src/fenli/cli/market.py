"""`fenli market`: the emulated vendors as a server (the market has options of its own), and what may happen to them."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from fenli.cli.happenings import line_of, what_of
from fenli.cli.language import say, spoken
from fenli.cli.options import Json
from fenli.cli.output import as_json, line, table
from fenli.market.__main__ import options_of
from fenli.market.offsets import format_offset
from fenli.market.opening import run_market
from fenli.market.scenario import Scenario
from fenli.market.scenario_files import load_scenario, shipped
from fenli.market.timeline import Timeline
from fenli.prices.book import PriceBook

_PASSED_ON: Final = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}

app = typer.Typer(no_args_is_help=True)


@app.callback()
def market() -> None:
    pass


@app.command(help=say("help.market.serve"), context_settings=_PASSED_ON, add_help_option=False)
def serve(context: typer.Context) -> None:
    run_market(options_of(context.args), line_of)


@app.command(help=say("help.market.scenarios"))
def scenarios(
    asked: Annotated[str | None, typer.Argument(metavar="NAME|FILE", help=say("option.scenario_asked"))] = None,
    json: Json = False,
) -> None:
    """Those that come with fenli; or all that happens in one, which checks its file."""
    book = PriceBook.load()
    if asked is None:
        found = [load_scenario(name, book) for name in shipped()]
        if json:
            as_json([_as_data(scenario) for scenario in found])
            return
        rows = [[each.name, each.titles[spoken()], format_offset(each.length), each.speed, str(len(each.events))]
                for each in found]  # fmt: skip
        headings = [say(f"column.{name}") for name in ("name", "title", "length", "speed", "events")]
        table(headings, rows, right=(2, 3, 4), flexible=1)
        line(say("market.run_one"))
        return
    scenario = load_scenario(asked, book)
    if json:
        as_json(_as_data(scenario))
        return
    line(scenario.titles[spoken()])
    for happening in Timeline(scenario, 0).happenings():
        line("  " + line_of(happening))


def _as_data(scenario: Scenario) -> dict[str, Any]:
    return {
        "name": scenario.name,
        "title": scenario.titles,
        "speed": scenario.speed,
        "length": format_offset(scenario.length),
        "events": [
            {
                "at": format_offset(event.at),
                "until": None if event.until is None else format_offset(event.until),
                "kind": event.kind,
                "vendors": event.vendors,
                "models": event.models,
                "what": what_of(event),
                "says": event.says,
            }
            for event in scenario.events
        ],
    }
