"""How a vendor counts against a rate limit: what came within the last minute, and what is under way; and what its
headers tell of that, where it has such."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from fenli.clock import MILLISECOND, SECOND
from fenli.market.scenario import RateLimit
from fenli.market.usage import Count
from fenli.values.instants import format_instant
from fenli.vendors.limits import LimitHeaders, Reset

MINUTE: Final = 60 * SECOND
# What a vendor without a limit of the scenario's says that it takes in a minute; nothing comes near it.
_AMPLE_REQUESTS: Final = 10**6
_AMPLE_TOKENS: Final = 10**9


class Standing(NamedTuple):
    """What a limit takes, what is left of it, and the span until it is whole again."""

    whole: int
    left: int
    reset: int


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

    def standings(self, now: int) -> dict[str, Standing]:
        """By what is limited; to be asked right after `wait`."""
        told, limit = {}, self._limit
        if limit.requests_per_minute is not None:
            used, last = len(self._requests), self._requests[-1] if self._requests else now - MINUTE
            told["requests"] = Standing(
                limit.requests_per_minute, max(0, limit.requests_per_minute - used), last + MINUTE - now
            )
        if limit.tokens_per_minute is not None:
            last = self._tokens[-1][0] if self._tokens else now - MINUTE
            told["tokens"] = Standing(
                limit.tokens_per_minute, max(0, limit.tokens_per_minute - self._sum), last + MINUTE - now
            )
        return told

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


class Allowance:
    """What is left of an ample limit, a minute at a time: for vendors that tell, where the scenario sets no limit."""

    def __init__(self) -> None:
        self._began = 0
        self._used: dict[str, int] = {}

    def after(self, count: Count, now: int) -> dict[str, Standing]:
        """With one more request of that ``count``, which may still be under way."""
        if now >= self._began + MINUTE:
            self._began, self._used = now, {}
        more = {
            "requests": 1,
            "tokens": count.prompt + count.completion,
            "input_tokens": count.prompt,
            "output_tokens": count.completion,
        }
        self._used = {of: self._used.get(of, 0) + units for of, units in more.items()}
        return {of: self._standing(of, now) for of in more}

    def _standing(self, of: str, now: int) -> Standing:
        whole = _AMPLE_REQUESTS if of == "requests" else _AMPLE_TOKENS
        return Standing(whole, max(0, whole - self._used[of]), self._began + MINUTE - now)


def limit_lines(
    limits: Sequence[LimitHeaders], standings: Mapping[str, Standing], now: int
) -> tuple[tuple[bytes, bytes], ...]:
    """The headers of an answer at ``now``."""
    lines = []
    for each in limits:
        standing = standings.get(each.of)
        if standing is not None:
            reset = _reset(standing.reset, each.form, now)
            values = ((each.limit, str(standing.whole)), (each.remaining, str(standing.left)), (each.reset, reset))
            lines += [(name.encode(), value.encode()) for name, value in values if name]
    return tuple(lines)


def _reset(span: int, form: Reset, now: int) -> str:
    milliseconds = -(-span // MILLISECOND)
    match form:
        case Reset.SECONDS:
            return str(-(-milliseconds // 1000))
        case Reset.INSTANT:
            return format_instant(now + span)
        case Reset.EPOCH_MS:
            return str(now // MILLISECOND + milliseconds)
        case Reset.DURATION:
            if milliseconds < 1000:
                return f"{milliseconds}ms"
            seconds = f"{milliseconds // 1000 % 60}.{milliseconds % 1000:03d}".rstrip("0").rstrip(".") + "s"
            return seconds if milliseconds < 60_000 else f"{milliseconds // 60_000}m{seconds}"


def _seconds(span: int) -> int:
    return max(1, -(-span // SECOND))
