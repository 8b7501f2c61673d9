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
from qnetsim.network.routes import blocked_last
from qnetsim.optimize.columns.pricing import PathFinder
from qnetsim.optimize.columns.problem import RequestKind, RouteFlows, RoutesProblem, Size
from qnetsim.optimize.columns.wavelength_limits import REQUESTS, state_limits
from qnetsim.optimize.routing import newsvendor_table
from qnetsim.optimize.solvers.solver import Solver
from qnetsim.optimize.stage import Stage

if TYPE_CHECKING:
    from qnetsim.optimize.columns.master_parts import PathColumn
    from qnetsim.optimize.recourse_certificate import Tried

#: Most routes that a state leaves to the next one; a proof may have listed many that are no use.
MOST_CARRIED = 5_000


def possible_levels(forecast: Forecast) -> list[int]:
    """Levels, or joint states, of positive probability."""
    return [k for k, p in enumerate(forecast.joint.exact_probabilities) if p > 0]


def request_kinds(forecast: Forecast) -> list[RequestKind]:
    """Kind of each request."""
    return [
        RequestKind(pair, kind)
        for pair, kind in zip(forecast.pairs, forecast.kind.tolist(), strict=True)
    ]


def state_channels(network: Network, forecast: Forecast) -> IntArray:
    """Channels ρ by level or joint state, distribution and fibre; for comonotone demand."""
    return np.asarray(network.level_channels(forecast.level_count)[forecast.joint.levels.T])


def stochastic_problem(network: Network, forecast: Forecast, solver: Solver) -> RoutesProblem:
    """Eqs (21)-(25), (28), (29) for comonotone demand."""
    levels = possible_levels(forecast)
    return RoutesProblem(
        network=network,
        counts=Counter(request_kinds(forecast)),
        levels=levels,
        probabilities=forecast.joint.probabilities[levels],
        channels=state_channels(network, forecast)[levels],
        reserved=network.costs.reserved,
        on_demand=network.costs.on_demand,
        blocking_cost=network.costs.blocking,
        solver=solver,
    )


def start_routes(network: Network, forecast: Forecast) -> dict[RequestKind, Route]:
    """Route of each kind that is best when its requests keep one route at all levels."""
    table = newsvendor_table(network, forecast)
    return {kind: table.route(r, 0) for r, kind in enumerate(request_kinds(forecast))}


def deterministic_flows(
    network: Network,
    counts: Mapping[RequestKind, int],
    level: int,
    channels: IntArray,
    prices: UnitPrices,
    start: Mapping[RequestKind, Route],
    solver: Solver,
) -> RouteFlows:
    """Solve Eqs (8)-(12), (15), (16) for one known demand at the given prices.

    Parameters
    ----------
    network : Network
    counts : mapping from RequestKind to int
    level : int
        Level, or joint state, for messages.
    channels : ndarray of int64, shape (distributions, fibres)
        Channels ρ of one request.
    prices : UnitPrices
    start : mapping from RequestKind to Route
    solver : Solver
    """
    problem = RoutesProblem(
        network=network,
        counts=counts,
        levels=[level],
        probabilities=np.ones(1),
        channels=channels[None],
        reserved=prices,
        on_demand=None,
        blocking_cost=network.costs.blocking,
        solver=solver,
    )
    from qnetsim.optimize.columns.routes_program import RoutesProgram

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
    start: Mapping[RequestKind, Sequence[Route]],
    lengths: FloatArray | None,
    solver: Solver,
) -> Recourse:
    """Cheapest second stage for a fixed first stage, state by state, Eq (20).

    A state whose load on the given routes fits into the reservation costs nothing more, so these
    routes are optimal for it; at others :class:`RecourseCertificate` may prove that they are. Where
    neither holds, requests are routed anew over all simple paths, beginning with the routes that
    were generated for the state before.

    Parameters
    ----------
    network : Network
    forecast : Forecast
    first_stage : Stage
    start : mapping from RequestKind to sequence of Route
        One route for each request of a kind.
    lengths : ndarray, shape (fibres,), or None
        Lengths under which these routes are shortest, where no limit binds; None where requests
        have distributions, and so lengths, of their own.
    solver : Solver
    """
    second = _SecondStage(network, forecast, first_stage, start, solver)
    attempt = None
    if lengths is not None and second.serves_all:
        attempt = _CertificateAttempt(network, first_stage, second, lengths)
    bound = first_stage.cost(network.costs.reserved)
    size = Size()
    solvers = dict[str, None]()
    chosen: list[Mapping[RequestKind, Sequence[Route]]] = []
    every = state_channels(network, forecast)
    for k, probability in enumerate(forecast.joint.probabilities.tolist()):
        channels = every[k]
        if probability == 0 or second.fits(channels):
            chosen.append(start)
            continue
        tried = attempt.tried(channels[0]) if attempt is not None else None
        if tried is not None and tried.proof:
            bound += probability * tried.bound
            solvers["dual certificate"] = None
            chosen.append(start)
            continue
        flows = second.flows(k, channels, None if tried is None else tried.prices)
        bound += probability * flows.bound
        size += flows.size
        solvers[flows.solver] = None
        chosen.append(flows.routes[0])
    name = " and ".join(solvers) or "closed form"
    return Recourse(request_routes(request_kinds(forecast), chosen), bound, name, size)


