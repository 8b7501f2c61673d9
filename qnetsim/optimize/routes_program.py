"""The routes program: integer flows per (pair, route, scenario), by column generation.

Requests of one node pair are interchangeable, so Eqs (22)-(29) need no wavelength-indexed
binaries: flows f(pair, s, route) count the requests of a pair on a route in scenario s. Routes
are priced by shortest paths until no simple path improves the relaxation; the bound therefore
holds over all simple paths. Wavelength continuity, (26) and (27), is not modelled here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.errors import SolverError
from qnetsim.network import Network, Route
from qnetsim.network.routes import NodePair
from qnetsim.optimize.duals import shortest_paths
from qnetsim.optimize.feasibility import capacities, feasible_routing
from qnetsim.optimize.program import Program, Solution, SolveStatus
from qnetsim.optimize.solver import HIGHS, Solver

#: Reduced cost, relative to the dearest channel, below which a route is worth a column.
PRICING_TOLERANCE = 1e-9
MAX_ROUNDS = 200
#: Scenario, node pair, route.
Column = tuple[int, NodePair, Route]


@dataclass(frozen=True)
class RoutesProblem:
    """What the routes program is asked.

    Attributes
    ----------
    network : Network
        Gives topology and wavelength limits.
    counts : mapping from pair to int
        Requests of each node pair.
    levels : sequence of int
        Demand level of each scenario, for messages.
    probabilities : ndarray, shape (scenarios,)
    channels : ndarray of int64, shape (scenarios, fibres)
        Channels ρ of one request.
    reserved : pair of ndarray, shape (fibres,)
        Unit costs of reserved channels and KM wavelengths.
    on_demand : pair of ndarray or None
        Unit costs on demand; None where nothing can be bought on demand.
    fixed : pair of ndarray or None
        A first stage that is already decided.
    solver : Solver
    """

    network: Network
    counts: Mapping[NodePair, int]
    levels: Sequence[int]
    probabilities: FloatArray
    channels: IntArray
    reserved: tuple[FloatArray, FloatArray]
    on_demand: tuple[FloatArray, FloatArray] | None
    fixed: tuple[FloatArray, FloatArray] | None = None
    solver: Solver = HIGHS


@dataclass(frozen=True)
class Flows:
    """Integer routing of every scenario, and the bound over all simple paths.

    ``routes[s][pair]`` lists one route for each request of the pair.
    """

    routes: tuple[dict[NodePair, list[Route]], ...]
    bound: float
    solver: str
    nodes: int


class RoutesProgram:
    """Column generation for a :class:`RoutesProblem`."""

    def __init__(self, problem: RoutesProblem) -> None:
        self.problem = problem
        self.pairs = list(problem.counts)
        self.scenarios, self.fibres = problem.channels.shape
        prices = [*problem.reserved, *(problem.on_demand or ())]
        self.scale = max(1e-12, *(float(p.max()) for p in prices))
        self.limited = problem.network.limited
        self.columns: dict[Column, None] = {}
        self._layout()

    def solve(self, start: Iterable[Mapping[NodePair, Route]]) -> Flows:
        """Generate routes until the relaxation is proved, then find an integer routing.

        Parameters
        ----------
        start : iterable of mappings from pair to Route
            Routes to begin with; at least one for each pair.

        Raises
        ------
        InfeasibleError
            If the wavelength limits cannot carry some scenario.
        """
        problem = self.problem
        columns = [(pair, routes[pair]) for routes in start for pair in self.pairs]
        if self.limited:
            # a routing that fits at the highest demand fits at every other
            top = int(problem.channels.sum(axis=1).argmax())
            columns += feasible_routing(
                problem.network,
                problem.counts,
                problem.levels[top],
                problem.channels[top].tolist(),
                dict(columns),
                problem.solver,
            )
        for s in range(self.scenarios):
            self.columns.update(dict.fromkeys((s, pair, route) for pair, route in columns))
        relaxed, bound = self._generate()
        flows = relaxed.values[self.first_flow :]
        if np.abs(flows - np.round(flows)).max(initial=0.0) < 1e-6:
            return self._flows(relaxed, bound)
        whole = problem.solver.solve(self._program())
        if not np.isfinite(whole.objective):
            raise SolverError(
                f"{whole.solver} found no integer routing over {len(self.columns)} routes "
                f"in {whole.nodes} nodes"
            )
        return self._flows(whole, bound)

    def _layout(self) -> None:
        """Number the rows and the variables that are not flows."""
        p, s, e = len(self.pairs), self.scenarios, self.fibres
        self.qkd_row = s * p
        self.km_row = self.qkd_row + s * e
        self.limit_row = self.km_row + s * e
        self.rows = self.limit_row + (s * e if self.limited else 0)
        self.first_extra = 2 * e
        self.first_flow = self.first_extra + 2 * s * e

    def _generate(self) -> tuple[Solution, float]:
        for _ in range(MAX_ROUNDS):
            relaxed = self.problem.solver.solve(self._program(), relax=True)
            if relaxed.status is not SolveStatus.OPTIMAL:
                raise SolverError(f"{relaxed.solver}: the relaxation ended {relaxed.status}")
            bound, fresh = self._price(relaxed)
            if not fresh:
                return relaxed, bound * self.scale
            self.columns.update(dict.fromkeys(fresh))
        raise SolverError(f"no proof after {MAX_ROUNDS} rounds of column generation")

    def _price(self, relaxed: Solution) -> tuple[float, list[Column]]:
        """Lower bound from repaired duals, and the routes that would improve the relaxation."""
        problem, shape = self.problem, (self.scenarios, self.fibres)
        duals = relaxed.row_duals
        alpha = self._feasible(duals[self.qkd_row : self.km_row].reshape(shape), 0)
        gamma = self._feasible(duals[self.km_row : self.limit_row].reshape(shape), 1)
        lengths = problem.channels * alpha + gamma
        bound = 0.0
        if problem.fixed is not None:
            for kind, prices in enumerate((alpha, gamma)):
                slack = problem.reserved[kind] / self.scale - prices.sum(axis=0)
                bound += float(slack @ problem.fixed[kind])
        if self.limited:
            delta = -np.minimum(duals[self.limit_row :], 0).reshape(shape)
            caps = self._caps()
            bound -= float((delta * np.where(np.isfinite(caps), caps, 0.0)).sum())
            lengths = lengths + delta
        fresh: list[Column] = []
        pi = duals[: self.qkd_row].reshape(self.scenarios, len(self.pairs))
        for s in range(self.scenarios):
            paths = shortest_paths(problem.network, lengths[s], self.pairs)
            for i, pair in enumerate(self.pairs):
                shortest = paths[pair].length
                bound += problem.counts[pair] * shortest
                column = (s, pair, paths[pair].route)
                if shortest < pi[s, i] - PRICING_TOLERANCE and column not in self.columns:
                    fresh.append(column)
        return bound, fresh

    def _feasible(self, duals: FloatArray, kind: int) -> FloatArray:
        """Repair duals of covering rows so that they are feasible beyond the solver's tolerance."""
        problem = self.problem
        duals = np.maximum(duals, 0.0)
        if problem.on_demand is not None:
            caps = problem.probabilities[:, None] * problem.on_demand[kind] / self.scale
            duals = np.minimum(duals, caps)
        if problem.fixed is None:
            total = duals.sum(axis=0)
            reserved = problem.reserved[kind] / self.scale
            factor = np.divide(reserved, total, out=np.ones_like(total), where=total > reserved)
            duals = duals * factor
        return duals

    def _caps(self) -> FloatArray:
        """Requests that fit on a fibre, shape (scenarios, fibres)."""
        network, channels = self.problem.network, self.problem.channels
        return np.array([capacities(network, rho) for rho in channels.tolist()])

    def _program(self) -> Program:
        problem, s, e = self.problem, self.scenarios, self.fibres
        variables = self.first_flow + len(self.columns)
        cost = np.zeros(variables)
        lower, upper = np.zeros(variables), np.full(variables, np.inf)
        cost[: 2 * e] = np.concatenate(problem.reserved) / self.scale
        extra = slice(self.first_extra, self.first_flow)
        if problem.on_demand is None:
            upper[extra] = 0.0
        else:
            p = problem.probabilities[:, None] / self.scale
            cost[extra] = np.concatenate([(p * c).ravel() for c in problem.on_demand])
        if problem.fixed is not None:
            lower[: 2 * e] = upper[: 2 * e] = np.concatenate(problem.fixed)
        row_lower = np.zeros(self.rows)
        row_upper = np.full(self.rows, np.inf)
        demand = np.tile([float(problem.counts[pair]) for pair in self.pairs], s)
        row_lower[: self.qkd_row] = row_upper[: self.qkd_row] = demand
        if self.limited:
            row_lower[self.limit_row :] = -np.inf
            row_upper[self.limit_row :] = self._caps().ravel()
        integer = np.zeros(variables, dtype=bool)
        integer[self.first_flow :] = True
        matrix = self._matrix(variables)
        return Program(cost, lower, upper, matrix, row_lower, row_upper, integer)

    def _matrix(self, variables: int) -> sparse.csr_array:
        s, e = self.scenarios, self.fibres
        cover = np.arange(2 * s * e)
        first_stage = np.concatenate([np.tile(np.arange(e), s), np.tile(np.arange(e, 2 * e), s)])
        rows = [self.qkd_row + cover, self.qkd_row + cover]
        columns = [first_stage, self.first_extra + cover]
        values = [np.ones(cover.size), np.ones(cover.size)]
        position = {pair: i for i, pair in enumerate(self.pairs)}
        for i, (scenario, pair, route) in enumerate(self.columns):
            fibres = np.array(route.fibres)
            rho = self.problem.channels[scenario, fibres].astype(np.float64)
            base, one = scenario * e + fibres, np.ones(fibres.size)
            rows += [[scenario * len(self.pairs) + position[pair]]]
            rows += [self.qkd_row + base, self.km_row + base]
            values += [np.ones(1), -rho, -one]
            if self.limited:
                rows.append(self.limit_row + base)
                values.append(one)
            count = 1 + fibres.size * (3 if self.limited else 2)
            columns.append(np.full(count, self.first_flow + i))
        triple = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
        return sparse.coo_array(triple, shape=(self.rows, variables)).tocsr()

    def _flows(self, solution: Solution, bound: float) -> Flows:
        routes: list[dict[NodePair, list[Route]]] = [{} for _ in range(self.scenarios)]
        amounts = np.round(solution.values[self.first_flow :]).astype(int)
        for (s, pair, route), amount in zip(self.columns, amounts, strict=True):
            routes[s].setdefault(pair, []).extend([route] * int(amount))
        return Flows(tuple(routes), bound, solution.solver, solution.nodes)
