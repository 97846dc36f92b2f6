"""An Ollama, by its own chat API."""

from __future__ import annotations

from typing import Final

import msgspec

from fenli.market.dialects.ollama import OLLAMA_CHAT, OllamaUsage
from fenli.market.flavours.flavour import Flavour, Placement
from fenli.market.flavours.ollama import OLLAMA
from fenli.market.senses import Senses

OLLAMA_NATIVE: Final[Flavour] = msgspec.structs.replace(
    OLLAMA,
    id="ollama-native",
    dialect=OLLAMA_CHAT,
    usage=OllamaUsage(),
    placement=Placement.LAST_CHUNK,
    reasoning_member="thinking",
    splits_arguments=False,
    senses=Senses(thinking={"": ("think",)}),
    services={},
)
