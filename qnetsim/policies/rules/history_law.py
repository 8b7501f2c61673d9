"""What followed levels like the last ones: weighted means of the past, for several memories."""

from __future__ import annotations

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.forecast import Forecast
from qnetsim.policies.rules.score_counts import ScoreCounts

#: Weight of a level in the mean over that of the next one: the last level alone, and its past.
MEMORIES = (0.0, 0.5, 0.75, 0.875, 0.9375)
#: No law is sure that a level will not come.
LEAST = 1e-6


class HistoryLaw:
    """Mixture over memories, each weighed by how well it has told the levels so far.

    Parameters
    ----------
    forecast : Forecast
        Says which groups there are, and which have a distribution in common.
    """

    def __init__(self, forecast: Forecast) -> None:
        self._kinds = forecast.group_kind
        count = len(forecast.distributions)
        self._followed = [ScoreCounts(count, forecast.level_count) for _ in MEMORIES]
        self._memories = np.array(MEMORIES)[:, None]
        self._sums = np.zeros((len(MEMORIES), forecast.groups))
        self._weights = np.zeros((len(MEMORIES), 1))
        self._trust = np.zeros(len(MEMORIES))
        self._told: FloatArray | None = None

    @property
    def _scores(self) -> FloatArray:
        return self._sums / self._weights

    def laws(self) -> FloatArray:
        """Distribution of each group's level, shape (groups, levels); none ahead of any level."""
        if not self._weights.any():
            return np.zeros((len(self._kinds), 1))
        each = [
            counts.laws(self._kinds, scores)
            for counts, scores in zip(self._followed, self._scores, strict=True)
        ]
        self._told = np.array(each)
        trust = np.exp(self._trust - self._trust.max())
        return np.asarray(np.tensordot(trust / trust.sum(), self._told, axes=1))

    def see(self, levels: IntArray) -> None:
        """Take in the levels of the slot that is over."""
        if self._told is not None:
            chance = self._told[:, np.arange(levels.size), levels]
            self._trust += np.log(np.maximum(chance, LEAST)).sum(axis=1)
            self._told = None
        for i, counts in enumerate(self._followed):
            if self._weights.any():
                counts.add(self._kinds, self._scores[i], levels)
            else:
                counts.see(self._kinds, levels)
        self._sums = self._memories * self._sums + levels
        self._weights = self._memories * self._weights + 1.0
