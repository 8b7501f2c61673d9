"""Intervals of quantiles of what is counted in bins, such as waiting times."""

from __future__ import annotations

import numpy as np

from qnetsim.analysis.paired import ConfidenceInterval, half_width
from qnetsim.arrays import FloatArray, IntArray


def quantile_interval(
    edges: FloatArray, counts: IntArray | FloatArray, share: float, estimate: float
) -> ConfidenceInterval:
    """Interval of a quantile, by that of the distribution function (Woodruff 1952).

    The share of values up to each edge is a ratio of sums over independent parts, with a t
    interval of its log odds: near 1, where a few parts hold all long values, an interval of the
    share itself is too narrow towards them. A quantile may be every edge at which that interval
    holds the wanted share.

    Parameters
    ----------
    edges : ndarray of float64, shape (bins,)
        Largest value of each bin, ascending.
    counts : ndarray, shape (parts, bins)
        Of replications, or of batches of a run.
    share : float
        Below 1: the largest value has no interval.
    estimate : float
        What is shown: the first edge up to which this share of all values lies.
    """
    upto = np.cumsum(counts, axis=1, dtype=np.float64)
    totals = upto[:, -1]
    if len(totals) < 2 or not totals.any():
        return ConfidenceInterval.around(estimate, None)
    # only where the share changes from edge to edge; the others repeat the edge before
    bins = np.flatnonzero(np.diff(upto.sum(axis=0), prepend=0.0) > 0)
    reached = upto[:, bins].sum(axis=0) / totals.sum()
    off = (upto[:, bins] - reached * totals[:, None]) / totals.mean()
    halves = np.array([half_width(values) or 0.0 for values in off.T])
    # the last edge has the share 1 and no doubt, so one is always found
    inside = reached < 1
    above = np.log(reached[inside] / (1 - reached[inside])) - np.log(share / (1 - share))
    doubt = halves[inside] / (reached[inside] * (1 - reached[inside]))
    low = edges[bins[np.argmax(np.append(above >= -doubt, True))]]
    high = edges[bins[np.argmax(np.append(above >= doubt, True))]]
    return ConfidenceInterval(estimate, min(float(low), estimate), max(float(high), estimate))
