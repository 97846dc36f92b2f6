"""``/v1/models``: what a key may call, in one shape that both OpenAI's and Anthropic's clients accept."""

from __future__ import annotations

import msgspec

from fenli.errors import CallRefused
from fenli.routing.directory import Directory
from fenli.routing.snapshot import Key
from fenli.values import format_instant


def model_list(directory: Directory, key: Key) -> bytes:
    models = [_model(directory, name) for name in directory.names() if key.models is None or name in key.models]
    first, last = (models[0]["id"], models[-1]["id"]) if models else (None, None)
    return msgspec.json.encode(
        {"object": "list", "data": models, "has_more": False, "first_id": first, "last_id": last}
    )


def one_model(directory: Directory, key: Key, name: str) -> bytes | None:
    """None where the key may not call it or there is none of that name."""
    if key.models is not None and name not in key.models:
        return None
    try:
        directory.plan(name)
    except CallRefused:
        return None
    return msgspec.json.encode(_model(directory, name))


def _model(directory: Directory, name: str) -> dict[str, object]:
    target = directory.plan(name).targets[0]
    limits = next((model for model in target.vendor.models if model.id == target.model), None)
    created = directory.snapshot.compiled_at
    return {
        "id": name,
        "object": "model",
        "created": created // 1_000_000_000,
        "owned_by": target.vendor_id,
        "type": "model",
        "display_name": name,
        "name": name,
        "created_at": format_instant(created),
        "context_length": limits.context if limits else None,
        "max_input_tokens": limits.context if limits else None,
        "max_tokens": limits.output if limits else None,
        "lifecycle": "active",
        "capabilities": {},
        "supported_endpoint_types": ["openai"],
    }
