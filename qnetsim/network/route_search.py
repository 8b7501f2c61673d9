"""Shortest routes under exact lengths, with ties that go one way."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence
from fractions import Fraction

from qnetsim.network.routes import Neighbours, NodePair, Route
from qnetsim.network.topology import Topology
from qnetsim.network.walks import WORTH_COMPILED, shortest_walks

#: Last nodes for each first node up to which compiled code is worth it: it searches from the last.
MOST_LASTS = 16


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
