"""Shortest routes around fibres that are down; what was found is kept for as long as it holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from qnetsim.network.fibre_sets import bits_of, fibres_of
from qnetsim.network.route_search import (
    by_source,
    coded_lengths,
    least_routes,
    lengths_from,
    open_neighbours,
    route_between,
    whole_lengths,
    worth_compiled,
)
from qnetsim.network.routes import NodePair, Route
from qnetsim.network.topology import Topology

#: Last nodes of one first node up to which each pair is searched for on its own.
MOST_APART = 4
#: Routes of one pair that are kept, and of all pairs; those of the last call stay in any case.
MOST_OF_PAIR = 32
MOST_ROUTES = 2**16
#: Lengths from a node to all others that are kept, in numbers.
MOST_LENGTHS = 2**20


@dataclass(slots=True)
class _Found:
    """A route, and where it holds; sets of fibres are whole numbers with one bit for each.

    Attributes
    ----------
    route : Route, optional
        None where no path joins the pair.
    length : int
        Its coded length.
    taken : int
        Its fibres, which are up.
    causes : int
        Fibres that were down; the route holds while all of them are.
    needed : int
        Those of them over which some path may be no longer; the others are not known yet.
    """

    route: Route | None
    length: int
    taken: int
    causes: int
    needed: int


class Detours:
    """Finds routes around avoided fibres, and keeps them.

    A route that was found is the shortest one again whenever it is open and all fibres are
    avoided over which some path of the pair is no longer. Which ones these are is asked when one
    is repaired. Lengths of paths over a fibre come from the whole network: they are worked out
    once, and are never too large.

    Parameters
    ----------
    topology : Topology
    lengths : sequence of Fraction, one for each fibre
    """

    def __init__(self, topology: Topology, lengths: Sequence[Fraction]) -> None:
        self._topology = topology
        self._lengths = whole_lengths(lengths)
        self._coded = coded_lengths(self._lengths, len(topology.nodes))
        self._beyond = sum(self._coded) + 1
        most = max(4, MOST_LENGTHS // len(topology.nodes))
        # so many are asked about at once that the lengths from their ends are kept meanwhile
        self._most_asked = most // 4
        self._lengths_from = lru_cache(maxsize=most)(self._searched)
        self._known: dict[NodePair, list[_Found]] = {}
        self._count = 0

    def around(self, avoided: frozenset[int], pairs: Iterable[NodePair]) -> dict[NodePair, Route]:
        """Return what ``shortest_routes`` does; pairs that no path joins are left out.

        Parameters
        ----------
        avoided : frozenset of int
            Fibres that no route may take.
        pairs : iterable of (int, int)
        """
        down = bits_of(avoided)
        wanted = list(dict.fromkeys(pairs))
        routes: dict[NodePair, Route] = {}
        missing = []
        for pair in wanted:
            found = self._recalled(pair, down)
            if found is None:
                missing.append(pair)
            elif found.route:
                routes[pair] = found.route
        if missing:
            fresh = self._search(avoided, missing)
            routes |= fresh
            for pair in missing:
                self._keep(down, pair, fresh.get(pair))
            if self._count > MOST_ROUTES:
                self._known = {pair: self._known[pair][:1] for pair in wanted}
                self._count = len(wanted)
        return routes

    def _recalled(self, pair: NodePair, down: int) -> _Found | None:
        """What is known of a pair while these fibres are down; it comes first from now on."""
        known = self._known.get(pair, [])
        for place, found in enumerate(known):
            if down & found.taken:
                continue
            repaired = found.causes & ~down
            if not repaired or self._holds(pair, found, repaired):
                if place:
                    known.insert(0, known.pop(place))
                return found
        return None

    def _holds(self, pair: NodePair, found: _Found, repaired: int) -> bool:
        """Whether what was found is known to be the shortest route of a pair with these too."""
        if repaired & found.needed or repaired.bit_count() > self._most_asked:
            return False
        first, last = pair
        for fibre in fibres_of(repaired):
            a, b = (self._lengths_from(end) for end in self._topology.fibres[fibre])
            over = self._coded[fibre] + min(a[first] + b[last], b[first] + a[last])
            if over <= found.length:
                found.needed |= 1 << fibre
                return False
            found.causes ^= 1 << fibre
        return True

    def _search(self, avoided: frozenset[int], pairs: Sequence[NodePair]) -> dict[NodePair, Route]:
        neighbours = open_neighbours(self._topology, avoided)
        if worth_compiled(len(neighbours), pairs):
            return least_routes(neighbours, self._lengths, pairs)
        routes: dict[NodePair, Route] = {}
        together: list[NodePair] = []
        for source, targets in by_source(pairs).items():
            some = [(source, target) for target in targets]
            if len(targets) > MOST_APART:
                together += some
                continue
            least = self._lengths_from(source)
            for pair in some:
                if route := route_between(neighbours, self._coded, pair, least, self._beyond):
                    routes[pair] = route
        return routes | least_routes(neighbours, self._lengths, together)

    def _keep(self, down: int, pair: NodePair, route: Route | None) -> None:
        """Remember what was found while these fibres were down."""
        known = self._known.setdefault(pair, [])
        if len(known) == MOST_OF_PAIR:
            known.pop()
            self._count -= 1
        if route:
            length = sum([self._coded[fibre] for fibre in route.fibres])
            found = _Found(route, length, bits_of(route.fibres), down, 0)
        else:
            found = _Found(None, 0, 0, down, down)
        known.insert(0, found)
        self._count += 1

    def _searched(self, source: int) -> list[int]:
        return lengths_from(self._topology.neighbours, self._coded, source)
