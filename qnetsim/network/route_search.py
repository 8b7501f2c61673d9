"""Shortest routes under exact lengths, with ties that go one way."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import NamedTuple

from qnetsim.network.routes import Neighbours, NodePair, Route
from qnetsim.network.topology import Neighbour, Topology
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
    routes = {wanted[i]: route for i, route in found.walks.items()}
    return routes | _searched(neighbours, lengths, [wanted[i] for i in found.open])


def _searched(
    neighbours: Neighbours, lengths: Sequence[int], pairs: Iterable[NodePair]
) -> dict[NodePair, Route]:
    """Routes by one search for each first node."""
    coded = coded_lengths(lengths, len(neighbours))
    targets: dict[int, set[int]] = {}
    for source, target in pairs:
        targets.setdefault(source, set()).add(target)
    return {
        (source, target): route
        for source, wanted in targets.items()
        for target, route in _routes_from(neighbours, coded, source, wanted).items()
    }


class Found(NamedTuple):
    """What a search from one node found.

    Attributes
    ----------
    lengths : list of int
        Coded length of the shortest path to each node; more than any path where none leads.
    before : list of list of Neighbour
        Over which nodes and fibres the shortest paths come to each node.
    """

    lengths: list[int]
    before: list[list[Neighbour]]


def coded_lengths(lengths: Sequence[int], nodes: int) -> list[int]:
    """Lengths with the count of fibres in their last digit, to so many nodes.

    Sums over paths compare by length, then by the number of fibres, and each fibre adds to them.
    """
    return [length * nodes + 1 for length in lengths]


def search_from(
    neighbours: Neighbours, coded: Sequence[int], source: int, wanted: Iterable[int] = ()
) -> Found:
    """Dijkstra from a node: to all nodes, or until all that are wanted have been reached.

    What is found of other nodes is then no shorter than it is.
    """
    nodes = len(neighbours)
    found = [sum(coded) + 1] * nodes
    found[source] = 0
    before: list[list[Neighbour]] = [[] for _ in neighbours]
    missing = set(wanted) or {-1}
    # one whole number stands for a length and a node: it is compared the fastest
    heap = [source]
    while heap:
        length, here = divmod(heapq.heappop(heap), nodes)
        if length > found[here]:
            continue
        missing.discard(here)
        if not missing:
            break
        for other, fibre in neighbours[here]:
            longer = length + coded[fibre]
            if longer < found[other]:
                found[other] = longer
                before[other] = [Neighbour(here, fibre)]
                heapq.heappush(heap, longer * nodes + other)
            elif longer == found[other]:
                before[other].append(Neighbour(here, fibre))
    return Found(found, before)


def _routes_from(
    neighbours: Neighbours, coded: Sequence[int], source: int, wanted: set[int]
) -> dict[int, Route]:
    """Routes from a node to those that are wanted and can be reached."""
    before = search_from(neighbours, coded, source, wanted).before
    known = {source: Route((source,), ())}
    stack = [node for node in wanted if before[node]]
    while stack:
        node = stack[-1]
        if missing := [last for last, _ in before[node] if last not in known]:
            stack += missing
            continue
        stack.pop()
        ways = [
            Route((*known[last].nodes, node), (*known[last].fibres, fibre))
            for last, fibre in before[node]
        ]
        # the smallest nodes, then the smallest fibres
        known[node] = min(ways) if len(ways) > 1 else ways[0]
    return {node: known[node] for node in wanted if node in known}
