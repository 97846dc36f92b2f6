"""A request with one member changed, for every vendor: a request comes of it, or a refusal, and never anything else."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, Final

import pytest

from fenli.errors import CallRefused
from fenli.vendors.catalog import VENDORS
from fenli.vendors.contract import Address, Vendor
from fenli.vendors.tickets import Ticket
from fenli.wire.openai_chat import parse_request
from mutations import LEFT_OUT, changed, places

NOW: Final = 1_700_000_000_000_000_000
BASE_URLS = {"huawei-pangu": "https://pangu.cn-southwest-2.myhuaweicloud.com/v1/p1/deployments"}
SECRETS = {"huawei-pangu": "domain/user:password", "iflytek-ws": "app:key-of-it:secret"}
TOOL = {
    "type": "function",
    "function": {"name": "look", "description": "d", "parameters": {"type": "object"}, "strict": False},
}
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at":1}'}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0K"}}
PERSONA = {"bot_name": "B", "bot_profile": "p", "user_name": "u", "examples": [{"user": "a", "bot": "b"}]}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
BODIES: tuple[dict[str, Any], ...] = (
    {
        "messages": [
            {"role": "system", "content": "s", "name": "n"},
            {"role": "user", "content": [{"type": "text", "text": "a"}]},
            {"role": "assistant", "content": "c", "reasoning_content": "r", "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": "found"},
        ],
        "tools": [TOOL], "tool_choice": "auto", "temperature": 0.5, "top_p": 0.5, "stream": True,
    },
    {"messages": [{"role": "user", "content": "x"}], "user": "u", "stop": "x", "seed": 4, "response_format": SCHEMA},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, IMAGE]}], "n": 1, "max_tokens": 40},
    {
        "messages": [{"role": "system", "content": "x"}, {"role": "user", "content": "x"},
                     {"role": "assistant", "content": "a be"}],
        "fenli": {"thinking": "low", "search": {"citations": True}, "prefix": True, "persona": PERSONA},
    },
)  # fmt: skip
CHANGES = (LEFT_OUT, None, -1, 10**30, 1.5, True, "", "\0\r\n", [], {}, [None], [5], ["x"], [{}], {"a": 1}, [[[]]])


def address_of(vendor: Vendor) -> Address:
    model = next((model.id for model in vendor.models), "m")
    secret = SECRETS.get(vendor.id, "key:secret-of-it")
    address = vendor.address(BASE_URLS.get(vendor.id, vendor.base_url), secret, model)
    if address.ticket is not None:
        address.ticket.keep(Ticket("ticket", NOW, 2 * NOW))
    return address


@pytest.mark.parametrize("name", VENDORS)
def test_whatever_a_member_becomes_it_is_a_request_or_a_refusal(name: str) -> None:
    vendor = VENDORS[name]
    address, made = address_of(vendor), 0
    for body in BODIES:
        for path in list(places(body))[1:]:
            for change in CHANGES:
                with suppress(CallRefused):
                    ask = parse_request(json.dumps({"model": "m", **changed(body, path, change)}).encode())
                    request = vendor.request(address, ask, NOW)
                    assert isinstance(json.loads(bytes(request.body)), dict)
                    assert b"\0" not in request.target + request.headers
                    assert len(request.target.split()) == 1
                    assert b"" not in request.headers.split(b"\r\n")[:-1]
                    made += 1
    assert made > 50
