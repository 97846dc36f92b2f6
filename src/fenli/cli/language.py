"""Which language the command line speaks, and its sentences in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fenli.cli.messages import en, zh

LANGUAGES: Final = {"en": en.MESSAGES, "zh": zh.MESSAGES}

_chosen = LANGUAGES["en"]


def choose(arguments: list[str], environ: Mapping[str, str]) -> tuple[str, list[str]]:
    """The language, and the arguments without ``--lang``, which may stand anywhere before a ``--``."""
    rest: list[str] = []
    asked = None
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word == "--lang":
            asked = next(words, "")
        elif word.startswith("--lang="):
            asked = word.removeprefix("--lang=")
        else:
            rest.append(word)
    if asked is not None:
        return _known(asked) or asked, rest
    return _known(environ.get("FENLI_LANG", "")) or _of_locale(environ), rest


def speak(language: str) -> None:
    global _chosen
    _chosen = LANGUAGES[language]


def spoken() -> str:
    return next(name for name, messages in LANGUAGES.items() if messages is _chosen)


def say(key: str, /, **values: object) -> str:
    return _chosen[key].format(**values)


def _known(name: str) -> str | None:
    """``zh_CN.UTF-8``, ``zh-Hans`` and ``zh`` are all ``zh``."""
    language = name.replace("-", "_").partition("_")[0].partition(".")[0].lower()
    return language if language in LANGUAGES else None


def _of_locale(environ: Mapping[str, str]) -> str:
    named = environ.get("LC_ALL") or environ.get("LC_MESSAGES") or environ.get("LANG") or ""
    return _known(named) or "en"
