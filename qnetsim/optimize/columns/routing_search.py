"""Whether the demand fits into the wavelength limits: an integer routing, or a proof of none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.network import Network, Route, simple_routes
from qnetsim.network.routes import NodePair
from qnetsim.optimize.columns.pricing import PathFinder
from qnetsim.optimize.columns.safe_bound import least_blocked
from qnetsim.optimize.solvers.program import Program, Solution, SolveStatus
from qnetsim.optimize.solvers.solver import Solver

#: Requests, and prices, up to which a value counts as zero.
ZERO_TOLERANCE = 1e-6
#: Most simple paths that are enumerated to find or refute an integer routing.
MAX_ENUMERATED = 50_000

#: Branch-and-bound nodes of a search.
SEARCH_NODES = 10_000


class PairRoute(NamedTuple):
    """A route of a pair."""

    pair: NodePair
    route: Route


@dataclass(frozen=True, kw_only=True)
class RoutingProblem:
    """Requests of one level that are to be routed within the wavelength limits.

    Attributes
    ----------
    network : Network
        Gives topology and limits.
    counts : mapping from pair to int
        Requests of each node pair.
    level : int
        Demand level, for messages.
    channels : sequence of int
        Channels ρ of one request on each fibre.
    start : mapping from pair to Route
        Routes that the search starts with.
    solver : Solver
    """

    network: Network
    counts: Mapping[NodePair, int]
    level: int
    channels: Sequence[int]
    start: Mapping[NodePair, Route]
    solver: Solver


@dataclass(frozen=True)
class Verdict:
    """What a search found.

    Attributes
    ----------
    fits : bool or None
        A routing was found, or there is none; None where neither was shown.
    routing : list of PairRoute
        One for each request, where there is a routing.
    unserved : dict from pair to float
        Requests that find no route, split ones counted in parts.
    tight : list of int
        Fibres whose limit is reached.
    """

    fits: bool | None
    routing: list[PairRoute]
    unserved: dict[NodePair, float]
    tight: list[int]


class Unserved(NamedTuple):
    """Requests that cannot be served, at least, and how many fewer with one place more on a fibre.

    Attributes
    ----------
    requests : int
    prices : ndarray, shape (fibres,)
    """

    requests: int
    prices: FloatArray


class RoutingSearch:
    """Minimise the unserved requests; variables are one slack per pair, then the routes.

    Parameters
    ----------
    problem : RoutingProblem

    Attributes
    ----------
    requests : int
        Requests of all pairs together.
    routes : dict of PairRoute
        Routes found so far; they serve further searches under other limits.
    """

    def __init__(self, problem: RoutingProblem) -> None:
        self.problem = problem
        self.network = problem.network
        self.solver = problem.solver
        self.pairs = list(problem.counts)
        self.requests = sum(problem.counts.values())
        self._demand = np.array([float(n) for n in problem.counts.values()])
        self._position = {pair: i for i, pair in enumerate(self.pairs)}
        self._paths = PathFinder(problem.network.topology, self.pairs)
        self.routes: dict[PairRoute, None] = {
            PairRoute(pair, problem.start[pair]): None for pair in self.pairs
        }

    def fractional(self, caps: FloatArray) -> tuple[Solution, FloatArray]:
        """Serve as many requests as possible where they may be split.

        Parameters
        ----------
        caps : ndarray, shape (fibres,)
            Requests that fit on each fibre.

        Returns
        -------
        solution : Solution
        prices : ndarray, shape (fibres,)
            Duals of the limits: positive where a fibre's limit keeps requests from being served.
        """
        while True:
            relaxed = self.solver.solve(self._program(caps), relax=True)
            prices = -np.minimum(relaxed.row_duals[len(self.pairs) :], 0.0)
            distances, before = self._paths.find(prices)
            fresh = [
                PairRoute(pair, self._paths.trace(before, i))
                for i, pair in enumerate(self.pairs)
                if distances[i] < relaxed.row_duals[i] - ZERO_TOLERANCE
            ]
            if all(found in self.routes for found in fresh):
                return relaxed, prices
            self.routes.update(dict.fromkeys(fresh))

    def least_unserved(self, caps: FloatArray) -> Unserved:
        """Requests that cannot be served within limits, at least; proved in integers."""
        _, prices = self.fractional(caps)
        return Unserved(least_blocked(prices, self._paths, self._demand, caps), prices)

    def splits(self, caps: FloatArray) -> bool:
        """Whether all requests can be served if they may be split."""
        return self._lacking(self.fractional(caps)[0]) <= ZERO_TOLERANCE

    def decide(self, caps: FloatArray) -> Verdict:
        """Find whole routes for all requests, or show that there are none."""
        relaxed, prices = self.fractional(caps)
        if self._lacking(relaxed) > ZERO_TOLERANCE:
            return self._not_found(False, relaxed, np.flatnonzero(prices > ZERO_TOLERANCE).tolist())
        whole = self._whole(caps)
        longest = len(self.network.topology.nodes) - 1
        for most in (*range(4, longest, 3), longest):
            if self._lacking(whole) <= ZERO_TOLERANCE:
                return Verdict(True, self._used(whole), {}, [])
            topology = self.network.topology
            paths = [PairRoute(p, r) for p in self.pairs for r in simple_routes(topology, p, most)]
            if len(paths) > MAX_ENUMERATED:
                break
            self.routes.update(dict.fromkeys(paths))
            whole = self._whole(caps)
            if most == longest and self._lacking(whole) > ZERO_TOLERANCE:
                proved = whole.status is SolveStatus.OPTIMAL
                return self._not_found(False if proved else None, whole, self._full(whole, caps))
        if self._lacking(whole) <= ZERO_TOLERANCE:
            return Verdict(True, self._used(whole), {}, [])
        return self._not_found(None, whole, self._full(whole, caps))

    def _whole(self, caps: FloatArray) -> Solution:
        """Serve as many whole requests as possible, whatever the node limit of the settings."""
        return self.solver.solve(self._program(caps), node_limit=SEARCH_NODES)

    def _not_found(self, fits: bool | None, found: Solution, tight: list[int]) -> Verdict:
        missing = zip(self.pairs, found.values[: len(self.pairs)].tolist(), strict=True)
        return Verdict(fits, [], {pair: n for pair, n in missing if n > ZERO_TOLERANCE}, tight)

    def _lacking(self, found: Solution) -> float:
        if not np.isfinite(found.objective):
            return np.inf
        return float(found.values[: len(self.pairs)].sum())

    def _used(self, found: Solution) -> list[PairRoute]:
        flows = found.values[len(self.pairs) :]
        amounts = np.round(flows).astype(int).tolist()
        return [used for used, n in zip(self.routes, amounts, strict=True) for _ in range(n)]

    def _full(self, found: Solution, caps: FloatArray) -> list[int]:
        load = np.zeros(self.network.fibres)
        for (_, route), flow in zip(self.routes, found.values[len(self.pairs) :], strict=True):
            load[list(route.fibres)] += flow
        return np.flatnonzero(caps - load < 1 - ZERO_TOLERANCE).tolist()

    def _program(self, caps: FloatArray) -> Program:
        from scipy import sparse

        pairs = len(self.pairs)
        fibres = self.network.fibres
        rows: list[int] = list(range(pairs))
        columns: list[int] = list(range(pairs))
        for i, (pair, route) in enumerate(self.routes):
            touched = [self._position[pair], *(pairs + fibre for fibre in route.fibres)]
            rows += touched
            columns += [pairs + i] * len(touched)
        size = pairs + len(self.routes)
        matrix = sparse.coo_array((np.ones(len(rows)), (rows, columns)), (pairs + fibres, size))
        return Program(
            cost=np.concatenate([np.ones(pairs), np.zeros(len(self.routes))]),
            lower=np.zeros(size),
            upper=np.full(size, np.inf),
            matrix=matrix.tocsr(),
            row_lower=np.concatenate([self._demand, np.full(fibres, -np.inf)]),
            row_upper=np.concatenate([self._demand, caps]),
            integer=np.ones(size, dtype=bool),
        )


def total_unserved(verdict: Verdict) -> float:
    """Requests that find no route, all pairs together."""
    return float(sum(verdict.unserved.values()))
