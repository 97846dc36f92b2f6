"""What is asked for beyond chat: requests as callers write them, answers as callers read them."""

from fenli.wire.services.answer import Codec, Delivered, Reply, ServiceAnswer, Streaming
from fenli.wire.services.request import ServiceRequest

__all__ = ["Codec", "Delivered", "Reply", "ServiceAnswer", "ServiceRequest", "Streaming"]
