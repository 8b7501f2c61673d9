"""Bounds and new routes from prices of the fibres, for requests with distributions of their own.

As in ``columns/pricing.py``; a request of distribution d has the length ``ρ_d·(α + δ) + γ + ε`` on
a fibre, with δ the price of the channels' limit and ε that of the KM wavelengths'.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.network import Route
from qnetsim.optimize.columns.pricing import PathFinder, rescaled
from qnetsim.optimize.commodities.commodity_problem import CommodityProblem

#: Binary digits of the whole units in which a bound is worked out again, at most.
MOST_DIGITS = 44
#: Whole numbers up to here are exact as floats.
EXACT = 2.0**52


class RowPrices(NamedTuple):
    """Prices of the rows of each fibre and state, shape (states, fibres) each."""

    alpha: FloatArray
    gamma: FloatArray
    channel_limit: FloatArray
    wavelength_limit: FloatArray

    def mixed(self, other: RowPrices, weight: float) -> RowPrices:
        """``weight`` parts of these prices and the rest of the others: feasible as both are."""
        return RowPrices(*(weight * a + (1 - weight) * b for a, b in zip(self, other, strict=True)))


@dataclass(frozen=True)
class PricedStates:
    """Shortest paths under some prices.

    Attributes
    ----------
    bound : float
        Scaled lower bound on the expected cost.
    distances : ndarray, shape (states, commodities)
    """

    bound: float
    distances: FloatArray
    _before: dict[tuple[int, int], IntArray]
    _pricing: CommodityPricing

    def route(self, state: int, commodity: int) -> Route:
        """Shortest path of a commodity in a state."""
        pricing = self._pricing
        kind = int(pricing.problem.kind[commodity])
        return pricing.paths.trace(self._before[state, kind], pricing.position[commodity])


class CommodityPricing:
    """Turns prices into bounds and routes for one problem."""

    def __init__(self, problem: CommodityProblem) -> None:
        self.problem = problem
        pairs = list(dict.fromkeys(c.pair for c in problem.commodities))
        self.position = [pairs.index(c.pair) for c in problem.commodities]
        self.paths = PathFinder(problem.network.topology, pairs)

    def feasible(self, prices: RowPrices) -> RowPrices:
        """Repair prices so that they are feasible beyond any solver's tolerance."""
        alpha, gamma, *limits = (np.maximum(part, 0.0) for part in prices)
        reserved, bought = self.problem.unit_prices
        scale = self.problem.scale
        if bought is not None:
            alpha = np.minimum(alpha, bought.channels / scale)
            gamma = np.minimum(gamma, bought.wavelengths / scale)
        if self.problem.fixed is None:
            alpha = rescaled(alpha, reserved.channels / scale)
            gamma = rescaled(gamma, reserved.wavelengths / scale)
        limits = [
            part if math.isfinite(cap) else np.zeros_like(part)
            for part, cap in zip(limits, self.problem.caps, strict=True)
        ]
        return RowPrices(alpha, gamma, *limits)

    def lengths(self, prices: RowPrices) -> FloatArray:
        """Length of each fibre, shape (states, distributions, fibres)."""
        per_channel = prices.alpha + prices.channel_limit
        fixed = prices.gamma + prices.wavelength_limit
        return np.asarray(self.problem.channels * per_channel[:, None] + fixed[:, None])

    def price(self, prices: RowPrices) -> PricedStates:
        """Work out the bound and the shortest paths under feasible prices."""
        problem = self.problem
        distances, before = self._find(self.lengths(prices))
        cheapest = np.minimum(distances, problem.blocking[:, None])
        bound = float((cheapest @ problem.demand).sum())
        for part, cap in zip(prices[2:], problem.caps, strict=True):
            bound -= float(part.sum()) * cap if math.isfinite(cap) else 0.0
        if problem.fixed is not None:
            for price, spent, held in zip(problem.reserved, prices[:2], problem.fixed, strict=True):
                bound += float((price / problem.scale - spent.sum(axis=0)) @ held)
        return PricedStates(bound, distances, before, self)

    def _find(self, lengths: FloatArray) -> tuple[FloatArray, dict[tuple[int, int], IntArray]]:
        problem = self.problem
        distances = np.empty((problem.states, len(problem.commodities)))
        before: dict[tuple[int, int], IntArray] = {}
        place = np.array(self.position)
        for state, rows in enumerate(lengths):
            known: dict[bytes, tuple[FloatArray, IntArray]] = {}
            for kind in np.unique(problem.kind).tolist():
                key = rows[kind].tobytes()
                if key not in known:
                    known[key] = self.paths.find(rows[kind])
                mine = problem.kind == kind
                distances[state, mine] = known[key][0][place[mine]]
                before[state, kind] = known[key][1]
        return distances, before

    def safe_bound(self, prices: RowPrices) -> float:
        """Lower bound in whole numbers, which no rounding can make false; not scaled.

        Prices are rounded down to whole units so small that every path has less than ``EXACT`` of
        them, and what they may add up to is rounded down further.
        """
        problem = self.problem
        longest = max(float(self.lengths(prices).sum(axis=2).max()), 1e-6)
        digits = min(math.floor(math.log2(EXACT / longest)), MOST_DIGITS)
        unit = 2.0**digits / problem.scale
        whole = [np.floor(part * 2.0**digits).astype(np.int64) for part in prices]
        reserved, bought = problem.unit_prices
        for place in (0, 1):
            if bought is not None:
                whole[place] = np.minimum(whole[place], _below(bought[place] * unit))
            if problem.fixed is None:
                _spend_at_most(whole[place], _below(reserved[place] * unit))
        found = RowPrices(*(part.astype(np.float64) for part in whole))
        distances = self._find(self.lengths(found))[0]
        cheapest = np.minimum(distances, np.floor(problem.blocking[:, None] * 2.0**digits * _LESS))
        demand = [int(n) for n in problem.demand]
        total = sum(
            n * int(least)
            for row in cheapest.tolist()
            for n, least in zip(demand, row, strict=True)
        )
        for part, cap in zip(whole[2:], problem.caps, strict=True):
            total -= int(part.sum()) * int(cap) if math.isfinite(cap) else 0
        bound = Fraction(total)
        if problem.fixed is not None:
            for price, spent, held in zip(problem.reserved, whole[:2], problem.fixed, strict=True):
                rows = zip(price.tolist(), spent.sum(axis=0).tolist(), held.tolist(), strict=True)
                bound += sum(
                    ((Fraction(c) * Fraction(unit) - a) * Fraction(h) for c, a, h in rows),
                    Fraction(0),
                )
        return math.nextafter(float(bound / Fraction(unit)), -math.inf)


#: Factor that makes up for the rounding of a product.
_LESS = 1.0 - 2.0**-50


def _below(values: FloatArray) -> IntArray:
    """Whole numbers surely not above products that were rounded."""
    return np.floor(np.minimum(values * _LESS, EXACT)).astype(np.int64)


def _spend_at_most(spent: IntArray, most: IntArray) -> None:
    """Lower the prices of each fibre, in place, until they add up to at most ``most``."""
    for fibre, excess in enumerate((spent.sum(axis=0) - most).tolist()):
        while excess > 0:
            state = int(spent[:, fibre].argmax())
            less = min(excess, int(spent[state, fibre]))
            spent[state, fibre] -= less
            excess -= less
