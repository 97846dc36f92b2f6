"""How the request of each capability is read."""

from __future__ import annotations

from typing import Final

from fenli.wire.capabilities import Capability
from fenli.wire.services.completions import parse_completions
from fenli.wire.services.embeddings import parse_embeddings
from fenli.wire.services.images import parse_images
from fenli.wire.services.reading import parse_reading
from fenli.wire.services.request import Parser
from fenli.wire.services.rerank import parse_rerank
from fenli.wire.services.search import parse_search
from fenli.wire.services.speech import parse_speech
from fenli.wire.services.videos import parse_videos

PARSERS: Final[dict[Capability, Parser]] = {
    Capability.COMPLETIONS: parse_completions,
    Capability.EMBEDDINGS: parse_embeddings,
    Capability.RERANK: parse_rerank,
    Capability.IMAGES: parse_images,
    Capability.SPEECH: parse_speech,
    Capability.SEARCH: parse_search,
    Capability.READER: parse_reading,
    Capability.VIDEOS: parse_videos,
}
