"""What must be true of any world that has run. Each checker yields its complaints; none uses the code it judges."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from journals import frames_of
from visitors import Visitor, recite
from world import PRICES, World

from fenli.errors import BooksError
from fenli.ledger.entries import Entry, Poster
from fenli.ledger.journal import Reader
from fenli.ledger.records import Grade
from fenli.market.served import Serving
from fenli.market.troubles import HALF
from fenli.sim.random import Chance
from fenli.values.ids import call_id


def post(data: bytes, run: str) -> tuple[list[Entry], Poster, list[str]]:
    """The books of one run by the production code, and what it refused to post."""
    reader, poster = Reader(), Poster(run)
    entries, refused = [], []
    for record in reader.feed(data):
        try:
            entry = poster.post(record)
        except BooksError as error:
            refused.append(str(error))
            continue
        if entry is not None:
            entries.append(entry)
    if reader.damage is not None:
        refused.append(reader.damage)
    return entries, poster, refused


# 4 and 6: what the callers saw


def check_answers(world: World) -> Iterable[str]:
    for visitor in world.visitors.values():
        about = f"{visitor.wish.token} ({visitor.wish.model}, {visitor.end}, {visitor.status})"
        yield from (f"{about}: {what}" for what in visitor.complaints)
        if visitor.end is None:
            yield f"{about}: no terminal event"
            continue
        try:
            yield from (f"{about}: {what}" for what in _answer(visitor))
        except (ValueError, KeyError, IndexError) as error:
            yield f"{about}: unreadable ({error!r}): {bytes(visitor.got[-300:])!r}"
    for call, times in world.ended.items():
        if times != 1:
            yield f"{call}: {times} terminal events"


def _answer(visitor: Visitor) -> Iterable[str]:
    wish, got = visitor.wish, bytes(visitor.got)
    if wish.spoilt:
        wanted = {"json": 400, "key": 401, "model": 404}[wish.spoilt]
        if visitor.end == "reply" and visitor.status != wanted:
            yield f"a {wish.spoilt} mistake is answered with {visitor.status}, not {wanted}"
        return
    if visitor.end == "reply":
        body = json.loads(got)
        if visitor.status == 200:
            if wish.stream:
                yield "a stream was asked for and one piece came"
            if len(body["choices"]) != wish.choices:
                yield f"{wish.choices} choices were asked for and {len(body['choices'])} came"
            for choice in body["choices"]:
                yield from _recited(visitor, choice["message"], choice["finish_reason"])
        elif "error" not in body:
            yield f"an error without an envelope: {got[:200]!r}"
    elif visitor.status == 200 and wish.stream:
        if b"data: " + HALF in got or b"data:" + HALF in got:
            return  # passed on as it came, for speed; no client can take it for an answer
        choices, done, error = _together(got, whole=visitor.end == "finish")
        if visitor.end == "finish":
            if not done:
                yield "it ended in good order but without [DONE]"
            if sorted(choices) != list(range(wish.choices)):
                yield f"{wish.choices} choices were asked for and {sorted(choices)} came"
            for message in choices.values():
                if message["finish"] is None:
                    yield "it ended in good order but without a finish reason"
                yield from _recited(visitor, message, message["finish"])
        else:
            if done:
                yield "a broken answer says [DONE]"
            if visitor.end == "abort" and not error:
                yield "an answer breaks off without saying why"
            for message in choices.values():
                yield from _recited(visitor, message, None)


def _together(got: bytes, whole: bool) -> tuple[dict[int, dict[str, Any]], bool, bool]:
    """The messages that a client would put together; whether the end mark and an error came."""
    *events, rest = got.split(b"\n\n")
    if whole and rest:
        raise ValueError(f"a last event without its end: {rest!r}")
    choices: dict[int, dict[str, Any]] = {}
    done, error = False, False
    for event in events:
        if not event.startswith(b"data:"):
            if not event.startswith(b":"):
                raise ValueError(f"no event: {event!r}")
            continue
        if done or error:
            raise ValueError("something follows the end")
        payload = event[5:].strip()
        if payload == b"[DONE]":
            done = True
            continue
        chunk = json.loads(payload)
        error = "error" in chunk
        for choice in chunk.get("choices", ()):
            message = choices.setdefault(choice["index"], {**_EMPTY})
            message["finish"] = choice["finish_reason"] or message["finish"]
            delta = choice["delta"]
            message["content"] += delta.get("content") or ""
            message["reasoning_content"] += delta.get("reasoning_content") or ""
            for call in delta.get("tool_calls", ()):
                message["arguments"] += call["function"]["arguments"]
    return choices, done, error


_EMPTY: dict[str, Any] = {"content": "", "reasoning_content": "", "arguments": "", "finish": None}


def _recited(visitor: Visitor, message: dict[str, Any], finish: str | None) -> Iterable[str]:
    """``finish`` None: the answer broke off, so any beginning of the text will do."""
    wish = visitor.wish
    wanted = recite(wish.token, wish.words)
    if wish.tools:
        wanted = json.dumps({"text": wanted})
        calls = message.get("tool_calls")
        found = calls[0]["function"]["arguments"] if calls else message.get("arguments", "")
    else:
        found = message.get("content") or ""
    thought = message.get("reasoning_content") or ""
    if not wanted.startswith(found):
        yield f"the words are not those that were said: {found[-80:]!r}"
    if not recite(f"hm-{wish.token}", 5).startswith(thought):
        yield f"the thoughts are not those that were thought: {thought[-80:]!r}"
    if finish in ("stop", "tool_calls") and found != wanted:
        yield f"it says {finish} and is not whole: {len(found)} of {len(wanted)} characters"
    if finish == "length" and not visitor.limited:
        yield "it says length where no limit was"


# 1: the books


def check_books(world: World) -> Iterable[str]:
    served = {(serving.vendor, serving.id): serving for serving in world.market.book}
    told: dict[str, int] = {}
    booked: dict[str, int] = {}
    for worker in world.workers:
        entries, poster, refused = post(bytes(worker.disk.data), worker.run)
        yield from (f"{worker.run}: {what}" for what in refused)
        still = dict(poster.open)
        if worker.crash is None and still:
            yield f"{worker.run} ended in peace with open holds: {sorted(still)}"
        closing = poster.close(worker.died_at)
        if poster.open:
            yield f"{worker.run}: holds are open after the run was closed"
        yield from _opened_and_ended(worker.run, bytes(worker.disk.data), [*entries, *closing])
        for entry in closing:
            if entry.picos is not None:
                yield f"{entry.call}: lost, yet it names a cost"
        for entry in entries:
            if entry.picos is not None:
                booked[entry.currency or ""] = booked.get(entry.currency or "", 0) + entry.picos
            cost = yield from _entry(world, entry, served.get((entry.vendor, entry.upstream_id or "")))
            if cost is not None:
                told[entry.currency or ""] = told.get(entry.currency or "", 0) + cost
        if worker.crash != "power":
            yield from _asked(world, worker.run, {(entry.call, entry.vendor) for entry in [*entries, *closing]})
    if told != booked:
        yield f"the postings sum up to {booked}, the calls to {told}"


def _entry(world: World, entry: Entry, serving: Serving | None) -> Any:
    """Complaints about one entry; returns what it should have cost, None while that is unknown."""
    about = f"{entry.call}/{entry.attempt} at {entry.vendor}"
    if entry.grade is Grade.NONE:
        if entry.picos is not None:
            yield f"{about}: released, yet it cost {entry.picos}"
        if entry.first_content is not None:
            yield f"{about}: released after content had come"
        return None
    if entry.raw_usage is not None and entry.usage is not None:
        if serving is None:
            yield f"{about}: measured, but the vendor never served {entry.upstream_id}"
            return None
        prompt, completion, cached = _claimed(serving)
        usage = entry.usage or {}
        found = (
            usage.get("input", 0) + usage.get("cached_input", 0) + usage.get("cache_write", 0),
            usage.get("output", 0) + usage.get("reasoning", 0),
            usage.get("cached_input", 0),
        )
        if found != (prompt, completion, cached):
            yield f"{about}: {found} in the books, {(prompt, completion, cached)} at the vendor ({serving.fault})"
    if entry.usage is None or entry.vendor not in PRICES:
        if entry.picos is not None:
            yield f"{about}: a cost of {entry.picos} out of nothing"
        return None
    at = entry.opened_at if entry.vendor not in ("alibaba", "bytedance") else entry.closed_at
    fresh, hit, output = world.price_of(entry.vendor, at)
    usage = entry.usage
    cost = (
        usage.get("input", 0) * fresh
        + usage.get("cached_input", 0) * hit
        + (usage.get("output", 0) + usage.get("reasoning", 0)) * output
    )
    if entry.grade is Grade.UNKNOWN and (entry.note or "").startswith("over_hold"):
        if entry.picos is not None or entry.held_picos is None or cost <= entry.held_picos:
            yield f"{about}: {entry.picos} booked, {entry.held_picos} held, costs {cost}: not over what was held"
        return None
    if entry.picos != cost:
        yield f"{about}: booked at {entry.picos}, costs {cost}"
    if entry.grade is Grade.MEASURED and entry.held_picos is not None and cost > entry.held_picos:
        lying = serving is not None and serving.fault == "usage_larger"
        if not lying:
            yield f"{about}: it cost {cost}, more than the {entry.held_picos} that were held"
    return cost


def _claimed(serving: Serving) -> tuple[int, int, int]:
    """Prompt, completion and cached tokens as the vendor's answer claimed them: its own book, but for a liar."""
    if serving.fault != "usage_larger" or serving.told is None:
        return serving.prompt_tokens, serving.completion_tokens, serving.cached_tokens
    told = json.loads(serving.told)
    return told["prompt_tokens"], told["completion_tokens"], serving.cached_tokens


