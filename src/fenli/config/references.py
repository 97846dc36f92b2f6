"""Where a secret is, never the secret: ``${env:NAME}``, ``${NAME}`` or ``${file:/run/secrets/x}``.

The canonical form, which the snapshot carries and each worker resolves, is ``env:NAME`` or ``file:PATH``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_REFERENCE = re.compile(r"\$\{(?:(env|file):)?([^${}]+)\}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Reference(str):
    """A canonical reference, such as ``env:DEEPSEEK_API_KEY``."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: object) -> Reference:
        """Raises ValueError with what to write instead; the text itself is not repeated, since it may be a key."""
        if not isinstance(text, str):
            raise ValueError('is not a reference to a key: write one such as "${env:DEEPSEEK_API_KEY}"')
        match = _REFERENCE.fullmatch(text.strip())
        if match is None:
            raise ValueError(
                "looks like the key itself, and keys do not belong in this file: put it in an environment variable and "
                'write "${env:NAME}", or in a file that only you can read and write "${file:/run/secrets/name}"'
            )
        kind, rest = match[1] or "env", match[2].strip()
        if kind == "env" and not _VARIABLE.fullmatch(rest):
            raise ValueError(f'"{rest}" is not the name of an environment variable: letters, digits and _ only')
        if kind == "file" and not Path(rest).is_absolute():
            raise ValueError(f'"{rest}" is not an absolute path: write one such as "${{file:/run/secrets/name}}"')
        return cls(f"{kind}:{rest}")


def missing(reference: str, environ: Mapping[str, str]) -> str | None:
    """Why the reference yields no key just now; None where it does."""
    kind, _, rest = reference.partition(":")
    if kind == "env":
        return None if environ.get(rest, "").strip() else f"{rest} is not set"
    try:
        return None if Path(rest).read_text("utf-8").strip() else f"{rest} is empty"
    except (OSError, UnicodeDecodeError) as error:
        return f"{rest} cannot be read ({getattr(error, 'strerror', None) or 'not text'})"
