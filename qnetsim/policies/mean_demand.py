"""The plan of EVF: the deterministic program at the mean demand, then its recourse."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np

from qnetsim.forecast import Forecast, LevelDistribution
from qnetsim.network import Network, Route
from qnetsim.network.routes import NodePair
from qnetsim.optimize import Plan, Solver, expected_recourse
from qnetsim.optimize.assemble import assign_wavelengths, fixed_routes_plan
from qnetsim.optimize.plan import SolveReport
from qnetsim.optimize.recourse import Recourse, deterministic_flows, request_routes
from qnetsim.optimize.routing import weighted_routes
from qnetsim.optimize.stage import Stage
from qnetsim.policies.base import Setting


def expected_value_plan(setting: Setting) -> Plan:
    """Solve (8)-(18) at the mean demand, then the recourse for its first stage."""
    network = setting.network
    forecast = setting.forecast
    if not forecast.shared:
        return _own_demand_plan(network, forecast, setting.solver)
    rho = mean_channels(network, forecast.levels)
    weights = [Fraction(r) for r in rho]
    # everything is reserved in Eq (8), KM wavelengths too
    km = network.costs.exact_km_reserved
    chosen = _mean_routes(
        network,
        forecast,
        rho,
        weighted_routes(network, forecast.pairs, weights, km),
        setting.solver,
    )
    first_stage = _first_stage(network, rho, chosen)
    if not forecast.comonotone:
        table = request_routes(forecast.pairs, [chosen] * forecast.level_count)
        return fixed_routes_plan(
            network,
            forecast,
            assign_wavelengths(network, forecast, table),
            FIXED_ROUTES,
            first_stage,
        )
    prices = network.costs.reserved
    found = expected_recourse(
        network=network,
        forecast=forecast,
        first_stage=first_stage,
        start=chosen,
        lengths=np.array(rho) * prices.channels + prices.wavelengths,
        solver=setting.solver,
    )
    return fixed_routes_plan(
        network,
        forecast,
        assign_wavelengths(
            network,
            forecast,
            found.routes,
            prices=network.costs.on_demand,
            first_stage=first_stage,
            cost=found.bound,
        ),
        _recourse_report(found),
        first_stage,
    )


#: Of independent demand, whose second stage keeps the routes.
FIXED_ROUTES = SolveReport(
    bound=None,
    solver="deterministic program at the mean demand, convolved loads",
    note="second stage exact for these routes; recourse routes not optimised",
)


def _recourse_report(found: Recourse) -> SolveReport:
    return SolveReport(
        bound=found.bound,
        solver=f"mean demand, then recourse by {found.solver}",
        note="status, bound and gap are those of the recourse for this first stage",
        size=found.size,
    )


def _own_demand_plan(network: Network, forecast: Forecast, solver: Solver) -> Plan:
    """The same where each request has a distribution, and so a mean, of its own."""
    from qnetsim.optimize.commodities.own_demand import (
        OwnStart,
        known_demand_flows,
        own_recourse,
        request_kinds,
        routes_of_requests,
    )

    rho = np.array([mean_channels(network, levels) for levels in forecast.distributions])
    requests = request_kinds(forecast)
    counts = Counter(requests)
    shortest = {
        kind: weighted_routes(
            network,
            [kind.pair],
            [Fraction(r) for r in rho[kind.kind].tolist()],
            network.costs.exact_km_reserved,
        )[kind.pair]
        for kind in counts
    }
    chosen = {kind: [shortest[kind]] * n for kind, n in counts.items()}
    if network.limited or network.costs.blocking is not None:
        chosen = known_demand_flows(
            network=network,
            counts=counts,
            channels=rho,
            prices=network.costs.reserved,
            start=shortest,
            solver=solver,
        ).routes[0]
    reserved = np.zeros((2, network.fibres))
    for kind, listed in chosen.items():
        for route in listed:
            fibres = list(route.fibres)
            reserved[:, fibres] += [rho[kind.kind, fibres], np.ones(len(fibres))]
    first_stage = Stage(*reserved)
    if forecast.comonotone:
        found = own_recourse(
            network=network,
            forecast=forecast,
            first_stage=first_stage,
            start=OwnStart(chosen, shortest),
            solver=solver,
        )
        assigned = assign_wavelengths(network, forecast, found.routes, first_stage=first_stage)
        return fixed_routes_plan(network, forecast, assigned, _recourse_report(found), first_stage)
    table = routes_of_requests(requests, [chosen] * forecast.level_count)
    assigned = assign_wavelengths(network, forecast, table)
    return fixed_routes_plan(network, forecast, assigned, FIXED_ROUTES, first_stage)


def mean_channels(network: Network, levels: LevelDistribution) -> list[int]:
    """Channels ρ(mean) = ⌈E k / K_L⌉ per fibre, under the truncated distribution."""
    bits = levels.exact_mean * network.level_bits
    return [math.ceil(bits / int(channel)) for channel in network.channel_bits]


def _mean_routes(
    network: Network,
    forecast: Forecast,
    rho: list[int],
    shortest: Mapping[NodePair, Route],
    solver: Solver,
) -> Mapping[NodePair, Sequence[Route]]:
    """Routes of (8)-(18) at the mean demand, one for each request of a pair."""
    if not network.limited and network.costs.blocking is None:
        return {pair: [shortest[pair]] * n for pair, n in Counter(forecast.pairs).items()}
    flows = deterministic_flows(
        network=network,
        pairs=forecast.pairs,
        level=math.ceil(forecast.levels.exact_mean),
        channels=rho,
        prices=network.costs.reserved,
        start=shortest,
        solver=solver,
    )
    return flows.routes[0]


def _first_stage(
    network: Network, rho: list[int], chosen: Mapping[NodePair, Sequence[Route]]
) -> Stage:
    """Reserve what the mean demand uses."""
    used = np.zeros(network.fibres)
    for listed in chosen.values():
        for route in listed:
            used[list(route.fibres)] += 1
    return Stage(np.array(rho) * used, used)
