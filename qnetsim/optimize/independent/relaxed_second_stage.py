"""The second stage for one realised demand in which every request has a level of its own.

Requests of one pair and one level are interchangeable. Routes are generated as in the routes
program; duality gives a cut on the second-stage cost that holds for every first stage.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.errors import SolverError
from qnetsim.network import BLOCKED, Network, Route
from qnetsim.network.routes import NodePair
from qnetsim.optimize.assemble import Stage
from qnetsim.optimize.columns.pricing import PathFinder
from qnetsim.optimize.columns.problem import scale_of
from qnetsim.optimize.solvers.program import Basis, Program, SolveStatus
from qnetsim.optimize.solvers.solver import Solver

#: Reduced cost, relative to the dearest unit, below which a route is worth a column.
REDUCED_COST_TOLERANCE = 1e-8
#: Rounds of column generation for one first stage.
MAX_ROUNDS = 100

#: Pair and level of interchangeable requests.
Kind = tuple[NodePair, int]


@dataclass(frozen=True)
class Cut:
    """``cost ≥ constant − alpha·q − gamma·x`` for every first stage (q, x)."""

    constant: float
    alpha: FloatArray
    gamma: FloatArray

    def at(self, stage: Stage) -> float:
        """Value of the cut at a first stage."""
        return float(self.constant - self.alpha @ stage[0] - self.gamma @ stage[1])


class Shared:
    """What all realisations of one scenario file have in common.

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
    pool : dict from (pair, level) to dict of Route
        Routes that realisations start with.
    learns : bool
        Whether routes found for one realisation enter the pool.
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
        self.prices = costs.qkd_on_demand, costs.km_on_demand
        blocking = costs.blocking
        self.scale = scale_of(self.prices, blocking)
        self.blocking = np.inf if blocking is None else blocking / self.scale
        self.pool: dict[Kind, dict[Route, None]] = {}
        self.learns = True

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
    shared : Shared
    kinds : mapping from (pair, level) to int
        Requests of each kind.
    """

    def __init__(self, shared: Shared, kinds: Mapping[Kind, int]) -> None:
        self.shared = shared
        self.kinds = dict(sorted(kinds.items()))
        fibres = shared.network.fibres
        self._load = np.zeros((2, fibres))
        for (pair, level), count in self.kinds.items():
            self._load += count * self.shared.use(shared.start[pair], level)
        limits = (shared.network.max_channels, shared.network.max_wavelengths)
        self._caps = np.array([[np.inf if n is None else float(n)] * fibres for n in limits])
        self._limited = np.flatnonzero(np.isfinite(self._caps).ravel())
        self._columns: dict[tuple[Kind, Route], FloatArray] = {}
        self._basis: Basis | None = None
        self._groups: dict[Kind, int] = {}
        for kind in self.kinds:
            self._add((kind, route) for route in shared.pool.get(kind, {}))
        if self._limited.size:
            # the base routes may not fit
            self._add((kind, BLOCKED) for kind in self.kinds)

    def _add(self, columns: Iterable[tuple[Kind, Route]]) -> int:
        before = len(self._columns)
        for kind, route in columns:
            base = self.shared.start[kind[0]]
            if route != base and (kind, route) not in self._columns:
                self._columns[kind, route] = self.shared.use(route, kind[1]) - self.shared.use(
                    base, kind[1]
                )
                self._groups.setdefault(kind, len(self._groups))
                if self.shared.learns:
                    self.shared.pool.setdefault(kind, {})[route] = None
        return len(self._columns) - before

    def evaluate(self, stage: Stage) -> Cut:
        """Cheapest second stage with split requests, as a cut that touches it at this stage."""
        for _ in range(MAX_ROUNDS):
            program = self._program(stage)
            solution = self.shared.solver.solve(program, relax=True, basis=self._start(program))
            if solution.status is not SolveStatus.OPTIMAL:
                raise SolverError(f"{solution.by}: the second stage ended {solution.status}")
            self._basis = solution.basis
            cut, fresh = self._price(solution.row_duals)
            if not self._add(fresh):
                return cut
        raise SolverError(f"no proof of a second stage after {MAX_ROUNDS} rounds")

    def split(self, stage: Stage) -> dict[Kind, list[tuple[Route, float]]]:
        """Cheapest second stage with split requests: routes of each kind and requests on them.

        Every route that may be taken is listed, the base route first.
        """
        self.evaluate(stage)
        program = self._program(stage)
        solution = self.shared.solver.solve(program, relax=True, basis=self._start(program))
        found: dict[Kind, list[tuple[Route, float]]] = {kind: [] for kind in self.kinds}
        shifts = solution.values[2 * self.shared.network.fibres :].tolist()
        for (kind, route), amount in zip(self._columns, shifts, strict=True):
            found[kind].append((route, max(amount, 0.0)))
        for kind, others in found.items():
            stay = self.kinds[kind] - sum(amount for _, amount in others)
            found[kind] = [(self.shared.start[kind[0]], max(stay, 0.0)), *others]
        return found

    def _start(self, program: Program) -> Basis | None:
        return None if self._basis is None else self._basis.grown(program.variables, program.rows)

    def _program(self, stage: Stage) -> Program:
        shared = self.shared
        fibres = self.shared.network.fibres
        first = 2 * fibres
        variables = first + len(self._columns)
        cost = np.zeros(variables)
        cost[:first] = np.concatenate(shared.prices) / shared.scale
        cost[first:] = [shared.blocking if route == BLOCKED else 0.0 for _, route in self._columns]
        rows = first + self._limited.size + len(self._groups)
        lower = np.full(rows, -np.inf)
        upper = np.full(rows, np.inf)
        lower[:first] = (self._load - np.array(stage)).ravel()
        limits = slice(first, first + self._limited.size)
        upper[limits] = (self._caps - self._load).ravel()[self._limited]
        upper[limits.stop :] = [self.kinds[kind] for kind in self._groups]
        integer = np.zeros(variables, dtype=bool)
        integer[first:] = True
        change = (
            np.array([c.ravel() for c in self._columns.values()]).T
            if self._columns
            else np.zeros((first, 0))
        )
        group = np.zeros((len(self._groups), len(self._columns)))
        for i, (kind, _) in enumerate(self._columns):
            group[self._groups[kind], i] = 1.0
        matrix = np.zeros((rows, variables))
        matrix[:first, :first] = np.eye(first)
        matrix[:first, first:] = -change
        matrix[limits, first:] = change[self._limited]
        matrix[limits.stop :, first:] = group
        return Program(
            cost,
            np.zeros(variables),
            np.full(variables, np.inf),
            sparse.csr_array(matrix),
            lower,
            upper,
            integer,
        )

    def _price(self, duals: FloatArray) -> tuple[Cut, list[tuple[Kind, Route]]]:
        """Cut from repaired duals, and the routes that would improve on the columns."""
        shared = self.shared
        fibres = self.shared.network.fibres
        first = 2 * fibres
        caps = np.array(shared.prices) / shared.scale
        price = np.clip(duals[:first].reshape(2, fibres), 0.0, caps)
        limit = np.zeros(first)
        limit[self._limited] = np.maximum(-duals[first : first + self._limited.size], 0.0)
        crowd = limit.reshape(2, fibres)
        held = np.where(np.isfinite(self._caps), self._caps, 0.0)
        constant = -float((crowd * held).sum())
        known = {level: self._lengths(level, price + crowd) for level in {k for _, k in self.kinds}}
        paths = {level: shared.finder.find(lengths) for level, lengths in known.items()}
        fresh: list[tuple[Kind, Route]] = []
        for kind, count in self.kinds.items():
            pair, level = kind
            distances, before = paths[level]
            at = shared.position[pair]
            shortest = min(float(distances[at]), shared.blocking)
            constant += count * shortest
            target = float(known[level][list(shared.start[pair].fibres)].sum())
            if kind in self._groups:
                row = first + self._limited.size + self._groups[kind]
                target -= max(-float(duals[row]), 0.0)
            if shortest < target - REDUCED_COST_TOLERANCE:
                blocked = shared.blocking < float(distances[at])
                fresh.append((kind, BLOCKED if blocked else shared.finder.trace(before, at)))
        scale = shared.scale
        return Cut(constant * scale, price[0] * scale, price[1] * scale), fresh

    def _lengths(self, level: int, price: FloatArray) -> FloatArray:
        return np.asarray(self.shared.channels[level] * price[0] + price[1])


def kinds_of(pairs: Sequence[NodePair], levels: IntArray) -> Counter[Kind]:
    """Count interchangeable requests of a realised slot; levels has shape (requests,)."""
    return Counter(zip(pairs, levels.tolist(), strict=True))