def _opened_and_ended(run: str, data: bytes, entries: list[Entry]) -> Iterable[str]:
    """Every attempt that the journal opened is in the books exactly once, and nothing else is."""
    opened = set()
    for records in frames_of(data):
        for record in records:
            if record[0] in (1, 2):
                opened.add((call_id(run, record[1]), 1 if record[0] == 1 else record[2]))
    posted = [(entry.call, entry.attempt) for entry in entries if entry.attempt > 0]
    if len(posted) != len(set(posted)):
        yield f"{run}: an attempt was posted twice"
    if missing := opened - set(posted):
        yield f"{run}: opened and never posted: {sorted(missing)[:5]}"
    if extra := set(posted) - opened:
        yield f"{run}: posted and never opened: {sorted(extra)[:5]}"
    finals: dict[str, int] = {}
    for entry in entries:
        finals[entry.call] = finals.get(entry.call, 0) + entry.final
    if wrong := [call for call, count in finals.items() if count != 1]:
        yield f"{run}: calls without exactly one final entry: {wrong[:5]}"


def _asked(world: World, run: str, posted: set[tuple[str, str]]) -> Iterable[str]:
    """Whatever a vendor was asked is in the books, whatever became of the process."""
    for asked in world.asked:
        if asked.run == run and (call_id(run, asked.number), asked.vendor) not in posted:
            yield f"{asked.token}: {asked.vendor} was asked and the books do not know"


