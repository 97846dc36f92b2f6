"""Before the rest starts: the database at its newest schema, and a first key where there is none. Then it ends."""

from __future__ import annotations

import sys

import msgspec

from fenli.cli.books import make_books
from fenli.cli.child import decode
from fenli.cli.orders import Prepare, Prepared
from fenli.clock import SystemClock
from fenli.errors import FenliError
from fenli.office.keys import create_key, list_keys


def main() -> None:
    order = decode(sys.stdin.buffer.readline(), Prepare)
    try:
        with make_books(order.data) as books:
            first = None if list_keys(books) else create_key(books, order.key_name, now=SystemClock().now()).secret
    except FenliError as error:
        sys.exit(str(error))
    sys.stdout.buffer.write(msgspec.json.encode(Prepared(first)))


if __name__ == "__main__":
    main()
