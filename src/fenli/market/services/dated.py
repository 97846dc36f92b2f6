"""An answer with a name and a time of its own, where the same endpoint of others has none."""

from __future__ import annotations

from typing import Any

import msgspec

from fenli.clock import SECOND
from fenli.market.services.service import Made, Service
from fenli.sim.random import Stream

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Dated(msgspec.Struct, frozen=True):
    """Another service's answer with ``id`` and ``created``. Implements `fenli.market.services.service.Service`."""

    of: Service

    def model(self, body: bytes) -> str:
        return self.of.model(body)

    def make(self, body: bytes, model: str, at: int, chance: Stream) -> Made:
        made = self.of.make(body, model, at, chance)
        answer = {"id": chance.bytes(12).hex(), "created": at // SECOND, **_decode(made.body)}
        return msgspec.structs.replace(made, body=msgspec.json.encode(answer))
