"""Networks of any shape, and shortest routes by the definition of their order."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence

import numpy as np

from qnetsim.network import Route
from qnetsim.network.routes import Neighbours, NodePair
from qnetsim.network.topology import Topology


def topology_of(nodes: int, fibres: Sequence[tuple[int, int]]) -> Topology:
    names = tuple(f"n{i}" for i in range(nodes))
    return Topology("test", names, tuple(fibres), (1.0,) * len(fibres))


def grid(rows: int, columns: int) -> Topology:
    """A grid, its nodes row by row."""
    right = [(i, i + 1) for i in range(rows * columns) if i % columns < columns - 1]
    down = [(i, i + columns) for i in range((rows - 1) * columns)]
    return topology_of(rows * columns, right + down)


def random_graph(rng: np.random.Generator, nodes: int) -> Topology:
    """A graph that may be in several pieces, fibres in any order and direction."""
    wanted = rng.integers(0, nodes, (int(nodes * rng.uniform(0.8, 3)), 2)).tolist()
    fibres = {tuple(sorted(ends)): (ends[0], ends[1]) for ends in wanted if ends[0] != ends[1]}
    return topology_of(nodes, list(fibres.values()) or [(0, 1)])


def exact_search(
    neighbours: Neighbours, lengths: Sequence[int], pairs: Iterable[NodePair]
) -> dict[NodePair, Route]:
    """Least (length, fibres, node sequence) of every pair, by labels that say just that."""
    known: dict[int, dict[int, Route]] = {}
    for source, _ in pairs:
        if source in known:
            continue
        found = known[source] = {}
        heap = [(0, 0, (source,), Route((source,), ()))]
        while heap:
            length, hops, nodes, route = heapq.heappop(heap)
            if nodes[-1] in found:
                continue
            found[nodes[-1]] = route
            for node, fibre in neighbours[nodes[-1]]:
                longer = Route((*nodes, node), (*route.fibres, fibre))
                if node not in found:
                    heapq.heappush(heap, (length + lengths[fibre], hops + 1, longer.nodes, longer))
    return {(a, b): known[a][b] for a, b in pairs if b in known[a]}
