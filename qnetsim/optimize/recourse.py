"""Questions to the routes program: both stages, one known demand, or a fixed first stage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from qnetsim.forecast import Forecast
from qnetsim.network import BLOCKED, Network, Route, RouteTable, shortest_routes
from qnetsim.network.routes import NodePair
from qnetsim.optimize.assemble import Stage
from qnetsim.optimize.columns.problem import RouteFlows, RoutesProblem, Size
from qnetsim.optimize.columns.routes_program import RoutesProgram
from qnetsim.optimize.solvers.solver import Solver


def possible_levels(forecast: Forecast) -> list[int]:
    """Levels of positive probability."""
    return [k for k, p in enumerate(forecast.levels.exact_probabilities) if p > 0]


def stochastic_problem(network: Network, forecast: Forecast, solver: Solver) -> RoutesProblem:
    """Eqs (21)-(25), (28), (29) for comonotone demand."""
    levels = possible_levels(forecast)
    c = network.costs
    return RoutesProblem(
        network=network,
        counts=Counter(forecast.pairs),
        levels=levels,
        probabilities=forecast.levels.probabilities[levels],
        channels=network.level_channels(forecast.level_count)[levels],
        reserved=(c.qkd_reserved, c.km_reserved),
        on_demand=(c.qkd_on_demand, c.km_on_demand),
        blocking_cost=c.blocking,
        solver=solver,
    )


def deterministic_flows(
    network: Network,
    pairs: Sequence[NodePair],
    level: int,
    channels: Sequence[int],
    prices: Stage,
    start: Mapping[NodePair, Route],
    solver: Solver,
) -> RouteFlows:
    """Solve Eqs (8)-(12), (15), (16) for one known demand at the given prices."""
    problem = RoutesProblem(
        network=network,
        counts=Counter(pairs),
        levels=[level],
        probabilities=np.ones(1),
        channels=np.array([channels], dtype=np.int64),
        reserved=prices,
        on_demand=None,
        blocking_cost=network.costs.blocking,
        solver=solver,
    )
    return RoutesProgram(problem, start).solve()


@dataclass(frozen=True)
class Recourse:
    """Cheapest second stage for a first stage.

    Attributes
    ----------
    routes : RouteTable
    bound : float
        Proved lower bound on the expected cost, first stage included.
    solver : str
    size : Size
    """

    routes: RouteTable
    bound: float
    solver: str
    size: Size


def expected_recourse(
    network: Network,
    forecast: Forecast,
    first_stage: Stage,
    start: Mapping[NodePair, Sequence[Route]],
    solver: Solver,
) -> Recourse:
    """Cheapest second stage for a fixed first stage, level by level, Eq (20).

    ``start`` has one route for each request of a pair. A level whose load on them fits into the
    reservation costs nothing more and is optimal as it stands; the others are routed anew over
    all simple paths.
    """
    costs = network.costs
    counts = Counter(forecast.pairs)
    table = request_routes(forecast.pairs, [start] * forecast.level_count)
    rho = network.level_channels(forecast.level_count)
    wavelengths = table.requests_per_fibre(network.fibres)
    served = table.blocked(0) == 0
    caps = (network.max_channels, network.max_wavelengths)
    bound = float(first_stage[0] @ costs.qkd_reserved + first_stage[1] @ costs.km_reserved)
    size = Size()
    solvers = dict[str, None]()
    chosen: list[Mapping[NodePair, Sequence[Route]]] = []
    lit = [
        stage if cap is None else np.minimum(stage, cap)
        for stage, cap in zip(first_stage, caps, strict=True)
    ]
    first = _shortest_of(network, start)
    for k, probability in enumerate(forecast.levels.probabilities):
        load = rho[k] * wavelengths
        fits = served and (load <= lit[0]).all() and (wavelengths <= lit[1]).all()
        if probability == 0 or fits:
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
            blocking_cost=costs.blocking,
            solver=solver,
        )
        flows = RoutesProgram(problem, first).solve()
        bound += float(probability) * flows.bound
        size += flows.size
        solvers[flows.solver] = None
        chosen.append(flows.routes[0])
    name = " and ".join(solvers) or "closed form"
    return Recourse(request_routes(forecast.pairs, chosen), bound, name, size)


def _shortest_of(
    network: Network, start: Mapping[NodePair, Sequence[Route]]
) -> dict[NodePair, Route]:
    """One real route of each pair to start from."""
    hops = [Fraction(1)] * network.fibres
    missing = [pair for pair, routes in start.items() if all(r == BLOCKED for r in routes)]
    found = shortest_routes(network.topology, hops, missing)
    for pair, routes in start.items():
        real = [route for route in routes if route != BLOCKED]
        if real:
            found[pair] = real[0]
    return {pair: found[pair] for pair in start}


def request_routes(
    pairs: Sequence[NodePair], by_level: Sequence[Mapping[NodePair, Sequence[Route]]]
) -> RouteTable:
    """Hand the routes of each pair to its requests, at every level in the same order.

    Requests that are blocked at a level are the last of their pair.
    """
    table: list[list[Route]] = [[] for _ in pairs]
    for routes in by_level:
        waiting = {
            pair: iter(sorted(listed, key=lambda r: (r == BLOCKED, len(r.fibres), r.nodes)))
            for pair, listed in routes.items()
        }
        for request, pair in enumerate(pairs):
            table[request].append(next(waiting[pair]))
    return RouteTable.of(table)
