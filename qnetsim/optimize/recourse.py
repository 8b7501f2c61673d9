"""The routes program for both stages, for one known demand, and for a fixed first stage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from qnetsim.forecast import Forecast
from qnetsim.network import (
    BLOCKED,
    Network,
    Route,
    RouteTable,
    UnitPrices,
    shortest_routes,
)
from qnetsim.network.routes import NodePair, blocked_last
from qnetsim.optimize.columns.problem import RouteFlows, RoutesProblem, Size
from qnetsim.optimize.columns.routes_program import RoutesProgram
from qnetsim.optimize.solvers.solver import Solver
from qnetsim.optimize.stage import Stage


def possible_levels(forecast: Forecast) -> list[int]:
    """Levels of positive probability."""
    return [k for k, p in enumerate(forecast.levels.exact_probabilities) if p > 0]


def stochastic_problem(network: Network, forecast: Forecast, solver: Solver) -> RoutesProblem:
    """Eqs (21)-(25), (28), (29) for comonotone demand."""
    levels = possible_levels(forecast)
    return RoutesProblem(
        network=network,
        counts=Counter(forecast.pairs),
        levels=levels,
        probabilities=forecast.levels.probabilities[levels],
        channels=network.level_channels(forecast.level_count)[levels],
        reserved=network.costs.reserved,
        on_demand=network.costs.on_demand,
        blocking_cost=network.costs.blocking,
        solver=solver,
    )


def deterministic_flows(
    network: Network,
    pairs: Sequence[NodePair],
    level: int,
    channels: Sequence[int],
    prices: UnitPrices,
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

    A level whose load on the given routes fits into the reservation costs nothing more, so these
    routes are optimal for it. At the other levels requests are routed anew over all simple paths.

    Parameters
    ----------
    network : Network
    forecast : Forecast
    first_stage : Stage
    start : mapping from pair to sequence of Route
        One route for each request of a pair.
    solver : Solver
    """
    costs = network.costs
    counts = Counter(forecast.pairs)
    table = request_routes(forecast.pairs, [start] * forecast.level_count)
    rho = network.level_channels(forecast.level_count)
    wavelengths = table.requests_per_fibre(network.fibres)
    served = table.blocked(0) == 0
    bound = first_stage.cost(costs.reserved)
    size = Size()
    solvers = dict[str, None]()
    chosen: list[Mapping[NodePair, Sequence[Route]]] = []
    lit = first_stage.at_most(network.max_channels, network.max_wavelengths)
    first = _start_routes(network, start)
    for k, probability in enumerate(forecast.levels.probabilities):
        load = rho[k] * wavelengths
        fits = served and (load <= lit.channels).all() and (wavelengths <= lit.wavelengths).all()
        if probability == 0 or fits:
            chosen.append(start)
            continue
        problem = RoutesProblem(
            network=network,
            counts=counts,
            levels=[k],
            probabilities=np.ones(1),
            channels=rho[[k]],
            reserved=UnitPrices(np.zeros(network.fibres), np.zeros(network.fibres)),
            on_demand=costs.on_demand,
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


def _start_routes(
    network: Network, start: Mapping[NodePair, Sequence[Route]]
) -> dict[NodePair, Route]:
    """One route of each pair that is not blocked, to start from."""
    hops = [Fraction(1)] * network.fibres
    missing = [pair for pair, routes in start.items() if all(r == BLOCKED for r in routes)]
    found = shortest_routes(network.topology, hops, missing)
    for pair, routes in start.items():
        served = [route for route in routes if route != BLOCKED]
        if served:
            found[pair] = served[0]
    return {pair: found[pair] for pair in start}


def request_routes(
    pairs: Sequence[NodePair], by_level: Sequence[Mapping[NodePair, Sequence[Route]]]
) -> RouteTable:
    """Give the routes of each pair to its requests, at every level in the same order.

    Requests that are blocked at a level are the last of their pair.
    """
    table: list[list[Route]] = [[] for _ in pairs]
    for routes in by_level:
        waiting = {pair: iter(sorted(listed, key=blocked_last)) for pair, listed in routes.items()}
        for request, pair in enumerate(pairs):
            table[request].append(next(waiting[pair]))
    return RouteTable.of(table)
