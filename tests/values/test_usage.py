from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.errors import UsageError
from fenli.values import METERS, Usage
from fenli.values.usage import COUNTS, READ, WRITTEN

units = st.dictionaries(st.sampled_from(METERS), st.integers(0, 10**12))


@given(units)
def test_meters_add_up(given_units):
    usage = Usage(given_units)

    tokens = [count for meter, count in given_units.items() if COUNTS[meter] == "token"]
    assert usage.total == usage.prompt + usage.completion == sum(tokens)
    assert dict(usage) == dict(usage.items()) == given_units
    assert len(usage) == len(given_units)


def test_prompt_and_completion():
    usage = Usage({"input": 1, "cached_input": 20, "cache_write": 300, "output": 4_000, "reasoning": 50_000})

    assert (usage.prompt, usage.completion) == (321, 54_000)
    assert Usage({"audio_input": 1, "cache_write_1h": 20, "image_output": 300, "searches": 4_000}).total == 321


def test_a_token_is_read_or_written():
    assert not set(READ) & set(WRITTEN)
    assert {*READ, *WRITTEN} == {meter for meter in METERS if COUNTS[meter] == "token"}
    assert METERS[:5] == ("input", "cached_input", "cache_write", "output", "reasoning")


def test_absent_is_not_zero():
    assert Usage({"output": 0}) != Usage({})
    assert Usage({}).get("input") is None
    with pytest.raises(KeyError):
        Usage({})["input"]


@pytest.mark.parametrize(
    "bad", [{"words": 1}, {"input": -1}, {"input": 1.0}, {"input": True}, {"input": "1"}, {"input": None}]
)
def test_what_is_not_usage(bad):
    with pytest.raises(UsageError):
        Usage(bad)


def test_usage_does_not_follow_the_dict_it_was_made_from():
    source = {"input": 1}
    usage = Usage(source)
    source["input"] = 2

    assert usage == Usage({"input": 1})
    assert hash(usage) == hash(Usage({"input": 1}))
    assert repr(usage) == "Usage({'input': 1})"
