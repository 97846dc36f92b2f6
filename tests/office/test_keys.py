from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from fenli.errors import KeyRefused
from fenli.office.keys import create_key, list_keys, revoke_key, working_keys
from fenli.store import Database


def test_a_secret_is_shown_once_and_kept_as_its_digest(database: Database, data: Path) -> None:
    made = create_key(database, "app", models=["smart", "deepseek/deepseek-chat"], show_cost=True, now=5)
    (key,) = working_keys(database)
    assert key.digest == hashlib.sha256(made.secret.encode()).digest()
    assert (key.id, key.name, key.models, key.show_cost) == (made.id, "app", ("smart", "deepseek/deepseek-chat"), True)
    assert made.secret.startswith("fl-")
    assert len(made.secret) == 46
    stored = b"".join(path.read_bytes() for path in data.iterdir() if path.is_file())
    assert made.secret.encode() not in stored


def test_a_revoked_key_stays_in_the_list_and_gives_its_name_back(database: Database) -> None:
    first = create_key(database, "app", now=1)
    assert revoke_key(database, "app", now=2).revoked_at == 2
    second = create_key(database, "app", now=3)
    assert [(key.id, key.revoked_at) for key in list_keys(database)] == [(first.id, 2), (second.id, None)]
    assert [key.id for key in working_keys(database)] == [second.id]
    revoke_key(database, second.id, now=4)
    assert working_keys(database) == ()


@pytest.mark.parametrize(("name", "models"), [("", None), ("a\nb", None), ("x" * 101, None), ("app", [])])
def test_keys_that_cannot_be(database: Database, name: str, models: list[str] | None) -> None:
    with pytest.raises(KeyRefused):
        create_key(database, name, models=models, now=1)


def test_what_is_said_of_names_in_use_and_keys_that_are_not_there(database: Database) -> None:
    create_key(database, "app", now=1)
    with pytest.raises(KeyRefused, match="choose another name"):
        create_key(database, "app", now=1)
    with pytest.raises(KeyRefused, match="does not exist: `fenli key list` shows"):
        revoke_key(database, "ap", now=1)
    revoke_key(database, "app", now=2)
    with pytest.raises(KeyRefused, match="revoked already"):
        revoke_key(database, "app", now=3)
