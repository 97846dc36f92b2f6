"""The desk: settings, prices, keys and budgets as they stand, and the snapshot made of them whenever they change."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from fenli.clock import SECOND, Clock
from fenli.errors import FenliError
from fenli.office.budgets import binding_budgets
from fenli.office.calibration import prompt_ratios
from fenli.office.compile import Stored, compile_snapshot, switched_off
from fenli.office.keys import working_keys
from fenli.office.rates import stored_rates
from fenli.office.settings import Settings
from fenli.prices import PriceBook
from fenli.routing.snapshot import Snapshot, VendorSettings, read_snapshot, write_snapshot
from fenli.store import Database

log = logging.getLogger(__name__)

# Offers leave the snapshot some time after they have ended, though nothing else has changed.
RECOMPILE_SPAN: Final = 3600 * SECOND
# What is learnt of prompts can wait: no new snapshot more often for its sake.
CALIBRATE_SPAN: Final = 60 * SECOND

_Marks = dict[str, tuple[int, int]]


class DeskStatus(msgspec.Struct, frozen=True):
    """Instants in ns. ``reload_error`` is None after a reload that succeeded; the configuration before it still holds
    when it is not. ``vendors_off``: vendors of the configuration that are off, and why."""

    snapshot: str
    compiled_at: int
    loaded_at: int
    reload_error: str | None
    keys: int
    vendors: tuple[str, ...]
    vendors_off: dict[str, str]


class Desk:
    """Thread-safe: the watch and the admin API may both ask for a reload."""

    def __init__(
        self,
        database: Database,
        path: Path,
        load_settings: Callable[[], Settings],
        environ: Mapping[str, str],
        watch: tuple[Path, ...],
        clock: Clock,
    ) -> None:
        self._database = database
        self._path = path
        self._load_settings = load_settings
        self._environ = environ
        self._watch = watch
        self._clock = clock
        self._lock = threading.RLock()
        self._stored = Stored()
        self._book: PriceBook
        self._snapshot: Snapshot
        self._marks: _Marks = {}
        self._data_version = -1
        self._ratios: dict[str, int] = {}
        self._calibrate_at = 0
        self._loaded_at = 0
        self._error: str | None = None
        self.settings = Settings()

    def reload(self) -> None:
        """Everything afresh. Raises FenliError and leaves everything as it was when the configuration is wrong."""
        with self._lock:
            now = self._clock.now()
            self._marks = _marks(self._watch, self.settings)
            settings = self._load_settings()
            book = PriceBook.load(*settings.price_directories)
            stored = self._read()
            snapshot = compile_snapshot(settings, stored, book, self._environ, now)
            self.settings, self._book, self._stored = settings, book, stored
            self._loaded_at, self._error = now, None
            self._marks = _marks(self._watch, settings)
            self._publish(snapshot)

    def reload_or_keep(self) -> str | None:
        """Reloads; a configuration that does not load changes nothing. Returns why it did not, None when it did."""
        with self._lock:
            try:
                self.reload()
            except FenliError as error:
                self._error = str(error)
                log.error("the new configuration does not load, the old one stays: %s", error)
            else:
                log.info("the configuration is loaded: snapshot %s", self._snapshot.version)
            return self._error

    def check(self) -> None:
        """Looks for what has changed since the last time: files, keys, budgets, or merely the hour."""
        with self._lock:
            if _marks(self._watch, self.settings) != self._marks:
                self.reload_or_keep()
                return
            version, now = self._database.data_version(), self._clock.now()
            stale = now - self._snapshot.compiled_at > RECOMPILE_SPAN or not self._path.exists()
            if version == self._data_version and not stale:
                return
            self._data_version = version
            stored = self._read()
            if stored != self._stored or stale:
                self._stored = stored
                self._publish(compile_snapshot(self.settings, stored, self._book, self._environ, now))

    def status(self) -> DeskStatus:
        with self._lock:
            snapshot = self._snapshot
            return DeskStatus(
                snapshot=snapshot.version,
                compiled_at=snapshot.compiled_at,
                loaded_at=self._loaded_at,
                reload_error=self._error,
                keys=len(snapshot.keys),
                vendors=tuple(vendor.id for vendor in snapshot.vendors),
                vendors_off=switched_off(self.settings, self._environ),
            )

    @property
    def vendors(self) -> tuple[VendorSettings, ...]:
        """Those that are on. Never waits for a reload that is under way."""
        return self._snapshot.vendors

    def _read(self) -> Stored:
        database = self._database
        now = self._clock.now()
        if now >= self._calibrate_at:
            self._calibrate_at = now + CALIBRATE_SPAN
            with database.read() as connection:
                self._ratios = prompt_ratios(connection)
        return Stored(working_keys(database), binding_budgets(database), self._ratios, stored_rates(database))

    def _publish(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        if _version_of(self._path) != snapshot.version:
            write_snapshot(snapshot, self._path)


def _version_of(path: Path) -> str | None:
    try:
        return read_snapshot(path).version
    except (OSError, msgspec.DecodeError):
        return None  # none yet, or one that another version wrote


def _marks(watch: Iterable[Path], settings: Settings) -> _Marks:
    """What tells a changed file from an unchanged one. Absent files have none."""
    return {str(path): (stat.st_mtime_ns, stat.st_size) for path in _files(watch, settings) if (stat := _stat(path))}


def _files(watch: Iterable[Path], settings: Settings) -> Iterator[Path]:
    yield from watch
    yield from settings.rate_files
    for directory in (*settings.price_directories, *settings.model_directories):
        yield from directory.glob("**/*.toml")


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None
