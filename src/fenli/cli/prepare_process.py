"""Before the rest starts: the configuration tried out, the database at its newest schema, a first key where there is
none. Then this process ends, and its memory with it. Exit codes are those of `fenli.cli.main`."""

from __future__ import annotations

import sys

import msgspec

from fenli.cli.books import make_books
from fenli.cli.child import decode
from fenli.cli.orders import Prepare, Prepared
from fenli.clock import SystemClock
from fenli.config.load import load_config
from fenli.config.on_device import on_device
from fenli.config.settings import try_out
from fenli.errors import ConfigError, FenliError
from fenli.office.keys import create_key, list_keys


def main() -> None:
    order = decode(sys.stdin.buffer.readline(), Prepare)
    try:
        config = load_config(order.config)
        try_out(config, on_device(config))
        with make_books(order.data) as books:
            first = None if list_keys(books) else create_key(books, order.key_name, now=SystemClock().now()).secret
    except FenliError as error:
        sys.stderr.write(str(error))
        sys.exit(2 if isinstance(error, ConfigError) else 1)
    sys.stdout.buffer.write(msgspec.json.encode(Prepared(first)))


if __name__ == "__main__":
    main()
