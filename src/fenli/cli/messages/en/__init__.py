"""English."""

from __future__ import annotations

from typing import Final

from fenli.cli.messages.en import books, columns, commands, customers, running, vendors

MESSAGES: Final = {
    **commands.MESSAGES,
    **running.MESSAGES,
    **books.MESSAGES,
    **vendors.MESSAGES,
    **customers.MESSAGES,
    **columns.MESSAGES,
}
