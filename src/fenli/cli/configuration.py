"""`fenli config`: is the file sound, what does it come to, what may stand in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from fenli.cli.language import say
from fenli.cli.options import ConfigFile, Data, Json, configuration, data_folder
from fenli.cli.output import as_json, line
from fenli.config.load import Config, find_config, load_config, schema
from fenli.config.on_device import on_device
from fenli.config.references import Reference
from fenli.config.settings import try_out
from fenli.config.spans import Span
from fenli.config.vendors import LOCAL, vendor_states
from fenli.errors import ConfigError
from fenli.values.toml_text import inline

app = typer.Typer(no_args_is_help=True)

File = Annotated[Path | None, typer.Argument(help=say("option.file"), metavar="[FILE]")]


@app.command(help=say("help.config.check"))
def check(file: File = None, config: ConfigFile = None) -> None:
    path = find_config(file or config, os.environ)
    if path is None:
        line(say("config.none"))
        return
    loaded = load_config(path)
    try_out(loaded, on_device(loaded))
    for warning in warnings(loaded):
        line(say("config.warning", file=path, warning=warning))
    line(say("config.sound", file=path))


@app.command("schema", help=say("help.config.schema"))
def show_schema() -> None:
    as_json(schema())


@app.command(help=say("help.config.show"))
def show(config: ConfigFile = None, data: Data = None, json: Json = False) -> None:
    loaded = configuration(config)
    effective = {
        "file": str(loaded.file) if loaded.file else None,
        "data": str(data_folder(data)),
        **msgspec.to_builtins(loaded.document, enc_hook=_written),
    }
    effective["vendors"] = {state["id"]: state for state in _states(loaded)}
    if json:
        as_json(effective)
        return
    for text in toml(effective):
        line(text)


def warnings(config: Config) -> Iterator[str]:
    """What loads but will not work now: switched-off vendors that the file names, routes that lead nowhere."""
    states = {state.id: state for state in vendor_states(config, os.environ)}
    for name, section in config.document.vendors.items():
        if name in states and section.enabled and not states[name].on:
            yield say("config.vendor_off", vendor=name, why=states[name].why)
    local_on = _local(config)["on"]
    for route in config.document.routes:
        vendors = [target.partition("/")[0] for target in route.targets]
        if not any(local_on if vendor == LOCAL and LOCAL not in states else states[vendor].on for vendor in vendors):
            yield say("config.route_off", route=route.name)


def toml(tree: dict[str, Any], section: str = "") -> Iterator[str]:
    """The tree as TOML lines, for people; what is None is left out."""
    plain = {key: value for key, value in tree.items() if not _is_section(value) and value is not None}
    if section and plain:
        yield f"\n[{section}]"
    for key, value in plain.items():
        yield f"{key} = {inline(value)}"
    for key, value in tree.items():
        path = f"{section}.{key}" if section else key
        if isinstance(value, dict):
            yield from toml(value, path)
        elif _is_section(value):
            for item in value:
                yield f"\n[[{path}]]"
                yield from toml(item)


def _states(config: Config) -> Iterator[dict[str, Any]]:
    for state in vendor_states(config, os.environ):
        shown = msgspec.to_builtins(state, enc_hook=_written)
        del shown["deadlines"]
        yield shown
    if LOCAL not in {state.id for state in vendor_states(config, os.environ)}:
        yield _local(config)


def _local(config: Config) -> dict[str, Any]:
    try:
        local = on_device(config)
    except ConfigError as error:
        return {"id": LOCAL, "on": False, "why": str(error)}
    return {"id": LOCAL, "on": local.weights is not None, "why": local.why, "models": [local.model]}


def _is_section(value: object) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def _written(value: object) -> str:
    if isinstance(value, Reference):
        kind, _, rest = value.partition(":")
        return f"${{{kind}:{rest}}}"
    if isinstance(value, Span):
        return str(value)
    raise NotImplementedError(type(value))
