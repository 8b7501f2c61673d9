"""Routes: shortest paths with exact ties, and tables of the routes that requests take."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from qnetsim.arrays import IntArray, frozen
from qnetsim.network.topology import Topology

#: Unordered node pair: positions in topology order, the smaller first.
NodePair = tuple[int, int]


@dataclass(frozen=True)
class Route:
    """A simple path: ``nodes`` as positions in topology order, ``fibres`` between them."""

    nodes: tuple[int, ...]
    fibres: tuple[int, ...]


def shortest_routes(
    topology: Topology, lengths: Sequence[Fraction], pairs: Iterable[NodePair]
) -> dict[NodePair, Route]:
    """Shortest route of each pair under exact non-negative lengths.

    Ties go to the fewest fibres, then to the smallest node sequence in topology order, read
    from the pair's first node.

    Parameters
    ----------
    topology : Topology
    lengths : sequence of Fraction, one for each fibre
    pairs : iterable of (int, int)

    Returns
    -------
    dict from pair to Route
        Pairs that no path joins are left out.
    """
    scale = math.lcm(*(length.denominator for length in lengths))
    whole = [int(length * scale) for length in lengths]
    targets: dict[int, set[int]] = {}
    for source, target in pairs:
        targets.setdefault(source, set()).add(target)
    neighbours = topology.neighbours
    return {
        (source, target): route
        for source, wanted in targets.items()
        for target, route in _dijkstra(neighbours, whole, source, wanted).items()
    }


def _dijkstra(
    neighbours: Sequence[Sequence[tuple[int, int]]],
    lengths: Sequence[int],
    source: int,
    wanted: set[int],
) -> dict[int, Route]:
    """Dijkstra over labels (length, fibres, node sequence).

    Labels compare as tuples. Adding one fibre to two labels of a node keeps their order, so
    the first label that settles a node is its least one, zero lengths included.
    """
    missing = set(wanted)
    settled: dict[int, Route] = {}
    heap: list[tuple[int, int, tuple[int, ...], tuple[int, ...]]] = [(0, 0, (source,), ())]
    while heap and missing:
        length, hops, nodes, fibres = heapq.heappop(heap)
        here = nodes[-1]
        if here in settled:
            continue
        settled[here] = Route(nodes, fibres)
        missing.discard(here)
        for other, fibre in neighbours[here]:
            if other not in settled:
                label = (length + lengths[fibre], hops + 1, (*nodes, other), (*fibres, fibre))
                heapq.heappush(heap, label)
    return {node: settled[node] for node in wanted if node in settled}


def simple_routes(topology: Topology, pair: NodePair, most_fibres: int) -> list[Route]:
    """All simple paths of a pair with at most this many fibres, shortest first."""
    neighbours = topology.neighbours
    source, target = pair
    found: list[Route] = []
    stack: list[tuple[tuple[int, ...], tuple[int, ...]]] = [((source,), ())]
    while stack:
        nodes, fibres = stack.pop()
        for other, fibre in neighbours[nodes[-1]]:
            if other == target:
                found.append(Route((*nodes, other), (*fibres, fibre)))
            elif other not in nodes and len(fibres) + 1 < most_fibres:
                stack.append(((*nodes, other), (*fibres, fibre)))
    return sorted(found, key=lambda route: (len(route.fibres), route.nodes))


@dataclass(frozen=True)
class RouteTable:
    """Which route each request takes at each level.

    Attributes
    ----------
    routes : tuple of Route
    choice : ndarray of int64, shape (requests, levels)
        Position in ``routes``.
    """

    routes: tuple[Route, ...]
    choice: IntArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "choice", frozen(self.choice, np.int64))

    @classmethod
    def by_pair(
        cls, pairs: Sequence[NodePair], routes: Mapping[NodePair, Route], levels: int
    ) -> RouteTable:
        """Give every request the one route of its pair, whatever the level."""
        return cls.by_pair_and_level(pairs, [routes] * levels)

    @classmethod
    def by_pair_and_level(
        cls, pairs: Sequence[NodePair], routes: Sequence[Mapping[NodePair, Route]]
    ) -> RouteTable:
        """Give every request the route of its pair at each level."""
        per_request = [[by_level[pair] for by_level in routes] for pair in pairs]
        return cls.of(per_request)

    @classmethod
    def of(cls, per_request: Sequence[Sequence[Route]]) -> RouteTable:
        """Build from the routes themselves: ``per_request[request][level]``."""
        position: dict[Route, int] = {}
        choice = [
            [position.setdefault(route, len(position)) for route in levels]
            for levels in per_request
        ]
        return cls(tuple(position), np.array(choice, dtype=np.int64))

    @property
    def requests(self) -> int:
        """Number of requests."""
        return int(self.choice.shape[0])

    @property
    def levels(self) -> int:
        """Number of levels."""
        return int(self.choice.shape[1])

    def route(self, request: int, level: int) -> Route:
        """Return the route of a request at a level."""
        return self.routes[int(self.choice[request, level])]

    def uses(self, fibres: int) -> IntArray:
        """Return 0/1 incidence of routes and fibres, shape (routes, fibres)."""
        incidence = np.zeros((len(self.routes), fibres), dtype=np.int64)
        for i, route in enumerate(self.routes):
            incidence[i, list(route.fibres)] = 1
        return incidence

    def requests_per_fibre(self, fibres: int, level: int = 0) -> IntArray:
        """Count the requests routed over each fibre at a level, shape (fibres,)."""
        counts = np.bincount(self.choice[:, level], minlength=len(self.routes))
        return np.asarray(counts @ self.uses(fibres), dtype=np.int64)
