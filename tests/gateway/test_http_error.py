from __future__ import annotations

import json

import pytest

from fenli.errors import CODES, Code
from fenli.gateway.app import http_error


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, Code.BAD_HTTP),
        (408, Code.REQUEST_TIMEOUT),
        (413, Code.REQUEST_TOO_LARGE),
        (431, Code.HEADERS_TOO_LARGE),
        (500, Code.INTERNAL_ERROR),
        (503, Code.TOO_MANY_CONNECTIONS),
    ],
)
def test_what_the_http_server_refuses_has_a_code_of_the_list(status: int, code: Code) -> None:
    headers, body = http_error(status, "What is wrong.")
    error = json.loads(body)["error"]
    assert headers == b"content-type: application/json\r\n"
    assert (error["message"], error["code"], error["type"]) == ("What is wrong.", code, CODES[code][1])
    assert CODES[code][0] == status
