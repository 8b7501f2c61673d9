"""Lower bounds and new routes from prices of the fibres.

Give every covering row (23), (24) of fibre e and scenario s a price α_e(s), γ_e(s), every limit
row (28), (29) a price δ_e(s), and every cut on loads a price of its own. If the prices of a fibre
add up to at most the reserved cost and each is at most the probability-weighted on-demand cost,
the shortest paths under ``ρ·α + γ + δ`` plus the prices of the cuts that a fibre is in, less what
the limits are worth, add up to a lower bound on the expected cost: linear programming duality,
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
from qnetsim.optimize.columns.load_cuts import LoadCut
from qnetsim.optimize.columns.problem import RoutesProblem

if TYPE_CHECKING:
    from scipy import sparse

#: Scipy's compiled search; its import takes longer than a small plan.
SCIPY = "scipy.sparse.csgraph"
#: Nodes up to which array steps stand in for a search that is not imported yet; they take two to
#: four times as long.
MOST_NODES_IN_STEPS = 60


class DualPrices(NamedTuple):
    """Feasible prices of the rows of each fibre and scenario, shape (scenarios, fibres).

    Attributes
    ----------
    alpha, gamma, delta : ndarray, shape (scenarios, fibres)
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
    distances : ndarray, shape (scenarios, pairs)
        Length of the shortest path of each pair.
    """

    bound: float
    distances: FloatArray
    _predecessors: IntArray
    _paths: PathFinder

    def route(self, scenario: int, pair: int) -> Route:
        """Shortest path of a pair in a scenario."""
        return self._paths.trace(self._predecessors[scenario], pair)


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
            return self.find(lengths)[0]
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

    def find(self, lengths: FloatArray) -> tuple[FloatArray, IntArray]:
        """Distances of all pairs under these lengths, shape (pairs,), and the predecessors."""
        from scipy.sparse.csgraph import dijkstra

        # an explicit zero is a fibre of length zero, not a missing one
        self._graph.data[:] = lengths[self._fibre]
        found, before = dijkstra(
            self._graph, directed=True, indices=self._sources, return_predecessors=True
        )
        return found[self._row, self._targets], np.asarray(before, dtype=np.int64)

    def trace(self, predecessors: IntArray, pair: int) -> Route:
        """Read the path of a pair off the predecessors."""
        source, node = self.pairs[pair]
        before = predecessors[self._row[pair]]
        nodes = [node]
        while node != source:
            node = int(before[node])
            nodes.append(node)
        nodes.reverse()
        fibres = tuple(self._between[frozenset(step)] for step in pairwise(nodes))
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
        self._caps = np.where(np.isfinite(problem.caps), problem.caps, 0.0)
        self._blocking = np.array([problem.blocking(s) for s in range(problem.scenarios)])

    def lengths(self, prices: DualPrices) -> FloatArray:
        """Length of each fibre in each scenario, shape (scenarios, fibres)."""
        lengths = self.problem.channels * prices.alpha + prices.gamma + prices.delta
        for cut, price in zip(self._cuts, prices.cuts, strict=False):
            if price:
                lengths[cut.scenario, list(cut.fibres)] += price
        return np.asarray(lengths)

    def blocking(self, prices: DualPrices) -> FloatArray:
        """Price of a blocked request less what the cuts refund, shape (scenarios, pairs)."""
        price = np.repeat(self._blocking[:, None], len(self.problem.pairs), axis=1)
        for cut, refund in zip(self._cuts, prices.cuts, strict=False):
            price[cut.scenario, list(cut.blocked)] -= refund
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
        delta = np.where(np.isfinite(problem.caps), np.maximum(delta, 0.0), 0.0)
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
        found = [self._paths.find(row) for row in self.lengths(prices)]
        distances = np.array([distance for distance, _ in found])
        cheapest = np.minimum(distances, self.blocking(prices))
        bound = float((cheapest @ problem.demand).sum()) - float((prices.delta * self._caps).sum())
        bound -= sum(
            cut.most * price for cut, price in zip(self._cuts, prices.cuts.tolist(), strict=False)
        )
        if problem.fixed is not None:
            reserved = problem.scaled_reserved
            slack = reserved.channels - prices.alpha.sum(axis=0)
            bound += float(slack @ problem.fixed.channels)
            slack = reserved.wavelengths - prices.gamma.sum(axis=0)
            bound += float(slack @ problem.fixed.wavelengths)
        predecessors = np.array([before for _, before in found])
        return Priced(bound, distances, predecessors, self._paths)
