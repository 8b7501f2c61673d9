"""Intervals of means and of ratios of means, against the textbook's formulas."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from qnetsim.analysis.paired import CONFIDENCE, ConfidenceInterval, half_width, paired_ratio


@pytest.mark.parametrize("count", [2, 3, 10, 40])
def test_half_width_is_that_of_the_t_interval(count: int) -> None:
    values = np.random.default_rng(count).normal(5.0, 3.0, count)
    low, high = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert CONFIDENCE == 0.95
    half = half_width(values)
    assert half == pytest.approx((high - low) / 2, rel=1e-9)
    found = ConfidenceInterval.around(float(values.mean()), half)
    assert found == ConfidenceInterval.of_mean(values)
    assert (found.low, found.high) == pytest.approx((low, high))


def test_half_width_of_two_values_by_hand() -> None:
    """For one degree of freedom the quantile is tan(0.475·π); the deviation is 2/√2."""
    expected = np.tan(0.475 * np.pi) * (2 / np.sqrt(2)) / np.sqrt(2)
    assert half_width(np.array([1.0, 3.0])) == pytest.approx(expected)


@pytest.mark.parametrize("values", [[], [4.0]])
def test_too_few_values_have_no_interval(values: list[float]) -> None:
    assert half_width(np.array(values)) is None
    assert ConfidenceInterval.around(4.0, None) == ConfidenceInterval(4.0, None, None)


def test_equal_values_have_an_interval_of_width_zero() -> None:
    assert half_width(np.array([2.0, 2.0, 2.0])) == 0.0
    assert ConfidenceInterval.around(2.0, 0.0) == ConfidenceInterval(2.0, 2.0, 2.0)


def test_ratio_is_that_of_the_means_with_its_linearised_interval() -> None:
    rng = np.random.default_rng(8)
    base = rng.uniform(2.0, 9.0, 12)
    values = 0.7 * base + rng.normal(0.0, 0.4, 12)
    found = paired_ratio(values, base)
    ratio, low, high = found.estimate, found.low, found.high
    assert ratio == pytest.approx(values.sum() / base.sum())
    residuals = values - ratio * base
    half = stats.t.ppf(0.975, 11) * stats.sem(residuals) / base.mean()
    assert (low, high) == pytest.approx((ratio - half, ratio + half))
    # replication by replication: in another order the residuals are wider
    other = paired_ratio(values[::-1].copy(), base)
    assert other.estimate == pytest.approx(ratio)
    assert other.high - other.low > 1.5 * (high - low)


def test_ratio_of_one_replication_has_no_interval() -> None:
    found = paired_ratio(np.array([3.0]), np.array([2.0]))
    assert found == ConfidenceInterval(1.5, None, None)


def test_ratio_to_a_base_of_mean_zero_is_unknown() -> None:
    assert paired_ratio(np.array([3.0, 4.0]), np.zeros(2)) is None
    assert paired_ratio(np.array([3.0, 4.0]), np.array([-1.0, 1.0])) is None
    assert paired_ratio(np.zeros(2), np.array([0.1, 0.2])).estimate == 0.0
