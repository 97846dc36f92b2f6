"""A WebSocket server of another make (websockets, which google-genai brings), for fenli's own client to talk to."""

from __future__ import annotations

import threading
from typing import Any

from driver import serve
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection
from websockets.sync.server import serve as listen

HEARD: list[dict[str, Any]] = []


def talk(peer: ServerConnection) -> None:
    """Does what the path says with the first message, and writes down how it ended."""
    said = peer.recv()
    heard = {"size": len(said), "text": isinstance(said, str)}
    try:
        match peer.request.path:
            case "/echo":
                peer.send(said)
            case "/fragments":
                peer.send(said[at : at + 1000] for at in range(0, len(said), 1000))
            case "/pings":
                for word in ("a", "b"):
                    heard["ponged"] = peer.ping().wait(5)
                    peer.send(word)
            case "/wrong":
                peer.send("so far")
                peer.close(1011, "the engine failed")
            case "/waits":
                peer.send("all there is")
                peer.recv(5)  # for the client to close
    except ConnectionClosed as closed:
        heard["closed"] = None if closed.rcvd is None else closed.rcvd.code
    HEARD.append(heard)
    if "closed" in heard:
        Peer.closed.set()


class Peer:
    server: Server | None = None
    closed = threading.Event()


def answer(question: dict[str, Any]) -> dict[str, Any]:
    if question["asked"] == "closed":
        Peer.closed.wait(20)
    if question["asked"] != "port":
        return HEARD[-1]
    Peer.server = listen(talk, "127.0.0.1", 0, max_size=None, compression="deflate")
    threading.Thread(target=Peer.server.serve_forever, daemon=True).start()
    return {"port": Peer.server.socket.getsockname()[1]}


serve(answer)
