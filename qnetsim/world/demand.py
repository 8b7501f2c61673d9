"""The levels realised in each slot.

Requests follow uniform numbers, ``k_r = F_r^{-1}(U)``: one for all, for each bundle or for each
request, or one for each from a Gaussian copula. Regimes are a Markov chain that says which law
rules a slot.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from qnetsim import seeds
from qnetsim.arrays import FloatArray
from qnetsim.forecast import Forecast, LevelDistribution
from qnetsim.forecast.regimes import regime_levels
from qnetsim.scenario import RegimesTable


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


def draw_levels(
    forecast: Forecast, seed: int, name: tuple[str | int, ...], slots: int
) -> npt.NDArray[np.int16]:
    """Draw the levels of consecutive slots from the streams of this name, shape (slots, groups)."""
    if forecast.coupling == "copula":
        return _coupled_levels(forecast, seed, name, slots)
    drivers = forecast.drivers
    words = seeds.words(seeds.stream(seed, *name), slots * drivers).reshape(slots, drivers)
    if forecast.shared:
        return forecast.levels.sample(words)
    found = np.empty((slots, forecast.groups), dtype=np.int16)
    for kind, distribution in enumerate(forecast.distributions):
        columns = np.flatnonzero(forecast.group_kind == kind)
        found[:, columns] = distribution.sample(words[:, forecast.group_driver[columns]])
    return found


def _coupled_levels(
    forecast: Forecast, seed: int, name: tuple[str | int, ...], slots: int
) -> npt.NDArray[np.int16]:
    """Levels ``F_r^{-1}(Φ(Z_r))`` of normal numbers ``Z_r = √c·Z + √(1 − c)·E_r``."""
    requests = forecast.requests
    common = seeds.normal(seeds.stream(seed, *name, "common"), slots)[:, None]
    each = seeds.normal(seeds.stream(seed, *name, "each"), slots * requests)
    weight = forecast.correlation
    normal = np.sqrt(weight) * common + np.sqrt(1.0 - weight) * each.reshape(slots, requests)
    found = np.empty((slots, requests), dtype=np.int16)
    for kind, distribution in enumerate(forecast.distributions):
        columns = np.flatnonzero(forecast.kind == kind)
        bounds = normal_thresholds(distribution)
        found[:, columns] = np.searchsorted(bounds, normal[:, columns], side="right")
    return found


def normal_thresholds(distribution: LevelDistribution) -> FloatArray:
    """Normal numbers below which each level but the last lies, shape (at most levels - 1,)."""
    below = np.array([float(bound) for bound in distribution.cumulative[:-1]])
    return seeds.normal_quantile(below)


class Levels:
    """The levels of one world, chunk by chunk in order.

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
        self._forecast = forecast
        self._seed = seed
        self._name = name
        self._regimes: RegimeLevels | None = None
        if regimes:
            self._regimes = RegimeLevels(regimes, forecast.level_count, seed, name)

    def draw(self, chunk: int, slots: int) -> npt.NDArray[np.int16]:
        """Levels of the next chunk, shape (slots, groups)."""
        if self._regimes:
            return self._regimes.draw(chunk, slots)
        return draw_levels(self._forecast, self._seed, (*self._name, chunk), slots)
