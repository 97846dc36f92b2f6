"""A rehearsal made ready: its folder, its configuration, its scenario tried out. Then this process ends, and its memory
with it. Exit codes are those of `fenli.cli.main`."""

from __future__ import annotations

import sys

from fenli.cli.child import decode, encode
from fenli.cli.language import speak
from fenli.cli.orders import Rehearse
from fenli.cli.rehearsal import rehearse
from fenli.config.load import load_config
from fenli.errors import ConfigError, FenliError


def main() -> None:
    order = decode(sys.stdin.buffer.readline(), Rehearse)
    speak(order.language)
    try:
        made = rehearse(load_config(order.config), order.data, order.scenario, order.speed)
    except FenliError as error:
        sys.stderr.write(str(error))
        sys.exit(2 if isinstance(error, ConfigError) else 1)
    sys.stdout.buffer.write(encode(made))


if __name__ == "__main__":
    main()
