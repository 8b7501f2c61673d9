"""Routes up to a length: all simple paths of a pair that are short enough."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from qnetsim.network.routes import NodePair, Route, blocked_last
from qnetsim.network.topology import Topology
from qnetsim.network.walks import WORTH_COMPILED, all_distances


def simple_routes(topology: Topology, pair: NodePair, most_fibres: int) -> list[Route]:
    """All simple paths of a pair with at most this many fibres, shortest first."""
    hops = [1.0] * len(topology.fibres)
    rest = distances_to(topology, hops, pair[1])
    return routes_within(topology, hops, rest, pair, most_fibres).routes


def distances_to(topology: Topology, lengths: Sequence[float], target: int) -> list[float]:
    """Length of the shortest path from every node to the target; infinite where none leads."""
    found = [math.inf] * len(topology.nodes)
    heap = [(0.0, target)]
    neighbours = topology.neighbours
    while heap:
        length, here = heapq.heappop(heap)
        if length >= found[here]:
            continue
        found[here] = length
        for other, fibre in neighbours[here]:
            if length + lengths[fibre] < found[other]:
                heapq.heappush(heap, (length + lengths[fibre], other))
    return found


def distances_to_each(
    topology: Topology, lengths: Sequence[float], targets: Iterable[int]
) -> dict[int, list[float]]:
    """What ``distances_to`` returns, for each of several targets."""
    wanted = list(dict.fromkeys(targets))
    if len(topology.nodes) * len(wanted) < WORTH_COMPILED:
        return {target: distances_to(topology, lengths, target) for target in wanted}
    found = all_distances(topology.neighbours, lengths, wanted)
    return dict(zip(wanted, found.tolist(), strict=True))


class FoundRoutes(NamedTuple):
    """What a search for routes found.

    Attributes
    ----------
    routes : list of Route
        Fewest fibres first; incomplete where the search gave up.
    steps : int
        Steps that the search took.
    """

    routes: list[Route]
    steps: int


def routes_within(
    topology: Topology,
    lengths: Sequence[float],
    rest: Sequence[float],
    pair: NodePair,
    limit: float,
    most_steps: int | None = None,
) -> FoundRoutes:
    """Find the simple paths of a pair that are at most this long.

    Parameters
    ----------
    topology : Topology
    lengths : sequence of float, one for each fibre
    rest : sequence of float
        Length of the shortest path from every node to the pair's second one, as
        ``distances_to`` returns it.
    pair : (int, int)
    limit : float
    most_steps : int, optional
        Steps after which the search gives up.
    """
    neighbours = topology.neighbours
    source, target = pair
    found: list[Route] = []
    steps = 0
    stack: list[tuple[float, tuple[int, ...], tuple[int, ...]]] = [(0.0, (source,), ())]
    while stack and (most_steps is None or steps <= most_steps):
        steps += 1
        length, nodes, fibres = stack.pop()
        if nodes[-1] == target:
            found.append(Route(nodes, fibres))
            continue
        for other, fibre in neighbours[nodes[-1]]:
            longer = length + lengths[fibre]
            if other not in nodes and longer + rest[other] <= limit:
                stack.append((longer, (*nodes, other), (*fibres, fibre)))
    return FoundRoutes(sorted(found, key=blocked_last), steps)
