"""The world of an interval as the key managers take it: arrays of rows, cut out of a chunk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import IntArray
from qnetsim.forecast import Forecast
from qnetsim.kernel.serving.arrival_order import in_order
from qnetsim.network import Network
from qnetsim.recycled import Recycled
from qnetsim.world.realisation import WorldChunk


@dataclass(frozen=True)
class Interval:
    """Slots between two barriers: decisions and the world as arrays.

    Attributes
    ----------
    first_slot : int
    levels : ndarray of int16, shape (slots, groups)
    channels, wavelengths : ndarray of int64, shape (slots, fibres)
        Reserved.
    channel_bits : ndarray of int64, shape (slots, fibres) or (1, fibres)
        What one channel yields.
    order, offset : ndarray of int64, shape (slots, requests) or (0, requests)
        Requests in order of arrival and their ticks from the slot's start.
    holding : ndarray of int64, shape (slots, requests) or (0, requests)
    """

    first_slot: int
    levels: npt.NDArray[np.int16]
    channels: IntArray
    wavelengths: IntArray
    channel_bits: IntArray
    order: IntArray
    offset: IntArray
    holding: IntArray

    @property
    def slots(self) -> int:
        """Number of slots."""
        return int(self.levels.shape[0])


class ChunkRows:
    """A chunk of the world, prepared for the key managers.

    Parameters
    ----------
    chunk : WorldChunk
    network : Network
    forecast : Forecast
    memory : Recycled
        Where its arrays lie.
    """

    def __init__(
        self, chunk: WorldChunk, network: Network, forecast: Forecast, memory: Recycled
    ) -> None:
        self.chunk = chunk
        self._bits = (
            network.channel_bits[None]
            if chunk.yield_ppm is None
            else network.yield_bits(chunk.yield_ppm)
        )
        none = np.zeros((0, forecast.requests), dtype=np.int64)
        self._holding = none if chunk.holding is None else chunk.holding
        self._order = self._offset = none
        arrivals = chunk.arrivals
        classes = int(forecast.priority.max()) + 1
        if arrivals is None and chunk.holding is not None and classes > 1:
            # sessions go on in order of arrival, so it counts who came first at the slot's start
            arrivals = np.zeros((chunk.slots, forecast.requests), dtype=np.int64)
        if arrivals is not None:
            self._order, self._offset = in_order(arrivals, forecast.priority, classes, memory)

    def levels(self, slot: int, end: int) -> npt.NDArray[np.int16]:
        """Realised levels of slots ``slot .. end − 1``, shape (slots, groups)."""
        first = self.chunk.first_slot
        return self.chunk.levels[slot - first : end - first]

    def interval(self, slot: int, end: int, channels: IntArray, wavelengths: IntArray) -> Interval:
        """Slots ``slot .. end − 1`` with what is reserved in them, shape (slots, fibres)."""
        first = self.chunk.first_slot
        rows = slice(slot - first, end - first)
        return Interval(
            first_slot=slot,
            levels=self.chunk.levels[rows],
            channels=channels,
            wavelengths=wavelengths,
            channel_bits=self._bits[rows] if len(self._bits) > 1 else self._bits,
            order=self._order[rows],
            offset=self._offset[rows],
            holding=self._holding[rows],
        )
