"""One routing for all scenarios, where every scenario has the same limits.

Let α and γ be feasible prices under which the lengths ρ·α + γ of all scenarios are multiples t_s of
one another, Σ t_s = 1, as those of the closed form are. Any plan costs at least Σ_s t_s·L·n(s), and
each n(s) is a routing within the same limits, so no plan is cheaper than the cheapest single
routing under L. That routing in every scenario costs L·n: the program has one scenario in place of
all, and fractions of requests no longer hide where one scenario's load meets another's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.errors import InfeasibleError
from qnetsim.network import Route, UnitPrices
from qnetsim.optimize.columns.certificate import newsvendor_prices
from qnetsim.optimize.columns.exact_cost import rounded_down
from qnetsim.optimize.columns.pricing import Pricing
from qnetsim.optimize.columns.problem import (
    RequestKind,
    RouteFlows,
    RoutesProblem,
    WavelengthPrices,
)
from qnetsim.optimize.columns.route_tree import Check
from qnetsim.optimize.columns.routes_program import RoutesProgram
from qnetsim.optimize.columns.safe_bound import SafeBound
from qnetsim.optimize.columns.wavelength_limits import REQUESTS

#: Relative loss beyond which the lengths of the scenarios do not count as multiples of one another.
MOST_LOST = 1e-9


class LeastRoutes:
    """The routes program of a problem, with one scenario in place of all where that is as good.

    Parameters
    ----------
    problem : RoutesProblem
    start : mapping from RequestKind to Route
        Base route of each kind.
    """

    def __init__(self, problem: RoutesProblem, start: Mapping[RequestKind, Route]) -> None:
        self._problem = problem
        self._start = start
        self._common = common_routing(problem) if problem.network.limited else None
        self._program = RoutesProgram(
            problem if self._common is None else self._common.problem, start
        )

    def solve(self) -> RouteFlows:
        """Routes and bound; see :meth:`RoutesProgram.solve`."""
        if self._common is None:
            return self._program.solve()
        try:
            return self._common.expanded(self._program.solve())
        except InfeasibleError:
            if self._problem.network.max_channels is not None:
                # with more of |κ|, |σ| counts at some level: it is part of what would do
                RoutesProgram(self._problem, self._start).solve()
            raise

    @property
    def problem(self) -> RoutesProblem:
        """The problem that is solved: with one scenario where it stands for all."""
        return self._program.problem

    def with_continuity(self, cost: float, check: Check) -> RouteFlows | None:
        """The same with what continuity asks for; see :meth:`RoutesProgram.with_continuity`."""
        flows = self._program.with_continuity(cost, check)
        return flows if flows is None or self._common is None else self._common.expanded(flows)


@dataclass(frozen=True)
class CommonRouting:
    """The program with one scenario that stands for all.

    Attributes
    ----------
    problem : RoutesProblem
        A first stage only; its price of a wavelength is the length of the fibre.
    scenarios : int
        Of the problem that it stands for.
    share : ndarray, shape (fibres,)
        Part of the price of a limit that belongs to |κ|: in scenarios where |σ| admits more.
    """

    problem: RoutesProblem
    scenarios: int
    share: FloatArray

    def expanded(self, flows: RouteFlows) -> RouteFlows:
        """The same routes in every scenario."""
        prices = None
        if flows.prices is not None:
            km = self.share * np.array(flows.prices.km)
            prices = WavelengthPrices((0.0,) * km.size, tuple(km.tolist()))
        return replace(flows, routes=flows.routes * self.scenarios, prices=prices)


def common_routing(problem: RoutesProblem) -> CommonRouting | None:
    """The program that stands for all scenarios; None where there is none.

    Its bounds are bounds of the problem; its routings cost at most ``MOST_LOST`` more than it says.
    """
    on_demand = problem.on_demand
    if on_demand is None or problem.fixed is not None or problem.blocking_cost is not None:
        return None
    if problem.distributions > 1:
        # the lengths of a scenario are one for all requests
        return None
    raw = newsvendor_prices(problem)
    scaled = Pricing(problem).feasible(*(part / problem.scale for part in raw[:3]))
    whole = SafeBound(problem).whole_lengths(scaled)
    lengths = [row[0] for row in whole.lengths]
    sums = [sum(row) for row in lengths]
    total = sum(sums)
    if total == 0:
        return None
    shares = [Fraction(n, total) for n in sums]
    # by the least of all scenarios, so that t·L is nowhere more than the prices allow
    least = [
        min(n / t for n, t in zip(column, shares, strict=True) if t)
        for column in zip(*lengths, strict=True)
    ]
    if sum(least) < total * (1 - Fraction(MOST_LOST)):
        return None
    price = np.array([rounded_down(n * whole.unit) for n in least])
    single = replace(
        problem,
        levels=problem.levels[-1:],
        probabilities=np.ones(1),
        channels=np.zeros((1, 1, problem.fibres), dtype=np.int64),
        reserved=UnitPrices(np.zeros(problem.fibres), price),
        on_demand=None,
        prices=None,
    )
    requests = single.limits.caps[0, REQUESTS]
    if (requests != problem.limits.caps[:, REQUESTS]).any():
        return None
    return CommonRouting(single, problem.scenarios, _share_of_km(problem, shares))


def _share_of_km(problem: RoutesProblem, shares: list[Fraction]) -> FloatArray:
    """Weight of the scenarios in which |κ| alone limits a fibre, shape (fibres,)."""
    network = problem.network
    if network.max_wavelengths is None:
        return np.zeros(problem.fibres)
    channels = problem.channels[:, 0]
    sigma = (
        np.inf if network.max_channels is None else network.max_channels // np.maximum(channels, 1)
    )
    sigma = np.where(channels > 0, sigma, np.inf)
    weight = np.array([float(t) for t in shares])
    return np.asarray(weight @ (network.max_wavelengths < sigma))
