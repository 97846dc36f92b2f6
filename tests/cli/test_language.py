from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path
from string import Formatter
from types import ModuleType

import pytest
from fenli_command import Fenli

from fenli.cli import language
from fenli.cli.language import choose
from fenli.cli.messages import en, zh


def test_both_languages_say_the_same_things() -> None:
    assert list(topics(en)) == list(topics(zh))
    for (topic, english), chinese in zip(topics(en).items(), topics(zh).values(), strict=True):
        assert list(english) == list(chinese), topic
    assert list(en.MESSAGES) == list(zh.MESSAGES)
    assert {key: _places(text) for key, text in en.MESSAGES.items()} == {
        key: _places(text) for key, text in zh.MESSAGES.items()
    }


@pytest.mark.parametrize("spoken", [en, zh])
def test_every_sentence_belongs_to_one_topic(spoken: ModuleType) -> None:
    keys = [key for messages in topics(spoken).values() for key in messages]
    assert len(keys) == len(set(keys))
    assert set(keys) == set(spoken.MESSAGES)


def topics(spoken: ModuleType) -> dict[str, dict[str, str]]:
    """The tables of a language, by the names of their modules."""
    names = sorted(module.name for module in pkgutil.iter_modules(spoken.__path__))
    return {name: importlib.import_module(f"{spoken.__name__}.{name}").MESSAGES for name in names}


def test_every_sentence_is_used_and_every_used_one_exists() -> None:
    source = "".join(path.read_text("utf-8") for path in Path(language.__file__).parent.glob("*.py"))
    used = set(re.findall(r"""say\(\s*["']([a-z_.]+)["']""", source))
    families = set(re.findall(r'say\(f[\'"]([a-z_]+\.)\{', source))
    passed_on = {key for key in en.MESSAGES if f'"{key}"' in source}
    unknown = used - set(en.MESSAGES)
    unused = {key for key in en.MESSAGES if key not in used | passed_on and not key.startswith(tuple(families))}
    assert (unknown, unused) == (set(), set())


@pytest.mark.parametrize(
    ("arguments", "environ", "language", "rest"),
    [
        (["key", "list"], {}, "en", ["key", "list"]),
        (["--lang", "zh", "key"], {"FENLI_LANG": "en"}, "zh", ["key"]),
        (["key", "list", "--lang=zh"], {}, "zh", ["key", "list"]),
        (["key"], {"FENLI_LANG": "zh", "LANG": "en_US.UTF-8"}, "zh", ["key"]),
        (["key"], {"LANG": "zh_CN.UTF-8"}, "zh", ["key"]),
        (["key"], {"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "en", ["key"]),
        (["key"], {"LANG": "fr_FR.UTF-8", "FENLI_LANG": "fr"}, "en", ["key"]),
        (["a", "--", "--lang", "zh"], {}, "en", ["a", "--", "--lang", "zh"]),
    ],
)
def test_which_language_is_spoken(
    arguments: list[str], environ: dict[str, str], language: str, rest: list[str]
) -> None:
    assert choose(arguments, environ) == (language, rest)


def test_chinese_from_the_option_and_from_the_environment(fenli: Fenli) -> None:
    assert "密钥" in fenli.out("--lang", "zh", "--help")
    assert "还没有密钥" not in fenli.out("config", "check")
    assert "没有配置文件" in fenli.out("config", "check", FENLI_LANG="zh")
    assert "--lang fr" in fenli.refused("--lang", "fr", "models", code=2)


def _places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}
