"""How a vendor counts against a rate limit: what came within the last minute, and what is under way."""

from __future__ import annotations

from collections import deque
from typing import Final

from fenli.clock import SECOND
from fenli.market.scenario import RateLimit

MINUTE: Final = 60 * SECOND


class Gauge:
    """One limit's. Tokens of a prompt count when it comes, those of the answer when it has been given."""

    __slots__ = ("_limit", "_requests", "_sum", "_tokens", "_under_way")

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._requests: deque[int] = deque()
        self._tokens: deque[tuple[int, int]] = deque()
        self._sum = 0
        self._under_way = 0

    def wait(self, now: int) -> int | None:
        """Seconds after which to try again, where one more request is too many; None lets it in."""
        limit, since = self._limit, now - MINUTE
        while self._requests and self._requests[0] <= since:
            self._requests.popleft()
        while self._tokens and self._tokens[0][0] <= since:
            self._sum -= self._tokens.popleft()[1]
        if limit.concurrency is not None and self._under_way >= limit.concurrency:
            return 1
        if limit.requests_per_minute is not None and len(self._requests) >= limit.requests_per_minute:
            return _seconds(self._requests[0] - since)
        if limit.tokens_per_minute is not None and self._sum >= limit.tokens_per_minute:
            return _seconds(self._tokens[0][0] - since)
        return None

    def begin(self, now: int, tokens: int) -> None:
        self._requests.append(now)
        self._under_way += 1
        self._count(now, tokens)

    def end(self, now: int, tokens: int) -> None:
        self._under_way -= 1
        self._count(now, tokens)

    def _count(self, now: int, tokens: int) -> None:
        if tokens:
            self._tokens.append((now, tokens))
            self._sum += tokens


def _seconds(span: int) -> int:
    return max(1, -(-span // SECOND))
