"""SIP: the stochastic integer program (19)-(31), first stage and recourse."""

from __future__ import annotations

from collections import Counter

from qnetsim.exogenous import Forecast
from qnetsim.network import Network, RouteTable
from qnetsim.optimize import (
    Plan,
    PlanStatus,
    Solver,
    marginal_loads,
    newsvendor_routes,
    reservations,
)
from qnetsim.optimize.bounds import perfect_information
from qnetsim.optimize.duals import newsvendor_duals, path_bound
from qnetsim.optimize.plan import OPTIMALITY_GAP, fixed_routes_plan, relative_gap
from qnetsim.optimize.recourse import (
    possible_levels,
    request_routes,
    stochastic_flows,
)
from qnetsim.policies.base import Setting
from qnetsim.policies.static import StaticPolicy


class StochasticProgram(StaticPolicy):
    """Cheapest expected cost: newsvendor closed form where proved exact, else routes program."""

    def plan(self, setting: Setting) -> Plan:
        """Solve the program for the forecast."""
        network, forecast = setting.network, setting.forecast
        if not forecast.comonotone:
            return _independent_plan(network, forecast, setting.solver)
        closed_form = _closed_form(network, forecast)
        if closed_form.status is PlanStatus.OPTIMAL:
            return closed_form
        return _program_plan(network, forecast, closed_form, setting.solver)


def _table(network: Network, forecast: Forecast) -> RouteTable:
    routes = newsvendor_routes(network, forecast)
    return RouteTable.by_pair(forecast.pairs, routes, forecast.levels.levels)


def _closed_form(network: Network, forecast: Forecast) -> Plan:
    """Newsvendor reservations on the g-weighted shortest routes, with a quick dual bound."""
    levels = possible_levels(forecast)
    rho = network.level_channels(forecast.levels.levels)[levels]
    c = network.costs
    alpha, gamma = newsvendor_duals(
        forecast.levels.probabilities[levels],
        rho,
        (c.qkd_reserved, c.km_reserved),
        (c.qkd_on_demand, c.km_on_demand),
    )
    bound = path_bound(network, Counter(forecast.pairs), rho, alpha, gamma)
    table = _table(network, forecast)
    return _newsvendor_plan(
        network, forecast, table, bound, "newsvendor closed form, dual certificate"
    )


def _newsvendor_plan(
    network: Network,
    forecast: Forecast,
    routes: RouteTable,
    bound: float,
    solver: str,
    note: str = "",
) -> Plan:
    """Best reservations for these routes."""
    marginals = marginal_loads(network, forecast, routes)
    return fixed_routes_plan(
        network,
        forecast,
        marginals,
        routes,
        reservations(network, marginals),
        bound=bound,
        solver=solver,
        note=note,
    )


def _program_plan(network: Network, forecast: Forecast, closed_form: Plan, solver: Solver) -> Plan:
    """Routes program; the closed form is kept where the program proves it."""
    start = {pair: closed_form.routes.route(r, 0) for r, pair in enumerate(forecast.pairs)}
    flows = stochastic_flows(network, forecast, [start], solver)
    objective = closed_form.objective(network)
    fits = closed_form.status is not PlanStatus.OVER_LIMIT
    if fits and relative_gap(objective, flows.bound) <= OPTIMALITY_GAP:
        proof = f"newsvendor closed form, certified by {flows.solver} over all simple paths"
        return _newsvendor_plan(network, forecast, closed_form.routes, flows.bound, proof)
    by_level = dict(zip(possible_levels(forecast), flows.routes, strict=True))
    single = {pair: [start[pair]] * n for pair, n in Counter(forecast.pairs).items()}
    routes = request_routes(
        forecast.pairs, [by_level.get(k, single) for k in range(forecast.levels.levels)]
    )
    found = f"routes program, {flows.solver}, {flows.nodes} nodes"
    return _newsvendor_plan(network, forecast, routes, flows.bound, found)


def _independent_plan(network: Network, forecast: Forecast, solver: Solver) -> Plan:
    """Exact first stage for fixed routes under Eq (7); the bound is perfect information."""
    return _newsvendor_plan(
        network,
        forecast,
        _table(network, forecast),
        perfect_information(network, forecast, solver).objective(network),
        "newsvendor on convolved loads",
        "first stage exact for these routes by convolution; recourse routes not optimised",
    )
