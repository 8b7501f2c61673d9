"""Statistics of learning curves over seeds."""

from __future__ import annotations

import numpy as np

from qnetsim import seeds
from qnetsim.analysis.learning_curves import bootstrap, converged, interquartile_mean


def test_statistics_of_curves() -> None:
    curve = np.array([[1.5, 1.5, 1.5], [1.04, 1.2, 1.0], [1.06, 1.01, 1.0], [1.0, 1.0, 1.2]])
    np.testing.assert_array_equal(converged(curve), [3, 2, np.inf])
    np.testing.assert_array_equal(converged(np.ones((3, 2))), [0, 0])
    assert interquartile_mean(np.array([0.0, 1, 2, 100])) == 1.5
    values = np.random.default_rng(3).normal(size=(1, 40))
    low, high = bootstrap(values)
    assert low[0] < interquartile_mean(values)[0] < high[0]
    assert seeds.integers(seeds.stream(1, "x"), 5, 3).max() < 5
