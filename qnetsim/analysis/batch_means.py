"""Batch means: the interval of a mean from one long run, and the check that it rests on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qnetsim.analysis.paired import ConfidenceInterval, half_width
from qnetsim.arrays import FloatArray

#: Batches of a run, and what is left of them where neighbours are still alike.
MOST_BATCHES = 20
FEWEST_BATCHES = 10
#: Least slots of a batch.
LEAST_SLOTS = 2
#: One-sided 5 % quantile of the standard normal distribution.
NORMAL_95 = 1.6448536269514722


@dataclass(frozen=True)
class BatchCheck:
    """Whether the batches of a run may count as independent.

    Attributes
    ----------
    batches : int
    correlation : float
        Of neighbouring batch means of the cost, at lag 1 (one minus half of von Neumann's ratio).
    limit : float
        What it exceeds by chance in one of twenty runs, were the batches independent.
    """

    batches: int
    correlation: float
    limit: float

    @property
    def passed(self) -> bool:
        """Whether the correlation is one of chance."""
        return self.correlation <= self.limit


def lag_one(means: FloatArray) -> float:
    """Correlation of neighbours, by von Neumann's ratio: zero in the mean where there is none.

    The ends of the series are weighed so that their part does not bias it.
    """
    centred = means - means.mean()
    total = float((centred**2).sum())
    if total <= 1e-24 * float((means**2).sum()):
        return 0.0
    products = float((centred[1:] * centred[:-1]).sum())
    ends = float(centred[0] ** 2 + centred[-1] ** 2) / 2
    return (products + ends) / total


def batch_starts(slots: int, batches: int) -> list[int]:
    """First slot of each batch; their lengths differ by one slot at most."""
    return [slots * number // batches for number in range(batches)]


def batch_check(means: FloatArray) -> BatchCheck:
    """Hold the correlation of batch means against what chance makes of it."""
    count = len(means)
    spread = float(np.sqrt((count - 2) / (count**2 - 1)))
    return BatchCheck(count, lag_one(means), NORMAL_95 * spread)


def checked_batches(cost: FloatArray) -> BatchCheck | None:
    """How many batches a run is cut into: 20, or 10 where neighbours of 20 are alike.

    Parameters
    ----------
    cost : ndarray of float64, shape (slots,)
        Of the slots that count.

    Returns
    -------
    BatchCheck or None
        None where there are too few slots.
    """
    found = None
    for batches in (MOST_BATCHES, FEWEST_BATCHES):
        if len(cost) < LEAST_SLOTS * batches:
            continue
        starts = batch_starts(len(cost), batches)
        lengths = np.diff([*starts, len(cost)])
        found = batch_check(np.add.reduceat(cost, starts) / lengths)
        if found.passed:
            break
    return found


def ratio_interval(
    numerators: FloatArray, denominators: FloatArray, estimate: float
) -> ConfidenceInterval:
    """Interval of a ratio of sums over independent parts: replications, or batches of a run.

    Parameters
    ----------
    numerators, denominators : ndarray of float64, shape (parts,) or (parts, fibres)
        With fibres, the estimate is the mean of their ratios.
    estimate : float
        What is shown: the ratio of the sums.
    """
    top = np.asarray(numerators, dtype=np.float64).reshape(len(numerators), -1)
    base = np.asarray(denominators, dtype=np.float64).reshape(len(denominators), -1)
    means = base.mean(axis=0)
    there = means > 0
    ratios = np.divide(top.mean(axis=0), means, out=np.zeros_like(means), where=there)
    off = np.divide(top - ratios * base, means, out=np.zeros_like(top), where=there)
    return ConfidenceInterval.around(estimate, half_width(off.mean(axis=1)))
