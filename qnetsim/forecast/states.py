"""Joint states of levels that follow one uniform number: no product, only the union of the cuts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from qnetsim.arrays import FloatArray, IntArray, frozen
from qnetsim.forecast.levels import LevelDistribution


@dataclass(frozen=True)
class JointStates:
    """States of comonotone levels ``F^{-1}(U)``, as U rises.

    Attributes
    ----------
    exact_probabilities : tuple of Fraction
        Of each state; they sum to one.
    levels : ndarray of int64, shape (distributions, states)
        Level under each distribution; no row ever falls.
    """

    exact_probabilities: tuple[Fraction, ...]
    levels: IntArray

    @property
    def count(self) -> int:
        """Number of states."""
        return len(self.exact_probabilities)

    @cached_property
    def probabilities(self) -> FloatArray:
        """Probabilities as float64, shape (states,)."""
        return frozen([float(p) for p in self.exact_probabilities], np.float64)


def joint_states(distributions: Sequence[LevelDistribution]) -> JointStates:
    """States of all levels together; those of one distribution are its levels, possible or not."""
    if len(distributions) == 1:
        alone = distributions[0]
        return JointStates(
            alone.exact_probabilities, frozen(np.arange(alone.count)[None], np.int64)
        )
    cuts = sorted({bound for d in distributions for bound in d.cumulative} - {Fraction(0)})
    levels = []
    for distribution in distributions:
        # the level in the interval that ends at a cut: the first whose cumulated part reaches it
        level = 0
        line = []
        for cut in cuts:
            while distribution.cumulative[level] < cut:
                level += 1
            line.append(level)
        levels.append(line)
    widths = (b - a for a, b in zip([Fraction(0), *cuts], cuts, strict=False))
    return JointStates(tuple(widths), frozen(levels, np.int64))
