from __future__ import annotations

import pytest
from recorded import kind, meters

from fenli.errors import Kind


def test_its_usage_may_say_nothing_of_a_cache() -> None:
    assert meters("local", prompt_tokens=31, completion_tokens=8, total_tokens=39) == {"input": 31, "output": 8}


ERRORS = [
    (401, {"code": 401, "message": "Invalid API Key", "type": "authentication_error"}, Kind.BAD_KEY),
    (503, {"code": 503, "message": "Loading model", "type": "unavailable_error"}, Kind.OVERLOADED),
    (
        400,
        {
            "code": 400,
            "message": "the request exceeds the available context size",
            "type": "exceed_context_size_error",
            "n_ctx": 4096,
        },
        Kind.CONTEXT_TOO_LONG,
    ),
    (400, {"code": 400, "message": "'messages' is required", "type": "invalid_request_error"}, Kind.BAD_REQUEST),
    (
        501,
        {"code": 501, "message": "This server does not support this", "type": "not_supported_error"},
        Kind.BAD_REQUEST,
    ),
    (
        500,
        {"code": 500, "message": "image input is not supported - hint: mmproj", "type": "server_error"},
        Kind.BAD_REQUEST,
    ),
    (404, {"code": 404, "message": "x", "type": "not_found_error"}, Kind.MODEL_NOT_FOUND),
    (500, {"code": 500, "message": "x", "type": "server_error"}, Kind.SERVER_ERROR),
]


@pytest.mark.parametrize(("status", "error", "wanted"), ERRORS)
def test_what_its_errors_mean(status: int, error: dict[str, str | int], wanted: Kind) -> None:
    assert kind("local", status, **error) is wanted
