"""`fenli market`: the emulated vendors as a server; the market has options of its own."""

from __future__ import annotations

from typing import Final

import typer

from fenli.cli.language import say
from fenli.market.__main__ import options_of
from fenli.market.server import run_market

_PASSED_ON: Final = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}

app = typer.Typer(no_args_is_help=True)


@app.callback()
def market() -> None:
    pass


@app.command(help=say("help.market.serve"), context_settings=_PASSED_ON, add_help_option=False)
def serve(context: typer.Context) -> None:
    run_market(options_of(context.args))
