"""A gateway process with nothing beside it: the snapshot is compiled once, and nobody posts the journal meanwhile.

`python -m bench.lone_gateway PORT DATA CONFIG`
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

from fenli.cli.child import encode
from fenli.clock import SystemClock
from fenli.config.load import load_config
from fenli.config.on_device import on_device
from fenli.config.settings import settings_of
from fenli.gateway.worker import WorkerOptions
from fenli.office.desk import Desk
from fenli.office.office import open_books


def main(port: int, data: Path, config: Path) -> int:
    with open_books(data) as books:
        document = load_config(config)
        settings = settings_of(document, os.environ, on_device(document), None)
        Desk(books, data / "snapshot", lambda: settings, os.environ, (), SystemClock()).reload()
    (data / "run").mkdir(exist_ok=True)
    command = [sys.executable, "-m", "fenli.cli.gateway_process"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as gateway:
        assert gateway.stdin is not None
        signal.signal(signal.SIGTERM, lambda *_: gateway.terminate())
        gateway.stdin.write(encode(WorkerOptions("127.0.0.1", port, data)))
        gateway.stdin.flush()
        return gateway.wait()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])))
