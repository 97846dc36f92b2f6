"""The upstreams: one for each kind of load, each much cheaper than any contender."""

import sys
from pathlib import Path

from . import nginx, samples
from .service import Service, Target, free_port, start


def fixed_answer(folder: Path) -> tuple[Service, int]:
    """nginx that answers every call with the same body: the cheapest server there is."""
    port = free_port()
    answer = samples.answer().decode().replace("'", "\\'")
    location = f"default_type application/json; return 200 '{answer}';"
    argv = nginx.command(
        folder, "upstream", f"server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ {location} }} }}"
    )
    return start("upstream-nginx", argv, Target(port), samples.question()), port


def own(interval_ms: int = samples.INTERVAL_MS) -> tuple[Service, int]:
    """`bench.vendor`, which streams and reads long bodies to the end (nginx would answer before it has read them)."""
    port = free_port()
    argv = [sys.executable, "-m", "bench.vendor", "--port", str(port), "--interval-ms", str(interval_ms)]
    return start("upstream-own", argv, Target(port), samples.question()), port
