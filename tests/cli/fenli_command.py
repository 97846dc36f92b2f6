"""``python -m fenli`` as a user runs it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from fenli.cli.main import build
from fenli.errors import ConfigError, FenliError, InstantError
from fenli.gateway.storage import JournalStorage
from fenli.ledger.journal import encode_frame
from fenli.ledger.records import Record
from fenli.values import parse_instant
from fenli.values.ids import run_id

OPENED = parse_instant("2026-11-20T08:00:00Z")
MODEL = "qwen-max"


class Fenli:
    """``python -m fenli`` in a folder without any configuration, with no vendor key in the environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        kept = {
            name: value for name, value in os.environ.items() if not name.endswith("_API_KEY") and name[:3] != "LC_"
        }
        self.environ = {**kept, "FENLI_DATA": str(self.data), "LANG": "C.UTF-8", "COLUMNS": "80", "NO_COLOR": "1"}
        self.environ.pop("FENLI_LANG", None)

    def run(self, *arguments: str, code: int = 0, **environ: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "fenli", *arguments],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=self.environ | environ,
            timeout=60,
        )
        assert done.returncode == code, f"{arguments} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def out(self, *arguments: str, **environ: str) -> str:
        return self.run(*arguments, **environ).stdout

    def refused(self, *arguments: str, code: int, **environ: str) -> str:
        return self.run(*arguments, code=code, **environ).stderr

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self.run(*arguments, "--json", code=code).stdout)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path


class FenliHere(Fenli):
    """Commands run in this process, which takes no half a second each; `run` starts one as ever."""

    def out(self, *arguments: str, **environ: str) -> str:
        if environ:
            return super().out(*arguments, **environ)
        words = list(arguments)
        with redirect_stdout(io.StringIO()) as printed, chdir(self.folder), _environ(self.data):
            build(words)(args=words, prog_name="fenli", standalone_mode=False)
        return printed.getvalue()

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self.out(*arguments, "--json"))

    def refused(self, *arguments: str, code: int, **environ: str) -> str:
        with pytest.raises(FenliError) as caught:
            self.out(*arguments)
        assert isinstance(caught.value, ConfigError | InstantError) is (code == 2)
        return str(caught.value)


def write_journal(data: Path, records: list[Record]) -> None:
    storage = JournalStorage(data / "journal", run_id(OPENED), OPENED)
    storage.write(encode_frame(records))
    storage.close()


@contextmanager
def _environ(data: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FENLI_DATA", str(data))
        patch.setenv("COLUMNS", "80")
        patch.delenv("FENLI_CONFIG", raising=False)
        yield
