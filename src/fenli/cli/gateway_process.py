"""One gateway worker, as `fenli serve` starts it. Nothing is imported here that a worker does not need."""

from __future__ import annotations

import contextlib
import resource

from fenli.cli.child import begin
from fenli.gateway.worker import WorkerOptions, run_worker


def main() -> None:
    options = begin("gateway", WorkerOptions)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # two for each call under way
    run_worker(options)


if __name__ == "__main__":
    main()
