"""Lower bounds and new routes from prices of the fibres.

Give every covering row (23), (24) of fibre e and scenario s a price α_e(s), γ_e(s), every limit
row (28), (29) a price δ_e(s), and every cut on loads a price of its own. If the prices of a fibre
add up to at most the reserved cost and each is at most the probability-weighted on-demand cost,
the shortest paths under ``ρ·α + γ`` plus what a request pays to limits and cuts on a fibre, less
what these are worth, add up to a lower bound on the expected cost: linear programming duality,
whatever the prices came from.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.network import Route, Topology
from qnetsim.optimize.columns.problem import RoutesProblem

if TYPE_CHECKING:
    from scipy import sparse

    from qnetsim.optimize.columns.load_cuts import LoadCut

#: Scipy's compiled search; its import takes longer than a small plan.
SCIPY = "scipy.sparse.csgraph"
#: Nodes up to which array steps stand in for a search that is not imported yet; they take two to
#: four times as long.
MOST_NODES_IN_STEPS = 60


class DualPrices(NamedTuple):
    """Feasible prices of the rows of each fibre and scenario.

    Attributes
    ----------
    alpha, gamma : ndarray, shape (scenarios, fibres)
    delta : ndarray, shape (scenarios, 2, fibres)
        Of the limits on channels and on requests.
    cuts : ndarray, shape (cuts,)
        Of the first cuts on loads; cuts that came later have the price zero.
    """

    alpha: FloatArray
    gamma: FloatArray
    delta: FloatArray
    cuts: FloatArray = np.zeros(0)

    def mixed(self, other: DualPrices, weight: float) -> DualPrices:
        """``weight`` parts of these prices and the rest of the others: feasible as both are."""
        most = max(self.cuts.size, other.cuts.size)
        mine, others = (
            (*prices[:3], np.pad(prices.cuts, (0, most - prices.cuts.size)))
            for prices in (self, other)
        )
        return DualPrices(
            *(weight * a + (1 - weight) * b for a, b in zip(mine, others, strict=True))
        )


def rescaled(prices: FloatArray, most: FloatArray) -> FloatArray:
    """Scale down the prices of each fibre that add up to more than ``most``.

    Parameters
    ----------
    prices : ndarray, shape (scenarios, fibres)
    most : ndarray, shape (fibres,)
    """
    total = prices.sum(axis=0)
    factor = np.divide(most, total, out=np.ones_like(total), where=total > most)
    return np.asarray(prices * factor)


@dataclass(frozen=True)
class Priced:
    """Shortest paths under some prices.

    Attributes
    ----------
    bound : float
        Scaled lower bound on the expected cost.
    distances : ndarray, shape (scenarios, kinds)
        Length of the shortest path of each kind of request.
    of : list of int
        Distribution of each kind.
    """

    bound: float
    distances: FloatArray
    of: list[int]
    _paths: list[list[FoundPaths]]
    _finder: PathFinder

    def route(self, scenario: int, kind: int) -> Route:
        """Shortest path of a kind in a scenario."""
        return self._finder.trace(self._paths[scenario][self.of[kind]], kind)


class FoundPaths(NamedTuple):
    """Shortest paths of all pairs.

    Attributes
    ----------
    distances : ndarray, shape (pairs,)
    predecessors : ndarray of int64, shape (sources, nodes)
    lengths : ndarray, shape (fibres,)
        Those under which they are shortest; of parallel fibres a path takes the shorter one.
    """

    distances: FloatArray
    predecessors: IntArray
    lengths: FloatArray


class PathFinder:
    """Shortest paths of many pairs under many lengths, in compiled code."""

    def __init__(self, topology: Topology, pairs: list[tuple[int, int]]) -> None:
        ends = np.array(topology.fibres)
        self._nodes = len(topology.nodes)
        self._links = np.concatenate([ends, ends[:, ::-1]])
        self._order = np.lexsort((self._links[:, 1], self._links[:, 0]))
        self._by_end = np.argsort(self._links[:, 1], kind="stable")
        self._fibre = np.tile(np.arange(len(ends)), 2)[self._order]
        self._between = {frozenset(pair): e for e, pair in enumerate(topology.fibres)}
        self._twins = topology.twins
        self.pairs = pairs
        self._sources, self._row = np.unique([a for a, _ in pairs], return_inverse=True)
        self._targets = np.array([b for _, b in pairs])

    @cached_property
    def _graph(self) -> sparse.csr_array:
        """The network as scipy wants it; a slow import, which not every plan needs."""
        from scipy import sparse

        heads = np.bincount(self._links[:, 0], minlength=self._nodes)
        return sparse.csr_array(
            (
                np.ones(self._order.size),
                self._links[self._order, 1].astype(np.int32),
                np.concatenate([[0], np.cumsum(heads)]).astype(np.int32),
            ),
            shape=(self._nodes, self._nodes),
        )

    def distances(self, lengths: FloatArray) -> FloatArray:
        """Distances of all pairs under lengths ≥ 0, shape (pairs,), to the last bit as ``find``."""
        if self._nodes > MOST_NODES_IN_STEPS or SCIPY in sys.modules:
            return self.find(lengths).distances
        # a rounded sum never falls where a length is added, nor where a summand grows, so that
        # Dijkstra's order and this one end at the same least sums, each from the source outward
        begin, end = self._links[self._by_end].T
        fibre = self._by_end % lengths.size
        ends, first = np.unique(end, return_index=True)
        found = np.full((len(self._sources), self._nodes), np.inf)
        found[np.arange(len(self._sources)), self._sources] = 0.0
        while True:
            over = np.minimum.reduceat(found[:, begin] + lengths[fibre], first, axis=1)
            shorter = over < found[:, ends]
            if not shorter.any():
                return np.asarray(found[self._row, self._targets])
            found[:, ends] = np.where(shorter, over, found[:, ends])

    def find(self, lengths: FloatArray) -> FoundPaths:
        """Shortest paths of all pairs under these lengths."""
        from scipy.sparse.csgraph import dijkstra

        # an explicit zero is a fibre of length zero, not a missing one
        self._graph.data[:] = lengths[self._fibre]
        found, before = dijkstra(
            self._graph, directed=True, indices=self._sources, return_predecessors=True
        )
        distances = found[self._row, self._targets]
        return FoundPaths(distances, np.asarray(before, dtype=np.int64), lengths)

    def distances_each(self, lengths: FloatArray) -> list[FloatArray]:
        """Distances under several lengths, shape (n, fibres)."""
        return [self.distances(row) for row in lengths]

    def find_each(self, lengths: FloatArray) -> list[FoundPaths]:
        """Shortest paths under several lengths, shape (n, fibres); equal ones are searched once."""
        if len(lengths) == 1:
            return [self.find(lengths[0])]
        known: dict[bytes, FoundPaths] = {}
        for row in lengths:
            key = row.tobytes()
            if key not in known:
                known[key] = self.find(row)
        return [known[row.tobytes()] for row in lengths]

    def trace(self, paths: FoundPaths, pair: int) -> Route:
        """Read the path of a pair off the predecessors."""
        source, node = self.pairs[pair]
        before = paths.predecessors[self._row[pair]]
        nodes = [node]
        while node != source:
            node = int(before[node])
            nodes.append(node)
        nodes.reverse()
        fibres = tuple(self._between[frozenset(step)] for step in pairwise(nodes))
        if self._twins:
            length = paths.lengths.__getitem__
            fibres = tuple(min(self._twins.get(e, (e,)), key=length) for e in fibres)
        return Route(tuple(nodes), fibres)


class Pricing:
    """Turns prices into bounds and routes for one problem.

    Parameters
    ----------
    problem : RoutesProblem
    cuts : sequence of LoadCut
        Cuts on loads; they may grow.
    """

    def __init__(self, problem: RoutesProblem, cuts: Sequence[LoadCut] = ()) -> None:
        self.problem = problem
        self._cuts = cuts
        self._paths = PathFinder(problem.network.topology, problem.pairs)
        self._blocking = np.array([problem.blocking(s) for s in range(problem.scenarios)])

    def lengths(self, prices: DualPrices) -> FloatArray:
        """Length of each fibre in each scenario, shape (scenarios, distributions, fibres)."""
        return np.maximum(priced_lengths(self.problem, self._cuts, prices), 0.0)

    def blocking(self, prices: DualPrices) -> FloatArray:
        """Price of a blocked request less what the cuts refund, shape (scenarios, kinds)."""
        price = np.repeat(self._blocking[:, None], len(self.problem.pairs), axis=1)
        for cut, refund in zip(self._cuts, prices.cuts, strict=False):
            price[cut.scenario, list(cut.blocked)] -= cut.sign * refund
        return price

    def feasible(
        self,
        alpha: FloatArray,
        gamma: FloatArray,
        delta: FloatArray,
        cuts: FloatArray | None = None,
    ) -> DualPrices:
        """Repair prices so that they are feasible beyond any solver's tolerance."""
        problem = self.problem
        alpha = np.maximum(alpha, 0.0)
        gamma = np.maximum(gamma, 0.0)
        delta = np.where(np.isfinite(problem.limits.caps), np.maximum(delta, 0.0), 0.0)
        if problem.scaled_on_demand is not None:
            alpha = np.minimum(alpha, problem.scaled_on_demand.channels)
            gamma = np.minimum(gamma, problem.scaled_on_demand.wavelengths)
        if problem.fixed is None:
            alpha = rescaled(alpha, problem.scaled_reserved.channels)
            gamma = rescaled(gamma, problem.scaled_reserved.wavelengths)
        return DualPrices(
            alpha, gamma, delta, np.zeros(0) if cuts is None else np.maximum(cuts, 0.0)
        )

    def price(self, prices: DualPrices) -> Priced:
        """Work out the bound and the shortest paths under feasible prices."""
        problem = self.problem
        found = [self._paths.find_each(rows) for rows in self.lengths(prices)]
        distances = distances_of(problem, [[p.distances for p in each] for each in found])
        cheapest = np.minimum(distances, self.blocking(prices))
        bound = float((cheapest @ problem.demand).sum()) - problem.limits.worth(prices.delta)
        bound -= sum(
            cut.most * price for cut, price in zip(self._cuts, prices.cuts.tolist(), strict=False)
        )
        if problem.fixed is not None:
            reserved = problem.scaled_reserved
            slack = reserved.channels - prices.alpha.sum(axis=0)
            bound += float(slack @ problem.fixed.channels)
            slack = reserved.wavelengths - prices.gamma.sum(axis=0)
            bound += float(slack @ problem.fixed.wavelengths)
        return Priced(bound, distances, problem.distribution.tolist(), found, self._paths)


def priced_lengths(
    problem: RoutesProblem, cuts: Sequence[LoadCut], prices: DualPrices
) -> FloatArray:
    """Length of each fibre under prices, shape (scenarios, distributions, fibres)."""
    lengths = problem.channels * prices.alpha[:, None] + prices.gamma[:, None]
    lengths = lengths + problem.limits.lengths(prices.delta)
    for cut, price in zip(cuts, prices.cuts, strict=False):
        if price:
            paid = np.multiply.outer(cut.weights, [cut.sign * price] * len(cut.fibres))
            lengths[cut.scenario][:, cut.fibres] += paid
    return np.asarray(lengths)


def distances_of(problem: RoutesProblem, found: Sequence[Sequence[FloatArray]]) -> FloatArray:
    """Distance of each kind from those under each distribution's lengths, (scenarios, kinds)."""
    if problem.distributions == 1:
        return np.array([each[0] for each in found])
    every = np.array(found)
    return np.asarray(every[:, problem.distribution, np.arange(len(problem.counts))])
