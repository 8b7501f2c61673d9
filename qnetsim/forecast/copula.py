"""Levels under a Gaussian copula, given the normal number that all requests have in common.

With ``Z_r = √c·Z + √(1 − c)·E_r`` the levels ``F_r^{-1}(Φ(Z_r))`` are independent once Z is known,
so expectations are integrals over one variable.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import FloatArray, frozen
from qnetsim.forecast.levels import LevelDistribution

#: The common normal number is integrated up to here; beyond lies 1e-15 of it.
FURTHEST = 8.0
#: Most distance of two points, and the same over the width in which a level's probability given
#: the common number goes from 0 to 1: the error is about 1e-12.
SPACING = 0.1
RELATIVE_SPACING = 0.8


class Quadrature(NamedTuple):
    """Points and weights that stand for a standard normal number; shape (points,) each."""

    points: FloatArray
    weights: FloatArray


@lru_cache(maxsize=8)
def normal_quadrature(correlation: float) -> Quadrature:
    """Trapezoidal rule, which converges faster than any power for smooth integrands.

    Parameters
    ----------
    correlation : float
        c, less than 1.
    """
    width = np.sqrt((1.0 - correlation) / max(correlation, 1e-6))
    spacing = min(SPACING, RELATIVE_SPACING * float(width))
    points = np.linspace(-FURTHEST, FURTHEST, int(2 * FURTHEST / spacing) + 2)
    weights = np.exp(-0.5 * points**2)
    return Quadrature(frozen(points, np.float64), frozen(weights / weights.sum(), np.float64))


def levels_given(
    distribution: LevelDistribution, correlation: float, common: FloatArray
) -> FloatArray:
    """Probability of each level at each value of the common number, shape (points, levels)."""
    from scipy.special import ndtr, ndtri

    bounds = ndtri(np.array([float(bound) for bound in distribution.cumulative]))
    apart = (bounds - np.sqrt(correlation) * common[:, None]) / np.sqrt(1.0 - correlation)
    below = ndtr(apart)
    return np.asarray(np.diff(below, axis=1, prepend=0.0))
