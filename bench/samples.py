"""What is sent and what is answered: bodies of realistic shape and size."""

import json
from collections.abc import Callable

MODEL = "qwen-turbo"
TRANSLATED_MODEL = "claude-haiku-4-5"  # whose vendor speaks a dialect of its own
CHUNKS = 100
INTERVAL_MS = 2
PROMPT_BYTES = 8_000_000
MARK = b"@"  # once in every chunk, before the instant at which the upstream wrote it
STAMP_DIGITS = 18
_SLOT = "0" * STAMP_DIGITS

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


def question(*, stream: bool = False, model: str = MODEL) -> bytes:
    return _request(_QUESTION, stream=stream, model=model)


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
    return _stamping(_event({"role": "assistant", "content": f"{MARK.decode()}{_SLOT} 西湖"}, None))


def ending() -> bytes:
    """What follows the last chunk: the finish reason, the usage, `[DONE]` and the end of the HTTP body."""
    usage = _envelope("chat.completion.chunk") | {"choices": [], "usage": USAGE}
    events = _event({}, "stop") + b"data: " + _dump(usage) + b"\n\ndata: [DONE]\n\n"
    return http_chunk(events) + b"0\r\n\r\n"


def messages_beginning() -> bytes:
    """What comes before the first chunk in the Messages dialect."""
    usage = {"input_tokens": 57, "output_tokens": 1}
    message = {"id": "msg_8f14e45fceea167a", "type": "message", "role": "assistant", "model": TRANSLATED_MODEL}
    started: dict[str, object] = message | {"content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
    block = {"index": 0, "content_block": {"type": "text", "text": ""}}
    return http_chunk(_named("message_start", {"message": started}) + _named("content_block_start", block))


def messages_chunk_writer() -> Callable[[int], bytes]:
    """As `chunk_writer`, an event of about 130 bytes."""
    delta = {"type": "text_delta", "text": f"{MARK.decode()}{_SLOT} 西湖"}
    return _stamping(_named("content_block_delta", {"index": 0, "delta": delta}))


def messages_ending() -> bytes:
    delta = {"delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": CHUNKS}}
    events = _named("content_block_stop", {"index": 0}) + _named("message_delta", delta) + _named("message_stop", {})
    return http_chunk(events) + b"0\r\n\r\n"


def http_chunk(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)


def _stamping(event: bytes) -> Callable[[int], bytes]:
    head, tail = http_chunk(event).split(_SLOT.encode())
    template = head.replace(b"%", b"%%") + b"%0" + str(STAMP_DIGITS).encode() + b"d" + tail.replace(b"%", b"%%")
    return lambda instant: template % instant


def _named(name: str, members: dict[str, object]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), _dump({"type": name} | members))


def _request(content: str, *, stream: bool, model: str = MODEL) -> bytes:
    messages = [
        {"role": "system", "content": "You are a helpful assistant that answers in one or two sentences."},
        {"role": "user", "content": content},
    ]
    body: dict[str, object] = {"model": model, "messages": messages, "temperature": 0.7, "max_tokens": 256}
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
