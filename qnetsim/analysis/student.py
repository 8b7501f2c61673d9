"""Quantiles of Student's t distribution."""

from __future__ import annotations

import math
from functools import lru_cache

#: Steps that halve an interval of floats until no float is left inside.
_HALVINGS = 200
#: Terms of the continued fraction at most, and when it has converged.
_TERMS = 10_000
_PRECISION = 1e-16


@lru_cache(maxsize=64)
def t_quantile(degrees: int, probability: float) -> float:
    """Value that a t variable stays below with a probability above one half.

    Parameters
    ----------
    degrees : int
        Of freedom.
    probability : float
        Above 0.5, below 1.
    """
    # importing scipy for this one number takes longer than a report's tables
    tail = 2 * (1 - probability)
    low, high = 0.0, 1.0
    while _both_tails(high, degrees) > tail:
        low, high = high, 2 * high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if _both_tails(middle, degrees) > tail:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _both_tails(value: float, degrees: int) -> float:
    """Probability that a t variable is farther from zero: an incomplete beta function."""
    x = degrees / (degrees + value * value)
    return _incomplete_beta(degrees / 2, 0.5, x)


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """Regularised incomplete beta function, by its continued fraction (DLMF 8.17.22)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(b, a, 1 - x)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(log_front + a * math.log(x) + b * math.log1p(-x)) / a
    # Lentz's method
    value = c = 1.0
    d = 0.0
    for term in range(_TERMS):
        m = term // 2
        if term == 0:
            numerator = 1.0
        elif term % 2 == 0:
            numerator = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        else:
            numerator = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / (1 + numerator * d)
        c = 1 + numerator / c
        step = c * d
        value *= step
        if term and abs(step - 1) < _PRECISION:
            break
    return front * (value - 1)
