"""How likely each token was, as OpenAI has it; ``bytes`` where the vendor tells them."""

from __future__ import annotations

import msgspec


class Likely(msgspec.Struct):
    token: str = ""
    logprob: float = 0.0
    bytes: list[int] | None = None


class Logprob(Likely):
    """A token that was chosen, with those that were likely in its place."""

    top_logprobs: list[Likely] = []

    @property
    def raw(self) -> msgspec.Raw:
        return msgspec.Raw(msgspec.json.encode(self))
