"""MiniMax, by its own text chat: every refusal comes with a 200."""

from __future__ import annotations

from typing import Final

import msgspec

from fenli.market.dialects.minimax_text import MINIMAX_TEXT
from fenli.market.flavours.flavour import Flavour, Placement
from fenli.market.flavours.minimax import MINIMAX

MINIMAX_NATIVE: Final[Flavour] = msgspec.structs.replace(
    MINIMAX,
    id="minimax-native",
    dialect=MINIMAX_TEXT,
    placement=Placement.LAST_CHUNK,
    refusals=tuple(refusal for refusal in MINIMAX.refusals if refusal.status == 200),
)
