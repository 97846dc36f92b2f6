"""What is sent and what is answered: bodies of realistic shape and size."""

import json
from collections.abc import Callable

MODEL = "qwen-turbo"
CHUNKS = 100
INTERVAL_MS = 2
PROMPT_BYTES = 8_000_000
MARK = b"@"  # once in every chunk, before the instant at which the upstream wrote it
STAMP_DIGITS = 18

_QUESTION = (
    "Tell me about the history of the city of Hangzhou and name three of the things that a visitor should see there, "
    "with reasons for each of them please."
)
_PAGE = (
    "西湖十景形成于南宋时期,基本围绕西湖分布。\n“Su Causeway in the Morning of Spring” is named first of the ten; "
    "the poets\tcame for the willows, the peach trees and the six bridges that Su Shi had built.\n"
)
USAGE = {
    "prompt_tokens": 57,
    "completion_tokens": CHUNKS,
    "total_tokens": 57 + CHUNKS,
    "prompt_tokens_details": {"cached_tokens": 0},
}


def question(*, stream: bool = False) -> bytes:
    return _request(_QUESTION, stream=stream)


def long_prompt() -> bytes:
    """A chat request of 8 MB: text in two scripts with escapes, as a document pasted into a prompt has them."""
    page = len(json.dumps(_PAGE, ensure_ascii=False).encode()) - 2
    return _request(_PAGE * (PROMPT_BYTES // page), stream=False)


def answer(prompt_tokens: int = 57) -> bytes:
    content = (
        "A plausible answer of moderate length, such as a small language model could have given to the question, two "
        "sentences long. It is here to make the reply as large as a real one."
    )
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": content},
        "logprobs": None,
        "finish_reason": "stop",
    }
    usage = USAGE | {"prompt_tokens": prompt_tokens, "completion_tokens": 40, "total_tokens": prompt_tokens + 40}
    return _dump(_envelope("chat.completion") | {"choices": [choice], "usage": usage})


def chunk_writer() -> Callable[[int], bytes]:
    """A function from an instant (ns) to an HTTP chunk that holds one SSE event of about 230 bytes."""
    slot = "0" * STAMP_DIGITS
    event = _event({"role": "assistant", "content": f"{MARK.decode()}{slot} 西湖"}, None)
    head, tail = http_chunk(event).split(slot.encode())
    template = head.replace(b"%", b"%%") + b"%0" + str(STAMP_DIGITS).encode() + b"d" + tail.replace(b"%", b"%%")
    return lambda instant: template % instant


def ending() -> bytes:
    """What follows the last chunk: the finish reason, the usage, `[DONE]` and the end of the HTTP body."""
    usage = _envelope("chat.completion.chunk") | {"choices": [], "usage": USAGE}
    events = _event({}, "stop") + b"data: " + _dump(usage) + b"\n\ndata: [DONE]\n\n"
    return http_chunk(events) + b"0\r\n\r\n"


def http_chunk(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)


def _request(content: str, *, stream: bool) -> bytes:
    messages = [
        {"role": "system", "content": "You are a helpful assistant that answers in one or two sentences."},
        {"role": "user", "content": content},
    ]
    body: dict[str, object] = {"model": MODEL, "messages": messages, "temperature": 0.7, "max_tokens": 256}
    body["stream"] = stream
    if stream:
        body["stream_options"] = {"include_usage": True}
    return _dump(body)


def _envelope(kind: str) -> dict[str, object]:
    return {"id": "chatcmpl-8f14e45fceea167a", "object": kind, "created": 1_790_000_000, "model": MODEL}


def _event(delta: dict[str, str], reason: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    return b"data: " + _dump(_envelope("chat.completion.chunk") | {"choices": [choice], "usage": None}) + b"\n\n"


def _dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
