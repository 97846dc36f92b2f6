"""`fenli`: finds the command, loads only its module, and turns errors into sentences and exit codes.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.
"""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType
from typing import Annotated, Final

import typer

from fenli import __version__
from fenli.cli.language import LANGUAGES, choose, say, speak
from fenli.config.problems import ConfigRefused
from fenli.errors import ConfigError, FenliError, InstantError

# Every command and its module; a group's module has an ``app``, a single command's a function of the command's name.
GROUPS: Final = {
    "key": "key",
    "customer": "customer",
    "project": "project",
    "wallet": "wallet",
    "plan": "plan",
    "pack": "pack",
    "budget": "budget",
    "ledger": "ledger",
    "prices": "prices",
    "rates": "rates",
    "bill": "bill",
    "archive": "archive",
    "config": "configuration",
    "market": "market",
}
COMMANDS: Final = ("serve", "models", "usage", "statement", "reconcile", "balance", "replay", "doctor")
ORDER: Final = (
    "serve", "key", "models", "usage", "statement", "balance", "ledger", "customer", "project", "wallet", "plan",
    "pack", "budget", "prices", "rates", "bill", "reconcile", "archive", "replay", "config", "market", "doctor",
)  # fmt: skip


def main() -> None:
    language, arguments = choose(sys.argv[1:], os.environ)
    if language not in LANGUAGES:
        sys.exit(_fail(f"--lang {language}: {' | '.join(LANGUAGES)}", 2))
    speak(language)
    try:
        build(arguments)(args=arguments, prog_name="fenli")
    except ConfigRefused as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    except (ConfigError, InstantError) as error:
        sys.exit(_fail(str(error), 2))
    except FenliError as error:
        sys.exit(_fail(str(error), 1))


def build(arguments: list[str]) -> typer.Typer:
    """The whole command tree, in which only the command that ``arguments`` name is more than its name and help."""
    asked = next((word for word in arguments if not word.startswith("-")), None)
    everything = "_FENLI_COMPLETE" in os.environ
    app = typer.Typer(
        help=say("help.fenli"), epilog=say("help.epilog"), no_args_is_help=True, pretty_exceptions_enable=False
    )
    app.callback()(_root)
    for name in ORDER:
        if not everything and name != asked:
            app.command(name, help=say(f"help.{name}"))(_not_loaded)
        elif name in GROUPS:
            app.add_typer(_module(GROUPS[name]).app, name=name, help=say(f"help.{name}"))
        else:
            app.command(name, help=say(f"help.{name}"))(getattr(_module(name), name))
    return app


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"fenli.cli.{name}")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fenli {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help=say("help.version"))
    ] = False,
    lang: Annotated[str, typer.Option(help="en | zh")] = "",  # taken out of the arguments by `choose`
) -> None:
    pass


def _not_loaded() -> None:
    raise AssertionError("main loads the command that is asked for")


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"{say('error')}: {message}\n")
    return code
