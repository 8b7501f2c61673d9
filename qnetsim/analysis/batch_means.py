"""Batch means: the interval of a mean from one long run, and the check that it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qnetsim.analysis.paired import ConfidenceInterval, half_width
from qnetsim.arrays import FloatArray

#: What is summed up over independent parts, by figure: above and below the line. With fibres, a
#: figure is the mean of their ratios.
Parts = Mapping[str, tuple[FloatArray, FloatArray]]
#: Batches of a run, and what is left of them where neighbours are still alike.
MOST_BATCHES = 20
FEWEST_BATCHES = 10
#: Least slots of a batch.
LEAST_SLOTS = 2
#: Quantiles of the standard normal distribution that one, two, … independent values exceed in one
#: of twenty cases at most, each at its share of the 5 % (Bonferroni).
NORMAL_95 = (1.6448536269514722, 1.959963984540054, 2.1280452341849840)


@dataclass(frozen=True)
class BatchCheck:
    """Whether the batches of a run may count as independent.

    Attributes
    ----------
    batches : int
    correlations : mapping from str to float
        Of neighbouring batches, at lag 1 (one minus half of von Neumann's ratio), by figure; 0 for
        one that does not vary.
    limit : float
        What any of them exceeds by chance in one of twenty runs, were the batches independent.
    """

    batches: int
    correlations: Mapping[str, float]
    limit: float

    @property
    def alike(self) -> tuple[str, ...]:
        """Figures whose batches are more alike than chance allows."""
        return tuple(name for name, found in self.correlations.items() if found > self.limit)

    @property
    def passed(self) -> bool:
        """Whether all correlations are those of chance."""
        return not self.alike

    @property
    def correlation(self) -> float:
        """The largest of the correlations."""
        return max(self.correlations.values())


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


def most_batches(slots: int) -> int | None:
    """Most batches that these slots make; None where they are too few for intervals."""
    for batches in (MOST_BATCHES, FEWEST_BATCHES):
        if slots >= LEAST_SLOTS * batches:
            return batches
    return None


def in_pairs(sums: FloatArray) -> FloatArray:
    """Sums over batches of twice the length, as ``batch_starts`` cuts them."""
    return np.add.reduceat(sums, np.arange(0, len(sums), 2), axis=0)


def batch_check(parts: Parts, checked: Sequence[str]) -> BatchCheck:
    """Hold the correlations of these figures' batches against what chance makes of them."""
    off = {name: residuals(*parts[name]) for name in checked}
    found = {name: lag_one(values) for name, values in off.items()}
    vary = sum(bool(values.any()) for values in off.values())
    count = len(next(iter(off.values())))
    spread = float(np.sqrt((count - 2) / (count**2 - 1)))
    return BatchCheck(count, found, NORMAL_95[max(vary, 1) - 1] * spread)


def independent_batches(parts: Parts, checked: Sequence[str]) -> tuple[Parts, BatchCheck]:
    """Batches, or half as many of twice the length where neighbours of 20 are alike.

    Parameters
    ----------
    parts : Parts
        One of each batch.
    checked : sequence of str
        Figures whose batches must not be alike.
    """
    check = batch_check(parts, checked)
    if check.passed or check.batches == FEWEST_BATCHES:
        return parts, check
    longer = {name: (in_pairs(top), in_pairs(base)) for name, (top, base) in parts.items()}
    return longer, batch_check(longer, checked)


def residuals(numerators: FloatArray, denominators: FloatArray) -> FloatArray:
    """How far each part is from the ratio of the sums; their mean is zero.

    Parameters
    ----------
    numerators, denominators : ndarray of float64, shape (parts,) or (parts, fibres)
    """
    top = np.asarray(numerators, dtype=np.float64).reshape(len(numerators), -1)
    base = np.asarray(denominators, dtype=np.float64).reshape(len(denominators), -1)
    means = base.mean(axis=0)
    there = means > 0
    ratios = np.divide(top.mean(axis=0), means, out=np.zeros_like(means), where=there)
    off = np.divide(top - ratios * base, means, out=np.zeros_like(top), where=there)
    found = off.mean(axis=1)
    # what is left of equal parts after rounding would look like a pattern
    scale = float(np.abs(ratios).max(initial=0.0))
    return np.where(np.abs(found) <= 1e-12 * scale, 0.0, found)


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
    return ConfidenceInterval.around(estimate, half_width(residuals(numerators, denominators)))
