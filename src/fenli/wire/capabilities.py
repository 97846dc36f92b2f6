"""What a model can be asked for. Each has a path of its own, a request, an answer, and meters that it is paid by."""

from __future__ import annotations

import enum
from typing import Final


class Capability(enum.StrEnum):
    CHAT = "chat"
    COMPLETIONS = "completions"
    EMBEDDINGS = "embeddings"
    RERANK = "rerank"
    IMAGES = "images"
    SPEECH = "speech"
    TRANSCRIPTIONS = "transcriptions"
    TRANSLATIONS = "translations"
    SEARCH = "search"
    READER = "reader"
    VIDEOS = "videos"
    FILES = "files"


# Where callers ask for it.
PATHS: Final[dict[Capability, str]] = {
    Capability.CHAT: "/v1/chat/completions",
    Capability.COMPLETIONS: "/v1/completions",
    Capability.EMBEDDINGS: "/v1/embeddings",
    Capability.RERANK: "/v1/rerank",
    Capability.IMAGES: "/v1/images/generations",
    Capability.SPEECH: "/v1/audio/speech",
    Capability.TRANSCRIPTIONS: "/v1/audio/transcriptions",
    Capability.TRANSLATIONS: "/v1/audio/translations",
    Capability.SEARCH: "/v1/search",
    Capability.READER: "/v1/reader",
    Capability.VIDEOS: "/v1/videos",
    Capability.FILES: "/v1/files",
}


def serves(does: Capability, wanted: Capability) -> bool:
    """Whether a model that is for ``does`` can be asked for ``wanted``: those that talk can go on with a text, too, and
    those that hear may say it in English. Files are kept by a vendor, for whichever of its models."""
    also = {Capability.CHAT: Capability.COMPLETIONS, Capability.TRANSCRIPTIONS: Capability.TRANSLATIONS}
    return does is wanted or also.get(does) is wanted or wanted is Capability.FILES
