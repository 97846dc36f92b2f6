"""Where a vendor offers what is not chat, as data: which path, and how it is asked there.

The constants are those of OpenAI's own API, and of whoever took its paths and shapes over.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import msgspec

from fenli.wire.capabilities import Capability
from fenli.wire.openai_chat import FailurePlace
from fenli.wire.services import Codec, ServiceRequest
from fenli.wire.services.completions import Completions
from fenli.wire.services.embeddings import Embeddings
from fenli.wire.services.images import Images
from fenli.wire.services.rerank import Rerank
from fenli.wire.services.speech import Speech
from fenli.wire.services.transcriptions import StreamedTranscriptions, Transcriptions


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """``path`` stands behind the vendor's base URL; where ``instead_of`` is named, in place of that end of it.
    ``codec`` is None where nothing is asked of a model there: files are only kept.
    ``failures``: where an answer with a 200 tells one, beside ``error``. ``lines``: further header lines of a request;
    ``accepts``: the type of answer to ask for, where the vendor has several.
    ``charges``: the units by meter that a request comes to, where this vendor counts other ones than most; ``facts``:
    what of a request its prices hang on. ``models``: a pattern for the beginning of a model's name, regardless of case;
    of several endpoints for one capability the first that fits serves a model. ``content``: what stands behind a file's
    path where what is in it is asked for."""

    capability: Capability
    path: str
    codec: Codec | None = None
    instead_of: str = ""
    failures: tuple[FailurePlace, ...] = ()
    lines: bytes = b""
    accepts: bytes = b""
    charges: Callable[[ServiceRequest], dict[str, int]] | None = None
    facts: Callable[[ServiceRequest], dict[str, bool | str]] | None = None
    models: str = ""
    content: str = "/content"

    def serves(self, model: str) -> bool:
        return re.match(self.models, model, re.IGNORECASE) is not None


def completions(
    count: Callable[[bytes], dict[str, int]], path: str = "/completions", failures: tuple[FailurePlace, ...] = ()
) -> Endpoint:
    """``count`` makes disjoint meters of the vendor's usage object."""
    return Endpoint(capability=Capability.COMPLETIONS, path=path, codec=Completions(count), failures=failures)


EMBEDDINGS: Final = Endpoint(capability=Capability.EMBEDDINGS, path="/embeddings", codec=Embeddings())
IMAGES: Final = Endpoint(capability=Capability.IMAGES, path="/images/generations", codec=Images())
SPEECH: Final = Endpoint(capability=Capability.SPEECH, path="/audio/speech", codec=Speech())
TRANSCRIPTIONS: Final = Endpoint(
    capability=Capability.TRANSCRIPTIONS, path="/audio/transcriptions", codec=Transcriptions()
)
STREAMED_TRANSCRIPTIONS: Final = msgspec.structs.replace(TRANSCRIPTIONS, codec=StreamedTranscriptions())
TRANSLATIONS: Final = Endpoint(capability=Capability.TRANSLATIONS, path="/audio/translations", codec=Transcriptions())
RERANK: Final = Endpoint(capability=Capability.RERANK, path="/rerank", codec=Rerank())
FILES: Final = Endpoint(capability=Capability.FILES, path="/files")
