"""Routes, and tables of the routes that requests take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import IntArray, frozen
from qnetsim.network.topology import Neighbour

#: Unordered node pair: positions in topology order, the smaller first.
NodePair = tuple[int, int]
#: Neighbours of each node.
Neighbours = Sequence[Sequence[Neighbour]]


class Route(NamedTuple):
    """A simple path: ``nodes`` as positions in topology order, ``fibres`` between them.

    Routes are ordered by their nodes, then by their fibres.
    """

    nodes: tuple[int, ...]
    fibres: tuple[int, ...]


#: Route of a request that is not served: no fibre at all.
BLOCKED = Route((), ())


def blocked_last(route: Route) -> tuple[bool, int, tuple[int, ...], tuple[int, ...]]:
    """Sort key: the fewest fibres first, ties by nodes, then by fibres; ``BLOCKED`` last."""
    return route == BLOCKED, len(route.fibres), route.nodes, route.fibres


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
