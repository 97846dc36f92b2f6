"""A vendor of another dialect that is shown a ticket in the place of the key."""

from __future__ import annotations

import msgspec

from fenli.errors import Failure
from fenli.vendors.contract import Address, Headers
from fenli.vendors.tickets import Booth, TicketHolder
from fenli.vendors.translated import Translated


class Ticketed(Translated, frozen=True, kw_only=True):
    """``spent``: the codes with which it says that it no longer takes the ticket that it was shown."""

    spent: tuple[str, ...] = ()

    def booth(self, base_url: str, secret: str) -> Booth:
        """Where a ticket is had for ``secret``. Raises ConfigError where that is no key of this vendor's."""
        raise NotImplementedError

    def credential(self, secret: str) -> tuple[str, ...]:
        return ()

    def address(self, base_url: str, secret: str, model: str) -> Address:
        address = Translated.address(self, base_url, secret, model)
        return msgspec.structs.replace(address, ticket=TicketHolder(self.booth(base_url, secret)))

    def ticket(self, address: Address, now: int) -> str:
        """Raises TicketNeeded."""
        assert address.ticket is not None
        return address.ticket.text(now)

    def classify(self, status: int, headers: Headers, body: bytes) -> Failure:
        failure = Translated.classify(self, status, headers, body)
        if any(code in self.spent for code in self.told(body).codes):
            return msgspec.structs.replace(failure, spent=True)
        return failure
