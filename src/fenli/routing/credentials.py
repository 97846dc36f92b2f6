"""Vendors' secrets: the snapshot has references, and whoever asks a vendor resolves them itself."""

from __future__ import annotations

import os
from pathlib import Path

from fenli.errors import ConfigError


def resolve_secret(reference: str) -> str:
    """The secret of ``env:NAME`` or ``file:PATH`` (its first line); nothing for an empty reference."""
    if not reference:
        return ""
    kind, _, rest = reference.partition(":")
    if kind == "env":
        secret = os.environ.get(rest, "").strip()
        if not secret:
            raise ConfigError(f"the environment variable {rest} is empty: set it and restart fenli")
        return secret
    if kind == "file":
        try:
            return Path(rest).read_text().partition("\n")[0].strip()
        except (OSError, ValueError) as error:
            raise ConfigError(f"the file of a key cannot be read: {error}") from None
    raise ConfigError("a credential is of no known kind: write env:NAME or file:PATH")
