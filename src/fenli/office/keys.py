"""Keys that callers present: made, listed, revoked. A secret is shown once and stored as its sha256 only."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import insert, or_, select, update

from fenli.errors import KeyRefused
from fenli.office.customers import find_project
from fenli.office.tables import keys, projects
from fenli.routing.snapshot import Key
from fenli.store import Database

NAME_MAX: Final = 100
_decode_models = msgspec.json.Decoder(tuple[str, ...]).decode


class NewKey(msgspec.Struct, frozen=True):
    """``secret`` is what the caller presents. Nobody can show it again."""

    id: str
    name: str
    secret: str


class KeyInfo(msgspec.Struct, frozen=True):
    """What may be shown of a key. Instants in ns; ``revoked_at`` None while it works, ``project`` for our own use."""

    id: str
    name: str
    models: tuple[str, ...] | None
    show_cost: bool
    created_at: int
    revoked_at: int | None
    project: str | None = None


def create_key(
    database: Database,
    name: str,
    *,
    models: Sequence[str] | None = None,
    show_cost: bool = False,
    project: str | None = None,
    now: int,
) -> NewKey:
    """``models``: the public names it may ask for; None allows every one. It belongs to ``project`` for good.

    Raises KeyRefused for a name in use, AccountRefused for an unknown project.
    """
    if not name.strip() or len(name) > NAME_MAX or not name.isprintable():
        raise KeyRefused(f"{name!r} is no name for a key: write 1 to {NAME_MAX} printable characters")
    if models is not None and not models:
        raise KeyRefused(f"key {name!r} could ask for no model at all: name one, or leave the list out to allow all")
    secret = "fl-" + secrets.token_urlsafe(32)
    row = {
        "id": "key_" + secrets.token_hex(8),
        "name": name,
        "digest": hashlib.sha256(secret.encode()).digest(),
        "models": None if models is None else msgspec.json.encode(list(models)).decode(),
        "show_cost": int(show_cost),
        "created_at": now,
        "project": project,
    }
    with database.write() as connection:
        if project is not None:
            find_project(connection, project)
        used = connection.execute(select(keys.c.id).where(keys.c.name == name, keys.c.revoked_at.is_(None))).first()
        if used is not None:
            raise KeyRefused(f"there is a key named {name!r} already ({used.id}): choose another name, or revoke it")
        connection.execute(insert(keys), row)
    return NewKey(str(row["id"]), name, secret)


def list_keys(database: Database) -> list[KeyInfo]:
    """Every key there ever was, oldest first."""
    with database.read() as connection:
        return [_info(row) for row in connection.execute(select(keys).order_by(keys.c.created_at, keys.c.id))]


def revoke_key(database: Database, id_or_name: str, *, now: int) -> KeyInfo:
    """The key stops working within a second. Raises KeyRefused when no working key has that id or name."""
    with database.write() as connection:
        working = select(keys).where(or_(keys.c.id == id_or_name, keys.c.name == id_or_name))
        rows = connection.execute(working).all()
        open_rows = [row for row in rows if row.revoked_at is None]
        if not open_rows:
            state = "is revoked already" if rows else "does not exist"
            raise KeyRefused(f"a key {id_or_name!r} {state}: `fenli key list` shows those that work")
        if len(open_rows) > 1:
            ids = ", ".join(row.id for row in open_rows)
            raise KeyRefused(f"{id_or_name!r} is the id of one key and the name of another ({ids}): revoke by id")
        connection.execute(update(keys).where(keys.c.id == open_rows[0].id).values(revoked_at=now))
    return msgspec.structs.replace(_info(open_rows[0]), revoked_at=now)


def working_keys(database: Database) -> tuple[Key, ...]:
    """The keys that the workers let in."""
    with database.read() as connection:
        query = select(keys, projects.c.customer).join(projects, projects.c.id == keys.c.project, isouter=True)
        rows = connection.execute(query.where(keys.c.revoked_at.is_(None)).order_by(keys.c.id)).all()
    return tuple(
        Key(row.id, row.name, row.digest, _models(row.models), bool(row.show_cost), row.project, row.customer)
        for row in rows
    )


def _info(row: Any) -> KeyInfo:
    models, shows = _models(row.models), bool(row.show_cost)
    return KeyInfo(row.id, row.name, models, shows, row.created_at, row.revoked_at, row.project)


def _models(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else _decode_models(text)
