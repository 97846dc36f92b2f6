"""Whether the model on this machine runs, from which file, and how it is asked."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import msgspec

from fenli.config.load import Config
from fenli.config.vendors import LOCAL
from fenli.errors import ConfigError
from fenli.vendors.catalog import VENDORS
from fenli.vendors.local.process import CONTEXT_TOKENS
from fenli.vendors.local.weights import Weights, find


class OnDevice(msgspec.Struct, frozen=True):
    """``weights`` is None where the model is off, and ``why`` says why; ``model`` is its name behind ``local/``.
    ``context`` is what it is run with, in tokens, and None where it is off."""

    weights: Weights | None
    why: str
    model: str
    threads: int | None = None
    context: int | None = None


def on_device(config: Config) -> OnDevice:
    """Raises ConfigError where the file asks for the model and it cannot run; ``auto`` just leaves it off."""
    section = config.document.local
    own = config.resolve(section.model) if section.model is not None else None
    model = _public_name(own)
    if section.enabled is False:
        return OnDevice(None, "enabled = false", model)
    if LOCAL in config.document.vendors and config.document.vendors[LOCAL].base_url is not None:
        return OnDevice(None, "[vendors.local] names another server", model)
    try:
        if importlib.util.find_spec("xllamacpp") is None:
            raise ConfigError("xllamacpp is not installed: pip install 'fenli[local]'")
        weights = find(own)
    except ConfigError as error:
        if section.enabled is True or own is not None:
            raise
        return OnDevice(None, str(error), model)
    context = section.context or min(CONTEXT_TOKENS, weights.context_length)
    return OnDevice(weights, str(weights.path), model, section.threads, context)


def _public_name(own: Path | None) -> str:
    return VENDORS[LOCAL].models[0].id if own is None else re.sub(r"[^a-z0-9._-]+", "-", own.stem.lower()).strip("-")
