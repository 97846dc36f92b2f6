"""百度 Baidu ERNIE through the workshop API of before 2025: each model has a path, and a key is exchanged for a ticket.

A key is ``API Key:Secret Key`` of an application. Sources: qianfan 0.4.12 (endpoints, error codes, OAuth), one-api. Its
pages are gone since 2025; clients remain. Failures come with a 200; a ticket is good for 30 days.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

import msgspec

from fenli.clock import SECOND
from fenli.errors import ConfigError, Failure, Kind, TicketRefused
from fenli.http.transport import Request
from fenli.vendors.contract import Address, Model, UsageMap, parse_base_url
from fenli.vendors.failing import ErrorRule, Told, kind_of
from fenli.vendors.headers import head_lines, path_part
from fenli.vendors.models import default_models
from fenli.vendors.switches import FALSE, TRUE, SchemaSwitch, SchemaWay, SearchSwitch, Switches
from fenli.vendors.ticketed import Ticketed
from fenli.vendors.tickets import Booth, Ticket
from fenli.wire.openai_chat import ChatRequest
from fenli.wire.openai_chat.decoded import decoded, hint, refuse_unknown
from fenli.wire.openai_chat.whole import NO_ANSWER
from fenli.wire.wenxin import TAKEN, WenxinReader, encode_chat, failure_of

_WORKSHOP: Final = "/rpc/2.0/ai_custom/v1/wenxinworkshop"
_OAUTH: Final = "/oauth/2.0/token"


class BaiduLegacy(Ticketed, frozen=True, kw_only=True):
    @property
    def models(self) -> tuple[Model, ...]:
        """Its own: the newer API sells others."""
        return default_models(self.id)

    def address(self, base_url: str, secret: str, model: str) -> Address:
        """A model that is not in the catalogue is asked for at a path of its name. What stands behind a ``!`` is for an
        emulated vendor, which finds the name of a model nowhere else."""
        name, mark, fault = model.partition("!")
        address = Ticketed.address(self, base_url, secret, name)
        known = any(entry.id == name for entry in self.models)
        path = ("" if known else f"/chat/{path_part(name.lower())}") + (mark and mark + path_part(fault))
        return msgspec.structs.replace(address, target=address.target + path.encode())

    def booth(self, base_url: str, secret: str) -> Booth:
        key, _, rest = secret.partition(":")
        if not key or not rest:
            raise ConfigError(f"the key of {self.id} is written API_KEY:SECRET_KEY")
        origin, prefix = parse_base_url(base_url)
        query = urlencode({"grant_type": "client_credentials", "client_id": key, "client_secret": rest})
        target = f"{prefix.removesuffix(_WORKSHOP)}{_OAUTH}?{query}"
        return Booth(Request(origin, b"POST", target.encode(), head_lines(self.id, origin, ()), b""), read_ticket)

    def target(self, address: Address, ask: ChatRequest, now: int) -> bytes:
        return address.target + b"?" + urlencode({"access_token": self.ticket(address, now)}).encode()

    def body(self, ask: ChatRequest, model: bytes) -> bytes:
        ask = self.spelled(ask, model)
        refuse_unknown(ask, self.title, TAKEN)
        return encode_chat(decoded(ask), ask.fields, limit=ask.output_limit, user=hint(ask, "user"), stream=ask.stream)

    def streamed(self, ask: ChatRequest) -> WenxinReader:
        return WenxinReader(streamed=True)

    def whole(self, ask: ChatRequest) -> WenxinReader:
        return WenxinReader(streamed=False)

    def told(self, body: bytes) -> Told:
        try:
            code, message = failure_of(body)
        except NO_ANSWER:
            return Told()
        return Told((code,) if code else (), message)


class _Granted(msgspec.Struct):
    access_token: str = ""
    expires_in: int = 0
    error: str = ""
    error_description: str = ""


def read_ticket(status: int, _headers: Sequence[tuple[bytes, bytes]], body: bytes, now: int) -> Ticket:
    """Raises TicketRefused."""
    try:
        granted = _decode_granted(body)
    except NO_ANSWER:
        granted = _Granted()
    if granted.access_token and granted.expires_in > 0:
        return Ticket(granted.access_token, now, now + granted.expires_in * SECOND)
    told = Told((granted.error,) if granted.error else (), granted.error_description)
    message = told.message or granted.error or "the reply has no access token"
    raise TicketRefused(Failure(kind_of(_REFUSALS, status, told), message, status))


_decode_granted = msgspec.json.Decoder(_Granted).decode
_REFUSALS: Final = (ErrorRule(Kind.BAD_KEY, code="invalid_client|unauthorized_client|invalid_grant"),)

BAIDU_LEGACY = BaiduLegacy(
    id="baidu-legacy",
    title="Baidu (ERNIE, workshop API)",
    title_zh="百度文心(旧版接口)",
    base_url=f"https://aip.baidubce.com{_WORKSHOP}",
    key_variables=("QIANFAN_AK_SK",),
    keys_at="https://console.bce.baidu.com/qianfan",
    key_form="API Key:Secret Key",
    sells="baidu",
    usage_map=UsageMap(cached=(), cache_write=(), reasoning=()),
    spent=("110", "111"),
    errors=(
        ErrorRule(Kind.BAD_KEY, code="13|14|15|110|111"),
        ErrorRule(Kind.NO_PERMISSION, code="6|336004"),
        ErrorRule(Kind.QUOTA_EXHAUSTED, code="4|17|19"),
        ErrorRule(Kind.RATE_LIMITED, code="18|336501|336502"),
        ErrorRule(Kind.OVERLOADED, code="2|336100"),
        ErrorRule(Kind.CONTEXT_TOO_LONG, code="336103|336007"),
        ErrorRule(Kind.CONTEXT_TOO_LONG, code="336003", text="too long|length|too many tokens|过长|超长|长度"),
        ErrorRule(Kind.MODEL_NOT_FOUND, code="3|336005"),
        ErrorRule(Kind.BAD_REQUEST, code="100|336001|336002|336003|336101|336104|336105"),
    ),
    switches=Switches(
        search=(
            SearchSwitch(
                on={"disable_search": FALSE},
                citations={"enable_citation": TRUE, "enable_trace": TRUE},
                shown="search_info",
            ),
        ),
        schema=(SchemaSwitch(way=SchemaWay.OBJECT),),
    ),
)
