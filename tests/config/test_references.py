from __future__ import annotations

from pathlib import Path

import pytest

from fenli.config.references import Reference, missing


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("${env:DEEPSEEK_API_KEY}", "env:DEEPSEEK_API_KEY"),
        ("${DEEPSEEK_API_KEY}", "env:DEEPSEEK_API_KEY"),
        ("${file:/run/secrets/x}", "file:/run/secrets/x"),
    ],
)
def test_the_three_ways_to_point_to_a_key(text: str, reference: str) -> None:
    assert Reference.parse(text) == reference


def test_a_literal_key_is_refused_and_never_repeated() -> None:
    with pytest.raises(ValueError, match=r'write "\$\{env:NAME\}"') as caught:
        Reference.parse("sk-0123456789")
    assert "sk-0123456789" not in str(caught.value)


@pytest.mark.parametrize("wrong", ["${env:A B}", "${file:relative}", "${}", "x${env:A}", "env:A", 5])
def test_what_points_nowhere_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Reference.parse(wrong)


def test_missing_says_why_there_is_no_key(tmp_path: Path) -> None:
    file = tmp_path / "key"
    assert missing("env:K", {"K": "x"}) is None
    assert missing("env:K", {"K": " "}) == "K is not set"
    assert missing(f"file:{file}", {}) == f"{file} cannot be read (No such file or directory)"
    file.write_text("\n")
    assert missing(f"file:{file}", {}) == f"{file} is empty"
    file.write_text("secret\n")
    assert missing(f"file:{file}", {}) is None
