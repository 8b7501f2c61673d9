"""Plans that weigh the dearest slots: (1 − w)·E + w·CVaR_α of the cost of a slot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.forecast import Forecast
from qnetsim.forecast.tail_weights import weighted_forecast
from qnetsim.network import Network, RouteTable
from qnetsim.optimize.assemble import assign_wavelengths, fixed_routes_plan
from qnetsim.optimize.marginals import state_loads
from qnetsim.optimize.plan import Plan, RiskFigures, SolveReport, status_of
from qnetsim.scenario import RiskTable
from qnetsim.units import exact
from qnetsim.vocabulary import PlanStatus

#: Plans for comonotone demand by its forecast.
Planner = Callable[[Forecast], Plan]


def risk_averse_plan(
    network: Network, forecast: Forecast, risk: RiskTable, planner: Planner
) -> Plan:
    """Plan comonotone demand under the weighted probabilities, and value it under the true ones.

    Parameters
    ----------
    network : Network
    forecast : Forecast
        Comonotone.
    risk : RiskTable
    planner : callable
        Plans for an expected cost.

    Returns
    -------
    Plan
        Its second stage has expectations under the true probabilities; objective, bound and status
        are those of the risk objective.
    """
    weighted = weighted_forecast(forecast, exact(risk.cvar), exact(risk.weight))
    found = planner(weighted)
    # a weight of one drops the states below α, which take the routes of the next one above
    levels = forecast.state_levels[forecast.group_kind].T
    routes = RouteTable(found.routes.routes, found.routes.choice[:, weighted.states_of(levels)])
    assigned = assign_wavelengths(network, forecast, routes)
    kept = found.assignment is not None and risk.weight < 1
    if kept and not (assigned.assignment and assigned.assignment.fits):
        # requests were moved until they could be coloured
        assigned = replace(assigned, assignment=found.assignment)
    plan = fixed_routes_plan(
        network,
        forecast,
        assigned,
        SolveReport(bound=None, solver=found.solver, note=found.note, size=found.size),
        found.first_stage,
    )
    costs = state_costs(plan, network, forecast)
    figures = RiskFigures(
        level=risk.cvar,
        weight=risk.weight,
        expected_cost=plan.objective(network),
        cvar=conditional_value(costs, forecast.joint.probabilities, risk.cvar),
    )
    status = plan.status
    if status is PlanStatus.EXPECTATION and found.bound is not None:
        status = status_of(figures.risk_objective, found.bound)
    # prices are those of the risk objective
    return replace(plan, bound=found.bound, status=status, risk=figures, prices=found.prices)


def state_costs(plan: Plan, network: Network, forecast: Forecast) -> FloatArray:
    """Cost of a slot in each joint state of comonotone demand, shape (states,)."""
    costs = network.costs
    loads = state_loads(network, forecast, plan.routes)
    total = np.full(forecast.state_count, plan.first_stage_cost(network))
    for load, held, price in zip(loads, plan.first_stage, costs.on_demand, strict=True):
        total += np.maximum(load - held, 0.0) @ price
    blocked = [plan.routes.blocked(state) for state in range(forecast.state_count)]
    return np.asarray(total + np.array(blocked) * (costs.blocking or 0.0))


def conditional_value(costs: FloatArray, probabilities: FloatArray, level: float) -> float:
    """CVaR_α: the mean of the dearest 1 − α of the slots, however the costs are ordered."""
    order = np.argsort(costs, kind="stable")[::-1]
    left = 1.0 - level
    total = 0.0
    for cost, p in zip(costs[order].tolist(), probabilities[order].tolist(), strict=True):
        part = min(p, left)
        total += part * cost
        left -= part
    return total / (1.0 - level)
