"""Windows of past slots, as the pairs of a world see them, for training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from qnetsim.network.routes import NodePair
from qnetsim.policies.learned.law_belief import END_SCALE, OWN_SCALE, PairEnds


class SeenWindows:
    """What the pairs of some worlds see before each slot, and what they ask for in it.

    Parameters
    ----------
    levels : ndarray of integers, shape (worlds, slots, requests)
    pairs : sequence of (int, int)
    slots : int
        That are seen; before the first one of a world there was no demand.
    """

    def __init__(
        self, levels: npt.NDArray[np.integer[Any]], pairs: Sequence[NodePair], slots: int
    ) -> None:
        self.levels = levels
        first, second = PairEnds(pairs).others(levels)
        scaled = levels / OWN_SCALE, first / END_SCALE, second / END_SCALE
        worlds, length, requests = levels.shape
        padded = np.zeros((3, worlds, requests, slots + length), dtype=np.float32)
        # the last slot first, so that a window reads from now on backwards
        padded[..., :length] = np.stack(scaled).transpose(0, 1, 3, 2)[..., ::-1]
        self._views = np.lib.stride_tricks.sliding_window_view(padded, slots, axis=-1)
        self._length = length

    def before(
        self, worlds: npt.NDArray[np.integer[Any]], slots: npt.NDArray[np.integer[Any]]
    ) -> npt.NDArray[np.float32]:
        """What is seen before these slots of these worlds, shape (3, times, requests, slots)."""
        found = self._views[:, worlds, :, self._length - slots]
        return np.ascontiguousarray(np.moveaxis(found, 0, 1))

    def asked(
        self, worlds: npt.NDArray[np.integer[Any]], slots: npt.NDArray[np.integer[Any]]
    ) -> npt.NDArray[np.int64]:
        """Levels in these slots, shape (times, requests)."""
        return np.asarray(self.levels[worlds, slots], dtype=np.int64)
