"""Densities of sums of independent whole numbers, by convolution."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import FloatArray

#: Numbers of a density from which on those at its ends are left out that are zero.
LONG = 2**12


class Density(NamedTuple):
    """Probabilities of ``first``, ``first + 1``, …; other numbers have none.

    Attributes
    ----------
    first : int
    probabilities : ndarray of float64, shape (n,)
    """

    first: int
    probabilities: FloatArray

    def plus(self, other: Density) -> Density:
        """Density of the sum of two independent numbers.

        Of thousands of addends most sums are less likely than a float can tell from zero, and a
        convolution takes the product of both sizes.
        """
        first = self.first + other.first
        found = np.convolve(self.probabilities, other.probabilities)
        if found.size > LONG:
            likely = np.flatnonzero(found)
            found = found[likely[0] : likely[-1] + 1]
            first += int(likely[0])
        return Density(first, found)

    def times(self, count: int) -> Density:
        """Density of the sum of so many such numbers, by repeated squaring."""
        result = Density(0, np.ones(1))
        square = self
        while count:
            if count & 1:
                result = result.plus(square)
            square = square.plus(square) if count > 1 else square
            count >>= 1
        return result


def density_of_sum(parts: Iterable[tuple[FloatArray, int]]) -> FloatArray:
    """Probabilities of 0, 1, … of a sum.

    Parameters
    ----------
    parts : iterable of (ndarray of float64, int)
        Probabilities of 0, 1, … of an addend, and how many such there are, all independent.
    """
    total = Density(0, np.ones(1))
    size = 1
    for probabilities, count in parts:
        total = total.plus(Density(0, probabilities).times(count))
        size += (probabilities.size - 1) * count
    found = np.zeros(size)
    found[total.first : total.first + total.probabilities.size] = total.probabilities
    return found
