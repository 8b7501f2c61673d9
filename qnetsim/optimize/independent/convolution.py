"""Independent demand on fixed routes: loads are convolutions, so the first stage is exact."""

from __future__ import annotations

from qnetsim.forecast import Forecast
from qnetsim.network import BLOCKED, Network, RouteTable
from qnetsim.optimize.assemble import assign_wavelengths, fixed_routes_plan
from qnetsim.optimize.bounds import blocked_where_cheaper, foreseen_routes, perfect_information
from qnetsim.optimize.plan import Plan, SolveReport
from qnetsim.optimize.routing import newsvendor_table
from qnetsim.optimize.solvers.solver import Solver


def convolution_plan(network: Network, forecast: Forecast, solver: Solver) -> Plan:
    """Cheapest first stage for the g-weighted shortest routes; the bound is perfect information.

    Requests are blocked at the levels at which serving them costs more than blocking on any route.
    """
    routes = newsvendor_table(network, forecast)
    levels = range(forecast.level_count)
    table = routes
    if network.costs.blocking is not None:
        shortest = foreseen_routes(network, forecast)
        served = [blocked_where_cheaper(network, k, shortest[k]) for k in levels]
        table = RouteTable.of(
            [
                [BLOCKED if served[k][pair] == BLOCKED else routes.route(r, k) for k in levels]
                for r, pair in enumerate(forecast.pairs)
            ]
        )
    return fixed_routes_plan(
        network,
        forecast,
        assign_wavelengths(network, forecast, table),
        SolveReport(
            bound=perfect_information(network, forecast, solver).objective(network),
            solver="newsvendor on convolved loads",
            note="first stage exact for these routes by convolution; recourse routes not optimised",
        ),
    )
