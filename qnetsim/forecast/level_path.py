"""Levels slot by slot, drawn from what may be known: for the world, and for samples of policies.

Requests follow uniform numbers, ``k_r = F_r^{-1}(U)``: one for all, for each bundle or for each
request, or one for each from a Gaussian copula. Regimes are a Markov chain that says which law
rules a slot. What jobs ask for comes on top.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from qnetsim import seeds
from qnetsim.forecast.draws import draw_levels
from qnetsim.forecast.forecast import Forecast
from qnetsim.forecast.regimes import regime_levels
from qnetsim.scenario import RegimesTable

if TYPE_CHECKING:
    from qnetsim.forecast.fel_jobs import JobDemand


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
        self._seed = seed
        self._name = name
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


class LevelPath:
    """Levels chunk by chunk in order.

    Parameters
    ----------
    forecast : Forecast
    regimes : RegimesTable or None
    seed : int
    name : tuple of str or int
        Of the streams.
    """

    def __init__(
        self,
        forecast: Forecast,
        regimes: RegimesTable | None,
        seed: int,
        name: tuple[str | int, ...],
    ) -> None:
        self._jobs: JobDemand | None = None
        if forecast.jobs:
            # few scenarios have jobs
            from qnetsim.forecast.fel_jobs import JobDemand

            self._jobs = JobDemand(forecast.jobs, seed, name)
        self._forecast = forecast.background
        self._seed = seed
        self._name = name
        self._regimes: RegimeLevels | None = None
        if regimes:
            self._regimes = RegimeLevels(regimes, forecast.level_count, seed, name)

    def draw(self, chunk: int, slots: int) -> npt.NDArray[np.int16]:
        """Levels of the next chunk, shape (slots, groups)."""
        levels = (
            self._regimes.draw(chunk, slots) if self._regimes else self._background(chunk, slots)
        )
        if self._jobs is None:
            return levels
        highest = self._forecast.level_count - 1
        return np.asarray(np.minimum(levels + self._jobs.draw(slots), highest), dtype=np.int16)

    def _background(self, chunk: int, slots: int) -> npt.NDArray[np.int16]:
        """Levels of the next chunk without those of regimes and jobs."""
        return draw_levels(self._forecast, self._seed, (*self._name, chunk), slots)