def check_callers_and_books(world: World) -> Iterable[str]:
    """A caller who got a whole answer is in the books as such; the cost it was told is the cost that was booked."""
    for worker in world.workers:
        entries, _, _ = post(bytes(worker.disk.data), worker.run)
        ended = {entry.call: entry for entry in entries if entry.final}
        for visitor in world.visitors.values():
            call = visitor.call
            if call is None or not call.startswith(f"call_{worker.run}"):
                continue
            entry = ended.get(call)
            whole = visitor.status == 200 and visitor.end in ("reply", "finish")
            if entry is None:
                if worker.crash is None and visitor.status != 503:
                    yield f"{visitor.wish.token}: answered with {visitor.status} and not in the books"
                continue
            if whole is not (entry.outcome == "ok") and visitor.end not in ("left", "crash"):
                seen = f"{visitor.end} {visitor.status}"
                yield f"{visitor.wish.token}: {seen} for the caller, {entry.outcome} in the books"
            if whole and visitor.wish.wants_cost:
                yield from _told_cost(visitor, entry)


def _told_cost(visitor: Visitor, entry: Entry) -> Iterable[str]:
    usages = [usage for usage in _usages(bytes(visitor.got)) if "cost" in usage]
    if not usages:
        if entry.raw_usage is not None:
            yield f"{visitor.wish.token}: asked for the cost and was not told"
        return
    cost = usages[-1]["cost"]
    if (None if cost is None else Decimal(cost).scaleb(12)) != entry.picos:
        yield f"{visitor.wish.token}: told {cost}, booked {entry.picos} picos"


