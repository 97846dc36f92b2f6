"""华为 Huawei Pangu, a deployment of one's own: the model is the deployment, and an IAM user gets a ticket for a day.

The base URL names region and project; there is no default. A key is ``DOMAIN/USER:PASSWORD`` or ``AK:SK``. Sources:
huaweicloudsdkpangulargemodels 3.1, pangu-kits-app-dev-py, Huawei Cloud's pages on IAM's tokens and its gateway's codes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec

from fenli.clock import SECOND
from fenli.errors import ConfigError, Failure, Kind, TicketRefused
from fenli.http.transport import Origin, Request
from fenli.vendors.contract import Address, UsageMap, header, parse_base_url
from fenli.vendors.failing import ErrorRule, Told, kind_of, told
from fenli.vendors.headers import head_lines, path_part
from fenli.vendors.switches import SchemaSwitch, SchemaWay, Switches
from fenli.vendors.ticketed import Ticketed
from fenli.vendors.tickets import Booth, Ticket
from fenli.wire.openai_chat import ChatRequest
from fenli.wire.openai_chat.decoded import decoded, refuse_unknown
from fenli.wire.openai_chat.whole import NO_ANSWER
from fenli.wire.pangu import TAKEN, PanguReader, encode_chat, failure_of

_TOKENS: Final = "/v3/auth/tokens?nocatalog=true"
_DAY: Final = 24 * 3_600 * SECOND
_REGION: Final = re.compile(r"pangu\.([a-z0-9-]+)\.myhuaweicloud\.com")
_PROJECT: Final = re.compile(r"(.*)/v1/([^/]+)/deployments")
_UNSET: Final = (
    "{id} needs the region and the project of your deployments: set base_url to "
    "https://pangu.REGION.myhuaweicloud.com/v1/PROJECT_ID/deployments"
)


class HuaweiPangu(Ticketed, frozen=True, kw_only=True):
    def address(self, base_url: str, secret: str, model: str) -> Address:
        address = Ticketed.address(self, base_url, secret, model)
        return msgspec.structs.replace(
            address, target=address.target + f"/{path_part(model)}/chat/completions".encode()
        )

    def booth(self, base_url: str, secret: str) -> Booth:
        origin, prefix = parse_base_url(base_url)
        found = _PROJECT.fullmatch(prefix)
        if found is None or base_url == self.base_url:
            raise ConfigError(_UNSET.format(id=self.id))
        region = _REGION.fullmatch(origin.host)
        before, project = found.groups()
        if region is not None:
            origin, before = Origin(origin.scheme, f"iam.{region[1]}.myhuaweicloud.com", origin.port), ""
        body = {"auth": {"identity": self._identity(secret), "scope": {"project": {"id": project}}}}
        target, headers = f"{before}{_TOKENS}".encode(), head_lines(self.id, origin, ())
        return Booth(Request(origin, b"POST", target, headers, msgspec.json.encode(body)), read_ticket)

    def head(self, address: Address, ask: ChatRequest, body: bytes, now: int) -> bytes:
        return address.headers + f"X-Auth-Token: {self.ticket(address, now)}\r\n".encode()

    def body(self, ask: ChatRequest, model: bytes) -> bytes:
        refuse_unknown(ask, self.title, TAKEN)
        return encode_chat(decoded(ask), ask.fields, limit=ask.output_limit, stream=ask.stream)

    def streamed(self, ask: ChatRequest) -> PanguReader:
        return PanguReader(streamed=True)

    def whole(self, ask: ChatRequest) -> PanguReader:
        return PanguReader(streamed=False)

    def told(self, body: bytes) -> Told:
        try:
            code, message = failure_of(body)
        except NO_ANSWER:
            code = message = ""
        return Told((code,) if code else (), message) if code or message else told(body)

    def _identity(self, secret: str) -> dict[str, Any]:
        who, _, proof = secret.partition(":")
        domain, slash, user = who.partition("/")
        if not proof or not domain or (slash and not user):
            raise ConfigError(f"the key of {self.id} is written DOMAIN/USER:PASSWORD, or AK:SK")
        if slash:
            named = {"name": user, "password": proof, "domain": {"name": domain}}
            return {"methods": ["password"], "password": {"user": named}}
        return {"methods": ["hw_ak_sk"], "hw_ak_sk": {"access": {"key": who}, "secret": {"key": proof}}}


_Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class _Granted(msgspec.Struct):
    expires_at: _Instant | None = None
    issued_at: _Instant | None = None


class _Reply(msgspec.Struct):
    token: _Granted | None = None


_decode_reply = msgspec.json.Decoder(_Reply).decode


def read_ticket(status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes, now: int) -> Ticket:
    """It stands in a header; the body says from when to when it is good. Raises TicketRefused."""
    text = (header(headers, b"x-subject-token") or b"").decode("latin-1")
    if 200 <= status < 300 and text and text.isascii() and text.isprintable():
        return Ticket(text, now, _until(body, now))
    said = told(body)
    message = said.message or "the reply has no token"
    raise TicketRefused(Failure(kind_of((), status, said), message, status))


def _until(body: bytes, now: int) -> int:
    """As long from ``now`` on as the vendor's clock says, which may not be ours; a day where it says nothing."""
    try:
        granted = _decode_reply(body).token or _Granted()
    except NO_ANSWER:
        granted = _Granted()
    if granted.expires_at is None:
        return now + _DAY
    ends = int(granted.expires_at.timestamp()) * SECOND
    return ends if granted.issued_at is None else now + ends - int(granted.issued_at.timestamp()) * SECOND


HUAWEI_PANGU = HuaweiPangu(
    id="huawei-pangu",
    title="Huawei (Pangu deployments)",
    title_zh="华为盘古(自有部署)",
    base_url="https://pangu.cn-southwest-2.myhuaweicloud.com/v1/PROJECT_ID/deployments",
    key_variables=("HUAWEI_PANGU_KEY",),
    keys_at="https://console.huaweicloud.com/iam",
    key_form="DOMAIN/USER:PASSWORD, or AK:SK",
    usage_map=UsageMap(cached=(), cache_write=(), reasoning=()),
    spent=("APIG.0301",),
    errors=(
        ErrorRule(Kind.RATE_LIMITED, code=r"APIG\.0308"),
        ErrorRule(Kind.BAD_KEY, code=r"APIG\.030[0-9]"),
        ErrorRule(Kind.MODEL_NOT_FOUND, code=r"APIG\.0101"),
        ErrorRule(Kind.TIMEOUT, code=r"APIG\.0203"),
        ErrorRule(Kind.OVERLOADED, code=r"APIG\.020[0-9]"),
    ),
    switches=Switches(schema=(SchemaSwitch(way=SchemaWay.TEXT),)),
)
