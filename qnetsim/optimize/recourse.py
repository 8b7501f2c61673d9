"""The routes program for both stages, for one known demand, and for a fixed first stage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
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
from qnetsim.optimize.columns.pricing import PathFinder
from qnetsim.optimize.columns.problem import RouteFlows, RoutesProblem, Size, capacities
from qnetsim.optimize.solvers.solver import Solver
from qnetsim.optimize.stage import Stage

if TYPE_CHECKING:
    from qnetsim.optimize.columns.master import PathColumn

#: Most routes that a level leaves to the next one; a proof may have listed many that are no use.
MOST_CARRIED = 5_000


def possible_levels(forecast: Forecast) -> list[int]:
    """Levels, or joint states, of positive probability."""
    return [k for k, p in enumerate(forecast.joint.exact_probabilities) if p > 0]


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
    from qnetsim.optimize.columns.routes_program import RoutesProgram

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
    lengths: FloatArray,
    solver: Solver,
) -> Recourse:
    """Cheapest second stage for a fixed first stage, level by level, Eq (20).

    A level whose load on the given routes fits into the reservation costs nothing more, so these
    routes are optimal for it; at others :class:`RecourseCertificate` may prove that they are. Where
    neither holds, requests are routed anew over all simple paths, beginning with the routes that
    were generated for the level before.

    Parameters
    ----------
    network : Network
    forecast : Forecast
    first_stage : Stage
    start : mapping from pair to sequence of Route
        One route for each request of a pair.
    lengths : ndarray, shape (fibres,)
        Lengths under which these routes are shortest, where no limit binds.
    solver : Solver
    """
    from qnetsim.optimize.recourse_certificate import KnownDemand, RecourseCertificate

    counts = Counter(forecast.pairs)
    table = request_routes(forecast.pairs, [start])
    requests = table.requests_per_fibre(network.fibres)
    served = table.blocked(0) == 0
    blocking = network.costs.blocking
    certificate = RecourseCertificate(
        PathFinder(network.topology, list(counts)),
        np.array([float(n) for n in counts.values()]),
        lengths,
        np.inf if blocking is None else blocking,
    )
    second = _SecondStage(network, counts, first_stage, _start_routes(network, start), solver)
    bound = first_stage.cost(network.costs.reserved)
    size = Size()
    solvers = dict[str, None]()
    chosen: list[Mapping[NodePair, Sequence[Route]]] = []
    for k, probability in enumerate(forecast.levels.probabilities):
        channels = network.level_channels(forecast.level_count)[k]
        if probability == 0 or (served and second.fits(channels, requests)):
            chosen.append(start)
            continue
        prices = None
        if served and (requests <= capacities(network, channels.tolist())).all():
            known = KnownDemand(channels, network.costs.on_demand, first_stage)
            tried = certificate.tried(known, requests)
            if tried.proof:
                bound += float(probability) * tried.bound
                solvers["dual certificate"] = None
                chosen.append(start)
                continue
            prices = tried.prices
        flows = second.flows(k, channels, prices)
        bound += float(probability) * flows.bound
        size += flows.size
        solvers[flows.solver] = None
        chosen.append(flows.routes[0])
    name = " and ".join(solvers) or "closed form"
    return Recourse(request_routes(forecast.pairs, chosen), bound, name, size)


class _SecondStage:
    """Routes anew, level by level, for one first stage.

    Parameters
    ----------
    network : Network
    counts : mapping from pair to int
    held : Stage
        The first stage.
    start : mapping from pair to Route
    solver : Solver
    """

    def __init__(
        self,
        network: Network,
        counts: Mapping[NodePair, int],
        held: Stage,
        start: Mapping[NodePair, Route],
        solver: Solver,
    ) -> None:
        self._network = network
        self._counts = counts
        self._held = held
        self._lit = held.at_most(network.max_channels, network.max_wavelengths)
        self._start = start
        self._solver = solver
        # most routes of a level are good at the next one too
        self._generated: dict[PathColumn, None] = {}

    def fits(self, channels: IntArray, requests: IntArray) -> bool:
        """Whether so many requests on each fibre need no more than is reserved."""
        enough = channels * requests <= self._lit.channels
        return bool(enough.all() and (requests <= self._lit.wavelengths).all())

    def flows(self, level: int, channels: IntArray, prices: UnitPrices | None) -> RouteFlows:
        """Cheapest routes of a level, over all simple paths, from some prices of the fibres on."""
        from qnetsim.optimize.columns.routes_program import RoutesProgram

        network = self._network
        free = np.zeros(network.fibres)
        problem = RoutesProblem(
            network=network,
            counts=self._counts,
            levels=[level],
            probabilities=np.ones(1),
            channels=channels[None],
            reserved=UnitPrices(free, free),
            on_demand=network.costs.on_demand,
            fixed=self._held,
            blocking_cost=network.costs.blocking,
            prices=None if prices is None else UnitPrices(*(price[None] for price in prices)),
            solver=self._solver,
        )
        program = RoutesProgram(problem, self._start)
        program.master.add(self._generated)
        flows = program.solve()
        columns = program.master.columns
        self._generated = columns if len(columns) <= MOST_CARRIED else {}
        return flows


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
    columns: dict[int, list[Route]] = {}
    for routes in by_level:
        # levels of one mapping share their routes
        if id(routes) not in columns:
            waiting = {p: iter(sorted(listed, key=blocked_last)) for p, listed in routes.items()}
            columns[id(routes)] = [next(waiting[pair]) for pair in pairs]
    return RouteTable.of(list(zip(*(columns[id(routes)] for routes in by_level), strict=True)))
