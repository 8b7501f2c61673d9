"""Shortest routes under exact lengths, with ties that go one way."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from heapq import heappop, heappush

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
    every = topology.neighbours
    if not avoided:
        return every
    left: list[Sequence[Neighbour]] = [*every]
    for node in {end for fibre in avoided for end in topology.fibres[fibre]}:
        left[node] = [neighbour for neighbour in every[node] if neighbour.fibre not in avoided]
    return left


def least_routes(
    neighbours: Neighbours, lengths: Sequence[int], pairs: Iterable[NodePair]
) -> dict[NodePair, Route]:
    """What ``shortest_routes`` does, for whole lengths."""
    wanted = list(dict.fromkeys(pairs))
    if not worth_compiled(len(neighbours), wanted):
        return _searched(neighbours, lengths, wanted)
    found = shortest_walks(neighbours, lengths, wanted)
    routes = {wanted[i]: route for i, route in found.walks.items()}
    return routes | _searched(neighbours, lengths, [wanted[i] for i in found.open])


def worth_compiled(nodes: int, pairs: Sequence[NodePair]) -> bool:
    """Whether so many pairs of a network are found sooner by compiled code."""
    firsts = len({source for source, _ in pairs})
    lasts = len({target for _, target in pairs})
    return nodes * firsts >= WORTH_COMPILED and lasts <= MOST_LASTS * firsts


def by_source(pairs: Iterable[NodePair]) -> dict[int, set[int]]:
    """Last nodes that are wanted for each first node."""
    targets: dict[int, set[int]] = {}
    for source, target in pairs:
        targets.setdefault(source, set()).add(target)
    return targets


def _searched(
    neighbours: Neighbours, lengths: Sequence[int], pairs: Sequence[NodePair]
) -> dict[NodePair, Route]:
    """Routes by one search for each first node."""
    if not pairs:
        return {}
    coded = coded_lengths(lengths, len(neighbours))
    routes: dict[NodePair, Route] = {}
    for source, wanted in by_source(pairs).items():
        found = lengths_from(neighbours, coded, source, wanted)
        for target, route in _routes_from(neighbours, coded, source, wanted, found).items():
            routes[source, target] = route
    return routes


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


def route_between(
    neighbours: Neighbours,
    coded: Sequence[int],
    pair: NodePair,
    least: Sequence[int],
    beyond: int,
) -> Route | None:
    """Route of one pair, by a search that keeps to the nodes near it; None where no path leads.

    Parameters
    ----------
    neighbours : sequence of sequence of Neighbour
    coded : sequence of int, one for each fibre
    pair : (int, int)
    least : sequence of int, one for each node
        Coded lengths from the pair's first node, by these neighbours and more: at most those
        that are found here.
    beyond : int
        More than the coded length of any path.
    """
    first, last = pair
    nodes = len(neighbours)
    # lengths to the last node; on the heap, what a whole path over a node has at least
    found = [beyond] * nodes
    found[last] = 0
    heap = [least[last] * nodes + last]
    while heap:
        total, here = divmod(heappop(heap), nodes)
        # paths that are as short as the first one are found too
        if total > found[first]:
            break
        length = found[here]
        if total > length + least[here]:
            continue
        for other, fibre in neighbours[here]:
            longer = length + coded[fibre]
            if longer < found[other] and (total := longer + least[other]) <= found[first]:
                found[other] = longer
                if other != first:
                    heappush(heap, total * nodes + other)
    rest = found[first]
    if rest == beyond:
        return None
    here = first
    way = [first]
    fibres = []
    while here != last:
        on = [step for step in neighbours[here] if found[step[0]] + coded[step[1]] == rest]
        # the smallest node, then the smallest fibre
        here, fibre = min(on) if len(on) > 1 else on[0]
        rest -= coded[fibre]
        way.append(here)
        fibres.append(fibre)
    return Route(tuple(way), tuple(fibres))


def _routes_from(
    neighbours: Neighbours,
    coded: Sequence[int],
    source: int,
    wanted: set[int],
    found: Sequence[int],
) -> dict[int, Route]:
    """Routes from a node to those that are wanted and can be reached, by the lengths found."""
    farthest = sum(coded)
    reached = [node for node in wanted if found[node] <= farthest]
    # where the shortest paths to each node on them come from; each such node is nearer
    steps: dict[int, list[Neighbour]] = {source: []}
    stack = reached.copy()
    while stack:
        if (node := stack.pop()) not in steps:
            length = found[node]
            steps[node] = before = [
                step for step in neighbours[node] if found[step[0]] + coded[step[1]] == length
            ]
            stack += [last for last, _ in before]
    known = {source: Route((source,), ())}
    for node in sorted(steps, key=found.__getitem__)[1:]:
        ways = []
        for last, fibre in steps[node]:
            nodes, fibres = known[last]
            ways.append(Route((*nodes, node), (*fibres, fibre)))
        # the smallest nodes, then the smallest fibres
        known[node] = min(ways) if len(ways) > 1 else ways[0]
    return {node: known[node] for node in reached}
