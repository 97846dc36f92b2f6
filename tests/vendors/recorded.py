"""Answers as vendors gave them, in the shapes of their documentation, and what is made of them."""

from __future__ import annotations

import json
from typing import Any

from fenli.errors import Failure, Kind
from fenli.vendors.catalog import VENDORS


def kind(vendor: str, status: int, **error: Any) -> Kind:
    """What an error with these members of ``error`` means."""
    return failure(vendor, status, **error).kind


def failure(vendor: str, status: int, **error: Any) -> Failure:
    return VENDORS[vendor].classify(status, [], json.dumps({"error": error}, ensure_ascii=False).encode())


def meters(vendor: str, **usage: Any) -> dict[str, int]:
    return VENDORS[vendor].usage(json.dumps(usage).encode())
