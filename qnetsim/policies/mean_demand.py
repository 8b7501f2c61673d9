"""The plan of EVF: the deterministic program at the mean demand, then its recourse."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.forecast import Forecast, LevelDistribution
from qnetsim.network import Network, Route
from qnetsim.optimize import Plan, Solver, expected_recourse
from qnetsim.optimize.assemble import assign_wavelengths, fixed_routes_plan
from qnetsim.optimize.columns.problem import RequestKind
from qnetsim.optimize.plan import SolveReport
from qnetsim.optimize.recourse import (
    Recourse,
    deterministic_flows,
    request_kinds,
    request_routes,
)
from qnetsim.optimize.routing import weighted_routes
from qnetsim.optimize.stage import Stage
from qnetsim.policies.base import Setting


def expected_value_plan(setting: Setting) -> Plan:
    """Solve (8)-(18) at the mean demand, then the recourse for its first stage."""
    network = setting.network
    forecast = setting.forecast
    rho = np.array([mean_channels(network, levels) for levels in forecast.distributions])
    chosen = _mean_routes(network, forecast, rho, setting.solver)
    first_stage = _first_stage(network, rho, chosen)
    if not forecast.comonotone:
        table = request_routes(request_kinds(forecast), [chosen] * forecast.level_count)
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
        lengths=rho[0] * prices.channels + prices.wavelengths if forecast.shared else None,
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


def mean_channels(network: Network, levels: LevelDistribution) -> list[int]:
    """Channels ρ(mean) = ⌈E k / K_L⌉ per fibre, under the truncated distribution."""
    bits = levels.exact_mean * network.level_bits
    return [math.ceil(bits / int(channel)) for channel in network.channel_bits]


def _mean_routes(
    network: Network, forecast: Forecast, rho: IntArray, solver: Solver
) -> Mapping[RequestKind, Sequence[Route]]:
    """Routes of (8)-(18) at the mean demand, one for each request of a kind.

    Parameters
    ----------
    network : Network
    forecast : Forecast
    rho : ndarray of int64, shape (distributions, fibres)
        Channels of one request at its mean.
    solver : Solver
    """
    kinds = request_kinds(forecast)
    counts = Counter(kinds)
    shortest: dict[RequestKind, Route] = {}
    for distribution, channels in enumerate(rho.tolist()):
        mine = [kind for kind in counts if kind.kind == distribution]
        # everything is reserved in Eq (8), KM wavelengths too
        found = weighted_routes(
            network,
            [kind.pair for kind in mine],
            [Fraction(r) for r in channels],
            network.costs.exact_km_reserved,
        )
        shortest |= {kind: found[kind.pair] for kind in mine}
    if not network.limited and network.costs.blocking is None:
        return {kind: [shortest[kind]] * n for kind, n in counts.items()}
    flows = deterministic_flows(
        network=network,
        counts=counts,
        level=math.ceil(forecast.distributions[0].exact_mean),
        channels=rho,
        prices=network.costs.reserved,
        start=shortest,
        solver=solver,
    )
    return flows.routes[0]


def _first_stage(
    network: Network, rho: IntArray, chosen: Mapping[RequestKind, Sequence[Route]]
) -> Stage:
    """Reserve what the mean demand uses."""
    channels = np.zeros(network.fibres)
    wavelengths = np.zeros(network.fibres)
    for kind, listed in chosen.items():
        for route in listed:
            fibres = list(route.fibres)
            channels[fibres] += rho[kind.kind, fibres]
            wavelengths[fibres] += 1
    return Stage(channels, wavelengths)
