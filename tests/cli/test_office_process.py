from __future__ import annotations

from pathlib import Path

import pytest

from fenli.cli.office_process import Configuration
from fenli.cli.orders import OfficeStart
from fenli.errors import ConfigError

SOUND = '[local]\nenabled = false\n[[routes]]\nname = "chat"\ntargets = ["deepseek/deepseek-v4-pro"]\n'


def test_a_changed_file_is_refused_with_the_line_at_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPSEEK_API_KEY", "x")
    file = tmp_path / "fenli.toml"
    file.write_text(SOUND)
    configuration = Configuration(OfficeStart(tmp_path, 0, file, None))
    assert configuration.load().routes[0].name == "chat"
    file.write_text(SOUND.replace("v4-pro", "v4-proo"))
    with pytest.raises(ConfigError, match=r"fenli\.toml:3: routes\[0\]: .*did you mean 'deepseek-v4-pro'"):
        configuration.load()
    file.write_text(SOUND)
    assert configuration.load().routes[0].name == "chat"
