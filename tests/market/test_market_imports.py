"""Flavours, dialects and the model know each other: each of their modules can be the first to be imported."""

from __future__ import annotations

import subprocess
import sys

FIRST = """
import importlib, pkgutil, sys
import fenli.market
names = [found.name for found in pkgutil.walk_packages(fenli.market.__path__, "fenli.market.")]
names = [name for name in names if ".flavours." not in name]  # they come through their package
assert len(names) > 30
for name in names:
    for loaded in [one for one in sys.modules if one.startswith("fenli.market.")]:
        del sys.modules[loaded]
    try:
        importlib.import_module(name)
    except ImportError as error:
        raise SystemExit(f"{name}: {error}")
"""


def test_each_module_can_come_first() -> None:
    subprocess.run([sys.executable, "-c", FIRST], check=True, timeout=60)
