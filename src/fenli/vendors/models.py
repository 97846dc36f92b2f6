"""The models that each vendor sells, as files anyone can read: ``data/<vendor>.toml``."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from fenli.errors import ConfigError
from fenli.vendors.contract import Model

DATA: Final = Path(__file__).with_name("data")


class Departed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A name that its vendor no longer answers to, and what it offers instead."""

    id: str
    successor: str


class _ModelFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    models: tuple[Model, ...]
    departed: tuple[Departed, ...] = ()


@cache
def default_models(vendor: str) -> tuple[Model, ...]:
    """What fenli itself knows of ``vendor``; read on first use."""
    return read_models(DATA / f"{vendor}.toml")


@cache
def departed_models(vendor: str) -> tuple[Departed, ...]:
    return _read(DATA / f"{vendor}.toml").departed


def read_models(path: Path) -> tuple[Model, ...]:
    """Raises ConfigError, naming the file, when it is not a list of ``[[models]]`` with ids that differ."""
    models = _read(path).models
    seen: set[str] = set()
    for model in models:
        if not model.id or model.id in seen:
            reason = f"model {model.id!r} is listed twice" if model.id else "a model has no id"
            raise ConfigError(f"{path}: {reason}")
        seen.add(model.id)
    return models


def _read(path: Path) -> _ModelFile:
    try:
        return msgspec.toml.decode(path.read_bytes(), type=_ModelFile)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path}: {error}") from None
