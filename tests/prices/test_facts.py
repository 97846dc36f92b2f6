from fenli.prices import Facts
from fenli.prices.facts import DEFAULTS, FIXED_AXES, OPEN_AXES
from fenli.prices.offers import Conditions


def test_a_default_request_has_nothing_to_say():
    assert str(Facts()) == ""
    assert str(Facts(5, 0, True, service_tier="flex")) == "prompt=5, thinking=true, service_tier=flex"


def test_every_condition_of_a_row_is_a_fact_of_a_request():
    ranges = {"prompt_tokens", "completion_tokens", "window"}

    assert set(Conditions.__struct_fields__) - ranges == {*OPEN_AXES, *FIXED_AXES}
    assert Facts._fields == ("prompt", "completion", *OPEN_AXES, *FIXED_AXES)
    assert all(DEFAULTS[axis] == values[0] for axis, values in OPEN_AXES.items())
