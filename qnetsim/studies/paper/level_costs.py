"""Expected cost of a slot at each level of comonotone demand, stage by stage.

The mean over the forecast's levels is the analytic value of a figure; the mean over the levels that
a run drew is what the run must have cost.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.case import Case
from qnetsim.network import RouteTable
from qnetsim.optimize import Plan
from qnetsim.optimize.marginals import state_loads
from qnetsim.optimize.stage import Stage
from qnetsim.policies import Policy
from qnetsim.policies.uniform import UniformRandom


@dataclass(frozen=True)
class LevelCosts:
    """Cost of a slot at each level, expected over what a policy draws.

    Attributes
    ----------
    reserved, on_demand : ndarray of float64, shape (levels,)
        First and second stage.
    drawn : bool
        The policy draws: a slot's cost is not this one, its expectation is.
    """

    reserved: FloatArray
    on_demand: FloatArray
    drawn: bool

    def mean(self, probabilities: FloatArray) -> tuple[float, float]:
        """First and second stage, mean over levels of these probabilities."""
        return float(self.reserved @ probabilities), float(self.on_demand @ probabilities)

    def chance(self, probabilities: FloatArray, slots: int, alarm: float) -> float:
        """How far the mean over drawn levels may be off, by Bernstein's inequality.

        It holds for any number of slots, also where the dear levels are rare and none was drawn.

        Parameters
        ----------
        probabilities : ndarray of float64, shape (levels,)
        slots : int
            Independent ones.
        alarm : float
            Chance that a mean is further away.
        """
        cost = self.reserved + self.on_demand
        away = cost - float(cost @ probabilities)
        variance = float(away**2 @ probabilities)
        largest = float(np.abs(away[probabilities > 0]).max())
        surprise = math.log(2.0 / alarm)
        # the root of Bernstein's exponent: slots * t² = 2 * surprise * (variance + largest * t / 3)
        linear = surprise * largest / (3 * slots)
        return linear + math.sqrt(linear**2 + 2 * surprise * variance / slots)


def level_costs(case: Case, routes: RouteTable, stages: Sequence[Stage]) -> LevelCosts:
    """Cost at each level, mean over first stages that are equally likely.

    Parameters
    ----------
    case : Case
        Of comonotone demand with one distribution.
    routes : RouteTable
        A column for each level.
    stages : sequence of Stage
        What may be reserved on each fibre; what one fibre reserves may depend on that of others in
        any way, since costs of fibres add up.
    """
    network, forecast = case.network, case.forecast
    amounts, counts = state_loads(network, forecast, routes)
    prices = network.costs
    reserved = np.zeros(len(amounts))
    on_demand = np.zeros(len(amounts))
    for stage in stages:
        reserved += stage.cost(prices.reserved) / len(stages)
        excess = np.maximum(amounts - stage.channels, 0.0) @ prices.on_demand.channels
        excess += np.maximum(counts - stage.wavelengths, 0.0) @ prices.on_demand.wavelengths
        on_demand += excess / len(stages)
    return LevelCosts(reserved, on_demand, drawn=len(stages) > 1)


def costs_of_plan(case: Case, policy: Policy, plan: Plan) -> LevelCosts:
    """Cost at each level of a policy that plans."""
    if not isinstance(policy, UniformRandom):
        return level_costs(case, plan.routes, [plan.first_stage])
    requests = case.setting.requests_per_fibre(plan.routes).astype(np.float64)
    ones = np.ones_like(requests)
    units = [float(u) for u in range(case.forecast.level_count + 1)]
    if policy.literal:
        stages = [Stage(u * ones, u * ones) for u in units]
    else:
        stages = [Stage(u * requests, requests) for u in units]
    return level_costs(case, plan.routes, stages)
