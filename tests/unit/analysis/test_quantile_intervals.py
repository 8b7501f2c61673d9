"""Intervals of percentiles: by hand, and how often they hold the percentile that is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from qnetsim.analysis.quantile_intervals import quantile_interval
from qnetsim.arrays import FloatArray

EDGES = np.array([0.0, 1.0, 2.0, 3.0])


def test_by_hand() -> None:
    # shares up to 0, 1, 2 s: 0.4, 0.6, 0.7, 0.5; 0.7, 0.8, 0.8, 0.7; 0.9, 0.9, 1.0, 0.8
    counts = np.array([[4, 3, 2, 1], [6, 2, 1, 1], [7, 1, 2, 0], [5, 2, 1, 2]])
    quantile = stats.t.ppf(0.975, 3) / 2
    upto = np.cumsum(counts, axis=1) / 10
    mean = upto.mean(axis=0)[:3]
    half = quantile * upto.std(axis=0, ddof=1)[:3] / (mean * (1 - mean))
    odds = np.log(mean / (1 - mean))
    # the median lies at 0 s; an interval of its share that holds one half begins there too
    assert odds[0] - half[0] < 0 < odds[0]
    assert odds[1] - half[1] > 0
    found = quantile_interval(EDGES, counts, 0.5, 0.0)
    assert (found.low, found.estimate, found.high) == (0.0, 0.0, 1.0)
    wanted = np.log(0.95 / 0.05)
    assert odds[2] + half[2] > wanted
    assert odds[1] + half[1] < wanted
    found = quantile_interval(EDGES, counts, 0.95, 3.0)
    assert (found.low, found.high) == (2.0, 3.0)


def test_parts_that_agree_leave_no_doubt() -> None:
    counts = np.tile([5, 5, 0, 0], (6, 1))
    found = quantile_interval(EDGES, counts, 0.9, 1.0)
    assert (found.low, found.high) == (1.0, 1.0)


def test_there_is_none_of_one_part_or_of_nothing() -> None:
    assert quantile_interval(EDGES, np.ones((1, 4), int), 0.5, 1.0).low is None
    assert quantile_interval(EDGES, np.zeros((5, 4), int), 0.5, 0.0).low is None


def counted(rng: np.random.Generator, parts: int, size: int, edges: FloatArray) -> np.ndarray:
    """Exponential waits in bins; each part has a mean of its own, so that its values are alike."""
    level = rng.gamma(4.0, 0.25, size=parts)
    values = rng.exponential(1.0, size=(parts, size)) * level[:, None]
    places = np.searchsorted(edges, values).clip(max=len(edges) - 1)
    return np.array([np.bincount(row, minlength=len(edges)) for row in places])


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_they_hold_the_percentile_as_often_as_they_say(share: float) -> None:
    rng = np.random.default_rng(7)
    edges = np.append(0.0, np.linspace(0.05, 20, 400))
    # the edge of the bin that the percentile lies in
    values = rng.exponential(1.0, 10**6) * rng.gamma(4.0, 0.25, 10**6)
    known = edges[np.searchsorted(edges, np.quantile(values, share))]
    held = []
    for _ in range(300):
        counts = counted(rng, 20, 200, edges)
        upto = np.cumsum(counts.sum(axis=0))
        estimate = float(edges[np.searchsorted(upto, share * upto[-1])])
        found = quantile_interval(edges, counts, share, estimate)
        assert found.low is not None
        assert found.high is not None
        held.append(found.low <= known <= found.high)
    assert 0.90 <= np.mean(held) <= 0.99
