"""How far a long work is. Apart from `output`: most commands are short, and need not load this."""

from __future__ import annotations

from rich.console import Console
from rich.progress import Progress


def progress_bar() -> Progress:
    """On standard error, gone when it is done; nothing at all where nobody watches."""
    errors = Console(stderr=True)
    return Progress(console=errors, transient=True, disable=not errors.is_terminal)
