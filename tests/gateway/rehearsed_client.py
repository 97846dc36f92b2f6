"""OpenAI's own client before the rehearsed gateway: what it sends and reads is real, the network is the app itself."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import openai
from rehearsed import SECRET, Exchange, Rehearsal


class _Broken(httpx2.SyncByteStream):
    """A body whose connection is cut behind its last byte."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __iter__(self) -> Iterator[bytes]:
        yield self._data
        raise httpx2.RemoteProtocolError("peer closed connection without sending complete message body")


class AppTransport(httpx2.BaseTransport):
    """``exchanges`` are all that were made, the last one last."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self._rehearsal = rehearsal
        self.exchanges: list[Exchange] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        headers = {name.lower(): value for name, value in request.headers.raw}
        exchange = self._rehearsal.send(request.read(), headers)
        self.exchanges.append(exchange)
        lines = [line.split(": ", 1) for line in exchange.lines.decode().split("\r\n") if line]
        stream = _Broken(exchange.got) if exchange.aborted else httpx2.ByteStream(exchange.got)
        return httpx2.Response(exchange.status, headers=[(name, value) for name, value in lines], stream=stream)


def client_of(transport: AppTransport) -> openai.OpenAI:
    return openai.OpenAI(
        base_url="http://gateway.example/v1",
        api_key=SECRET,
        max_retries=0,
        http_client=httpx2.Client(transport=transport),
    )
