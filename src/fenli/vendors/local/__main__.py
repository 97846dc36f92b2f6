"""The child: llama.cpp's own HTTP server, OpenAI-compatible, until standard input closes.

The first line of standard input is the key that callers must present; an empty one lets everybody in.
"""

from __future__ import annotations

import argparse
import os
import sys

import xllamacpp

from fenli.vendors.local.process import READY

ERRORS_ONLY = 1  # its warnings are one or two lines for each repeated prompt


def main() -> None:
    options = parse()
    key = sys.stdin.buffer.readline().decode().strip()
    try:
        server = xllamacpp.Server(parameters(options, key))
    except RuntimeError as error:
        sys.exit(f"the engine refused {options.model} on port {options.port}: {error}")
    os.write(sys.stdout.fileno(), READY)
    # SIGTERM keeps its default action, which ends the process in the middle of a computation too.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    # Not a return: taking the server apart waits for the calls it is serving.
    assert server is not None
    os._exit(0)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fenli.vendors.local", description=__doc__)
    parser.add_argument("--model", required=True, help="a GGUF file")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--context", type=int, default=4096, help="tokens for each call, prompt and answer together")
    parser.add_argument("--slots", type=int, default=1, help="calls served at a time")
    parser.add_argument("--alias", default="local", help="the name that answers carry in `model`")
    return parser.parse_args()


def parameters(options: argparse.Namespace, key: str) -> xllamacpp.CommonParams:
    params = xllamacpp.CommonParams()
    params.model.path = options.model
    params.model_alias = {options.alias}
    params.use_jinja = True

    params.hostnames = ["127.0.0.1"]
    params.port = options.port
    params.api_keys = [key] if key else []
    params.cors_origins = f"http://127.0.0.1:{options.port}"  # no web page of another origin reads answers
    params.ui = False
    params.endpoint_slots = False  # it shows other callers' prompts
    params.n_threads_http = 32  # a call that waits for a slot holds one; /health must still be answered

    params.n_parallel = options.slots
    params.n_ctx = options.context * options.slots
    params.kv_unified = False  # a pool in common would let one long call cut another short
    params.fit_params = False  # as asked for, or not at all
    params.cache_ram_mib = 0  # the default keeps up to 8 GB of old prompts
    params.cache_idle_slots = False
    params.cpuparams.n_threads = options.threads
    params.cpuparams_batch.n_threads = options.threads
    params.verbosity = ERRORS_ONLY
    return params


if __name__ == "__main__":
    main()
