from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=None, help="the simulator's seed: run only this one")
    parser.addoption("--calls", type=int, default=None, help="calls in each simulated world")
