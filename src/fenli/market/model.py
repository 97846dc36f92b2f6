"""One emulated vendor: a request in, a script out. No socket, no clock, no draw but from the stream it is given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from fenli.errors import ConfigError, Kind
from fenli.market.accounts import Account
from fenli.market.answering import Answering, words_of
from fenli.market.course import Course
from fenli.market.dialects.spelling import Spelling, encode
from fenli.market.faults import Fault, Faults, Trouble, parse_fault
from fenli.market.flavours.flavour import Answer, Flavour, Place, Plain, Refusal
from fenli.market.limits import Allowance, limit_lines
from fenli.market.prompt_cache import PromptCache
from fenli.market.replies import Behaviour, Pace, Prompt, Reply, Synthetic
from fenli.market.requests import Ask, ChatBody
from fenli.market.scenario import Way
from fenli.market.script import Action, Body, End, Enter, Head, Outcome, Script, Wait
from fenli.market.senses import Noticed, notice
from fenli.market.services.files import Cabinet
from fenli.market.services.films import Studio
from fenli.market.services.service import Made, Service, framed
from fenli.market.tasks import Tasks
from fenli.market.troubles import HALF, Wrong, told_usage, troubled
from fenli.market.usage import Count
from fenli.market.voice import Voice, status_of
from fenli.sim.random import Stream
from fenli.vendors.contract import Model, Vendor, parse_base_url

FAULT_HEADER: Final = "x-market-fault"


class EmulatedVendor:
    """``keys`` are the bearer keys it knows. ``account`` is ours with it, where it tells what is left: without money in
    it no call is served. ``spelling`` and ``event_prefix`` vary its JSON and its SSE."""

    def __init__(
        self, vendor: Vendor, flavour: Flavour, *, keys: frozenset[str], behaviour: Behaviour | None = None,
        pace: Pace | None = None, faults: Faults | None = None, spelling: Spelling = Spelling.COMPACT,
        event_prefix: bytes = b"data: ", account: Account | None = None,
    ) -> None:  # fmt: skip
        self.vendor = vendor
        self._voice = Voice(flavour)
        self.keys = keys
        self.behaviour: Behaviour = behaviour or Synthetic()
        self.pace = pace or Pace()
        self.faults = faults or Faults()
        self.spelling = spelling
        self.event_prefix = event_prefix
        self.account = None if flavour.teller is None else account or Account(flavour.teller.currency)
        self.prefix = parse_base_url(vendor.base_url)[1]
        self.models = {model.sent_as or model.id: model for model in vendor.models}
        self.course: Course | None = None
        self._plain_path = self.prefix + "/chat/completions"
        self._place = Place(vendor.id, self.prefix, keys, frozenset((self._plain_path, *flavour.paths)))
        self._cache = PromptCache()
        self._allowance = Allowance()
        self._tasks = Tasks(flavour.tasks, self.prefix)
        self._cabinet = None if flavour.files is None else Cabinet(flavour.files)
        self._studios = [Studio(shape, self.pace) for shape in flavour.films]

    @property
    def flavour(self) -> Flavour:
        return self._voice.flavour

    @flavour.setter
    def flavour(self, flavour: Flavour) -> None:
        self._voice.flavour = flavour

    def named(self, model: str) -> str:
        """The id of what requests call ``model``."""
        known = self.models.get(model)
        return model if known is None else known.id

    def also_has(self, models: Iterable[str]) -> None:
        """Sells these beside the catalogue's."""
        for model in models:
            if all(known.id != model for known in self.models.values()):
                self.models[model] = Model(model)

    def turned_away(self, excess: Fault, request_id: str) -> Script:
        """The refusal of a request that a limit has no room for. Who tells no quota apart says what comes nearest."""
        kinds = [excess.what, Kind.NO_BALANCE, Kind.RATE_LIMITED]
        known = (kind for kind in kinds if isinstance(kind, Kind) and self.flavour.refusal(kind) is not None)
        return self._voice.refused(next(known, Kind.RATE_LIMITED), request_id, retry_after=excess.number, fault=excess)

    def telling(self, script: Script, model: str, now: int) -> Script:
        """With what is left of its limits in the headers, where it tells that."""
        if not self.vendor.limits:
            return script
        standings = self._allowance.after(script.count, now)
        if self.course is not None:
            standings |= self.course.standings(model, now)
        lines = limit_lines(self.vendor.limits, standings, now)
        actions = tuple(
            Head(action.status, (*action.headers, *lines)) if type(action) is Head else action
            for action in script.actions
        )
        return msgspec.structs.replace(script, actions=actions)

    def script(self, ask: Ask, now: int, chance: Stream) -> Script:
        """What becomes of this request. A trouble in connecting is the transport's to show: the script is its reset."""
        request_id = chance.bytes(16).hex()
        way = self.course.left(now) if self.course is not None else None
        if way is not None and way is not Way.NO_BALANCE:
            return self._voice.away(way, request_id)
        plain = self._voice.dialect.aside(self._place, ask, now, chance)
        if plain is not None:
            return self._voice.plain(plain, request_id)
        stranger = self._stranger(ask, now, request_id)
        if stranger is not None:
            return stranger
        if ask.path == self.prefix + "/models" and ask.method == "GET":
            return self._listing(request_id, now)
        if self._tells(ask):
            fault = None if way is Way.NO_BALANCE else self._asked_fault(ask, "", "", now, chance)
            return self._balance(fault, self._told_account(way), request_id, chance)
        try:
            service = self._service(ask)
            film = None if service is not None else self._film(ask, now)
        except ValueError as error:
            return self._voice.refused(Kind.BAD_REQUEST, request_id, detail=str(error))
        if service is not None:
            return self._serve(service, ask, request_id, now, chance)
        if film is not None:
            refused = self._refused_by(self._asked_fault(ask, "", "", now, chance), request_id)
            return refused or self._voice.plain(Plain(200, film), request_id)
        if self._cabinet is not None and self._cabinet.is_about(ask):
            return self._kept(self._cabinet, ask, request_id, now, chance)
        if self._tasks.fetches(ask):
            return self._fetched(ask, now, request_id)
        later = self._tasks.begins(ask)
        if not later and not self._voice.dialect.serves(self._place, ask):
            return self._voice.nowhere(ask, request_id)
        chat = self._voice.dialect.read(self._place, ask)
        if isinstance(chat, str):
            return self._voice.refused(Kind.BAD_REQUEST, request_id, detail=chat)
        fault = self._fault(ask, chat, now, chance)
        model = self.models.get(chat.model)
        asked_at = ask.path.partition("!")[0]
        if model is not None and model.path and asked_at not in (self.prefix + model.path, self._plain_path):
            return self._voice.refused(Kind.MODEL_NOT_FOUND, request_id)
        script = self._script(chat, notice(self.flavour.senses, chat, ask), fault, request_id, now, chance)
        return self._tasks.begin(script, self._request_member(request_id), now) if later else script

    def handshake(self, ask: Ask, now: int, chance: Stream) -> Script | None:
        """What refuses a WebSocket before anything is asked over it; None where it is granted."""
        request_id = chance.bytes(16).hex()
        way = self.course.left(now) if self.course is not None else None
        if way is not None and way is not Way.NO_BALANCE:
            return self._voice.away(way, request_id)
        if not self._voice.dialect.serves(self._place, ask):
            return self._voice.nowhere(ask, request_id)
        return self._stranger(ask, now, request_id)

    def _stranger(self, ask: Ask, now: int, request_id: str) -> Script | None:
        """The refusal of a caller that the vendor does not know."""
        if not self.flavour.needs_key:
            return None
        refused: Kind | Refusal | None
        if self.flavour.admission is not None:
            refused = self.flavour.admission.refused(self._place, ask, now)
        else:
            scheme, _, key = ask.headers.get("authorization", "").partition(" ")
            refused = None if scheme.lower() == "bearer" and key.strip() in self.keys else Kind.BAD_KEY
        if refused is None:
            return None
        if isinstance(refused, Refusal):
            return self._voice.refusal(refused, request_id)
        return self._voice.refused(refused, request_id)

    def _paced(self, pace: Pace, model: str, now: int) -> Pace:
        return pace if self.course is None else self.course.pace(self.named(model), pace, now)

    def _fault(self, ask: Ask, chat: ChatBody, now: int, chance: Stream) -> Fault | None:
        chat.model, _, forced = chat.model.partition("!")
        return self._asked_fault(ask, forced, chat.model, now, chance)

    def _asked_fault(self, ask: Ask, forced: str, model: str, now: int, chance: Stream) -> Fault | None:
        forced = forced or ask.headers.get(FAULT_HEADER, "")
        if not forced:
            fault = self.faults.draw(now, chance)
            return (
                fault if fault is not None or self.course is None else self.course.fault(self.named(model), now, chance)
            )
        try:
            return parse_fault(forced)
        except ConfigError:
            return Fault(Kind.BAD_REQUEST)

    def _refused_by(self, fault: Fault | None, request_id: str) -> Script | None:
        if fault is None or not isinstance(fault.what, Kind):
            return None
        return self._voice.refused(fault.what, request_id, retry_after=fault.number, fault=fault)

    def _barred(self, model: str, fault: Fault | None, request_id: str) -> Script | None:
        """The refusal of a request whatever it asks of ``model``."""
        refused = self._refused_by(fault, request_id)
        if refused is not None:
            return refused
        if self.account is not None and self.account.left <= 0:
            return self._voice.refused(Kind.NO_BALANCE, request_id)
        if model not in self.models and not model.startswith(self.flavour.model_prefixes):
            return self._voice.refused(Kind.MODEL_NOT_FOUND, request_id)
        return None

    def _script(
        self, chat: ChatBody, noticed: Noticed, fault: Fault | None, request_id: str, now: int, chance: Stream
    ) -> Script:
        barred = self._barred(chat.model, fault, request_id)
        if barred is not None:
            return barred
        sizes = chat.sizes()
        prompt_tokens = sizes[-1][1]
        model = self.models.get(chat.model)
        if model is not None and model.context is not None and prompt_tokens > model.context:
            return self._voice.refused(Kind.CONTEXT_TOO_LONG, request_id)
        prompt = Prompt(
            self.vendor.id, chat.model, chat.said, prompt_tokens, noticed.thinks, chat.usable_tools, noticed.json,
            noticed.schema,
        )  # fmt: skip
        reply = self.behaviour.reply(prompt, chance)
        if reply.fault is not None and fault is None:
            fault = parse_fault(reply.fault)
        if reply.refuse is not None:
            return self._voice.refused(reply.refuse, request_id, fault=fault)
        marked = chat.marked()
        remembered = self._cache.seen(sizes if marked is None else sizes[: marked[0]])
        cached = remembered if reply.cached is None else min(reply.cached, prompt_tokens)
        count = Count(prompt_tokens, cached=cached, searches=noticed.searches)
        if marked is not None and marked[0]:
            count = count.writing(sizes[marked[0] - 1][1], lasting=marked[1])
        return self._answer(chat, noticed, noticed.shaped(reply), count, fault, request_id, now, chance)

    def _answer(
        self, chat: ChatBody, noticed: Noticed, reply: Reply, count: Count, fault: Fault | None, request_id: str,
        now: int, chance: Stream,
    ) -> Script:  # fmt: skip
        flavour = self.flavour
        choices, stream = chat.n or 1, bool(chat.stream)
        trouble = fault.what if fault is not None and isinstance(fault.what, Trouble) else None
        number = fault.number if fault is not None else None
        limit, filtered = chat.limit, trouble is Trouble.FILTERED_INSIDE
        if filtered:
            limit = min(limit or 1 << 60, 4 if number is None else number)
        words = words_of(reply, limit)
        if filtered and words.finish == "length":
            words = msgspec.structs.replace(words, finish=flavour.filtered)
        words = msgspec.structs.replace(words, members=noticed.inner)
        tokens = words.tokens * choices
        count = msgspec.structs.replace(count, completion=tokens, reasoning=len(words.reasoning) * choices)
        told = told_usage(flavour.usage, count, trouble)
        answer_id = flavour.answer_id + chance.bytes(12).hex()
        written = Answer(answer_id, request_id, chat, now, self.spelling, self.event_prefix, noticed.members)
        pen = self._voice.dialect.pen(flavour, written)
        pace, headers = self._paced(reply.pace or self.pace, chat.model, now), self._voice.headers(request_id)
        reasoning = flavour.reasoning_member
        if flavour.tags_reasoning and not chat.reasoning_split:
            words, reasoning = words.tagged(), "content"
        elif chat.reasoning_format == "deepseek-style":
            reasoning = "reasoning_content"
        lone = flavour.lone_call and not chat.tool_calls_switch
        answering = Answering(flavour, pen, words, count, told, pace, headers, chance, reasoning, lone)
        actions = answering.streamed(choices, chat.asks_usage) if stream else answering.whole(choices, request_id)
        if trouble is not None:
            refusal = flavour.refusals[-1]
            framed = Wrong(pen.message(HALF), pen.error(refusal), flavour.in_messages)
            wrong = framed if stream else self._voice.wrong(refusal)
            actions = troubled(actions, trouble, number, wrong, chance)
        return Script(
            answer_id, chat.model, status_of(actions), stream, count, tuple(actions),
            None if told is None else encode(told), None if fault is None else str(fault), noticed.thinks,
        )  # fmt: skip

    def _service(self, ask: Ask) -> Service | None:
        """Raises ValueError for what it is not asked for in this way."""
        if ask.method != "POST":
            return None
        studio = next((studio for studio in self._studios if studio.shape.begins(ask)), None)
        form = self.flavour.forms.get(ask.path)
        return studio or (self.flavour.services.get(ask.path) if form is None else form.of(ask))

    def _film(self, ask: Ask, now: int) -> bytes | None:
        """What is told of a task; None where this is about none. Raises ValueError for what it refuses."""
        return next((told for studio in self._studios if (told := studio.told(ask, now)) is not None), None)

    def _serve(self, service: Service, ask: Ask, request_id: str, now: int, chance: Stream) -> Script:
        """What is not chat: made at once, and charged when it is made."""
        try:
            model, _, forced = service.model(ask.body).partition("!")
        except msgspec.DecodeError as error:
            return self._voice.refused(Kind.BAD_REQUEST, request_id, detail=str(error))
        fault = self._asked_fault(ask, forced, model, now, chance)
        barred = self._barred(model, fault, request_id)
        if barred is not None:
            return barred
        try:
            made = service.make(ask.body, model, now, chance)
        except (ValueError, UnicodeDecodeError) as error:
            return self._voice.refused(Kind.BAD_REQUEST, request_id, detail=str(error))
        head = Head(200, (*self._voice.headers(request_id), (b"content-type", made.content_type)))
        pace = self._paced(self.pace, model, now)
        actions: list[Action] = [Wait(pace.first_token), head, *_played(made, pace.token)]
        if fault is not None and isinstance(fault.what, Trouble):
            wrong = self._voice.wrong(self.flavour.refusals[-1])
            if made.pieces:
                wrong = Wrong(framed(wrong.garbage), framed(wrong.error))
            actions = troubled(actions, fault.what, fault.number, wrong, chance)
        return Script(
            request_id, model, status_of(actions), bool(made.pieces), made.count, tuple(actions),
            None if made.told is None else encode(made.told), None if fault is None else str(fault), units=made.units,
            resolution=made.resolution,
        )  # fmt: skip

    def _listing(self, request_id: str, now: int) -> Script:
        retired = self.course.retired(now) if self.course is not None else ()
        listed = [model for model in self.models if self.named(model) not in retired]
        models = [{"id": model, "object": "model", "owned_by": self.vendor.id} for model in listed]
        listing = {"object": "list", "data": models}
        return Script(request_id, "", 200, False, Count(), self._voice.in_one_piece(encode(listing), request_id))

    def _fetched(self, ask: Ask, now: int, request_id: str) -> Script:
        told = self._tasks.told(ask, now)
        if told is None:
            return self._voice.refused(Kind.BAD_REQUEST, request_id, detail="no such task")
        body = encode(told | self._request_member(request_id))
        return Script(request_id, "", 200, False, Count(), self._voice.in_one_piece(body, request_id))

    def _request_member(self, request_id: str) -> dict[str, str]:
        return {} if self.flavour.request_id_member is None else {self.flavour.request_id_member: request_id}

    def _tells(self, ask: Ask) -> bool:
        teller = self.flavour.teller
        return teller is not None and (ask.method, ask.path) == ("GET", self.prefix + teller.path)

    def _told_account(self, way: Way | None) -> Account | None:
        return (
            Account(self.account.currency, 0, 0) if self.account is not None and way is Way.NO_BALANCE else self.account
        )

    def _balance(self, fault: Fault | None, account: Account | None, request_id: str, chance: Stream) -> Script:
        teller = self.flavour.teller
        assert teller is not None
        assert account is not None
        refused = self._refused_by(fault, request_id)
        if refused is not None:
            return refused
        actions = self._voice.in_one_piece(encode(teller.reply(account), self.spelling), request_id)
        if fault is None or fault.what is Trouble.NO_DONE:  # an end mark is a stream's affair
            return Script(request_id, "", 200, False, Count(), actions)
        assert isinstance(fault.what, Trouble)
        wrong = self._voice.wrong(self.flavour.refusals[-1])
        played = troubled(list(actions), fault.what, fault.number, wrong, chance)
        return Script(request_id, "", status_of(played), False, Count(), tuple(played), None, str(fault))

    def _kept(self, cabinet: Cabinet, ask: Ask, request_id: str, now: int, chance: Stream) -> Script:
        """A file, or what is told of it: no model is asked, and nothing charged."""
        refused = self._refused_by(self._asked_fault(ask, "", "", now, chance), request_id)
        if refused is not None:
            return refused
        try:
            told = cabinet.told(ask, now, chance)
        except ValueError as error:
            return self._voice.refused(Kind.BAD_REQUEST, request_id, detail=str(error))
        if told is None:
            return self._voice.nowhere(ask, request_id)
        return self._voice.plain(Plain(200, told[0], ((b"content-type", told[1]),)), request_id)


def _played(made: Made, span: int) -> Iterator[Action]:
    """What a service has made; ``span`` is between two pieces of a stream."""
    for piece in made.pieces:
        if span:
            yield Wait(span)
        yield Body(piece.data, piece.tokens)
    tokens = made.count.completion
    yield Enter(Outcome.WHOLE, tokens)
    yield Body(made.body, tokens, final=True) if made.pieces else Body(made.body)
    yield End()
