"""``/v1/files``: files that are kept with a vendor, such as documents whose text it reads out. Nothing here is asked of
a model, and no vendor known has a price for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qsl, urlencode

import msgspec

from fenli.calls.attempt import failure_of
from fenli.clock import SECOND
from fenli.errors import CallRefused, Code, Failure, Kind
from fenli.gateway.unbooked import JSON, Unbooked
from fenli.http.exchange import ServerExchange
from fenli.http.fetch import Fetched
from fenli.http.transport import Deadlines, Request, Transport
from fenli.routing.directory import Directory
from fenli.routing.snapshot import Key
from fenli.vendors.contract import header
from fenli.wire.capabilities import PATHS, Capability
from fenli.wire.multipart import FORM, Part, form_of, parts_of, plain_type
from fenli.wire.openai_chat.whole import NO_ANSWER
from fenli.wire.services.files import Shelf, vendor_in

_CONTENT: Final = "/content"
_CONTENT_TYPE: Final = re.compile(rb"[ -~]{1,200}")
# Of the vendor's list, on the way to one page of the owner's.
_PAGES_MAX: Final = 100
# What the request says to this gateway, and not to the vendor.
_OURS: Final = ("model", "vendor")

Members = dict[str, str]


class Filing(Unbooked):
    """One request about files."""

    deadlines = Deadlines(connect=5 * SECOND, head=300 * SECOND, first_byte=120 * SECOND, idle=120 * SECOND)
    room = 64 * 1024 * 1024

    __slots__ = ("_directory", "_key", "_pages", "_shelf")

    def __init__(
        self, transport: Transport, exchange: ServerExchange, directory: Directory, key: Key, call: str
    ) -> None:
        super().__init__(transport, exchange, call)
        self._directory = directory
        self._key = key
        self._pages = 0

    def serve(self, name: str) -> None:
        """``name`` is what stands behind the path. Raises CallRefused."""
        method = self._exchange.method
        if not name and method == b"POST":
            self._upload()
        elif not name and method in (b"GET", b"HEAD"):
            self._list()
        elif name and (method in (b"GET", b"HEAD") or (method == b"DELETE" and not name.endswith(_CONTENT))):
            self._about(name.removesuffix(_CONTENT), content=name.endswith(_CONTENT))
        else:
            raise CallRefused(Code.METHOD_NOT_ALLOWED, f"{method.decode('ascii', 'replace')} is not served here")

    def _upload(self) -> None:
        content_type = self._exchange.headers.get(b"content-type", b"")
        if not content_type.startswith(FORM):
            raise CallRefused(Code.INVALID_VALUE, "a file comes in a form: send multipart/form-data, as clients do")
        content_type = plain_type(content_type)
        parts = parts_of(bytes(self._exchange.body), content_type)
        self._exchange.body = b""
        said = {part.name: part.text for part in parts if part.file is None}
        file = _file_in(parts)
        if not said.get("purpose"):
            message = "'purpose' is missing: say what the file is for, in the vendor's words, such as file-extract"
            raise CallRefused(Code.INVALID_VALUE, message, "purpose")
        self._go_to(self._chosen(self._query() | said))
        name = file.file or ""
        passed = [part.called(self._shelf.mark + name) if part is file else part.plain() for part in parts]
        body = form_of((part for part in passed if part.name not in _OURS), content_type)

        def answered(fetched: Fetched) -> None:
            self._tell({**self._shelf.object(fetched.body), "filename": name})

        self._ask(self._service.sent(self._target.address, content_type, body), answered)

    def _list(self) -> None:
        query = self._query()
        self._go_to(self._chosen(query))
        query = {name: value for name, value in query.items() if name not in _OURS}
        if "after" in query:
            after = self._shelf.file(query["after"])
            if after is None:
                raise _no_such("after")
            query["after"] = after
        self._turn(query)

    def _turn(self, query: Members) -> None:
        """One page further. Pages without a file of the owner's are passed over: clients stop at an empty one."""
        self._pages += 1

        def answered(fetched: Fetched) -> None:
            listed = self._shelf.listed(fetched.body)
            if listed.files or listed.last is None or self._pages == _PAGES_MAX:
                first, last = (listed.files[0]["id"], listed.files[-1]["id"]) if listed.files else (None, None)
                self._tell({"object": "list", "data": listed.files, "first_id": first, "last_id": last,
                            "has_more": listed.last is not None})  # fmt: skip
            else:
                self._turn({**query, "after": listed.last})

        behind = f"?{urlencode(query)}" if query else ""
        self._ask(self._service.beside(self._target.address, b"GET", self._path + behind), answered)

    def _about(self, name: str, *, content: bool) -> None:
        vendor = vendor_in(name)
        if vendor is None:
            raise _no_such("file_id")
        self._go_to(vendor)
        file = self._shelf.file(name)
        if file is None:
            raise _no_such("file_id")
        path = f"{self._path}/{file}{self._service.endpoint.content if content else ''}"
        deletes = self._exchange.method == b"DELETE"
        request = self._service.beside(self._target.address, b"DELETE" if deletes else b"GET", path)

        def deleted(fetched: Fetched) -> None:
            self._shelf.deleted(fetched.body)
            self._tell({"id": name, "object": "file", "deleted": True})

        def told(fetched: Fetched) -> None:
            self._tell(self._shelf.object(fetched.body))

        self._ask(request, deleted if deletes else self._hand_over if content else told)

    def _chosen(self, said: Members) -> str:
        """The vendor that the request names, itself or by a model; the only one that keeps files, where it names none.

        Raises CallRefused."""
        model, vendor = said.get("model"), said.get("vendor")
        if model and vendor:
            raise CallRefused(Code.INVALID_VALUE, "'model' and 'vendor' are both there: send one of them", "vendor")
        if model:
            if self._key.models is not None and model not in self._key.models:
                raise CallRefused(Code.MODEL_NOT_ALLOWED, f"this key may not call {model!r}", "model")
            return self._directory.plan_for(Capability.FILES, model).targets[0].vendor_id
        if self._key.models is not None:
            message = f"this key is for some models only: send one of them as 'model': {', '.join(self._key.models)}"
            raise CallRefused(Code.MODEL_NOT_ALLOWED, message, "model")
        offering = self._directory.offering(Capability.FILES)
        if vendor:
            if vendor not in offering:
                kept = ", ".join(offering) or "no vendor that is on here"
                raise CallRefused(Code.INVALID_VALUE, f"{vendor!r} keeps no files here: {kept} does", "vendor")
            return vendor
        if len(offering) == 1:
            return offering[0]
        kept = " or ".join(offering) or "none: no vendor that is on here keeps files"
        message = f"nothing says which vendor the file is with: send 'model', or 'vendor' ({kept})"
        raise CallRefused(Code.INVALID_VALUE, message, "vendor")

    def _go_to(self, vendor: str) -> None:
        """Raises CallRefused where the vendor is off, or no key of ours could tell owners apart."""
        self._target = self._directory.plan_for(Capability.FILES, f"{vendor}/{Capability.FILES}").targets[0]
        secret = self._target.address.secret
        if not secret:
            message = f"files with {vendor} need a key of it, so that each caller sees only its own: set its api_key"
            raise CallRefused(Code.INVALID_VALUE, message, "vendor")
        self._shelf = Shelf(vendor, secret, self._key.owner)

    def _query(self) -> Members:
        return dict(parse_qsl(self._exchange.query.decode("ascii", "replace")))

    @property
    def _path(self) -> str:
        return self._service.endpoint.path

    def _ask(self, request: Request, answered: Callable[[Fetched], None]) -> None:
        def done(fetched: Fetched | Exception) -> None:
            if isinstance(fetched, Exception):
                self._fail(failure_of(fetched), fetched)
            elif not 200 <= fetched.status < 300:
                self._fail(self._service.classify(fetched.status, fetched.headers, fetched.body), fetched)
            else:
                try:
                    answered(fetched)
                except (ValueError, *NO_ANSWER) as error:
                    failure = Failure(Kind.SERVER_ERROR, f"what it says of the file cannot be read: {error}")
                    self._fail(failure, fetched)

        self._send(request, done)

    def _hand_over(self, fetched: Fetched) -> None:
        kind = header(fetched.headers, b"content-type") or b""
        kind = kind if _CONTENT_TYPE.fullmatch(kind) else b"application/octet-stream"
        self._reply(200, b"content-type: " + kind + b"\r\n", self._shelf.unmarked(fetched.body))

    def _tell(self, told: object) -> None:
        self._reply(200, JSON, msgspec.json.encode(told))

    def _label(self) -> bytes:
        return f"x-fenli-vendor: {self._target.vendor_id}\r\n".encode()  # a file is of no model


def _file_in(parts: list[Part]) -> Part:
    found = [part for part in parts if part.file is not None]
    if len(found) != 1 or found[0].name != "file" or not found[0].file:
        raise CallRefused(Code.INVALID_VALUE, "'file' is missing: send one file under that name, with its name", "file")
    return found[0]


def _no_such(where: str) -> CallRefused:
    message = f"there is no such file of yours: its id is what POST {PATHS[Capability.FILES]} answered"
    return CallRefused(Code.PATH_NOT_FOUND, message, where)
