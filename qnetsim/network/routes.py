"""Routes: shortest paths with exact ties, and tables of the routes that requests take."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain

import numpy as np

from qnetsim.arrays import IntArray, frozen
from qnetsim.network.topology import Neighbour, Topology
from qnetsim.network.walks import WORTH_COMPILED, shortest_walks

#: Unordered node pair: positions in topology order, the smaller first.
NodePair = tuple[int, int]
#: Neighbours of each node.
Neighbours = Sequence[Sequence[Neighbour]]
#: Last nodes for each first node up to which it is: it searches from the last nodes.
MOST_LASTS = 16


@dataclass(frozen=True)
class Route:
    """A simple path: ``nodes`` as positions in topology order, ``fibres`` between them."""

    nodes: tuple[int, ...]
    fibres: tuple[int, ...]


#: Route of a request that is not served: no fibre at all.
BLOCKED = Route((), ())


def blocked_last(route: Route) -> tuple[bool, int, tuple[int, ...], tuple[int, ...]]:
    """Sort key: the fewest fibres first, ties by nodes, then by fibres; ``BLOCKED`` last."""
    return route == BLOCKED, len(route.fibres), route.nodes, route.fibres


def shortest_routes(
    topology: Topology,
    lengths: Sequence[Fraction],
    pairs: Iterable[NodePair],
    avoided: frozenset[int] = frozenset(),
) -> dict[NodePair, Route]:
    """Shortest route of each pair under exact non-negative lengths.

    Ties go to the fewest fibres, then to the smallest node sequence in topology order, read
    from the pair's first node, then to the smallest sequence of fibres in the order of the file.

    Parameters
    ----------
    topology : Topology
    lengths : sequence of Fraction, one for each fibre
    pairs : iterable of (int, int)
    avoided : frozenset of int
        Fibres that no route may take.

    Returns
    -------
    dict from pair to Route
        Pairs that no path joins are left out.
    """
    return least_routes(open_neighbours(topology, avoided), whole_lengths(lengths), pairs)


def whole_lengths(lengths: Sequence[Fraction]) -> list[int]:
    """Lengths in units of one over their least common denominator."""
    scale = math.lcm(*(length.denominator for length in lengths))
    return [length.numerator * (scale // length.denominator) for length in lengths]


def open_neighbours(topology: Topology, avoided: frozenset[int]) -> Neighbours:
    """Neighbours of each node with the fibres to them, avoided fibres left out."""
    if not avoided:
        return topology.neighbours
    return [
        [neighbour for neighbour in ends if neighbour.fibre not in avoided]
        for ends in topology.neighbours
    ]


def least_routes(
    neighbours: Neighbours, lengths: Sequence[int], pairs: Iterable[NodePair]
) -> dict[NodePair, Route]:
    """What ``shortest_routes`` does, for whole lengths."""
    wanted = list(dict.fromkeys(pairs))
    firsts = len({source for source, _ in wanted})
    lasts = len({target for _, target in wanted})
    if len(neighbours) * firsts < WORTH_COMPILED or lasts > MOST_LASTS * firsts:
        return _searched(neighbours, lengths, wanted)
    found = shortest_walks(neighbours, lengths, wanted)
    routes = {wanted[i]: Route(*walk) for i, walk in found.walks.items()}
    return routes | _searched(neighbours, lengths, [wanted[i] for i in found.open])


def _searched(
    neighbours: Neighbours, lengths: Sequence[int], pairs: Iterable[NodePair]
) -> dict[NodePair, Route]:
    """Routes by one search for each first node."""
    targets: dict[int, set[int]] = {}
    for source, target in pairs:
        targets.setdefault(source, set()).add(target)
    return {
        (source, target): route
        for source, wanted in targets.items()
        for target, route in _dijkstra(neighbours, lengths, source, wanted).items()
    }


def _dijkstra(
    neighbours: Neighbours,
    lengths: Sequence[int],
    source: int,
    wanted: set[int],
) -> dict[int, Route]:
    """Dijkstra over labels (length, count of fibres, node sequence, fibre sequence).

    Labels compare as tuples. Adding one fibre to two labels of a node keeps their order, so
    the first label that is popped for a node is its least one, zero lengths included.
    """
    missing = set(wanted)
    found: dict[int, Route] = {}
    heap: list[tuple[int, int, tuple[int, ...], tuple[int, ...]]] = [(0, 0, (source,), ())]
    while heap and missing:
        length, hops, nodes, fibres = heapq.heappop(heap)
        here = nodes[-1]
        if here in found:
            continue
        found[here] = Route(nodes, fibres)
        missing.discard(here)
        for other, fibre in neighbours[here]:
            if other not in found:
                label = (length + lengths[fibre], hops + 1, (*nodes, other), (*fibres, fibre))
                heapq.heappush(heap, label)
    return {node: found[node] for node in wanted if node in found}


def trusted_relays(route: Route, segments: Sequence[int]) -> int:
    """Trusted relays on a route, inside its fibres, of so many segments each, and between them."""
    return sum([segments[f] - 1 for f in route.fibres]) + max(len(route.nodes) - 2, 0)


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
        row = {pair: i for i, pair in enumerate(dict.fromkeys(pairs))}
        by_pair = cls.of([[by_level[pair] for by_level in routes] for pair in row])
        return cls(by_pair.routes, by_pair.choice[[row[pair] for pair in pairs]])

    @classmethod
    def of(cls, per_request: Sequence[Sequence[Route]]) -> RouteTable:
        """Build from the routes themselves: ``per_request[request][level]``."""
        position: dict[Route, int] = {}
        choice = []
        for levels in per_request:
            row: list[int] = []
            for level, route in enumerate(levels):
                # most requests keep their route, and to look one up is slow
                kept = level > 0 and route is levels[level - 1]
                row.append(row[-1] if kept else position.setdefault(route, len(position)))
            choice.append(row)
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

    def blocked(self, level: int) -> int:
        """Count the requests that have no route at a level."""
        if BLOCKED not in self.routes:
            return 0
        return int((self.choice[:, level] == self.routes.index(BLOCKED)).sum())

    def uses(self, fibres: int) -> IntArray:
        """Return 0/1 incidence of routes and fibres, shape (routes, fibres)."""
        incidence = np.zeros((len(self.routes), fibres), dtype=np.int64)
        for i, route in enumerate(self.routes):
            incidence[i, list(route.fibres)] = 1
        return incidence

    def requests_per_fibre(self, fibres: int, level: int = 0) -> IntArray:
        """Count the requests routed over each fibre at a level, shape (fibres,)."""
        counts = np.bincount(self.choice[:, level], minlength=len(self.routes))
        taken = np.fromiter(chain.from_iterable(r.fibres for r in self.routes), dtype=np.int64)
        times = np.repeat(counts, [len(route.fibres) for route in self.routes])
        return np.bincount(taken, weights=times, minlength=fibres).astype(np.int64)
