from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fenli.clock import MILLISECOND, SECOND
from fenli.config.spans import LONGEST, UNITS, Span


@pytest.mark.parametrize(
    ("text", "span"),
    [("250ms", 250 * MILLISECOND), ("5s", 5 * SECOND), ("2m", 120 * SECOND), ("1.5s", 1500 * MILLISECOND)],
)
def test_a_span_is_nanoseconds(text: str, span: int) -> None:
    assert Span.parse(text) == span


@pytest.mark.parametrize(
    "wrong", ["5", "5 s", "s", "-1s", "0s", "25h", "1d", "١s", 5, 5.0, True, None, "", "0.0000000001ms"]
)
def test_anything_else_is_refused_with_an_example(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"write one such as|out of range"):
        Span.parse(wrong)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 24), st.sampled_from(sorted(UNITS)))
def test_a_span_reads_back_as_it_is_shown(count: int, unit: str) -> None:
    span = Span.parse(f"{count}{unit}")
    assert Span.parse(str(span)) == span <= LONGEST
