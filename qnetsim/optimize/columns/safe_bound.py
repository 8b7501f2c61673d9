"""Lower bounds in integers, which no tolerance of a solver can make false.

Prices α, γ, δ and those of the cuts come from a solver, and so are wrong in their last digits.
Here they and all costs are rounded down to whole multiples of one small unit and repaired until
they are feasible; shortest paths in whole numbers below 2^53 are exact in compiled code too, and
the sums run over Python's integers. What is left is linear programming duality: the bound is one
whatever the prices came from, and rounding loses about 1e-10 of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.optimize.columns.pricing import (
    DualPrices,
    PathFinder,
    distances_of,
    priced_lengths,
)
from qnetsim.optimize.columns.problem import RoutesProblem

if TYPE_CHECKING:
    from qnetsim.optimize.columns.load_cuts import LoadCut

#: Whole numbers up to here are exact as floats.
EXACT = 2.0**52
#: Scaled length below which paths are not told apart better.
SHORTEST = 1e-6


class WholePrices(NamedTuple):
    """Feasible prices in whole units, shaped as :class:`DualPrices`."""

    alpha: IntArray
    gamma: IntArray
    delta: IntArray
    cuts: list[int]


class WholeLengths(NamedTuple):
    """Lengths ρ·α + γ of feasible prices in whole units, and the unit.

    Attributes
    ----------
    lengths : list of list of list of int
        By scenario, distribution and fibre.
    unit : Fraction
    """

    lengths: list[list[list[int]]]
    unit: Fraction


class SafeBound:
    """Bounds on the expected cost of a problem from any prices.

    Parameters
    ----------
    problem : RoutesProblem
    cuts : sequence of LoadCut
        Rows beside (23), (24), (28) and (29); they may grow.
    """

    def __init__(self, problem: RoutesProblem, cuts: Sequence[LoadCut] = ()) -> None:
        self.problem = problem
        self._cuts = cuts
        self._paths = PathFinder(problem.network.topology, problem.pairs)

    def of(self, prices: DualPrices) -> Fraction:
        """Lower bound on the capped, unscaled expected cost under these prices."""
        problem = self.problem
        unit = self._unit(prices)
        whole = self._whole(prices, unit)
        lengths = problem.channels * whole.alpha[:, None] + whole.gamma[:, None]
        lengths = lengths + problem.limits.lengths(whole.delta)
        refunds: dict[int, dict[int, int]] = {}
        total = 0
        # least loads come last: they may not make a length negative
        for cut, asked in sorted(zip(self._cuts, whole.cuts, strict=False), key=_least_last):
            here = lengths[cut.scenario]
            paid = asked if cut.sign > 0 else min(asked, _most_paid(cut, here))
            here[:, cut.fibres] += cut.sign * paid * np.array(cut.weights)[:, None]
            total -= paid * cut.most
            for kind in cut.blocked:
                line = refunds.setdefault(cut.scenario, {})
                line[kind] = line.get(kind, 0) + cut.sign * paid
        demand = [int(n) for n in problem.demand]
        paths = [self._paths.distances_each(rows) for rows in lengths.astype(np.float64)]
        for s, found in enumerate(distances_of(problem, paths).tolist()):
            blocking = self._blocking(s, unit)
            refund = refunds.get(s, {})
            for p, distance in enumerate(found):
                least = int(distance)
                if blocking is not None:
                    least = min(least, blocking - refund.get(p, 0))
                total += demand[p] * least
        caps = np.where(np.isfinite(problem.limits.caps), problem.limits.caps, 0.0)
        used = np.flatnonzero(whole.delta)
        both = zip(whole.delta.ravel()[used].tolist(), caps.ravel()[used].tolist(), strict=True)
        total -= sum(worth * int(cap) for worth, cap in both)
        bound = Fraction(total)
        if problem.fixed is not None:
            for price, spent, held in zip(problem.reserved, whole[:2], problem.fixed, strict=True):
                rows = zip(price.tolist(), spent.sum(axis=0).tolist(), held.tolist(), strict=True)
                bound += sum(
                    ((Fraction(c) / unit - a) * Fraction(h) for c, a, h in rows if h), Fraction(0)
                )
        return bound * unit

    def whole_lengths(self, prices: DualPrices) -> WholeLengths:
        """Lengths of the fibres before limits and cuts, under prices rounded down and repaired."""
        unit = self._unit(prices)
        whole = self._whole(prices, unit)
        lengths = self.problem.channels * whole.alpha[:, None] + whole.gamma[:, None]
        return WholeLengths(lengths.tolist(), unit)

    def _unit(self, prices: DualPrices) -> Fraction:
        """Cost of one unit: so small that the longest path still has less than ``EXACT`` units."""
        charged = [cut for cut in self._cuts if cut.sign > 0]
        asked = [
            price
            for cut, price in zip(self._cuts, prices.cuts.tolist(), strict=False)
            if cut.sign > 0
        ]
        paid = prices._replace(cuts=np.array(asked))
        lengths = priced_lengths(self.problem, charged, paid)
        longest = max(float(lengths.sum(axis=2).max()), SHORTEST)
        steps = math.floor(math.log2(EXACT / longest))
        return Fraction(self.problem.scale) / Fraction(2) ** steps

    def _whole(self, prices: DualPrices, unit: Fraction) -> WholePrices:
        """Round prices down to whole units and repair what still adds up to too much."""
        problem = self.problem
        factor = float(Fraction(problem.scale) / unit)
        # prices of units that no request uses may be anything: they are of no use beyond EXACT
        alpha, gamma, delta = (
            np.floor(np.minimum(np.maximum(part, 0.0) * factor, EXACT)).astype(np.int64)
            for part in prices[:3]
        )
        delta = np.where(np.isfinite(problem.limits.caps), delta, 0)
        on_demand = self._on_demand(unit)
        if on_demand is not None:
            alpha = np.minimum(alpha, on_demand[0])
            gamma = np.minimum(gamma, on_demand[1])
        if problem.fixed is None:
            for spent, price in zip((alpha, gamma), problem.capped.reserved, strict=True):
                _spend_at_most(spent, [math.floor(Fraction(c) / unit) for c in price.tolist()])
        cuts = [math.floor(max(price, 0.0) * factor) for price in prices.cuts.tolist()]
        return WholePrices(alpha, gamma, delta, cuts)

    def _on_demand(self, unit: Fraction) -> tuple[IntArray, IntArray] | None:
        """Expected on-demand prices in whole units, rounded down."""
        problem = self.problem
        if problem.on_demand is None:
            return None
        whole = []
        for price in problem.on_demand:
            exact = [(Fraction(c) / unit).as_integer_ratio() for c in price.tolist()]
            weights = [p.as_integer_ratio() for p in problem.probabilities.tolist()]
            # floors of fractions; beyond EXACT nothing is asked, so what is cut off is of no use
            rows = [[min(w * c // (v * d), 2**52) for c, d in exact] for w, v in weights]
            whole.append(np.array(rows, dtype=np.int64))
        return whole[0], whole[1]

    def _blocking(self, scenario: int, unit: Fraction) -> int | None:
        """Capped price of one blocked request in whole units; None where all must be served."""
        problem = self.problem
        if problem.blocking_cost is None:
            return None
        paid = Fraction(float(problem.probabilities[scenario])) * Fraction(problem.blocking_cost)
        return math.floor(min(paid, Fraction(float(problem.capped.blocking[scenario]))) / unit)


def _least_last(row: tuple[LoadCut, int]) -> int:
    return -row[0].sign


def _most_paid(cut: LoadCut, lengths: IntArray) -> int:
    """Price of a least load under which no length becomes negative."""
    counted = [d for d, weight in enumerate(cut.weights) if weight]
    weights = np.array(cut.weights)[counted, None]
    return int((lengths[counted][:, cut.fibres] // weights).min())


def _spend_at_most(spent: IntArray, most: Sequence[int]) -> None:
    """Lower the prices of each fibre, in place, until they add up to at most ``most``."""
    over = spent.sum(axis=0).tolist()
    for fibre, limit in enumerate(most):
        excess = over[fibre] - limit
        while excess > 0:
            s = int(spent[:, fibre].argmax())
            less = min(excess, int(spent[s, fibre]))
            spent[s, fibre] -= less
            excess -= less
