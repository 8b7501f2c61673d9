"""What three more wavelengths on one fibre would save: the plan solved again with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from qnetsim.forecast import Forecast
from qnetsim.network import Network, RouteTable
from qnetsim.network.model import WAVELENGTHS_PER_CHANNEL, MoreWavelengths
from qnetsim.optimize.assemble import AssignedRoutes, fixed_routes_plan
from qnetsim.optimize.columns.common_routing import LeastRoutes
from qnetsim.optimize.columns.problem import RouteFlows, RoutesProblem
from qnetsim.optimize.marginals import marginal_loads, reservations
from qnetsim.optimize.plan import Plan, SolveReport
from qnetsim.optimize.recourse import (
    request_kinds,
    request_routes,
    start_routes,
    stochastic_problem,
)
from qnetsim.optimize.solvers.solver import Solver
from qnetsim.optimize.wavelengths.assignment import assign
from qnetsim.optimize.wavelengths.repair import Repair
from qnetsim.vocabulary import PlanStatus

#: Wavelengths that a fibre is given more: one QKD channel.
MORE = WAVELENGTHS_PER_CHANNEL
#: Dearest fibres for which the plan is solved again.
SOLVED_AGAIN = 5
#: Price, relative to the plan's cost, below which it is rounding.
LEAST_PRICE = 1e-9


@dataclass(frozen=True)
class WavelengthValue:
    """What wavelengths on one fibre are worth, in cost per slot.

    Attributes
    ----------
    fibre : int
    limit : str
        ``"qkd"`` for |σ|, ``"km"`` for |κ|.
    price : float
        What one more wavelength saves at the margin of the relaxation, where requests may be split
        and continuity is left aside.
    saves_low, saves_high : float or None
        Between which lies what ``MORE`` wavelengths on this fibre save in truth: least expected
        cost without them minus that with them. None where the plan was not solved again.
    """

    fibre: int
    limit: str
    price: float
    saves_low: float | None = None
    saves_high: float | None = None


def priced_limits(network: Network, plan: Plan) -> list[WavelengthValue]:
    """Fibres with a positive price, the dearest first, none of them solved again."""
    if plan.prices is None:
        return []
    least = LEAST_PRICE * abs(plan.objective(network))
    found = [
        WavelengthValue(fibre, limit, price)
        for limit, prices in plan.prices._asdict().items()
        for fibre, price in enumerate(prices)
        if price > least
    ]
    return sorted(found, key=lambda value: (-value.price, value.limit, value.fibre))


def wavelength_values(
    network: Network, forecast: Forecast, solver: Solver, plan: Plan
) -> Iterator[WavelengthValue]:
    """Values of all fibres with a price; the plan is solved again for the dearest ones.

    Parameters
    ----------
    network : Network
    forecast : Forecast
        Comonotone; under the probabilities that the plan minimises an expectation of.
    solver : Solver
    plan : Plan
        The plan that is compared with: its cost, its bound and its prices count.
    """
    problem = stochastic_problem(network, forecast, solver)
    for number, value in enumerate(priced_limits(network, plan)):
        if number < SOLVED_AGAIN:
            more = MoreWavelengths(value.fibre, **{value.limit: MORE})
            low, high = savings(replace(problem, more=more), forecast, plan)
            yield replace(value, saves_low=low, saves_high=high)
        else:
            yield value


def savings(problem: RoutesProblem, forecast: Forecast, plan: Plan) -> tuple[float, float]:
    """Interval that holds what ``problem.more`` saves, from proved costs on both sides.

    Low is the bound of the plan without them minus the cost of a plan with them, at least zero;
    high is the cost of the plan without them minus the bound with them.

    Raises
    ------
    SolverError
        No plan was found with them, though there is one without.
    """
    network = problem.network
    more = problem.more
    assert more is not None
    if problem.between_ends(more.fibre) == 0:
        # by continuity nothing can use them
        return 0.0, 0.0
    objective = plan.objective(network)
    bound = objective if plan.status is PlanStatus.OPTIMAL else plan.bound
    start = start_routes(network, forecast)
    flows = LeastRoutes(problem, start).solve()
    with_more = _plan_cost(problem, forecast, flows)
    low = 0.0 if bound is None or with_more is None else max(bound - with_more, 0.0)
    high = max(objective - flows.bound, low)
    return low, high


def _plan_cost(problem: RoutesProblem, forecast: Forecast, flows: RouteFlows) -> float | None:
    """Expected cost of a plan with explicit wavelengths; None where none were found."""
    assert problem.on_demand is not None
    free = replace(problem.network, qkd_wavelengths=None, km_wavelengths=None)
    by_state = dict(zip(problem.levels, flows.routes, strict=True))
    some = by_state[problem.levels[0]]
    routes = request_routes(
        request_kinds(forecast), [by_state.get(k, some) for k in range(forecast.state_count)]
    )
    marginals = marginal_loads(free, forecast, routes)
    repair = Repair(
        reservations(free, marginals).vector(), np.concatenate(problem.on_demand), flows.bound
    )
    assignment, moved = assign(problem.network, forecast, routes, repair, problem.more)
    if assignment.fits is not True:
        return None
    return _cost_of(free, forecast, moved)


def _cost_of(network: Network, forecast: Forecast, routes: RouteTable) -> float:
    """Expected cost of routes with the cheapest first stage for them."""
    assigned = AssignedRoutes(routes, marginal_loads(network, forecast, routes), None)
    report = SolveReport(bound=None, solver="routes as they are")
    return fixed_routes_plan(network, forecast, assigned, report).expected_cost(network)
