"""Shortest routes around fibres that are down, kept up to date as fibres fail and are repaired."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import NamedTuple

from qnetsim.network.route_search import (
    coded_lengths,
    least_routes,
    lengths_from,
    open_neighbours,
    whole_lengths,
)
from qnetsim.network.routes import Neighbours, NodePair, Route
from qnetsim.network.topology import Topology


class _Known(NamedTuple):
    """A route around the avoided fibres, and its coded length."""

    route: Route
    length: int


class _Repaired(NamedTuple):
    """A repaired fibre: its coded length, and those of all nodes' paths from its two ends."""

    length: int
    from_source: list[int]
    from_target: list[int]

    def shortest(self, pair: NodePair) -> int:
        """Coded length of the shortest walk of a pair over the fibre."""
        a, b = pair
        forth = self.from_source[a] + self.from_target[b]
        back = self.from_target[a] + self.from_source[b]
        return self.length + min(forth, back)


class Detours:
    """Keeps the routes around the last set of avoided fibres, and updates them for the next set.

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
        self._coded = coded_lengths(self._lengths, len(topology.nodes))
        self._avoided: frozenset[int] = frozenset()
        self._known: dict[NodePair, _Known | None] = {}

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
        over = [self._distances_over(neighbours, fibre) for fibre in repaired]
        kept: dict[NodePair, _Known | None] = {}
        missing = []
        for pair in dict.fromkeys(pairs):
            found = self._known.get(pair)
            if (found is None and (pair not in self._known or repaired)) or (
                found is not None
                and (
                    not failed.isdisjoint(found.route.fibres)
                    or any(fibre.shortest(pair) <= found.length for fibre in over)
                )
            ):
                missing.append(pair)
            else:
                kept[pair] = found
        fresh = least_routes(neighbours, self._lengths, missing)
        for pair in missing:
            route = fresh.get(pair)
            length = sum(self._coded[f] for f in route.fibres) if route else 0
            kept[pair] = _Known(route, length) if route else None
        self._avoided = avoided
        self._known = kept
        return {pair: found.route for pair, found in kept.items() if found}

    def _distances_over(self, neighbours: Neighbours, fibre: int) -> _Repaired:
        source, target = self._topology.fibres[fibre]
        return _Repaired(
            length=self._coded[fibre],
            from_source=lengths_from(neighbours, self._coded, source),
            from_target=lengths_from(neighbours, self._coded, target),
        )
