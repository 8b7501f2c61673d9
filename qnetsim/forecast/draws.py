"""Draw levels from a forecast: for the world, and for samples that planning takes of its own."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from qnetsim import seeds
from qnetsim.arrays import FloatArray
from qnetsim.forecast.forecast import Forecast
from qnetsim.forecast.levels import LevelDistribution

#: A word is four times a level: those of a chunk with many requests would take most of the memory.
WORDS_AT_ONCE = 2**17


def draw_levels(
    forecast: Forecast, seed: int, name: tuple[str | int, ...], slots: int
) -> npt.NDArray[np.int16]:
    """Draw the levels of consecutive slots from the streams of this name, shape (slots, groups)."""
    if forecast.coupling == "copula":
        return _coupled_levels(forecast, seed, name, slots)
    drivers = forecast.drivers
    bits = seeds.stream(seed, *name)
    found = np.empty((slots, forecast.groups), dtype=np.int16)
    rows = max(WORDS_AT_ONCE // drivers, 1)
    for first in range(0, slots, rows):
        part = found[first : first + rows]
        words = seeds.words(bits, len(part) * drivers).reshape(len(part), drivers)
        part[:] = _levels_of(forecast, words)
    return found


def _levels_of(forecast: Forecast, words: seeds.RawWords) -> npt.NDArray[np.int16]:
    """Levels of slots whose drivers have these words, shape (slots, groups)."""
    if forecast.shared:
        return forecast.levels.sample(words)
    found = np.empty((len(words), forecast.groups), dtype=np.int16)
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
