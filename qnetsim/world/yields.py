"""Yield factors ξ_e(t): what a channel yields in a slot beside its mean, the same for any policy.

Factors are integers in millionths (ppm), worked out from raw words by basic operations only, so
that a seed means the same world on every machine.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from qnetsim import seeds
from qnetsim.arrays import FloatArray, IntArray, frozen
from qnetsim.network import PPM
from qnetsim.scenario import YieldTable

if TYPE_CHECKING:
    from qnetsim.world.fast_draws import FastDraws

#: Scale of the integer weights of a Poisson distribution.
SCALE = 1 << 128


class PoissonTable:
    """Poisson distribution of an integer mean, sampled by inversion with exact thresholds.

    Weights are worked out in integers from the mode outwards, until they vanish at 2**-128 of
    the mode's.

    Attributes
    ----------
    first : int
        Least value.
    probabilities : ndarray of float64, shape (values,)
    """

    def __init__(self, mean: int) -> None:
        up = list(itertools.takewhile(bool, _weights_above(mean)))
        down = list(itertools.takewhile(bool, _weights_below(mean)))
        weights = [*reversed(down), SCALE, *up]
        total = sum(weights)
        cumulative = itertools.accumulate(weights[:-1])
        self.first = mean - len(down)
        self.probabilities: FloatArray = frozen([w / total for w in weights], np.float64)
        bounds = [min(-(-c * 2**64 // total), 2**64 - 1) for c in cumulative]
        self.inversion = seeds.Inversion(np.array(bounds, np.uint64), np.int64)

    def sample(self, words: npt.NDArray[np.uint64]) -> IntArray:
        """Turn uniform 64-bit words into counts; keeps the shape."""
        return np.asarray(self.inversion.sample(words) + self.first)


@lru_cache(maxsize=8)
def _poisson(mean: int) -> PoissonTable:
    """Make the table of a mean once for all worlds."""
    return PoissonTable(mean)


def _weights_above(mean: int) -> Iterator[int]:
    weight = SCALE
    for k in itertools.count(mean + 1):
        weight = weight * mean // k
        yield weight


def _weights_below(mean: int) -> Iterator[int]:
    weight = SCALE
    for k in range(mean, 0, -1):
        weight = weight * k // mean
        yield weight


class Yields:
    """The factors of one world, chunk by chunk in order.

    ``ξ = max(0, 1 + drift) · n/n̄`` with a Poisson number n of mean n̄ (``noise_counts``) and a
    first-order autoregressive drift whose innovations are uniform.

    Parameters
    ----------
    table : YieldTable
    fibres, seed, replication : int
    fast : FastDraws, optional
    """

    def __init__(
        self,
        table: YieldTable,
        fibres: int,
        seed: int,
        replication: int,
        fast: FastDraws | None = None,
    ) -> None:
        self._fast = fast
        self._table = table
        self._fibres = fibres
        self._name = seed, replication
        self._counts = _poisson(table.noise_counts) if table.noise_counts else None
        self._keep = 1 - 1 / table.drift_slots
        first = seeds.uniform(seeds.stream(seed, "drift start", replication), fibres)
        self._scale = math.sqrt(3 * (1 - self._keep * self._keep)) * table.drift
        self._drift: FloatArray = (2 * first - 1) * (math.sqrt(3) * table.drift)

    def draw(self, chunk: int, slots: int) -> IntArray:
        """Factors of the next chunk in ppm, shape (slots, fibres)."""
        if self._fast:
            return self._drawn_fast(self._fast, chunk, slots)
        shape = slots, self._fibres
        factor = np.full(shape, PPM, dtype=np.int64)
        if self._table.drift:
            factor += self._drifts(chunk, slots)
        np.maximum(factor, 0, out=factor)
        if self._counts is not None:
            words = seeds.words(self._stream("yield", chunk), slots * self._fibres).reshape(shape)
            factor = factor * self._counts.sample(words) // self._table.noise_counts
        return factor

    def _stream(self, name: str, chunk: int) -> np.random.Philox:
        seed, replication = self._name
        return seeds.stream(seed, name, replication, chunk)

    def _drawn_fast(self, fast: FastDraws, chunk: int, slots: int) -> IntArray:
        """Do what ``draw`` does."""
        seed, replication = self._name
        if self._table.drift:
            key = seeds.stream_key(seed, "drift", replication, chunk)
            factor = fast.factors(key, self._keep, self._scale, self._drift, slots)
        else:
            factor = np.full((slots, self._fibres), PPM, dtype=np.int64)
        if self._counts is not None:
            key = seeds.stream_key(seed, "yield", replication, chunk)
            counts = self._counts
            factor *= fast.inverted(key, counts.inversion, factor.shape, least=counts.first)
            factor //= self._table.noise_counts
        return factor

    def _drifts(self, chunk: int, slots: int) -> IntArray:
        steps = 2 * seeds.uniform(self._stream("drift", chunk), slots * self._fibres) - 1
        steps = steps.reshape(slots, self._fibres) * self._scale
        rows = np.empty((slots + 1, self._fibres))
        rows[0] = self._drift
        # an array is multiplied by another one faster than by a number
        kept = np.full(self._fibres, self._keep)
        multiply, add = np.multiply, np.add
        for row, step, following in zip(rows, steps, rows[1:], strict=False):
            add(multiply(row, kept, following), step, following)
        self._drift = rows[-1]
        return np.floor(rows[:-1] * PPM).astype(np.int64)
