"""Risk aversion for demand that is not comonotone: a first stage chosen on a sample of slots.

No change of probabilities helps here, since slots have no order. On fixed routes the least
(1 − w)·E + w·CVaR_α over a sample is a linear program (Rockafellar and Uryasev 2000). The first
stage that it gives is valued anew: its expectation exactly, its CVaR on a larger sample.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.errors import SolverError
from qnetsim.forecast import Forecast
from qnetsim.forecast.draws import draw_levels
from qnetsim.network import Network, RouteTable
from qnetsim.optimize.assemble import assign_wavelengths, fixed_routes_plan
from qnetsim.optimize.columns.problem import Size
from qnetsim.optimize.plan import Plan, RiskFigures, SolveReport
from qnetsim.optimize.risk import conditional_value
from qnetsim.optimize.solvers.program import Program, SolveStatus
from qnetsim.optimize.solvers.solver import Solver
from qnetsim.optimize.stage import Stage
from qnetsim.scenario import RiskTable

#: Slots on which the first stage is chosen, and on which its CVaR is estimated.
CHOICE_SLOTS = 400
VALUE_SLOTS = 20_000


def sampled_risk_plan(
    network: Network, forecast: Forecast, risk: RiskTable, solver: Solver, fixed: Plan
) -> Plan:
    """Choose a first stage for the risk objective on the routes of a plan.

    Parameters
    ----------
    network : Network
    forecast : Forecast
        Not comonotone.
    risk : RiskTable
    solver : Solver
    fixed : Plan
        On fixed routes; it is kept where the sampled first stage is no better.
    """
    loads = _loads(network, forecast, fixed.routes, 0, CHOICE_SLOTS)
    program = _program(network, risk, loads)
    found = solver.solve(program, relax=True)
    if found.status is not SolveStatus.OPTIMAL:
        raise SolverError(f"{found.by}: the risk program ended {found.status}")
    stage = Stage.of_vector(np.round(found.values[: 2 * network.fibres]))
    chosen = fixed_routes_plan(
        network,
        forecast,
        assign_wavelengths(network, forecast, fixed.routes),
        SolveReport(
            bound=None,
            solver=f"sample average approximation of the risk objective, {found.by}",
            note=f"first stage chosen on {CHOICE_SLOTS} slots for fixed routes, CVaR estimated on "
            f"{VALUE_SLOTS:,} others; no bound",
            size=Size(variables=program.variables, rows=program.rows),
        ),
        stage,
    )
    fresh = _loads(network, forecast, fixed.routes, 1, VALUE_SLOTS)
    plans = [_valued(plan, network, risk, fresh) for plan in (chosen, replace(fixed, bound=None))]
    return min(plans, key=lambda plan: plan.objective(network))


def _loads(
    network: Network, forecast: Forecast, routes: RouteTable, number: int, slots: int
) -> FloatArray:
    """Channels, then KM wavelengths, in sampled slots, shape (slots, 2·fibres)."""
    levels = draw_levels(forecast, 0, ("planning risk", number), slots)
    both = np.concatenate(forecast.channel_loads(network, routes).loads(levels), axis=1)
    return both.astype(np.float64)


def _valued(plan: Plan, network: Network, risk: RiskTable, loads: FloatArray) -> Plan:
    excess = np.maximum(loads - plan.first_stage.vector(), 0.0)
    costs = plan.first_stage_cost(network) + excess @ np.concatenate(network.costs.on_demand)
    share = np.full(len(costs), 1.0 / len(costs))
    figures = RiskFigures(
        level=risk.cvar,
        weight=risk.weight,
        expected_cost=plan.expected_cost(network),
        cvar=conditional_value(costs + plan.blocking_cost(network), share, risk.cvar),
    )
    return replace(plan, risk=figures)


def _program(network: Network, risk: RiskTable, loads: FloatArray) -> Program:
    """Variables: the first stage, what each slot buys, each slot's cost above η, and η."""
    from scipy import sparse

    slots, units = loads.shape
    bought = np.concatenate(network.costs.on_demand)
    scale = float(bought.max()) or 1.0
    second = units + slots * units
    variables = second + slots + 1
    cost = np.zeros(variables)
    cost[:units] = np.concatenate(network.costs.reserved)
    cost[units:second] = np.tile((1.0 - risk.weight) / slots * bought, slots)
    cost[second:-1] = scale * risk.weight / ((1.0 - risk.cvar) * slots)
    cost[-1] = scale * risk.weight
    each = sparse.eye_array(slots)
    cover: list[Any] = [
        sparse.vstack([sparse.eye_array(units)] * slots),
        sparse.eye_array(slots * units),
    ]
    none = sparse.coo_array((slots * units, slots + 1))
    above: list[Any] = [
        sparse.coo_array((slots, units)),
        sparse.kron(each, -bought[None] / scale),
        each,
        np.ones((slots, 1)),
    ]
    tail: Any = sparse.hstack(above)
    lower = np.zeros(variables)
    lower[-1] = -np.inf
    rows = slots * units + slots
    return Program(
        cost=cost / scale,
        lower=lower,
        upper=np.full(variables, np.inf),
        matrix=sparse.csr_array(sparse.vstack([sparse.hstack([*cover, none]), tail])),
        row_lower=np.concatenate([loads.ravel(), np.zeros(slots)]),
        row_upper=np.full(rows, np.inf),
        integer=np.zeros(variables, dtype=bool),
    )
