"""Ways for keys of any size: the cheapest one over fibres that have something to give."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

from qnetsim.network import Route, Topology
from qnetsim.network.routes import NodePair, least_routes, open_neighbours, whole_lengths

#: Ways that are remembered.
MOST_KNOWN = 2**14


class KeyWays:
    """Finds ways for FEL messages; what is asked for again is remembered.

    Parameters
    ----------
    topology : Topology
    lengths : sequence of Fraction, one for each fibre
    """

    def __init__(self, topology: Topology, lengths: Sequence[Fraction]) -> None:
        self._topology, self._lengths = topology, whole_lengths(lengths)
        self.way = lru_cache(maxsize=MOST_KNOWN)(self._way)

    def _way(self, pair: NodePair, avoided: frozenset[int]) -> Route | None:
        neighbours = open_neighbours(self._topology, avoided)
        return least_routes(neighbours, self._lengths, [pair]).get(pair)
