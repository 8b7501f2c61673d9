"""Plans from the routes program: full, or recourse for a first stage that is fixed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.exogenous import Forecast
from qnetsim.network import Network, Route, RouteTable
from qnetsim.network.routes import NodePair
from qnetsim.optimize.routes_program import Flows, RoutesProblem, RoutesProgram
from qnetsim.optimize.solver import Solver

Stage = tuple[FloatArray, FloatArray]


def possible_levels(forecast: Forecast) -> list[int]:
    """Levels of positive probability."""
    return [k for k, p in enumerate(forecast.levels.exact_probabilities) if p > 0]


def stochastic_flows(
    network: Network,
    forecast: Forecast,
    start: Sequence[Mapping[NodePair, Route]],
    solver: Solver,
) -> Flows:
    """Solve Eqs (21)-(25), (28), (29) over all simple paths for comonotone demand."""
    levels = possible_levels(forecast)
    c = network.costs
    problem = RoutesProblem(
        network=network,
        counts=Counter(forecast.pairs),
        levels=levels,
        probabilities=forecast.levels.probabilities[levels],
        channels=network.level_channels(forecast.levels.levels)[levels],
        reserved=(c.qkd_reserved, c.km_reserved),
        on_demand=(c.qkd_on_demand, c.km_on_demand),
        solver=solver,
    )
    return RoutesProgram(problem).solve(start)


def deterministic_flows(
    network: Network,
    pairs: Sequence[NodePair],
    level: int,
    channels: Sequence[int],
    prices: Stage,
    start: Mapping[NodePair, Route],
    solver: Solver,
) -> Flows:
    """Solve Eqs (8)-(12), (15), (16) for one known demand at the given prices."""
    problem = RoutesProblem(
        network=network,
        counts=Counter(pairs),
        levels=[level],
        probabilities=np.ones(1),
        channels=np.array([channels], dtype=np.int64),
        reserved=prices,
        on_demand=None,
        solver=solver,
    )
    return RoutesProgram(problem).solve([start])


def expected_recourse(
    network: Network,
    forecast: Forecast,
    first_stage: Stage,
    start: Mapping[NodePair, Sequence[Route]],
    solver: Solver,
) -> tuple[RouteTable, float, str]:
    """Cheapest second stage for a fixed first stage, level by level, Eq (20).

    ``start`` has one route for each request of a pair. A level whose load on them fits into the
    reservation costs nothing more and is optimal as it stands; the others are routed anew over
    all simple paths.

    Returns
    -------
    routes : RouteTable
    bound : float
        Proved lower bound on the expected cost, first stage included.
    solver : str
    """
    costs, counts = network.costs, Counter(forecast.pairs)
    table = request_routes(forecast.pairs, [start] * forecast.levels.levels)
    rho = network.level_channels(forecast.levels.levels)
    wavelengths = table.requests_per_fibre(network.fibres)
    caps = (network.max_channels, network.max_wavelengths)
    first_cost = float(first_stage[0] @ costs.qkd_reserved + first_stage[1] @ costs.km_reserved)
    bound = first_cost
    solvers: dict[str, None] = {}
    chosen: list[Mapping[NodePair, Sequence[Route]]] = []
    lit = [
        stage if cap is None else np.minimum(stage, cap)
        for stage, cap in zip(first_stage, caps, strict=True)
    ]
    for k, probability in enumerate(forecast.levels.probabilities):
        load = rho[k] * wavelengths
        if probability == 0 or ((load <= lit[0]).all() and (wavelengths <= lit[1]).all()):
            chosen.append(start)
            continue
        problem = RoutesProblem(
            network=network,
            counts=counts,
            levels=[k],
            probabilities=np.ones(1),
            channels=rho[[k]],
            reserved=(np.zeros(network.fibres), np.zeros(network.fibres)),
            on_demand=(costs.qkd_on_demand, costs.km_on_demand),
            fixed=first_stage,
            solver=solver,
        )
        flows = RoutesProgram(problem).solve([{pair: r[0] for pair, r in start.items()}])
        bound += float(probability) * flows.bound
        solvers[flows.solver] = None
        chosen.append(flows.routes[0])
    name = " and ".join(solvers) or "closed form"
    return request_routes(forecast.pairs, chosen), bound, name


def request_routes(
    pairs: Sequence[NodePair], by_level: Sequence[Mapping[NodePair, Sequence[Route]]]
) -> RouteTable:
    """Hand the routes of each pair to its requests, at every level in the same order."""
    table: list[list[Route]] = [[] for _ in pairs]
    for routes in by_level:
        waiting = {
            pair: iter(sorted(listed, key=lambda r: (len(r.fibres), r.nodes)))
            for pair, listed in routes.items()
        }
        for request, pair in enumerate(pairs):
            table[request].append(next(waiting[pair]))
    return RouteTable.of(table)
