from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.values.toml_text import toml_of

ZONES = st.sampled_from((UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-3, minutes=-30))))
LEAVES = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(exclude_categories=("Cs",)))
    | st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2100, 1, 1), timezones=ZONES)
)
NAMES = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3))


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_what_is_written_is_what_is_read(data: dict[str, object]) -> None:
    assert tomllib.loads(toml_of(data)) == data


def test_it_reads_as_people_write_it() -> None:
    table = {
        "title": 'A "war"',
        "gateway": {"port": 0, "tls": {"cert": "/a"}},
        "routes": [{"name": "chat", "targets": ["a/b", "c/d"]}, {"name": "分"}],
    }
    assert toml_of(table) == (
        'title = "A \\"war\\""\n\n[gateway]\nport = 0\n\n[gateway.tls]\ncert = "/a"\n\n'
        '[[routes]]\nname = "chat"\ntargets = ["a/b", "c/d"]\n\n[[routes]]\nname = "分"\n'
    )


def test_what_toml_cannot_say_is_a_mistake() -> None:
    for value in (None, 1.5, datetime(2026, 1, 1)):
        with pytest.raises(TypeError, match="no place"):
            toml_of({"x": value})
