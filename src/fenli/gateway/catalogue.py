"""``/v1/models``: what a key may call, in one shape that both OpenAI's and Anthropic's clients accept."""

from __future__ import annotations

import msgspec

from fenli.errors import CallRefused
from fenli.routing.directory import Directory
from fenli.routing.snapshot import Key
from fenli.values import format_instant
from fenli.wire.capabilities import PATHS


def model_list(directory: Directory, key: Key) -> bytes:
    names = [name for name in directory.names() if key.models is None or name in key.models]
    models = [model for name in names if (model := _model(directory, name)) is not None]
    first, last = (models[0]["id"], models[-1]["id"]) if models else (None, None)
    return msgspec.json.encode(
        {"object": "list", "data": models, "has_more": False, "first_id": first, "last_id": last}
    )


def one_model(directory: Directory, key: Key, name: str) -> bytes | None:
    """None where the key may not call it or there is none of that name."""
    if key.models is not None and name not in key.models:
        return None
    model = _model(directory, name)
    return None if model is None else msgspec.json.encode(model)


def _model(directory: Directory, name: str) -> dict[str, object] | None:
    """None for a name that cannot be served now, such as a route whose vendors are all off."""
    try:
        capability = directory.capability(name)
        target = directory.plan_for(capability, name).targets[0]
    except CallRefused:
        return None
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
        "context_length": target.context,
        "max_input_tokens": target.context,
        "max_tokens": target.output,
        "lifecycle": "active",
        "capabilities": {capability: True},
        "supported_endpoint_types": ["openai"],
        "endpoint": PATHS[capability],
    }
