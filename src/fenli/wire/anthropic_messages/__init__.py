"""Anthropic's Messages dialect: a chat request said in it, and its answers read."""

from fenli.wire.anthropic_messages.reader import EventReader, MessageReader
from fenli.wire.anthropic_messages.request import TAKEN, messages_body, searches
from fenli.wire.anthropic_messages.usage import meters

__all__ = ["TAKEN", "EventReader", "MessageReader", "messages_body", "meters", "searches"]
