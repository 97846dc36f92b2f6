"""What each trouble does to a script, or to what it tells. A script in, a script out; nothing here draws or waits."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from fenli.clock import MILLISECOND
from fenli.market.faults import CONNECTING, Trouble
from fenli.market.script import Action, Body, Cut, End, Enter, Head, Outcome, Stall, Wait
from fenli.market.usage import Count, UsageObject
from fenli.sim.random import Stream

HTML: Final = b"<html>\r\n<head><title>%d Bad Gateway</title></head>\r\n<body>nginx</body>\r\n</html>\r\n"
HALF: Final = b'{"id":"\xe5\x88'
_MILLISECONDS: Final = 3_000


class Wrong(msgspec.Struct, frozen=True):
    """What a vendor says that goes wrong, framed as the answer is: no message at all, and an error. ``in_messages``:
    what is framed comes whole or not at all."""

    garbage: bytes
    error: bytes
    in_messages: bool = False


def told_usage(usage: UsageObject, count: Count, trouble: Trouble | None) -> dict[str, Any] | None:
    """The usage that an answer carries: the truth, but for a lying vendor."""
    match trouble:
        case Trouble.USAGE_NULL:
            return None
        case Trouble.USAGE_LARGER:
            return usage.object(msgspec.structs.replace(count, completion=count.completion * 3 + 1))
        case Trouble.USAGE_INCONSISTENT:
            return usage.object(count, surplus=7)
    return usage.object(count)


def troubled(actions: list[Action], trouble: Trouble, number: int | None, wrong: Wrong, chance: Stream) -> list[Action]:
    """The script after ``trouble``. Those that change what is said, not how it is sent, are the model's own affair.

    Those in connecting are the transport's to show: here they cut the head off."""
    if trouble in CONNECTING:
        trouble = Trouble.CUT_HEAD
    match trouble:
        case Trouble.SLOW:
            return [Wait(_span(number)), *actions]
        case Trouble.SLOW_FIRST_BYTE:
            return _behind_head(actions, [Wait(_span(number))])
        case Trouble.CUT_HEAD:
            return [*_before_head(actions), Enter(Outcome.CUT), Cut()]
        case Trouble.STALL_HEAD:
            return [*_before_head(actions), Enter(Outcome.CUT), Stall()]
        case Trouble.CUT:
            return _broken_off(actions, number, wrong, Cut(), chance)
        case Trouble.STALL:
            return _broken_off(actions, number, wrong, Stall(), chance)
        case Trouble.EMPTY:
            return [*_before_head(actions), _head(actions), Enter(Outcome.CUT), End()]
        case Trouble.HTML:
            status = number or 502
            page = Head(status, ((b"content-type", b"text/html"),))
            return [*_before_head(actions), page, Enter(Outcome.REFUSED), Body(HTML % status), End()]
        case Trouble.GARBAGE:
            return _garbage(actions, wrong.garbage, chance)
        case Trouble.NO_DONE:
            return _entered([action for action in actions if not (type(action) is Body and action.final)])
        case Trouble.ERROR_INSIDE:
            return _error_inside(actions, number, wrong.error)
    return actions


def _span(number: int | None) -> int:
    return (_MILLISECONDS if number is None else number) * MILLISECOND


def _head(actions: list[Action]) -> Head:
    return next(action for action in actions if type(action) is Head)


def _before_head(actions: list[Action]) -> list[Action]:
    return actions[: actions.index(_head(actions))]


def _behind_head(actions: list[Action], more: list[Action]) -> list[Action]:
    at = actions.index(_head(actions)) + 1
    return [*actions[:at], *more, *actions[at:]]


def _broken_off(
    actions: list[Action], number: int | None, wrong: Wrong, end: Cut | Stall, chance: Stream
) -> list[Action]:
    """Ends the body behind so many bytes: all of it when it is not that long."""
    size = sum(len(action.data) for action in actions if type(action) is Body)
    left = chance.integer(0, max(0, size - 1)) if number is None else number
    kept: list[Action] = []
    for action in actions:
        if type(action) is Body:
            if left < len(action.data):
                if left and not wrong.in_messages:
                    kept.append(Body(action.data[:left], _produced(kept)))
                break
            left -= len(action.data)
        if type(action) not in (Enter, End):
            kept.append(action)
    return _closed(kept, Outcome.CUT, end)


def _garbage(actions: list[Action], data: bytes, chance: Stream) -> list[Action]:
    """One body of the answer is no JSON; the rest comes as if nothing were wrong, and is charged for."""
    bodies = [at for at, action in enumerate(actions) if type(action) is Body and not action.final]
    at = chance.choice(bodies)
    body = actions[at]
    assert type(body) is Body
    return [*actions[:at], Body(data, body.tokens), *actions[at + 1 :]]


def _error_inside(actions: list[Action], number: int | None, error: bytes) -> list[Action]:
    """A stream breaks off with an error event behind ``number`` events; an answer in one piece is an error in a 200."""
    events = [at for at, action in enumerate(actions) if type(action) is Body]
    last = actions[events[-1]]
    if not (type(last) is Body and last.final):
        before = actions[: events[-1]]
        kept = [action for action in before if type(action) is not Enter]
        return [*kept, Enter(Outcome.CUT), Body(error), End()]
    keep = min(len(events) - 1, 3 if number is None else number)
    kept = [action for action in actions[: events[keep]] if type(action) is not Enter]
    return _closed([*kept, Body(error, _produced(kept))], Outcome.CUT, End())


def _closed(kept: list[Action], outcome: Outcome, end: Cut | Stall | End) -> list[Action]:
    """``kept`` with its entry in the book before its last byte, and its end."""
    return _entered([*kept, Enter(outcome), end])


def _entered(actions: list[Action]) -> list[Action]:
    """Moves the entry before the last body, with the tokens produced by then."""
    entry = next(action for action in actions if type(action) is Enter)
    rest = [action for action in actions if type(action) is not Enter]
    bodies = [at for at, action in enumerate(rest) if type(action) is Body]
    at = bodies[-1] if bodies else len(rest) - 1
    return [*rest[:at], Enter(entry.outcome, _produced(rest)), *rest[at:]]


def _produced(actions: list[Action]) -> int:
    return max((action.tokens for action in actions if type(action) is Body), default=0)
