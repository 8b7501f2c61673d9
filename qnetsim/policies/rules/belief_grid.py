"""Beliefs on a lattice of the simplex, and interpolation between them (Lovejoy, 1991)."""

from __future__ import annotations

import itertools
import math

import numpy as np

from qnetsim.arrays import FloatArray

#: Most beliefs of a grid; two regimes have 41.
MOST_BELIEFS = 100
MOST_STEPS = 40
#: Beliefs are as near to each other as makes no difference.
ROUNDING = 1e-9


class BeliefGrid:
    """Beliefs whose probabilities are multiples of 1/m.

    Parameters
    ----------
    regimes : int

    Attributes
    ----------
    beliefs : ndarray of float64, shape (beliefs, regimes)
    """

    def __init__(self, regimes: int) -> None:
        self._steps = max(
            m
            for m in range(1, MOST_STEPS + 1)
            if m == 1 or math.comb(m + regimes - 1, regimes - 1) <= MOST_BELIEFS
        )
        corners = itertools.combinations_with_replacement(range(regimes), self._steps)
        counts = [tuple(corner.count(i) for i in range(regimes)) for corner in corners]
        self._place = {count: i for i, count in enumerate(counts)}
        self.beliefs = np.array(counts, dtype=np.float64) / self._steps

    def weights(self, belief: FloatArray) -> FloatArray:
        """Weights of the grid's beliefs that make up another one, shape (beliefs,).

        Linear inside each cell of the Freudenthal triangulation: at most as many weights differ
        from zero as there are regimes.
        """
        tail = np.minimum(np.cumsum(belief[::-1])[::-1], 1.0) * self._steps
        tail[0] = self._steps  # whatever rounding left
        corner = np.floor(tail + ROUNDING)
        rest = np.clip(tail - corner, 0.0, 1.0)
        order = np.argsort(-rest, kind="stable")
        steps = np.append(rest[order], 0.0)
        found = np.zeros(len(self.beliefs))
        left = 1.0 - steps[0]
        for i, weight in enumerate([left, *(steps[:-1] - steps[1:])]):
            if i:
                corner[order[i - 1]] += 1
            if weight > ROUNDING:
                count = -np.diff(np.append(corner, 0.0))
                found[self._place[tuple(int(n) for n in count)]] += weight
        return found
