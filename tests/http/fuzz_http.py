"""Coverage-guided fuzzing of both parsers, where atheris is installed: ``python tests/http/fuzz_http.py CORPUS``."""

from __future__ import annotations

import sys

try:
    import atheris
except ImportError:
    sys.exit("atheris is not installed: nothing fuzzed")

# Without this the fuzzer sees no branch of ours and learns nothing from what it tries.
with atheris.instrument_imports(include=["fenli"]):
    from http_sockets import read_reply
    from test_http_reader import LIMITS, read

ROOMY = LIMITS._replace(header_bytes=100_000)


def one_input(data: bytes) -> None:
    if len(data) < 2:
        return
    at, data = data[0] * len(data) // 256, data[1:]
    whole = read(data, limits=ROOMY)
    for direct in (False, True):
        assert read(data[:at], data[at:], limits=ROOMY, direct=direct) == whole
    told, _, _ = read_reply([piece for piece in (data[:at], data[at:]) if piece])
    assert sum(isinstance(note, str) for note in told) == 1


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
