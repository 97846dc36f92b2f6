"""What drivers of endpoints beside chat share: the answer's shape."""

from __future__ import annotations

import io
import wave
from typing import Any


def vectors(reply: Any) -> dict[str, Any]:
    usage = reply.usage
    return {"widths": [len(one.embedding) for one in reply.data], "usage": usage.model_dump(exclude_none=True)}


def pictures(reply: Any) -> dict[str, Any]:
    usage = getattr(reply, "usage", None)
    return {
        "pictures": [bool(one.url or one.b64_json) for one in reply.data],
        "usage": None if usage is None else usage.model_dump(exclude_none=True),
    }


def sound() -> tuple[str, bytes, str]:
    """Three seconds of nothing: name, bytes, type."""
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(8_000)
        written.writeframes(bytes(48_000))
    return "a.wav", file.getvalue(), "audio/wav"
