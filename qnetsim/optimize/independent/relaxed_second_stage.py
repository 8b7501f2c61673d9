"""The second stage for one realised demand in which every request has a level of its own.

Requests of one pair and one level are interchangeable. Routes are generated as in the routes
program; duality gives a cut on the second-stage cost that holds for every first stage.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.errors import SolverError
from qnetsim.network import BLOCKED, Network, Route
from qnetsim.network.routes import NodePair
from qnetsim.optimize.columns.master_parts import RouteFlow
from qnetsim.optimize.columns.pricing import PathFinder
from qnetsim.optimize.columns.problem import scale_of
from qnetsim.optimize.solvers.program import Basis, Program, SolveStatus
from qnetsim.optimize.solvers.solver import Solver
from qnetsim.optimize.stage import Stage

#: Reduced cost, relative to the dearest unit, below which a route is worth a column.
REDUCED_COST_TOLERANCE = 1e-8
#: Rounds of column generation for one first stage.
MAX_ROUNDS = 100


class Commodity(NamedTuple):
    """Requests of one pair at one level; they are interchangeable."""

    pair: NodePair
    level: int


@dataclass(frozen=True)
class Cut:
    """``cost ≥ constant − alpha·q − gamma·x`` for every first stage (q, x).

    Attributes
    ----------
    constant : float
    alpha, gamma : ndarray of float64, shape (fibres,)
    """

    constant: float
    alpha: FloatArray
    gamma: FloatArray

    def at(self, stage: Stage) -> float:
        """Value of the cut at a first stage."""
        return float(self.constant - self.alpha @ stage.channels - self.gamma @ stage.wavelengths)


class SecondStageContext:
    """What the second stages of all realisations have in common.

    Parameters
    ----------
    network : Network
    pairs : sequence of (int, int)
        Node pair of each request.
    levels : int
    start : mapping from pair to Route
        Base routes.
    solver : Solver

    Attributes
    ----------
    pool : dict from Commodity to dict of Route
        Routes that realisations start with.
    grows : bool
        Whether routes that are generated for one realisation enter the pool.
    """

    def __init__(
        self,
        network: Network,
        pairs: Sequence[NodePair],
        levels: int,
        start: Mapping[NodePair, Route],
        solver: Solver,
    ) -> None:
        self.network = network
        self.solver = solver
        self.start = dict(start)
        self.distinct = sorted(set(pairs))
        self.position = {pair: i for i, pair in enumerate(self.distinct)}
        self.finder = PathFinder(network.topology, self.distinct)
        self.channels = network.level_channels(levels)
        costs = network.costs
        self.prices = costs.on_demand
        blocking = costs.blocking
        self.scale = scale_of(self.prices, blocking)
        self.blocking = np.inf if blocking is None else blocking / self.scale
        self.pool: dict[Commodity, dict[Route, None]] = {}
        self.grows = True

    def use(self, route: Route, level: int) -> FloatArray:
        """Channels and KM wavelengths of one request on each fibre, shape (2, fibres)."""
        use = np.zeros((2, self.network.fibres))
        fibres = list(route.fibres)
        use[0, fibres] = self.channels[level, fibres]
        use[1, fibres] = 1.0
        return use


class RelaxedSecondStage:
    """Second stage of one realised demand.

    Parameters
    ----------
    context : SecondStageContext
    requests : mapping from Commodity to int
        Number of requests of each commodity.
    """

    def __init__(self, context: SecondStageContext, requests: Mapping[Commodity, int]) -> None:
        self.context = context
        self.requests = dict(sorted(requests.items()))
        fibres = context.network.fibres
        self._load = np.zeros((2, fibres))
        for (pair, level), count in self.requests.items():
            self._load += count * self.context.use(context.start[pair], level)
        limits = (context.network.max_channels, context.network.max_wavelengths)
        self._caps = np.array([[np.inf if n is None else float(n)] * fibres for n in limits])
        self._limited = np.flatnonzero(np.isfinite(self._caps).ravel())
        self._columns: dict[tuple[Commodity, Route], FloatArray] = {}
        self._basis: Basis | None = None
        self._groups: dict[Commodity, int] = {}
        for commodity in self.requests:
            self._add((commodity, route) for route in context.pool.get(commodity, {}))
        if self._limited.size:
            # the base routes may not fit
            self._add((commodity, BLOCKED) for commodity in self.requests)

    def _add(self, columns: Iterable[tuple[Commodity, Route]]) -> int:
        before = len(self._columns)
        for commodity, route in columns:
            base = self.context.start[commodity.pair]
            if route != base and (commodity, route) not in self._columns:
                use = self.context.use(route, commodity.level)
                self._columns[commodity, route] = use - self.context.use(base, commodity.level)
                self._groups.setdefault(commodity, len(self._groups))
                if self.context.grows:
                    self.context.pool.setdefault(commodity, {})[route] = None
        return len(self._columns) - before

    def evaluate(self, stage: Stage) -> Cut:
        """Cheapest second stage with split requests, as a cut that is exact at this stage."""
        for _ in range(MAX_ROUNDS):
            program = self._program(stage)
            solution = self.context.solver.solve(program, relax=True, basis=self._start(program))
            if solution.status is not SolveStatus.OPTIMAL:
                raise SolverError(f"{solution.by}: the second stage ended {solution.status}")
            self._basis = solution.basis
            cut, fresh = self._price(solution.row_duals)
            if not self._add(fresh):
                return cut
        raise SolverError(f"no proof of a second stage after {MAX_ROUNDS} rounds")

    def split(self, stage: Stage) -> dict[Commodity, list[RouteFlow]]:
        """Cheapest second stage with split requests: the flow of each commodity on its routes.

        Every route that may be taken is listed, the base route first.
        """
        self.evaluate(stage)
        program = self._program(stage)
        solution = self.context.solver.solve(program, relax=True, basis=self._start(program))
        found: dict[Commodity, list[RouteFlow]] = {commodity: [] for commodity in self.requests}
        shifts = solution.values[2 * self.context.network.fibres :].tolist()
        for (commodity, route), amount in zip(self._columns, shifts, strict=True):
            found[commodity].append(RouteFlow(route, max(amount, 0.0)))
        for commodity, others in found.items():
            stay = self.requests[commodity] - sum(flow.amount for flow in others)
            found[commodity] = [
                RouteFlow(self.context.start[commodity.pair], max(stay, 0.0)),
                *others,
            ]
        return found

    def _start(self, program: Program) -> Basis | None:
        return None if self._basis is None else self._basis.grown(program.variables, program.rows)

    def _program(self, stage: Stage) -> Program:
        from scipy import sparse

        context = self.context
        fibres = self.context.network.fibres
        first = 2 * fibres
        variables = first + len(self._columns)
        cost = np.zeros(variables)
        cost[:first] = np.concatenate(context.prices) / context.scale
        cost[first:] = [context.blocking if route == BLOCKED else 0.0 for _, route in self._columns]
        rows = first + self._limited.size + len(self._groups)
        lower = np.full(rows, -np.inf)
        upper = np.full(rows, np.inf)
        lower[:first] = (self._load - np.array(stage)).ravel()
        limits = slice(first, first + self._limited.size)
        upper[limits] = (self._caps - self._load).ravel()[self._limited]
        upper[limits.stop :] = [self.requests[commodity] for commodity in self._groups]
        integer = np.zeros(variables, dtype=bool)
        integer[first:] = True
        change = (
            np.array([c.ravel() for c in self._columns.values()]).T
            if self._columns
            else np.zeros((first, 0))
        )
        group = np.zeros((len(self._groups), len(self._columns)))
        for i, (commodity, _) in enumerate(self._columns):
            group[self._groups[commodity], i] = 1.0
        matrix = np.zeros((rows, variables))
        matrix[:first, :first] = np.eye(first)
        matrix[:first, first:] = -change
        matrix[limits, first:] = change[self._limited]
        matrix[limits.stop :, first:] = group
        return Program(
            cost=cost,
            lower=np.zeros(variables),
            upper=np.full(variables, np.inf),
            matrix=sparse.csr_array(matrix),
            row_lower=lower,
            row_upper=upper,
            integer=integer,
        )

    def _price(self, duals: FloatArray) -> tuple[Cut, list[tuple[Commodity, Route]]]:
        """Cut from repaired duals, and the routes that would improve on the columns."""
        context = self.context
        fibres = self.context.network.fibres
        first = 2 * fibres
        caps = np.array(context.prices) / context.scale
        price = np.clip(duals[:first].reshape(2, fibres), 0.0, caps)
        limit = np.zeros(first)
        limit[self._limited] = np.maximum(-duals[first : first + self._limited.size], 0.0)
        crowd = limit.reshape(2, fibres)
        held = np.where(np.isfinite(self._caps), self._caps, 0.0)
        constant = -float((crowd * held).sum())
        known = {
            level: self._lengths(level, price + crowd)
            for level in {commodity.level for commodity in self.requests}
        }
        paths = {level: context.finder.find(lengths) for level, lengths in known.items()}
        fresh: list[tuple[Commodity, Route]] = []
        for commodity, count in self.requests.items():
            pair, level = commodity
            found = paths[level]
            at = context.position[pair]
            shortest = min(float(found.distances[at]), context.blocking)
            constant += count * shortest
            target = float(known[level][list(context.start[pair].fibres)].sum())
            if commodity in self._groups:
                row = first + self._limited.size + self._groups[commodity]
                target -= max(-float(duals[row]), 0.0)
            if shortest < target - REDUCED_COST_TOLERANCE:
                blocked = context.blocking < float(found.distances[at])
                fresh.append((commodity, BLOCKED if blocked else context.finder.trace(found, at)))
        scale = context.scale
        return Cut(constant * scale, price[0] * scale, price[1] * scale), fresh

    def _lengths(self, level: int, price: FloatArray) -> FloatArray:
        return np.asarray(self.context.channels[level] * price[0] + price[1])


def count_requests(pairs: Sequence[NodePair], levels: IntArray) -> Counter[Commodity]:
    """Count the requests of each commodity in a realised slot; levels has shape (requests,)."""
    return Counter(map(Commodity, pairs, levels.tolist()))
