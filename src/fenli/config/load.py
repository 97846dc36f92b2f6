"""Reads `fenli.toml`: whole and sound, or not at all."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from fenli.config.document import Document
from fenli.config.problems import ConfigRefused, Located, dotted
from fenli.config.rules import Rules
from fenli.config.shape import shape
from fenli.config.spans import PATTERN, Span
from fenli.values.toml_lines import broken_at, line_of, locate

FILE_NAME: Final = "fenli.toml"


class Config(msgspec.Struct, frozen=True):
    """``file`` is None where there is no file and every default holds; relative paths count from ``folder``."""

    document: Document
    file: Path | None
    folder: Path

    def resolve(self, path: str) -> Path:
        return (self.folder / Path(path).expanduser()).resolve()


def find_config(asked: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The file to read: the one asked for, else ``FENLI_CONFIG``, else `fenli.toml` right here, else none."""
    if asked is not None:
        return asked
    if named := environ.get("FENLI_CONFIG"):
        return Path(named)
    here = Path(FILE_NAME)
    return here if here.is_file() else None


def load_config(file: Path | None) -> Config:
    """Raises ConfigRefused with every problem of the file."""
    if file is None:
        return Config(Document(), None, Path.cwd())
    folder = file.absolute().parent
    text = read_text(file)
    data = parse_toml(file, text)
    document, problems = shape(data, Document, Rules(folder, data).by_type())
    if document is None or problems:
        lines = locate(text)
        raise ConfigRefused(
            Located(str(file), line_of(lines, problem.path), dotted(problem.path) or None, problem.message)
            for problem in problems
        )
    return Config(document, file.absolute(), folder)


def schema() -> dict[str, Any]:
    """The JSON Schema of `fenli.toml`, for editors."""
    described = msgspec.json.schema(Document, schema_hook=_schema_of)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": FILE_NAME, **described}


def read_text(file: Path) -> str:
    """Raises ConfigRefused for what is not there or no UTF-8."""
    try:
        return file.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigRefused([Located(str(file), line, None, "is not UTF-8 text: save it as UTF-8")]) from None
    except OSError as error:
        message = f"cannot be read: {error.strerror}; name another file with --config"
        raise ConfigRefused([Located(str(file), None, None, message)]) from None


def parse_toml(file: Path, text: str) -> dict[str, Any]:
    """Raises ConfigRefused with line and column for what is no TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line, where, why = broken_at(text, error)
        raise ConfigRefused([Located(str(file), line, None, f"is not TOML at {where}: {why}")]) from None


def _schema_of(kind: type[Any]) -> dict[str, Any]:
    if issubclass(kind, Span):
        return {"type": "string", "pattern": PATTERN, "examples": ["250ms", "5s", "2m"]}
    return {"type": "string", "pattern": r"^\$\{[^${}]+\}$", "examples": ["${env:DEEPSEEK_API_KEY}"]}
