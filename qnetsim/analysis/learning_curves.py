"""Statistics of learning curves."""

from __future__ import annotations

import numpy as np

from qnetsim import seeds
from qnetsim.arrays import FloatArray

#: Resamples of a bootstrap interval.
RESAMPLES = 2000


def converged(stochastic: FloatArray, bound: float = 1.05) -> FloatArray:
    """First epoch from which each seed's curve stays within a bound; infinite where none does.

    Parameters
    ----------
    stochastic : ndarray, shape (epochs + 1, seeds)
        Cost over C*.
    bound : float

    Returns
    -------
    ndarray of float64, shape (seeds,)
    """
    outside = np.asarray(stochastic) > bound
    last_outside = len(outside) - 1 - np.argmax(outside[::-1], axis=0)
    first = np.where(outside.any(axis=0), last_outside + 1.0, 0.0)
    return np.where(first >= len(outside), np.inf, first)


def interquartile_mean(values: FloatArray) -> FloatArray:
    """Mean of the middle half over the last axis."""
    ordered = np.sort(values, axis=-1)
    cut = ordered.shape[-1] // 4
    return np.asarray(ordered[..., cut : ordered.shape[-1] - cut].mean(axis=-1))


def bootstrap(values: FloatArray, seed: int = 1) -> tuple[FloatArray, FloatArray]:
    """95 % percentile interval of the interquartile mean over seeds, for every epoch.

    Parameters
    ----------
    values : ndarray, shape (epochs, seeds)
    seed : int
        Of the resamples.

    Returns
    -------
    low, high : ndarray of float64, shape (epochs,)
    """
    count = values.shape[1]
    drawn = seeds.integers(seeds.stream(seed, "bootstrap"), count, RESAMPLES * count)
    means = interquartile_mean(values[:, drawn.reshape(RESAMPLES, count)])
    low, high = np.quantile(means, (0.025, 0.975), axis=1)
    return low, high
