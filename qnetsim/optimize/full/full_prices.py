"""Prices of the full program: capped and scaled for a solver, and exact for its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.network import UnitPrices
from qnetsim.network.model import WAVELENGTHS_PER_CHANNEL
from qnetsim.optimize.columns.exact_cost import newsvendor_cost
from qnetsim.optimize.columns.problem import BLOCKING_MARGIN, capped_units
from qnetsim.optimize.full.full_problem import FullProblem, Name
from qnetsim.optimize.lightpaths.lightpaths import Lightpaths


class SolverPrices(NamedTuple):
    """Costs of the variables as a solver takes them.

    Attributes
    ----------
    costs : mapping from name to float
        Divided by the scale; other variables cost nothing.
    scale : float
    blocking : ndarray, shape (scenarios,)
        By how much the true expected price of a blocked request is higher, not scaled.
    """

    costs: Mapping[Name, float]
    scale: float
    blocking: FloatArray


def solver_prices(problem: FullProblem) -> SolverPrices:
    """Cap the prices as the routes program does, and divide them by the dearest."""
    network = problem.network
    weights = problem.probabilities
    reserved = network.costs.reserved
    bought = UnitPrices(*(weights[:, None] * price for price in network.costs.on_demand))
    if problem.on_demand:
        reserved, bought = capped_units(reserved, bought)
        unit = bought
    else:
        unit = UnitPrices(*(np.tile(price, (weights.size, 1)) for price in reserved))
    scale = max(float(price.max()) for price in (*reserved, *unit)) or 1.0
    costs: dict[Name, float] = {}
    for e in range(network.fibres):
        costs["F", e] = float(reserved.channels[e]) / WAVELENGTHS_PER_CHANNEL / scale
        costs["X", e] = float(reserved.wavelengths[e]) / scale
        for k in range(weights.size):
            costs["Fo", e, k] = float(bought.channels[k, e]) / WAVELENGTHS_PER_CHANNEL / scale
            costs["Xo", e, k] = float(bought.wavelengths[k, e]) / scale
    more = np.zeros(weights.size)
    if problem.blocking_cost is not None:
        channels = problem.channels.sum(axis=1)
        serving = channels * unit.channels + len(problem.pairs) * unit.wavelengths
        asked = weights * problem.blocking_cost
        price = np.minimum(asked, BLOCKING_MARGIN * serving.sum(axis=1))
        more = asked - price
        for k in range(weights.size):
            for r in range(len(problem.pairs)):
                costs["blocked", r, k] = float(price[k]) / scale
    return SolverPrices(costs, scale, more)


def lightpath_cost(problem: FullProblem, lightpaths: Sequence[Sequence[Lightpaths]]) -> Fraction:
    """Least expected cost of these lightpaths, by scenario and request, in exact arithmetic."""
    network = problem.network
    weights = [Fraction(p) for p in problem.probabilities.tolist()]
    used = [[[0] * len(weights) for _ in range(network.fibres)] for _ in range(2)]
    total = Fraction(0)
    for k, line in enumerate(lightpaths):
        for r, paths in enumerate(line):
            if not paths.links and problem.blocking_cost is not None:
                total += weights[k] * Fraction(problem.blocking_cost)
            for e in paths.fibres:
                used[0][e][k] += int(problem.channels[k, r, e])
                used[1][e][k] += 1
    both = zip(used, network.costs.reserved, network.costs.on_demand, strict=True)
    for loads, reserved, on_demand in both:
        for load, c_b, c_o in zip(loads, reserved.tolist(), on_demand.tolist(), strict=True):
            if problem.on_demand:
                total += newsvendor_cost(load, weights, Fraction(c_b), Fraction(c_o))
            else:
                total += Fraction(c_b) * max(load)
    return total
