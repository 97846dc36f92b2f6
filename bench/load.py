"""The closed loop: wrk keeps every connection busy, and the process tree is billed for the calls that were answered."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from . import needs, process
from .service import Target


class Counted(msgspec.Struct):
    """What `wrk.lua` prints. Failed calls are those not answered, or not with 2xx."""

    calls: int
    us: int
    failed: int
    p50_us: int
    p99_us: int


@dataclass(frozen=True, slots=True)
class Closed:
    """One closed loop: answered calls, and the bill of the tree that answered them, if one was named."""

    calls: int
    failed: int
    seconds: float
    bill: process.Bill | None

    @property
    def per_second(self) -> float:
        return self.calls / self.seconds


def closed_loop(target: Target, body: bytes, connections: int, seconds: float, folder: Path, pid: int | None) -> Closed:
    """`connections` clients that each send the next call when the last one is answered."""
    request = folder / "request"
    headers = {"Content-Type": "application/json", **target.headers}
    request.write_bytes("".join(f"{name}: {value}\n" for name, value in headers.items()).encode() + b"\n" + body)
    argv = [needs.program("wrk"), "-t1", f"-c{connections}", f"-d{max(round(seconds), 1)}", "--timeout", "60s"]
    argv += ["-s", str(needs.HERE / "wrk.lua"), f"http://127.0.0.1:{target.port}{target.path}", "--", str(request)]
    before = process.tree(pid) if pid else {}
    counted = msgspec.json.decode(needs.command(argv).strip().splitlines()[-1], type=Counted)
    bill = process.bill(before, process.tree(pid)) if pid else None
    return Closed(counted.calls - counted.failed, counted.failed, counted.us / 1e6, bill)
