"""The office, as `fenli serve` starts it."""

from __future__ import annotations

import os
import sys

from fenli.cli.child import begin
from fenli.cli.orders import OfficeStart
from fenli.cli.running import local_key_reference
from fenli.config.load import load_config
from fenli.config.on_device import on_device
from fenli.config.settings import settings_of
from fenli.errors import FenliError
from fenli.office.office import OfficeOptions, run_office
from fenli.office.settings import Settings


def main() -> None:
    start = begin("office", OfficeStart)

    def load_settings() -> Settings:
        config = load_config(start.config)
        return settings_of(config, os.environ, on_device(config), start.local_url, local_key_reference(start.data))

    options = OfficeOptions(
        data=start.data,
        load_settings=load_settings,
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
