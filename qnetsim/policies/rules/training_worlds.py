"""Worlds on which rules are fitted: drawn from the forecast, from streams that no run has."""

from __future__ import annotations

from qnetsim.arrays import IntArray
from qnetsim.forecast import Forecast
from qnetsim.forecast.level_path import LevelPath
from qnetsim.scenario import RegimesTable

#: Seed of their streams; what makes them other worlds than those of a run is the name.
SEED = 0


def training_levels(
    forecast: Forecast, regimes: RegimesTable | None, worlds: int, slots: int
) -> list[IntArray]:
    """Levels of worlds of so many slots, shape (slots, groups) each."""
    return [
        LevelPath(forecast, regimes, SEED, ("fit", world)).draw(0, slots).astype("int64")
        for world in range(worlds)
    ]
