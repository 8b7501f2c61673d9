"""Networks of any shape, and shortest routes by the definition of their order."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence

import networkx
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


def with_twins(topology: Topology, rng: np.random.Generator, share: float = 0.4) -> Topology:
    """The network with further cables beside some of its fibres, in any order and direction.

    Fibres with others beside them have names of their own, and some of the rest have too.
    """
    cables: list[tuple[tuple[int, int], float, str]] = []
    for (a, b), length in zip(topology.fibres, topology.lengths_km, strict=True):
        more = int(rng.integers(1, 3)) if rng.random() < share else 0
        for number in range(1 + more):
            ends = (a, b) if rng.random() < 0.5 else (b, a)
            longer = length * float(rng.choice([1.0, 1.0, 1.5]))
            named = more or rng.random() < 0.2
            cables.append((ends, longer if number else length, f"c{number}" if named else ""))
    order = rng.permutation(len(cables)).tolist()
    ends, lengths, labels = zip(*(cables[i] for i in order), strict=True)
    named = labels if any(labels) else ()
    return Topology(topology.name, topology.nodes, ends, lengths, fibre_labels=named)


def simple_paths(topology: Topology, pair: NodePair) -> list[list[int]]:
    """Fibres of every simple path of a pair, one for each choice among parallel fibres."""
    graph = networkx.MultiGraph()
    graph.add_edges_from((a, b, fibre) for fibre, (a, b) in enumerate(topology.fibres))
    paths = networkx.all_simple_edge_paths(graph, *pair)
    return [[fibre for _, _, fibre in path] for path in paths]


def exact_search(
    neighbours: Neighbours, lengths: Sequence[int], pairs: Iterable[NodePair]
) -> dict[NodePair, Route]:
    """Least (length, hops, node sequence, fibres) of every pair, by labels that say just that."""
    known: dict[int, dict[int, Route]] = {}
    for source, _ in pairs:
        if source in known:
            continue
        found = known[source] = {}
        heap = [(0, 0, (source,), ())]
        while heap:
            length, hops, nodes, fibres = heapq.heappop(heap)
            if nodes[-1] in found:
                continue
            found[nodes[-1]] = Route(nodes, fibres)
            for node, fibre in neighbours[nodes[-1]]:
                if node not in found:
                    longer = (length + lengths[fibre], hops + 1, (*nodes, node), (*fibres, fibre))
                    heapq.heappush(heap, longer)
    return {(a, b): known[a][b] for a, b in pairs if b in known[a]}
