"""Perfect information: what the cheapest allocation would cost if each slot were foreseen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

import numpy as np

from qnetsim.exogenous import Forecast
from qnetsim.network import Network, Route, RouteTable, shortest_routes
from qnetsim.network.routes import NodePair
from qnetsim.optimize.marginals import marginal_loads
from qnetsim.optimize.plan import Plan, PlanStatus, checked_limits, expected_loads, status_of
from qnetsim.optimize.recourse import deterministic_flows, request_routes
from qnetsim.optimize.solver import Solver


def foreseen_routes(network: Network, forecast: Forecast, level: int) -> dict[NodePair, Route]:
    """Shortest routes for a known level, each component at its cheaper price."""
    rho = network.level_channels(level + 1)[level].tolist()
    costs = network.costs
    lengths = [
        km + Fraction(r) * qkd
        for km, r, qkd in zip(costs.exact_km_cheapest, rho, costs.exact_qkd_cheapest, strict=True)
    ]
    return shortest_routes(network.topology, lengths, forecast.pairs)


def foreseen_table(
    network: Network, forecast: Forecast, solver: Solver
) -> tuple[RouteTable, float | None, str]:
    """Routes that are best in each foreseen slot.

    Without limits they are shortest paths. With limits and comonotone demand a program for
    each level is solved. With limits and independent demand the shortest paths are kept: they
    still give a lower bound on the cost, but such a slot may block requests.

    Returns
    -------
    routes : RouteTable
    bound : float or None
        Proved expected cost from the programs; None where shortest paths are exact.
    solver : str
    """
    levels = range(forecast.levels.levels)
    shortest = [foreseen_routes(network, forecast, k) for k in levels]
    if not network.limited or not forecast.comonotone:
        table = RouteTable.by_pair_and_level(forecast.pairs, shortest)
        return table, None, "shortest paths"
    costs = network.costs
    cheapest = (
        np.minimum(costs.qkd_reserved, costs.qkd_on_demand),
        np.minimum(costs.km_reserved, costs.km_on_demand),
    )
    rho = network.level_channels(forecast.levels.levels).tolist()
    bound, counts = 0.0, Counter(forecast.pairs)
    solvers: dict[str, None] = {}
    chosen: list[Mapping[NodePair, list[Route]]] = []
    for k in levels:
        if forecast.levels.probabilities[k] == 0:
            chosen.append({pair: [shortest[k][pair]] * n for pair, n in counts.items()})
            continue
        flows = deterministic_flows(
            network, forecast.pairs, k, rho[k], cheapest, shortest[k], solver
        )
        bound += float(forecast.levels.probabilities[k]) * flows.bound
        solvers[flows.solver] = None
        chosen.append(flows.routes[0])
    return request_routes(forecast.pairs, chosen), bound, " and ".join(solvers)


def perfect_information(network: Network, forecast: Forecast, solver: Solver) -> Plan:
    """Wait-and-see: expectations of reservations and costs when each slot is foreseen."""
    routes, bound, name = foreseen_table(network, forecast, solver)
    marginals = marginal_loads(network, forecast, routes)
    channels, wavelengths = expected_loads(marginals)
    costs = network.costs
    reserve_q = costs.qkd_reserved <= costs.qkd_on_demand
    reserve_x = costs.km_reserved <= costs.km_on_demand
    none = np.zeros(network.fibres)
    draft = Plan(
        np.where(reserve_q, channels, none),
        np.where(reserve_x, wavelengths, none),
        np.where(reserve_q, none, channels),
        np.where(reserve_x, none, wavelengths),
        routes,
        bound,
        PlanStatus.OPTIMAL,
        name,
    )
    objective = draft.objective(network)
    if bound is None:
        bound = objective
    proved = replace(draft, bound=bound, status=status_of(objective, bound))
    return checked_limits(proved, network, forecast, marginals)
