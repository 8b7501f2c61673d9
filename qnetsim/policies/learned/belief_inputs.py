"""What `belief-net` sees of a node pair: its own demand, and the sums at its two ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import FloatArray
from qnetsim.network.routes import NodePair

#: Levels of a request by which its own demand is divided, and sums of levels at an end by which
#: sums are. They are part of what the weights mean, so they never depend on a scenario.
OWN_SCALE = 4.0
ENDS_SCALE = 16.0
#: Numbers seen of one slot: own demand, sum over both ends, and how far the ends are apart.
NOW = 3
#: Of them those of which past slots are seen too.
LAGGED = 2


def input_count(history: int) -> int:
    """Numbers that are seen of a pair, where ``history`` slots are seen besides the last one."""
    return NOW + LAGGED * history


class PairInputs:
    """Demand of slots as the pairs of a network see it.

    Both ends of a pair know what they ask for themselves, in all their pairs, and tell each other
    the sum of it. So a pair sees its own demand and what its two ends ask of all others. It is the
    same seen from either end: only the sum of both, and their distance, count.

    Parameters
    ----------
    pairs : sequence of (int, int)
        Node pair of each request.
    nodes : int
    """

    def __init__(self, pairs: Sequence[NodePair], nodes: int) -> None:
        ends = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        self._first, self._second = ends[:, 0], ends[:, 1]
        self._ends: FloatArray = np.zeros((len(ends), nodes))
        rows = np.arange(len(ends))
        self._ends[rows, self._first] = self._ends[rows, self._second] = 1.0

    def now(self, levels: npt.NDArray[np.integer[Any]]) -> FloatArray:
        """What is seen of single slots.

        Parameters
        ----------
        levels : ndarray of integers, shape (…, requests)

        Returns
        -------
        ndarray of float64, shape (…, requests, 3)
        """
        own = levels.astype(np.float64)
        at_node = own @ self._ends
        first = at_node[..., self._first] - own
        second = at_node[..., self._second] - own
        return np.stack(
            [own / OWN_SCALE, (first + second) / ENDS_SCALE, np.abs(first - second) / ENDS_SCALE],
            axis=-1,
        )

    def series(self, levels: npt.NDArray[np.integer[Any]], history: int) -> FloatArray:
        """What is seen after each slot of a world, before which there was no demand.

        Parameters
        ----------
        levels : ndarray of integers, shape (slots, …, requests)
        history : int

        Returns
        -------
        ndarray of float64, shape (slots, …, requests, inputs)
        """
        now = self.now(levels)
        blocks = [now]
        for lag in range(1, history + 1):
            before = np.zeros_like(now[..., :LAGGED])
            before[lag:] = now[:-lag, ..., :LAGGED]
            blocks.append(before)
        return np.concatenate(blocks, axis=-1)
