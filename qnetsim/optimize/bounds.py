"""Perfect information: what the cheapest allocation would cost if each slot were foreseen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from qnetsim.forecast import Forecast
from qnetsim.network import BLOCKED, Network, Route, RouteTable
from qnetsim.network.level_routes import routes_by_level
from qnetsim.network.routes import NodePair
from qnetsim.optimize.assemble import (
    assign_wavelengths,
    expected_blocked,
    expected_loads,
    with_wavelengths,
)
from qnetsim.optimize.columns.problem import RequestKind, Size
from qnetsim.optimize.plan import Plan, status_of
from qnetsim.optimize.recourse import (
    deterministic_flows,
    request_kinds,
    request_routes,
    state_channels,
)
from qnetsim.optimize.solvers.solver import Solver
from qnetsim.optimize.stage import Stage
from qnetsim.optimize.state_routes import in_states
from qnetsim.vocabulary import PlanStatus


def foreseen_routes(network: Network, forecast: Forecast) -> list[dict[NodePair, Route]]:
    """Shortest routes of each level if it is known, each component at its cheaper price."""
    costs = network.costs
    return routes_by_level(
        network.topology,
        wavelengths=costs.exact_km_cheapest,
        channels=costs.exact_qkd_cheapest,
        counts=network.level_channels(forecast.level_count),
        pairs=forecast.pairs,
    )


def blocked_where_cheaper(
    network: Network, level: int, routes: Mapping[NodePair, Route]
) -> dict[NodePair, Route]:
    """Block the pairs whose request costs more than blocking even if it is foreseen."""
    blocking = network.costs.blocking
    if blocking is None:
        return dict(routes)
    rho = network.level_channels(level + 1)[level]
    cheapest = network.costs.cheapest
    price = rho * cheapest.channels + cheapest.wavelengths
    return {
        pair: BLOCKED if float(price[list(route.fibres)].sum()) > blocking else route
        for pair, route in routes.items()
    }


@dataclass(frozen=True)
class Foreseen:
    """Routes that are best in each foreseen slot.

    Attributes
    ----------
    routes : RouteTable
    bound : float or None
        Proved expected cost from programs; None where shortest paths are exact.
    solver : str
    size : Size
    """

    routes: RouteTable
    bound: float | None
    solver: str
    size: Size


def foreseen_table(network: Network, forecast: Forecast, solver: Solver) -> Foreseen:
    """Find the routes of each foreseen slot.

    Without limits they are shortest paths, or blocking. With them and comonotone demand a program
    for each level, or joint state, is solved. With limits and independent demand the shortest paths
    are kept: they still give a lower bound on the cost, but such a slot may block requests.
    """
    shortest = foreseen_routes(network, forecast)
    if not network.limited or not forecast.comonotone:
        chosen_here = [blocked_where_cheaper(network, k, here) for k, here in enumerate(shortest)]
        table = RouteTable.by_pair_and_level(forecast.pairs, chosen_here)
        return Foreseen(in_states(table, forecast), None, "shortest paths", Size())
    kinds = request_kinds(forecast)
    counts = Counter(kinds)
    bound = 0.0
    size = Size()
    solvers: dict[str, None] = {}
    chosen: list[Mapping[RequestKind, list[Route]]] = []
    channels = state_channels(network, forecast)
    for state, probability in enumerate(forecast.joint.probabilities.tolist()):
        own = forecast.joint.levels[:, state].tolist()
        start = {kind: shortest[own[kind.kind]][kind.pair] for kind in counts}
        if probability == 0:
            chosen.append({kind: [start[kind]] * n for kind, n in counts.items()})
            continue
        flows = deterministic_flows(
            network=network,
            counts=counts,
            level=state,
            channels=channels[state],
            prices=network.costs.cheapest,
            start=start,
            solver=solver,
        )
        bound += probability * flows.bound
        size += flows.size
        solvers[flows.solver] = None
        chosen.append(flows.routes[0])
    return Foreseen(request_routes(kinds, chosen), bound, " and ".join(solvers), size)


def perfect_information(network: Network, forecast: Forecast, solver: Solver) -> Plan:
    """Wait-and-see: expectations of reservations and costs when each slot is foreseen."""
    found = foreseen_table(network, forecast, solver)
    costs = network.costs
    assigned = assign_wavelengths(
        network,
        forecast,
        found.routes,
        prices=None if found.bound is None else costs.cheapest,
        first_stage=Stage.none(network.fibres),
        cost=found.bound or 1.0,
    )
    loads = expected_loads(assigned.marginals)
    reserve_channels = costs.qkd_reserved <= costs.qkd_on_demand
    reserve_wavelengths = costs.km_reserved <= costs.km_on_demand
    draft = Plan(
        qkd_channels=np.where(reserve_channels, loads.channels, 0.0),
        km_wavelengths=np.where(reserve_wavelengths, loads.wavelengths, 0.0),
        on_demand_channels=np.where(reserve_channels, 0.0, loads.channels),
        on_demand_wavelengths=np.where(reserve_wavelengths, 0.0, loads.wavelengths),
        routes=assigned.routes,
        bound=found.bound,
        status=PlanStatus.OPTIMAL,
        solver=found.solver,
        blocked=expected_blocked(forecast, assigned.routes),
        size=found.size,
    )
    objective = draft.objective(network)
    bound = objective if found.bound is None else found.bound
    proved = replace(draft, bound=bound, status=status_of(objective, bound))
    return with_wavelengths(proved, network, forecast, assigned)
