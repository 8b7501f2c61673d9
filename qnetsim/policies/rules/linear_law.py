"""Vector autoregression: a linear forecast of each level from the past of its pair and nodes."""

from __future__ import annotations

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.forecast import Forecast
from qnetsim.policies.rules.score_counts import ScoreCounts

#: Ridge on the coefficients, in observations.
RIDGE = 10.0


class PairPast:
    """The last levels of every group, and their sums over the requests at both ends.

    Parameters
    ----------
    forecast : Forecast
    lags : int
    """

    def __init__(self, forecast: Forecast, lags: int) -> None:
        ends = np.array(forecast.pairs)[forecast.first_of_group]
        nodes = int(np.array(forecast.pairs).max()) + 1
        groups = np.arange(len(ends))
        self._at = np.zeros((nodes, len(ends)))
        self._at[ends[:, 0], groups] = self._at[ends[:, 1], groups] = 1.0
        self._ends = ends
        self.levels = np.zeros((lags, len(ends)))
        self.sums = np.zeros((lags, len(ends)))
        self.slots = 0

    def see(self, levels: IntArray) -> None:
        """Take in the levels of the slot that is over."""
        at_nodes = self._at @ levels
        self.levels = np.roll(self.levels, 1, axis=0)
        self.sums = np.roll(self.sums, 1, axis=0)
        self.levels[0] = levels
        # without the pair itself, which both ends have
        self.sums[0] = at_nodes[self._ends].sum(axis=1) - 2 * levels
        self.slots += 1

    @property
    def features(self) -> FloatArray:
        """Constant, levels and sums of all lags; shape (groups, 1 + 2·lags)."""
        ones = np.ones((1, self.levels.shape[1]))
        return np.concatenate([ones, self.levels, self.sums]).T


class LinearLaw:
    """Least squares over all pairs and slots so far; then what followed forecasts like this one.

    Parameters
    ----------
    forecast : Forecast
    lags : int
    """

    def __init__(self, forecast: Forecast, lags: int) -> None:
        self._past = PairPast(forecast, lags)
        self._kinds = forecast.group_kind
        self._followed = ScoreCounts(len(forecast.distributions), forecast.level_count)
        size = 1 + 2 * lags
        self._products = RIDGE * np.eye(size)
        self._products[0, 0] = 1e-3
        self._right = np.zeros(size)
        self._scores = np.zeros(forecast.groups)

    def laws(self) -> FloatArray:
        """Distribution of each group's level, shape (groups, levels); none ahead of any level."""
        if not self._past.slots:
            return np.zeros((len(self._kinds), 1))
        self._scores = self._past.features @ np.linalg.solve(self._products, self._right)
        return self._followed.laws(self._kinds, self._scores)

    def see(self, levels: IntArray) -> None:
        """Take in the levels of the slot that is over."""
        if self._past.slots:
            features = self._past.features
            self._products += features.T @ features
            self._right += features.T @ levels
            self._followed.add(self._kinds, self._scores, levels)
        else:
            self._followed.see(self._kinds, levels)
        self._past.see(levels)
