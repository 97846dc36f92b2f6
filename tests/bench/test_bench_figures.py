import pytest
from bench.figures import median, median_known, paired_ratio, percentile, ratio, slope


def test_a_percentile_is_a_value_that_was_measured():
    latencies = [float(value) for value in range(1, 101)]
    assert percentile(latencies, 50) == 50
    assert percentile(latencies, 99) == 99
    assert percentile(latencies, 100) == 100


def test_the_order_of_the_values_does_not_matter():
    assert percentile([9, 1, 5], 50) == 5


def test_of_few_values_the_highest_percentile_is_the_largest():
    assert percentile([1, 2, 30], 99) == 30


def test_a_tenth_of_a_percent_does_not_slip_by_one_rank():
    assert percentile(range(1, 1001), 99.9) == 999


@pytest.mark.parametrize("percent", [0, -1, 100.1])
def test_a_percentile_outside_its_range_is_refused(percent):
    with pytest.raises(ValueError, match="percentile"):
        percentile([1], percent)


def test_nothing_measured_has_no_percentile_and_no_median():
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)
    with pytest.raises(ValueError, match="no values"):
        median([])


def test_the_median_of_an_even_number_lies_between_the_two_in_the_middle():
    assert median([4, 1, 3, 2]) == 2.5
    assert median([3, 1, 2]) == 2


def test_a_missing_figure_is_not_a_zero():
    assert median_known([None, 4, None, 6]) == 5
    assert median_known([None]) is None
    assert ratio(None, 2) is None
    assert ratio(2, None) is None


def test_noise_below_zero_has_no_ratio():
    assert ratio(5, 0) is None
    assert ratio(5, -1) is None
    assert ratio(-5, 1) is None


def test_ratios_are_taken_within_a_round():
    # The second round ran on a machine half as fast: the ratio of the medians would be off, the paired one is not.
    assert paired_ratio([30, 60, 33], [20, 40, 22]) == 1.5


def test_a_round_without_a_yardstick_does_not_count():
    assert paired_ratio([30, 60], [20, None]) == 1.5


def test_a_flat_line_has_no_slope():
    assert slope([0, 100, 200], [80, 80, 80]) == 0
    assert slope([0, 1, 2], [1, 3, 5]) == 2
    with pytest.raises(ValueError, match="two different"):
        slope([1, 1], [1, 2])
