"""Paired statistics over replications in common worlds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qnetsim.arrays import FloatArray

CONFIDENCE = 0.95
#: Quantiles of the t distribution at 97.5 % for the 10 or 20 batches of a single run, by degrees of
#: freedom: a short run does without SciPy, whose import takes as long as the run.
OF_BATCHES = {9: 2.262157162798205, 19: 2.0930240544083087}


@dataclass(frozen=True)
class ConfidenceInterval:
    """An estimate and its t interval over replications, of 95 % unless it says otherwise.

    Attributes
    ----------
    estimate : float
        A mean, or a ratio of means.
    low, high : float or None
        Ends of the interval; None for a single replication.
    """

    estimate: float
    low: float | None
    high: float | None

    @classmethod
    def around(cls, estimate: float, half: float | None) -> ConfidenceInterval:
        """Interval with its centre and half its width; None for no interval."""
        if half is None:
            return cls(estimate, None, None)
        return cls(estimate, estimate - half, estimate + half)

    @classmethod
    def of_mean(cls, values: FloatArray, confidence: float = CONFIDENCE) -> ConfidenceInterval:
        """Interval of the mean of these values, one for each replication."""
        return cls.around(float(values.mean()), half_width(values, confidence))


def half_width(values: FloatArray, confidence: float = CONFIDENCE) -> float | None:
    """Half the t interval of a mean; None for a single value."""
    if values.size < 2:
        return None
    return (
        t_quantile(values.size - 1, confidence)
        * float(values.std(ddof=1))
        / float(np.sqrt(values.size))
    )


def t_quantile(degrees: int, confidence: float) -> float:
    """Quantile of the t distribution that bounds a two-sided interval."""
    if confidence == CONFIDENCE and degrees in OF_BATCHES:
        return OF_BATCHES[degrees]
    # the quantile alone; scipy.stats would cost a second to import
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.5 + confidence / 2))


def paired_ratio(values: FloatArray, base: FloatArray) -> ConfidenceInterval | None:
    """Ratio of two means with its interval; None where the mean of the base is zero.

    The interval is that of the residuals of the linearised ratio, paired by replication.

    Parameters
    ----------
    values, base : ndarray of float64, shape (replications,)
    """
    base_mean = float(base.mean())
    if not base_mean:
        return None
    ratio = float(values.mean()) / base_mean
    half = half_width(values - ratio * base)
    return ConfidenceInterval.around(ratio, None if half is None else half / base_mean)
