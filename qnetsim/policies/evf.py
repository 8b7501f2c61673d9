"""EVF: the expected value formulation. Reserve for the mean demand, then buy what lacks."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from qnetsim.exogenous import Forecast
from qnetsim.network import Network, Route, RouteTable
from qnetsim.network.routes import NodePair
from qnetsim.optimize import Plan, PlanStatus, expected_recourse, marginal_loads
from qnetsim.optimize.plan import fixed_routes_plan, status_of
from qnetsim.optimize.recourse import Stage, deterministic_flows
from qnetsim.optimize.routing import weighted_routes
from qnetsim.policies.base import Setting
from qnetsim.policies.static import StaticPolicy


class ExpectedValue(StaticPolicy):
    """First stage of (8)-(18) at the mean demand, second stage as SIP's recourse."""

    def plan(self, setting: Setting) -> Plan:
        """Solve the deterministic program, then the recourse for its first stage."""
        network, forecast = setting.network, setting.forecast
        rho = mean_channels(network, forecast)
        routes = weighted_routes(network, forecast.pairs, [Fraction(r) for r in rho])
        first_stage = _first_stage(network, forecast, rho, routes)
        if not forecast.comonotone:
            table = RouteTable.by_pair(forecast.pairs, routes, forecast.levels.levels)
            return fixed_routes_plan(
                network,
                marginal_loads(network, forecast, table),
                table,
                first_stage,
                bound=None,
                status=PlanStatus.EXPECTATION,
                solver="shortest paths at the mean demand, convolved loads",
                note="second stage exact for these routes; recourse routes not optimised",
            )
        table, bound, solver = expected_recourse(network, forecast, first_stage, routes)
        draft = fixed_routes_plan(
            network,
            marginal_loads(network, forecast, table),
            table,
            first_stage,
            bound=bound,
            status=PlanStatus.FEASIBLE,
            solver=f"mean demand, then recourse by {solver}",
            note="status, bound and gap are those of the recourse for this first stage",
        )
        return Plan(**{**vars(draft), "status": status_of(draft.objective(network), bound)})


def mean_channels(network: Network, forecast: Forecast) -> list[int]:
    """Channels ρ(mean) = ⌈E k / K_L⌉ per fibre, under the truncated distribution."""
    bits = forecast.levels.exact_mean * network.level_bits
    return [math.ceil(bits / int(channel)) for channel in network.channel_bits]


def _first_stage(
    network: Network, forecast: Forecast, rho: list[int], routes: Mapping[NodePair, Route]
) -> Stage:
    """Reserve what the mean demand uses; everything is reserved in Eq (8)."""
    chosen = {pair: [routes[pair]] * n for pair, n in Counter(forecast.pairs).items()}
    if network.limited:
        prices = network.costs.qkd_reserved, network.costs.km_reserved
        level = math.ceil(forecast.levels.exact_mean)
        flows = deterministic_flows(network, forecast.pairs, level, rho, prices, routes)
        chosen = flows.routes[0]
    used = np.zeros(network.fibres)
    for listed in chosen.values():
        for route in listed:
            used[list(route.fibres)] += 1
    return np.array(rho) * used, used
