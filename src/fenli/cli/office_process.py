"""The office, as `fenli serve` starts it."""

from __future__ import annotations

import os
import sys

from fenli.cli.child import begin
from fenli.cli.orders import OfficeStart
from fenli.cli.running import local_key_reference
from fenli.config.load import load_config
from fenli.config.on_device import on_device
from fenli.config.settings import settings_of, try_out
from fenli.errors import FenliError
from fenli.office.office import OfficeOptions, run_office
from fenli.office.settings import Settings


class Configuration:
    """The file, read afresh each time. Before the start it has been tried out; a changed one is tried out here, so that
    a mistake is named by its line."""

    def __init__(self, start: OfficeStart) -> None:
        self._start = start
        self._tried_out = True

    def load(self) -> Settings:
        start, config = self._start, load_config(self._start.config)
        local = on_device(config)
        if not self._tried_out:
            try_out(config, local)
        self._tried_out = False
        return settings_of(config, os.environ, local, start.local_url, local_key_reference(start.data))


def main() -> None:
    start = begin("office", OfficeStart)
    options = OfficeOptions(
        data=start.data,
        load_settings=Configuration(start).load,
        environ=os.environ,
        watch=(start.config,) if start.config is not None else (),
        admin_port=start.port,
    )
    try:
        run_office(options)
    except FenliError as error:
        sys.exit(f"office: {error}")


if __name__ == "__main__":
    main()