def _usages(got: bytes) -> list[dict[str, Any]]:
    payloads = [got]
    if not got.lstrip().startswith(b"{"):
        payloads = [event[5:] for event in got.split(b"\n\n") if event.startswith(b"data:")]
    found = []
    for payload in payloads:
        if payload.strip() not in (b"[DONE]", HALF):
            answer = json.loads(payload, parse_float=Decimal, parse_int=Decimal)
            found.append(answer.get("usage"))
            found += [choice.get("usage") for choice in answer.get("choices", ())]
    return [usage for usage in found if usage]


# 2: holds


def check_holds(world: World) -> Iterable[str]:
    for worker in world.workers:
        yield from (f"{worker.run}: {what}" for what in worker.disk.witness.complaints)


def check_unasked(world: World) -> Iterable[str]:
    """Where no vendor was asked, none can have charged: such an attempt is released, never unknown."""
    for worker in world.workers:
        asked = {(call_id(worker.run, asked.number), asked.vendor) for asked in world.asked if asked.run == worker.run}
        for entry in post(bytes(worker.disk.data), worker.run)[0]:
            if entry.grade is not Grade.NONE and (entry.call, entry.vendor) not in asked:
                yield f"{entry.call}: {entry.vendor} was never asked, and its cost is {entry.grade}"


# 7: any restart


def check_restarts(world: World, cuts: int = 60) -> Iterable[str]:
    """Read up to any byte, stop, go on from what was kept: the same books, with nothing twice."""
    chance = Chance(world.seed).stream("restarts")
    for worker in world.workers:
        data = bytes(worker.disk.data)
        whole, _, refused = post(data, worker.run)
        if refused:
            continue  # said already: the records contradict each other
        for _ in range(max(1, cuts // len(world.workers))):
            first, second = sorted(chance.integer(0, len(data)) for _ in range(2))
            reader, poster = Reader(), Poster(worker.run)
            entries = _read(reader, poster, data[:first])
            reader, poster = Reader(reader.position, reader.header), Poster(worker.run, poster.open)
            entries += _read(reader, poster, data[reader.position : second])
            reader, poster = Reader(reader.position, reader.header), Poster(worker.run, poster.open)
            entries += _read(reader, poster, data[reader.position :])
            if entries != whole:
                yield f"{worker.run}: restarts at bytes {first} and {second} give other books"


def _read(reader: Reader, poster: Poster, data: bytes) -> list[Entry]:
    return [entry for record in reader.feed(data) if (entry := poster.post(record)) is not None]


CHECKS = (check_answers, check_books, check_callers_and_books, check_holds, check_unasked, check_restarts)


def complaints_of(world: World) -> list[str]:
    found = list(world.complaints)
    for check in CHECKS:
        found += [f"{check.__name__}: {what}" for what in check(world)]
    return found
