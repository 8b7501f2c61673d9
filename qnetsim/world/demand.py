"""Demand regimes: a Markov chain over the slots that says which distribution rules a slot."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt

from qnetsim import seeds
from qnetsim.exogenous.levels import LevelDistribution, poisson_levels
from qnetsim.scenario import DemandTable, RegimesTable


def regime_levels(regimes: RegimesTable, levels: int) -> tuple[LevelDistribution, ...]:
    """Distribution of a level in each regime: Poisson, truncated and renormalised."""
    return tuple(poisson_levels(levels, mean) for mean in regimes.means)


def stationary(regimes: RegimesTable, demand: DemandTable) -> LevelDistribution:
    """Distribution of a level in the long run: every regime takes the same share of the slots."""
    each = regime_levels(regimes, demand.levels)
    columns = zip(*(one.exact_probabilities for one in each), strict=True)
    return LevelDistribution.of_weights([sum(column, Fraction(0)) for column in columns])


class RegimeLevels:
    """The levels of one world under regimes, chunk by chunk in order.

    The first slot's regime is drawn uniformly, so the chain is stationary from the start.

    Parameters
    ----------
    regimes : RegimesTable
    levels : int
    seed : int
    name : tuple of str or int
        Of the streams.
    """

    def __init__(
        self, regimes: RegimesTable, levels: int, seed: int, name: tuple[str | int, ...]
    ) -> None:
        self._laws = regime_levels(regimes, levels)
        self._lasts = regimes.mean_slots
        self._seed, self._name = seed, name
        start = seeds.stream(seed, *name, "regime start")
        self._now = int(seeds.integers(start, len(self._laws), 1)[0])

    def draw(self, chunk: int, slots: int) -> npt.NDArray[np.int16]:
        """Levels of the next chunk, shape (slots, 1)."""
        ends, steps, bits = (
            seeds.stream(self._seed, *self._name, part, chunk)
            for part in ("regime ends", "regime steps", "regime levels")
        )
        over = seeds.integers(ends, self._lasts, slots) == 0
        onward = 1 + seeds.integers(steps, len(self._laws) - 1, slots)
        if chunk == 0:
            over[0] = False
        regime = (self._now + np.cumsum(over * onward)) % len(self._laws)
        self._now = int(regime[-1])
        words = seeds.words(bits, slots)
        found = np.stack([law.sample(words) for law in self._laws])
        return np.take_along_axis(found, regime[None, :], axis=0).reshape(slots, 1)
