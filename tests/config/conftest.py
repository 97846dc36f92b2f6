from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fenli.config.load import Config, load_config
from fenli.config.problems import ConfigRefused, Located


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], Config]:
    def load(text: str) -> Config:
        file = tmp_path / "fenli.toml"
        file.write_text(text, encoding="utf-8")
        return load_config(file)

    return load


@pytest.fixture
def refused(load: Callable[[str], Config]) -> Callable[[str], tuple[Located, ...]]:
    """The problems of a text that must not load."""

    def refused(text: str) -> tuple[Located, ...]:
        with pytest.raises(ConfigRefused) as caught:
            load(text)
        return caught.value.problems

    return refused
