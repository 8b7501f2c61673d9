"""Shortest routes around fibres that are down, kept up to date as fibres fail and are repaired."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from fractions import Fraction

from qnetsim.network.routes import (
    Neighbours,
    NodePair,
    Route,
    least_routes,
    open_neighbours,
    whole_lengths,
)
from qnetsim.network.topology import Topology


class Detours:
    """Remembers the routes around the last set of fibres, and mends them for the next set.

    A failure concerns only the routes that cross the fibre. A repair concerns only pairs for
    which some path over the fibre is no longer than their route: two searches tell which.

    Parameters
    ----------
    topology : Topology
    lengths : sequence of Fraction, one for each fibre
    """

    def __init__(self, topology: Topology, lengths: Sequence[Fraction]) -> None:
        self._topology = topology
        self._lengths = whole_lengths(lengths)
        self._avoided: frozenset[int] = frozenset()
        self._known: dict[NodePair, tuple[Route, int] | None] = {}

    def around(self, avoided: frozenset[int], pairs: Iterable[NodePair]) -> dict[NodePair, Route]:
        """Return what ``shortest_routes`` does; pairs that no path joins are left out.

        Parameters
        ----------
        avoided : frozenset of int
            Fibres that no route may take.
        pairs : iterable of (int, int)
        """
        neighbours = open_neighbours(self._topology, avoided)
        failed = avoided - self._avoided
        repaired = self._avoided - avoided
        over = [self._over(neighbours, fibre) for fibre in repaired]
        kept: dict[NodePair, tuple[Route, int] | None] = {}
        missing = []
        for pair in dict.fromkeys(pairs):
            found = self._known.get(pair)
            if (found is None and (pair not in self._known or repaired)) or (
                found is not None
                and (
                    not failed.isdisjoint(found[0].fibres)
                    or any(_shortest_over(way, pair) <= found[1] for way in over)
                )
            ):
                missing.append(pair)
            else:
                kept[pair] = found
        fresh = least_routes(neighbours, self._lengths, missing)
        for pair in missing:
            route = fresh.get(pair)
            length = sum(self._lengths[f] for f in route.fibres) if route else 0
            kept[pair] = (route, length) if route else None
        self._avoided = avoided
        self._known = kept
        return {pair: found[0] for pair, found in kept.items() if found}

    def _over(self, neighbours: Neighbours, fibre: int) -> tuple[int, list[int], list[int]]:
        """Length of a fibre, and the distances from its two ends."""
        ends = self._topology.fibres[fibre]
        near, far = (_distances(neighbours, self._lengths, end) for end in ends)
        return self._lengths[fibre], near, far


def _shortest_over(way: tuple[int, list[int], list[int]], pair: NodePair) -> int:
    """Length of the shortest walk of a pair over a fibre."""
    length, near, far = way
    a, b = pair
    return length + min(near[a] + far[b], far[a] + near[b])


def _distances(neighbours: Neighbours, lengths: Sequence[int], source: int) -> list[int]:
    """Length of the shortest path to every node; more than any path where none leads."""
    found = [sum(lengths) + 1] * len(neighbours)
    found[source] = 0
    heap = [(0, source)]
    while heap:
        length, here = heapq.heappop(heap)
        if length > found[here]:
            continue
        for other, fibre in neighbours[here]:
            if length + lengths[fibre] < found[other]:
                found[other] = length + lengths[fibre]
                heapq.heappush(heap, (found[other], other))
    return found
