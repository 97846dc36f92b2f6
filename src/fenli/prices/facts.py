"""What a price may depend on besides the meters: the facts of one request."""

from __future__ import annotations

from typing import Final, NamedTuple


class Facts(NamedTuple):
    """The facts of a request. A fact that is not given has the value a default request has.

    ``prompt`` and ``completion`` (tokens) choose the tier only where no usage is given; rating counts the usage itself.
    ``thinking`` is the resolved flag (what was asked for, or the model's default). ``cache_scheme`` is ``explicit``
    where the request marked what is to be cached. ``service_tier`` is the tier the vendor *returned*, which may not be
    the one asked for. ``plan`` is the price plan or cohort of the contract; ``region`` is where the request is served.
    """

    prompt: int = 0
    completion: int = 0
    thinking: bool = False
    cache_scheme: str = "implicit"
    batch: bool = False
    service_tier: str = "standard"
    promo: bool = False
    channel: str = ""
    modality: str = "text"
    speed: str = "standard"
    resolution: str = ""
    search_kind: str = ""
    region: str = ""
    plan: str = ""

    def __str__(self) -> str:
        """Only what differs from a default request: ``thinking=true, service_tier=flex``."""
        return ", ".join(
            f"{name}={_shown(value)}" for name, value in zip(self._fields, self, strict=True) if value != DEFAULTS[name]
        )


DEFAULTS: Final[dict[str, int | bool | str]] = dict(Facts._field_defaults)

# The axes on which a row that says nothing takes any request, and every value that there is.
OPEN_AXES: Final[dict[str, tuple[bool | str, ...]]] = {
    "thinking": (False, True),
    "cache_scheme": ("implicit", "explicit"),
}

# The axes on which a row that says nothing means the default.
FIXED_AXES: Final = Facts._fields[4:]


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
