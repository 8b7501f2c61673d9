"""Shortest routes at every demand level, by searches at few of the levels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.network.route_search import least_routes, whole_lengths
from qnetsim.network.routes import NodePair, Route
from qnetsim.network.topology import Topology


def routes_by_level(
    topology: Topology,
    wavelengths: Sequence[Fraction],
    channels: Sequence[Fraction],
    counts: IntArray,
    pairs: Iterable[NodePair],
) -> list[dict[NodePair, Route]]:
    """Shortest route of each pair at each level, as ``shortest_routes`` finds them one by one.

    At a level a fibre is as long as its wavelength and so many of its channels cost. Over levels
    a ... b at which every fibre's count goes on in equal steps, the length of each path is a
    straight line. A path that is the shortest at a and at b is then the shortest between them: a
    difference of two lines that is not negative at both ends is nowhere negative between them, and
    where it is zero there, it is zero at a too. So a path that is as long at a level between
    is as long at a, where the order of ties, which knows no levels, put it behind. Searched are the
    levels at which some count changes its step, and between them, by halving, only pairs
    whose routes differ at both ends.

    Parameters
    ----------
    topology : Topology
    wavelengths, channels : sequence of Fraction, one for each fibre
        Prices of a KM wavelength and of one channel, not negative.
    counts : ndarray of int64, shape (levels, fibres)
        Channels that a request takes at each level.
    pairs : iterable of (int, int)

    Returns
    -------
    list of dict from pair to Route, one for each level
        Pairs that no path joins are left out.
    """
    whole = whole_lengths([*wavelengths, *channels])
    fibres = len(topology.fibres)
    searches = _LevelSearches(topology, whole[:fibres], whole[fibres:], counts)
    return searches.of(list(dict.fromkeys(pairs)))


class _LevelSearches:
    """Routes at the levels that were searched, and at those that follow from them.

    Parameters
    ----------
    topology : Topology
    wavelengths, channels : list of int, one for each fibre
        Prices in one unit.
    counts : ndarray of int64, shape (levels, fibres)
    """

    def __init__(
        self, topology: Topology, wavelengths: list[int], channels: list[int], counts: IntArray
    ) -> None:
        self._neighbours = topology.neighbours
        self._wavelengths = wavelengths
        self._channels = channels
        self._counts = counts
        self._routes: list[dict[NodePair, Route]] = [{} for _ in counts]

    def of(self, pairs: list[NodePair]) -> list[dict[NodePair, Route]]:
        """Routes of the pairs at each level."""
        bends = np.flatnonzero(np.diff(self._counts, n=2, axis=0).any(axis=1)) + 1
        knots = sorted({0, *bends.tolist(), len(self._counts) - 1})
        for level in knots:
            self._search(level, pairs)
        for first, last in pairwise(knots):
            # which pairs are joined is the same at all levels
            self._between(first, last, list(self._routes[first]))
        return self._routes

    def _search(self, level: int, pairs: list[NodePair]) -> None:
        prices = zip(self._wavelengths, self._counts[level].tolist(), self._channels, strict=True)
        lengths = [wavelength + count * channel for wavelength, count, channel in prices]
        self._routes[level] |= least_routes(self._neighbours, lengths, pairs)

    def _between(self, first: int, last: int, pairs: list[NodePair]) -> None:
        """Settle the levels between two that were searched; all counts are straight there."""
        if last - first < 2:
            return
        at_first, at_last = self._routes[first], self._routes[last]
        same = {pair: at_first[pair] for pair in pairs if at_first[pair] == at_last[pair]}
        for level in range(first + 1, last):
            self._routes[level] |= same
        differ = [pair for pair in pairs if pair not in same]
        if differ:
            middle = (first + last) // 2
            self._search(middle, differ)
            self._between(first, middle, differ)
            self._between(middle, last, differ)
