"""Gemini's dialect (generateContent): a chat request said in it, and its answers read."""

from fenli.wire.gemini.failures import told
from fenli.wire.gemini.reader import ContentReader
from fenli.wire.gemini.request import TAKEN, contents_body
from fenli.wire.gemini.usage import meters

__all__ = ["TAKEN", "ContentReader", "contents_body", "meters", "told"]
