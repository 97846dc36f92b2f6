"""The emulated vendors as a real server, and the drivers that ask it with a vendor's own SDK."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sdk_drivers import Drivers
from sdk_market import SdkMarket


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SdkMarket]:
    opened = SdkMarket(tmp_path_factory.mktemp("market"))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def drivers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drivers]:
    started = Drivers(tmp_path_factory.mktemp("drivers"))
    yield started
    started.close()
