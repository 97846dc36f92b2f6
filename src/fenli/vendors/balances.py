"""What a vendor says is left of our money with it: where it tells, and how its reply is read, exactly.

Vendors write amounts as strings or as JSON numbers. Their digits are read as they stand; no float ever comes of them.
"""

from __future__ import annotations

import re
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Final

import msgspec

from fenli.errors import BalanceError, MoneyError
from fenli.values.money import PICO, Money

# Of a JSON number or string. The exponent is bounded: what it stands for must fit in memory.
_AMOUNT: Final = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?")
_EXACT: Final = Context(prec=200)
_SHOWN: Final = 200
_WRONG: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_Members = dict[str, msgspec.Raw]
_members = msgspec.json.Decoder(_Members).decode
_entries = msgspec.json.Decoder(list[_Members] | _Members).decode
_text = msgspec.json.Decoder(str).decode


class Holding(msgspec.Struct, frozen=True):
    """What is left in one currency, in picos; negative where we owe. ``granted`` (vouchers) and ``topped_up`` (cash)
    are what it is made of, None where the vendor does not tell."""

    currency: str
    picos: int
    granted: int | None = None
    topped_up: int | None = None


class Balance(msgspec.Struct, frozen=True):
    """One holding a currency. ``usable``: whether the vendor says that it still serves calls; None where it does not
    say."""

    holdings: tuple[Holding, ...]
    usable: bool | None = None


class BalanceMap(msgspec.Struct, frozen=True, kw_only=True):
    """``GET path`` behind the base URL tells the balance; the rest names members of the reply.

    ``within``: where the amounts stand, in one object or in a list of them; in the reply itself where empty.
    ``total``, ``granted``, ``topped_up`` and ``currency`` stand there; the contract's currency counts where none is
    told. ``usable`` stands in the reply, and so does ``succeeded``: a member, and the JSON that it must be.
    """

    path: str
    total: str
    granted: str = ""
    topped_up: str = ""
    currency: str = ""
    within: str = ""
    usable: str = ""
    succeeded: tuple[str, str] | None = None

    def read(self, body: bytes, currency: str | None) -> Balance:
        """``currency`` is the contract's, None where it is not known. An amount finer than a pico counts as the pico
        below it. Raises BalanceError, which quotes the reply or says what to set."""
        reply = _decoded(body)
        if self.succeeded is not None:
            name, wanted = self.succeeded
            if name in reply and bytes(reply[name]) != wanted.encode():
                raise _unread(body, f"its {name} is not {wanted}")
        holdings = tuple(self._holding(entry, body, currency) for entry in self._entries(reply, body))
        if not holdings:
            raise _unread(body, "it names no amount")
        if len({holding.currency for holding in holdings}) < len(holdings):
            raise _unread(body, "it names one currency twice")
        usable = bytes(reply.get(self.usable, b""))
        return Balance(holdings, usable == b"true" if usable in (b"true", b"false") else None)

    def _entries(self, reply: _Members, body: bytes) -> list[_Members]:
        if not self.within:
            return [reply]
        try:
            found = _entries(reply[self.within])
        except KeyError:
            raise _unread(body, f"it has no {self.within}") from None
        except _WRONG:
            raise _unread(body, f"its {self.within} is neither an object nor a list of them") from None
        return found if isinstance(found, list) else [found]

    def _holding(self, entry: _Members, body: bytes, currency: str | None) -> Holding:
        if self.currency:
            currency = _word(entry.get(self.currency), self.currency, body)
        if currency is None:
            raise BalanceError('the vendor does not say in which currency: set its currency, such as currency = "CNY"')
        try:
            Money(currency, 0)
        except MoneyError as error:
            raise _unread(body, str(error)) from None
        total = _picos(entry.get(self.total), self.total, body)
        if total is None:
            raise _unread(body, f"it has no {self.total}")
        granted = _picos(entry.get(self.granted), self.granted, body)
        return Holding(currency, total, granted, _picos(entry.get(self.topped_up), self.topped_up, body))


def _decoded(body: bytes) -> _Members:
    try:
        return _members(body)
    except _WRONG:
        raise _unread(body, "it is no JSON object") from None


def _word(raw: msgspec.Raw | None, name: str, body: bytes) -> str:
    try:
        return _text(raw or b"")
    except _WRONG:
        raise _unread(body, f"its {name} is no text") from None


def _picos(raw: msgspec.Raw | None, name: str, body: bytes) -> int | None:
    """None for a member that is absent or null."""
    if raw is None or bytes(raw) == b"null":
        return None
    text = bytes(raw).decode(errors="replace")
    if text[:1] == text[-1:] == '"':
        text = text[1:-1]
    if _AMOUNT.fullmatch(text) is None:
        raise _unread(body, f"its {name} is no amount")
    return int(_EXACT.multiply(Decimal(text), PICO).to_integral_value(ROUND_FLOOR))


def _unread(body: bytes, why: str) -> BalanceError:
    shown = " ".join(body[:_SHOWN].decode(errors="replace").split())
    return BalanceError(f"the reply tells no balance, {why}: {shown or 'it is empty'}")
