"""Paired statistics over replications in common worlds."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit

from qnetsim.arrays import FloatArray

CONFIDENCE = 0.95


def half_width(values: FloatArray) -> float | None:
    """Half the t interval of a mean; None for a single value."""
    if values.size < 2:
        return None
    # the quantile alone; scipy.stats would cost a second to import
    quantile = float(stdtrit(values.size - 1, 0.5 + CONFIDENCE / 2))
    return quantile * float(values.std(ddof=1)) / float(np.sqrt(values.size))


def around(centre: float, half: float | None) -> tuple[float | None, float | None]:
    """Ends of an interval."""
    return (None, None) if half is None else (centre - half, centre + half)


def paired_ratio(
    values: FloatArray, base: FloatArray
) -> tuple[float | None, float | None, float | None]:
    """Ratio of two means with its interval; None where the base is zero.

    The residuals of a ratio of means, by linearisation: paired, replication by replication.
    """
    base_mean = float(base.mean())
    if not base_mean:
        return None, None, None
    ratio = float(values.mean()) / base_mean
    half = half_width(values - ratio * base)
    return ratio, *around(ratio, None if half is None else half / base_mean)
