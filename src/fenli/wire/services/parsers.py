"""How the request of each capability is read."""

from __future__ import annotations

from typing import Final

from fenli.errors import CallRefused, Code
from fenli.wire.capabilities import Capability
from fenli.wire.multipart import FORM, json_of_form
from fenli.wire.services.completions import parse_completions
from fenli.wire.services.embeddings import parse_embeddings
from fenli.wire.services.images import parse_images
from fenli.wire.services.reading import parse_reading
from fenli.wire.services.request import FormParser, Parser, ServiceRequest
from fenli.wire.services.rerank import parse_rerank
from fenli.wire.services.search import parse_search
from fenli.wire.services.speech import parse_speech
from fenli.wire.services.transcriptions import parse_audio
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
# Of requests that are forms.
FORM_PARSERS: Final[dict[Capability, FormParser]] = {
    Capability.TRANSCRIPTIONS: parse_audio,
    Capability.TRANSLATIONS: parse_audio,
}


def read_request(capability: Capability, body: bytes | memoryview, content_type: bytes) -> ServiceRequest:
    """Raises CallRefused. A form is the JSON that it stands for where JSON is wanted; not the other way round."""
    is_form = content_type[: len(FORM)].lower() == FORM
    if capability in FORM_PARSERS:
        if not is_form:
            message = "the body must be a form (multipart/form-data) with 'file' and 'model': see docs/endpoints.md"
            raise CallRefused(Code.BAD_HTTP, message)
        return FORM_PARSERS[capability](body, content_type)
    return PARSERS[capability](json_of_form(bytes(body), content_type) if is_form else body)