class _SecondStage:
    """Routes anew, state by state, for one first stage.

    Parameters
    ----------
    network : Network
    forecast : Forecast
    held : Stage
        The first stage.
    start : mapping from RequestKind to sequence of Route
    solver : Solver

    Attributes
    ----------
    counts : dict from RequestKind to int
    requests : ndarray of int64, shape (distributions, fibres)
        Requests of each distribution on the routes of ``start``.
    serves_all : bool
        ``start`` blocks no request.
    """

    def __init__(
        self,
        network: Network,
        forecast: Forecast,
        held: Stage,
        start: Mapping[RequestKind, Sequence[Route]],
        solver: Solver,
    ) -> None:
        self._network = network
        self._held = held
        self._lit = held.at_most(network.max_channels, network.max_wavelengths)
        self._start = _start_routes(network, start)
        self._solver = solver
        self.counts = Counter(request_kinds(forecast))
        self.serves_all = all(route != BLOCKED for routes in start.values() for route in routes)
        self.requests = np.zeros((len(forecast.distributions), network.fibres), dtype=np.int64)
        for (_, distribution), routes in start.items():
            for route in routes:
                self.requests[distribution, list(route.fibres)] += 1
        # most routes of a state are good at the next one too
        self._generated: dict[PathColumn, None] = {}

    def fits(self, channels: IntArray) -> bool:
        """Whether the routes of the start serve all requests with no more than is reserved."""
        enough = (channels * self.requests).sum(axis=0) <= self._lit.channels
        few = self.requests.sum(axis=0) <= self._lit.wavelengths
        return bool(self.serves_all and enough.all() and few.all())

    def flows(self, level: int, channels: IntArray, prices: UnitPrices | None) -> RouteFlows:
        """Cheapest routes of a state, over all simple paths, from some prices of the fibres on."""
        network = self._network
        free = np.zeros(network.fibres)
        problem = RoutesProblem(
            network=network,
            counts=self.counts,
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
        from qnetsim.optimize.columns.routes_program import RoutesProgram

        program = RoutesProgram(problem, self._start)
        program.master.add(self._generated)
        flows = program.solve()
        columns = program.master.columns
        self._generated = columns if len(columns) <= MOST_CARRIED else {}
        return flows


class _CertificateAttempt:
    """Proofs that the routes of the start are best, where requests share their distribution."""

    def __init__(
        self, network: Network, held: Stage, second: _SecondStage, lengths: FloatArray
    ) -> None:
        blocking = network.costs.blocking
        self._network = network
        self._held = held
        self._requests = second.requests[0]
        from qnetsim.optimize.recourse_certificate import RecourseCertificate

        self._certificate = RecourseCertificate(
            PathFinder(network.topology, [kind.pair for kind in second.counts]),
            np.array([float(n) for n in second.counts.values()]),
            lengths,
            np.inf if blocking is None else blocking,
        )

    def tried(self, channels: IntArray) -> Tried | None:
        """Prices for so many channels a request; None where the limits do not admit the routes."""
        room = state_limits(self._network, channels[None]).caps[REQUESTS]
        if (self._requests > room).any():
            return None
        from qnetsim.optimize.recourse_certificate import KnownDemand

        known = KnownDemand(channels, self._network.costs.on_demand, self._held)
        return self._certificate.tried(known, self._requests)


def _start_routes(
    network: Network, start: Mapping[RequestKind, Sequence[Route]]
) -> dict[RequestKind, Route]:
    """One route of each kind that is not blocked, to start from."""
    hops = [Fraction(1)] * network.fibres
    missing = [kind.pair for kind, routes in start.items() if all(r == BLOCKED for r in routes)]
    found = shortest_routes(network.topology, hops, missing)
    return {
        kind: next((route for route in routes if route != BLOCKED), None) or found[kind.pair]
        for kind, routes in start.items()
    }


def request_routes(
    kinds: Sequence[RequestKind], by_state: Sequence[Mapping[RequestKind, Sequence[Route]]]
) -> RouteTable:
    """Give the routes of each kind to its requests, in every state in the same order.

    Requests that are blocked in a state are the last of their kind.
    """
    columns: dict[int, list[Route]] = {}
    for routes in by_state:
        # states of one mapping share their routes
        if id(routes) not in columns:
            waiting = {k: iter(sorted(listed, key=blocked_last)) for k, listed in routes.items()}
            columns[id(routes)] = [next(waiting[kind]) for kind in kinds]
    return RouteTable.of(list(zip(*(columns[id(routes)] for routes in by_state), strict=True)))
