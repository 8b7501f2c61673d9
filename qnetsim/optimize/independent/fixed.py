"""Independent demand on fixed routes: loads are convolutions, so the first stage is exact."""

from __future__ import annotations

from qnetsim.exogenous import Forecast
from qnetsim.network import Network, RouteTable
from qnetsim.optimize.assemble import fixed_routes_plan, settle
from qnetsim.optimize.bounds import perfect_information
from qnetsim.optimize.plan import Plan
from qnetsim.optimize.routing import newsvendor_routes
from qnetsim.optimize.solver import Solver


def fixed_plan(network: Network, forecast: Forecast, solver: Solver) -> Plan:
    """Cheapest first stage for the g-weighted shortest routes; the bound is perfect information."""
    routes = newsvendor_routes(network, forecast)
    table = RouteTable.by_pair(forecast.pairs, routes, forecast.levels.levels)
    return fixed_routes_plan(
        network,
        forecast,
        settle(network, forecast, table),
        bound=perfect_information(network, forecast, solver).objective(network),
        solver="newsvendor on convolved loads",
        note="first stage exact for these routes by convolution; recourse routes not optimised",
    )
