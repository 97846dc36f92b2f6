"""`fenli archive`: the entries of the books as Parquet, for `fenli replay` and for anybody who reads Parquet."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path

import msgspec
import typer

from fenli.cli.books import open_books
from fenli.cli.language import say
from fenli.cli.options import Data, Json, data_folder
from fenli.cli.output import as_json, complain, line, table
from fenli.cli.posted import wait_until_posted
from fenli.cli.progress import progress_bar
from fenli.office.archive import archive_entries, check_reach
from fenli.office.archive_check import check_archive
from fenli.planner.archive import FOLDER, Part, read_manifest

app = typer.Typer(no_args_is_help=True)


@app.command("list", help=say("help.archive.list"))
def show(data: Data = None, json: Json = False) -> None:
    folder = data_folder(data)
    manifest = read_manifest(folder / FOLDER)
    with open_books(folder) as books, books.read() as reading:
        last = check_reach(reading, manifest, folder / FOLDER)
    days: dict[str, list[Part]] = defaultdict(list)
    for part in sorted(manifest.parts, key=lambda part: (part.day, part.first)):
        days[part.day].append(part)
    if json:
        parts = [{**msgspec.structs.asdict(part), "bytes": _bytes(folder, [part])} for part in manifest.parts]
        as_json({"folder": str(folder / FOLDER), "through": manifest.through, "waiting": last - manifest.through,
                 "parts": parts})  # fmt: skip
        return
    if days:
        rows = [
            [day, f"{sum(part.entries for part in parts):,}", str(len(parts)), f"{_bytes(folder, parts) // 1024:,} KiB"]
            for day, parts in days.items()
        ]
        table([say(f"archive.{name}") for name in ("day", "entries", "files", "size")], rows, right=(1, 2, 3))
    line(say("archive.state", entries=manifest.entries, folder=folder / FOLDER, waiting=last - manifest.through))


@app.command(help=say("help.archive.write"))
def write(data: Data = None, json: Json = False) -> None:
    folder = data_folder(data)
    with open_books(folder) as books, progress_bar() as bar:
        if not wait_until_posted(folder, books):
            complain(say("ledger.lagging"))
        task = bar.add_task(say("archive.writing"), total=None)
        done = archive_entries(books, folder, lambda done, total: bar.update(task, completed=done, total=total))
    manifest = read_manifest(folder / FOLDER)
    if json:
        as_json({"archived": done, "through": manifest.through, "folder": str(folder / FOLDER)})
    else:
        line(say("archive.written", done=done, entries=manifest.entries, folder=folder / FOLDER))


@app.command(help=say("help.archive.check"))
def check(data: Data = None, json: Json = False) -> None:
    folder = data_folder(data)
    with (
        open_books(folder) as books,
        tempfile.TemporaryDirectory(prefix="fenli-") as scratch,
        progress_bar() as bar,
    ):
        task = bar.add_task(say("archive.checking"), total=None)
        found = check_archive(
            books, folder, Path(scratch), lambda done, total: bar.update(task, completed=done, total=total)
        )
    if json:
        as_json({**msgspec.structs.asdict(found), "sound": not found.findings})
    else:
        for one in found.findings:
            line(say("ledger.finding", kind=one.kind, place=one.place, what=one.what, next_step=one.next_step))
        words = "archive.sound" if not found.findings else "archive.findings"
        line(say(words, entries=found.entries, parts=found.parts, count=len(found.findings)))
    if found.findings:
        raise typer.Exit(1)


def _bytes(folder: Path, parts: list[Part]) -> int:
    paths = [folder / FOLDER / part.path for part in parts]
    return sum(path.stat().st_size for path in paths if path.exists())
