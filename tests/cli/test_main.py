from __future__ import annotations

import subprocess
import sys

from fenli_command import Fenli

from fenli import __version__
from fenli.cli.output import aligned


def test_help_and_version(fenli: Fenli) -> None:
    help = fenli.out("--help")
    for command in ("serve", "key", "models", "usage", "ledger", "prices", "config", "market", "doctor"):
        assert f" {command} " in help
    assert max(map(len, help.splitlines())) <= 80
    assert fenli.out("--version") == f"fenli {__version__}\n"
    assert "--workers" in fenli.out("serve", "--help")


def test_wrong_usage_is_2(fenli: Fenli) -> None:
    assert "serv" in fenli.refused("serv", code=2)
    assert "2026-13-01" in fenli.refused("prices", "show", "x", "--at", "2026-13-01", code=2)


def test_a_worker_imports_nothing_that_it_does_not_need() -> None:
    code = "import sys, fenli.cli.gateway_process; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"typer", "rich", "sqlalchemy", "starlette", "uvicorn", "alembic", "duckdb"} & set(loaded)


def test_amounts_stand_with_their_points_below_each_other() -> None:
    assert aligned(["12.5", "0.0008", "3", "unknown", "-1.25"]) == [
        "     12.5   ",
        "      0.0008",
        "      3     ",
        "unknown     ",
        "     -1.25  ",
    ]
