"""Demand around an agent's node: of each pair that ends there, and of the nodes next to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.errors import UsageError
from qnetsim.forecast import Forecast
from qnetsim.network import Topology
from qnetsim.plain_text import counted

#: Numbers in the block of neighbours: the node's own sum, and that of the nodes next to it.
SUMS = 2


def most_pairs(forecast: Forecast) -> int:
    """Most nodes that any node has requests with."""
    others: dict[int, set[int]] = {}
    for a, b in forecast.pairs:
        others.setdefault(a, set()).add(b)
        others.setdefault(b, set()).add(a)
    return max(map(len, others.values()))


class NodeDemand:
    """What the nodes of units see of single pairs, and of the nodes next to them.

    A node knows what is asked for in the pairs that end at it, and nodes that a fibre joins tell
    each other the sum of that. Everything is over ``top`` levels for each request, in [−1, 1].

    Parameters
    ----------
    topology : Topology
    forecast : Forecast
    nodes : ndarray of int64, shape (units,)
        Node of each unit.
    top : int
    order : ndarray of int64, shape (all nodes,), optional
        Place of each node in the order in which a node sees its pairs; the topology's unless given.

    Attributes
    ----------
    pairs : int
        Most nodes that any node has requests with.
    """

    def __init__(
        self,
        topology: Topology,
        forecast: Forecast,
        nodes: IntArray,
        top: int,
        order: IntArray | None = None,
    ) -> None:
        place = np.arange(len(topology.nodes)) if order is None else order
        ends = np.array(forecast.pairs, dtype=np.int64).reshape(-1, 2)
        rows = np.arange(len(ends))
        at_node: FloatArray = np.zeros((len(ends), len(topology.nodes)))
        at_node[rows, ends[:, 0]] = 1.0
        at_node[rows, ends[:, 1]] = 1.0
        beside: FloatArray = np.zeros((len(topology.nodes), len(topology.nodes)))
        for node, neighbours in enumerate(topology.neighbours):
            beside[list({neighbour.node for neighbour in neighbours}), node] = 1.0
        self.pairs = most_pairs(forecast)
        own: FloatArray = np.zeros((len(ends), len(nodes), self.pairs))
        for unit, node in enumerate(nodes.tolist()):
            here = np.flatnonzero(at_node[:, node])
            other = place[ends[here].sum(axis=1) - node]
            own[here, unit, np.unique(other, return_inverse=True)[1]] = 1.0
        self._group = forecast.group
        self._pairs = _share(own, top)
        sums = np.stack([at_node, at_node @ beside], axis=-1)[:, nodes]
        self._sums = _share(sums, top)

    def pair_block(self, levels: npt.NDArray[Any], wanted: int) -> npt.NDArray[np.float32]:
        """Levels of single pairs, ordered by the other node; shape (worlds, units, wanted).

        Parameters
        ----------
        levels : ndarray, shape (worlds, groups)
        wanted : int
            Pairs that are seen. There may be fewer: what is not there looks like level 0.

        Raises
        ------
        UsageError
            A node has more.
        """
        if wanted < self.pairs:
            raise UsageError(
                f"the model sees {counted(wanted, 'pair')} of a node, and here a node has requests "
                f"with {counted(self.pairs, 'other node')}; train it anew on this network"
            )
        seen = np.tensordot(levels[:, self._group], self._pairs, axes=1)
        more = ((0, 0), (0, 0), (0, wanted - self.pairs))
        return np.asarray(2 * np.pad(seen, more) - 1, dtype=np.float32)

    def neighbour_block(self, levels: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Sum of levels at the unit's node, and over the nodes next to it.

        Parameters
        ----------
        levels : ndarray, shape (worlds, groups)

        Returns
        -------
        ndarray of float32, shape (worlds, units, 2)
        """
        seen = np.tensordot(levels[:, self._group], self._sums, axes=1)
        return np.asarray(2 * seen - 1, dtype=np.float32)


def _share(counts: FloatArray, top: int) -> FloatArray:
    """Weights by which levels become shares of ``top`` for each request that is counted."""
    return np.asarray(counts / np.maximum(counts.sum(axis=0) * top, 1.0))
