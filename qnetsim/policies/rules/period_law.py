"""Period detection: what followed where a pair has asked for much at even distances."""

from __future__ import annotations

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.forecast import Forecast

#: Times that a period is followed back.
DEPTH = 4
#: Weight of what is known of a pattern with the same depth, in observations.
PRIOR = 2.0


class PeriodLaw:
    """Counts of the levels that followed each pattern.

    A pattern is how often in a row a pair has asked for much at multiples of a period up to the
    slot to come, for the period for which that is most often, and the level one period ago.

    Parameters
    ----------
    forecast : Forecast
    longest : int
        Longest period that is looked for.
    much : int
        Least level that counts as much.
    """

    def __init__(self, forecast: Forecast, longest: int, much: int) -> None:
        self._much = much
        self._kinds = forecast.group_kind
        self._past = np.zeros((DEPTH * longest, forecast.groups), dtype=np.int64)
        self._periods = np.arange(2, longest + 1)
        kinds, levels = len(forecast.distributions), forecast.level_count
        self._counts = np.zeros((kinds, DEPTH + 1, levels, levels))
        self._slots = 0

    def _pattern(self) -> tuple[IntArray, IntArray]:
        """How often in a row, and the level one period ago; shape (groups,) each."""
        lags = self._periods[None, :] * np.arange(1, DEPTH + 1)[:, None] - 1
        high = self._past[lags] >= self._much  # (depth, periods, groups)
        depth = np.cumprod(high, axis=0).sum(axis=0)
        best = np.argmax(depth, axis=0)
        groups = np.arange(depth.shape[1])
        level = self._past[self._periods[best] - 1, groups]
        found = depth[best, groups]
        return found, np.where(found > 0, level, 0)

    def laws(self) -> FloatArray:
        """Distribution of each group's level, shape (groups, levels); none ahead of any level."""
        if not self._slots:
            return np.zeros((len(self._kinds), 1))
        depth, level = self._pattern()
        alike = self._counts.sum(axis=2)  # of one depth
        seen = alike.sum(axis=1, keepdims=True)
        alike = alike + PRIOR * seen / np.maximum(seen.sum(axis=2, keepdims=True), 1.0)
        alike /= np.maximum(alike.sum(axis=2, keepdims=True), 1e-300)
        found = self._counts[self._kinds, depth, level] + PRIOR * alike[self._kinds, depth]
        return np.asarray(found / np.maximum(found.sum(axis=1, keepdims=True), 1e-300))

    def see(self, levels: IntArray) -> None:
        """Take in the levels of the slot that is over."""
        depth, level = self._pattern()
        np.add.at(self._counts, (self._kinds, depth, level, levels), 1.0)
        self._past = np.roll(self._past, 1, axis=0)
        self._past[0] = levels
        self._slots += 1
