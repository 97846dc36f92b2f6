"""A vendor's service, and what callers ask of one."""

from __future__ import annotations

import json
from typing import Any

from fenli.vendors.catalog import VENDORS
from fenli.vendors.services import Service, service_of
from fenli.wire.capabilities import Capability
from fenli.wire.services.parsers import PARSERS


def service(capability: Capability, name: str, model: str = "m") -> Service:
    found = service_of(VENDORS[name], capability, model)
    assert found is not None
    return found


def ask_of(capability: Capability, **members: Any) -> Any:
    return PARSERS[capability](json.dumps({"model": "public", **members}).encode())
