"""The levels realised in each slot, by compiled code where there is any."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from qnetsim import seeds
from qnetsim.forecast import Forecast
from qnetsim.forecast.level_path import LevelPath
from qnetsim.scenario import RegimesTable

if TYPE_CHECKING:
    from qnetsim.world.fast_draws import FastDraws


class Levels(LevelPath):
    """The levels of one world, chunk by chunk in order.

    Parameters
    ----------
    forecast : Forecast
    regimes : RegimesTable or None
    seed : int
    name : tuple of str or int
        Of the streams.
    fast : FastDraws, optional
    """

    def __init__(
        self,
        forecast: Forecast,
        regimes: RegimesTable | None,
        seed: int,
        name: tuple[str | int, ...],
        fast: FastDraws | None = None,
    ) -> None:
        super().__init__(forecast, regimes, seed, name)
        drawn = self._forecast
        # requests of several kinds, or from a copula, are drawn in array steps
        alike = drawn.shared and drawn.coupling != "copula"
        self._fast = fast if alike and drawn.drivers == drawn.groups else None

    def _background(self, chunk: int, slots: int) -> npt.NDArray[np.int16]:
        """Levels of the next chunk without those of regimes and jobs."""
        if self._fast is None:
            return super()._background(chunk, slots)
        forecast = self._forecast
        key = seeds.stream_key(self._seed, *self._name, chunk)
        return self._fast.inverted(key, forecast.levels.inversion, (slots, forecast.groups))
