"""What the benchmark asks of a contender."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from ..service import Target


@dataclass(frozen=True, slots=True)
class Pace:
    """How hard a contender is driven. Slow ones get less, or we would measure the length of their queue."""

    connections: int = 32
    calls_per_second: int = 1_000
    streams: int = 50
    prompt_connections: int = 2
    prompts_per_second: int = 10
    seconds_factor: float = 1


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a contender is to stand: calls to `port` go on to the base URL `upstream` (`http://host:port`, no path)."""

    upstream: str
    port: int
    folder: Path
    connections: int = 4_096


@dataclass(frozen=True, slots=True)
class Launch:
    """A command, and where it then listens."""

    argv: list[str]
    target: Target
    environment: Mapping[str, str] = field(default_factory=dict)


class Contender(ABC):
    """One proxy under test: one noun, one file in this folder."""

    name: ClassVar[str]
    about: ClassVar[str]
    pace: ClassVar[Pace] = Pace()

    @abstractmethod
    def install(self) -> str:
        """Install what is missing and give the version; `NotReady` if it cannot be had here."""

    @abstractmethod
    def prepare(self, scene: Scene) -> Launch:
        """Write its configuration into the scene's folder."""
