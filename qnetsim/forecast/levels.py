"""Distributions of a request's level k, exact in fractions.

Weights are rational numbers (the factor e^-mean cancels in a truncated, renormalised Poisson
distribution), so the sampling thresholds are the same 64-bit integers on every machine.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from qnetsim import seeds
from qnetsim.arrays import FloatArray, frozen
from qnetsim.units import exact


class WholeProbabilities(NamedTuple):
    """Probabilities over one denominator.

    Attributes
    ----------
    weights : tuple of int
        ``weights[k] / total`` is the probability of level k.
    total : int
    """

    weights: tuple[int, ...]
    total: int


@dataclass(frozen=True)
class LevelDistribution:
    """Probability of each level 0 .. levels - 1.

    Attributes
    ----------
    exact_probabilities : tuple of Fraction
        They sum to one.
    """

    exact_probabilities: tuple[Fraction, ...]

    @classmethod
    def of_weights(cls, weights: Sequence[Fraction]) -> LevelDistribution:
        """Renormalise non-negative weights with a positive sum."""
        total = sum(weights, Fraction(0))
        return cls(tuple(weight / total for weight in weights))

    @property
    def count(self) -> int:
        """Number of levels |Ω|."""
        return len(self.exact_probabilities)

    @property
    def levels(self) -> int:
        """Old spelling of :attr:`count`."""
        warnings.warn(
            "LevelDistribution.levels is now LevelDistribution.count, and "
            "forecast.levels.levels is forecast.level_count",
            DeprecationWarning,
            stacklevel=2,
        )
        return self.count

    @cached_property
    def probabilities(self) -> FloatArray:
        """Probabilities as float64, shape (levels,)."""
        return frozen([float(p) for p in self.exact_probabilities], np.float64)

    @cached_property
    def whole_probabilities(self) -> WholeProbabilities:
        """Probabilities over their least common denominator: sums of them need no gcd."""
        total = math.lcm(*(p.denominator for p in self.exact_probabilities))
        weights = (p.numerator * (total // p.denominator) for p in self.exact_probabilities)
        return WholeProbabilities(tuple(weights), total)

    @cached_property
    def exact_mean(self) -> Fraction:
        """E k."""
        return sum((k * p for k, p in enumerate(self.exact_probabilities)), Fraction(0))

    @property
    def mean(self) -> float:
        """E k of the truncated distribution."""
        return float(self.exact_mean)

    @property
    def variance(self) -> float:
        """E (k − E k)² of the truncated distribution."""
        second = sum((k * k * p for k, p in enumerate(self.exact_probabilities)), Fraction(0))
        return float(second - self.exact_mean**2)

    def excess(self, level: int) -> Fraction:
        """E (k − level)^+, the expected level bought on demand above a reserved level."""
        tail = enumerate(self.exact_probabilities)
        return sum(((k - level) * p for k, p in tail if k > level), Fraction(0))

    @cached_property
    def cumulative(self) -> tuple[Fraction, ...]:
        """Probability of at most each level."""
        return tuple(itertools.accumulate(self.exact_probabilities))

    @cached_property
    def thresholds(self) -> npt.NDArray[np.uint64]:
        """Words below which each level but the last lies; shape (at most levels - 1,)."""
        bounds: list[int] = []
        for below in self.cumulative[:-1]:
            bound = math.ceil(below * 2**64)
            if bound >= 2**64:  # the levels above have no probability
                break
            bounds.append(bound)
        return frozen(bounds, np.uint64)

    def sample(self, words: npt.NDArray[np.uint64]) -> npt.NDArray[np.int16]:
        """Turn uniform 64-bit words into levels by inversion; keeps the shape."""
        levels: npt.NDArray[np.int16] = self.inversion.sample(words)
        return levels

    @cached_property
    def inversion(self) -> seeds.Inversion:
        """Turns words into levels."""
        return seeds.Inversion(self.thresholds, np.int16)


def poisson_levels(levels: int, mean: float | Fraction | None = None) -> LevelDistribution:
    """Poisson distribution truncated to 0 .. levels - 1 and renormalised.

    Parameters
    ----------
    levels : int
        |Ω|.
    mean : float or Fraction, optional
        Mean before truncation; ⌊levels/3⌋ unless given (Section VI.A of the paper).
    """
    if mean is None:
        mean = Fraction(levels // 3)
    rate = mean if isinstance(mean, Fraction) else exact(mean)
    weight = Fraction(1)
    weights = [Fraction(1)]
    for k in range(1, levels):
        weight = weight * rate / k
        weights.append(weight)
    return LevelDistribution.of_weights(weights)


def level_at(level: int, levels: int) -> LevelDistribution:
    """One level of 0 .. levels - 1, for certain."""
    return LevelDistribution(tuple(Fraction(int(k == level)) for k in range(levels)))


def table_levels(probabilities: Sequence[float]) -> LevelDistribution:
    """Renormalise the given probabilities, level by level."""
    return LevelDistribution.of_weights([exact(p) for p in probabilities])
