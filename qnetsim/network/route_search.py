"""Shortest routes under exact lengths, with ties that go one way."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from heapq import heappop, heappush

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
    routes = {wanted[i]: route for i, route in found.walks.items()}
    return routes | _searched(neighbours, lengths, [wanted[i] for i in found.open])


def _searched(
    neighbours: Neighbours, lengths: Sequence[int], pairs: Sequence[NodePair]
) -> dict[NodePair, Route]:
    """Routes by one search for each first node."""
    if not pairs:
        return {}
    coded = coded_lengths(lengths, len(neighbours))
    targets: dict[int, set[int]] = {}
    for source, target in pairs:
        targets.setdefault(source, set()).add(target)
    return {
        (source, target): route
        for source, wanted in targets.items()
        for target, route in _routes_from(neighbours, coded, source, wanted).items()
    }


def coded_lengths(lengths: Sequence[int], nodes: int) -> list[int]:
    """Lengths with the count of fibres in their last digit.

    Sums over paths compare by length, then by the number of fibres. Each fibre adds something, so
    a path gets longer with every fibre, also where lengths are zero.

    Parameters
    ----------
    lengths : sequence of int, one for each fibre
        Not negative.
    nodes : int
        Of the network; a path has fewer fibres.

    Returns
    -------
    list of int, one for each fibre
    """
    return [length * nodes + 1 for length in lengths]


def lengths_from(
    neighbours: Neighbours, coded: Sequence[int], source: int, wanted: Iterable[int] = ()
) -> list[int]:
    """Coded length of the shortest path to each node; more than any path where none leads.

    With nodes that are wanted, the search ends when it has reached them. Lengths to nodes that it
    has not reached may then be too large.

    Parameters
    ----------
    neighbours : sequence of sequence of Neighbour
    coded : sequence of int, one for each fibre
        As ``coded_lengths`` returns them.
    source : int
    wanted : iterable of int
        Nodes; none for all.

    Returns
    -------
    list of int, one for each node
    """
    nodes = len(neighbours)
    found = [sum(coded) + 1] * nodes
    found[source] = 0
    # -1 is no node: the search goes on to its end
    missing = set(wanted) or {-1}
    # a length and a node in one whole number, which compares faster than a pair
    heap = [source]
    while heap:
        length, here = divmod(heappop(heap), nodes)
        if length > found[here]:
            continue
        missing.discard(here)
        if not missing:
            break
        for other, fibre in neighbours[here]:
            longer = length + coded[fibre]
            if longer < found[other]:
                found[other] = longer
                heappush(heap, longer * nodes + other)
    return found


def _routes_from(
    neighbours: Neighbours, coded: Sequence[int], source: int, wanted: set[int]
) -> dict[int, Route]:
    """Routes from a node to those that are wanted and can be reached."""
    found = lengths_from(neighbours, coded, source, wanted)
    known = {source: Route((source,), ())}
    farthest = sum(coded)
    stack = [node for node in wanted if found[node] <= farthest]
    while stack:
        node = stack[-1]
        # where the shortest paths come from; each such node is nearer
        before = [
            (last, fibre)
            for last, fibre in neighbours[node]
            if found[last] + coded[fibre] == found[node]
        ]
        if missing := [last for last, _ in before if last not in known]:
            stack += missing
            continue
        stack.pop()
        if node not in known:
            # the smallest nodes, then the smallest fibres
            known[node] = min(
                Route((*known[last].nodes, node), (*known[last].fibres, fibre))
                for last, fibre in before
            )
    return {node: known[node] for node in wanted if node in known}
