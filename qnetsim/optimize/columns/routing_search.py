"""Whether the demand fits into the wavelength limits: an integer routing, or a proof of none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.network import Network, Route, simple_routes
from qnetsim.optimize.columns.pricing import PathFinder
from qnetsim.optimize.columns.problem import RequestKind
from qnetsim.optimize.columns.wavelength_limits import StateLimits
from qnetsim.optimize.solvers.program import Program, Solution, SolveStatus
from qnetsim.optimize.solvers.solver import Solver

#: Requests, and prices, up to which a value counts as zero.
ZERO_TOLERANCE = 1e-6
#: Most simple paths that are enumerated to find or refute an integer routing.
MAX_ENUMERATED = 50_000

#: Branch-and-bound nodes of a search.
SEARCH_NODES = 10_000


class KindRoute(NamedTuple):
    """A route of a kind of request."""

    kind: RequestKind
    route: Route


@dataclass(frozen=True, kw_only=True)
class RoutingProblem:
    """Requests of one scenario that are to be routed within the wavelength limits.

    Attributes
    ----------
    network : Network
        Gives topology and limits.
    counts : mapping from RequestKind to int
        Requests of each kind.
    when : str
        The scenario, for messages.
    channels : ndarray of int64, shape (distributions, fibres)
        Channels ρ of one request of each distribution.
    start : mapping from RequestKind to Route
        Routes that the search starts with.
    solver : Solver
    """

    network: Network
    counts: Mapping[RequestKind, int]
    when: str
    channels: IntArray
    start: Mapping[RequestKind, Route]
    solver: Solver


@dataclass(frozen=True)
class Verdict:
    """What a search found.

    Attributes
    ----------
    fits : bool or None
        A routing was found, or there is none; None where neither was shown.
    routing : list of KindRoute
        One for each request, where there is a routing.
    unserved : dict from RequestKind to float
        Requests that find no route, split ones counted in parts.
    tight : list of int
        Fibres whose limit is reached.
    """

    fits: bool | None
    routing: list[KindRoute]
    unserved: dict[RequestKind, float]
    tight: list[int]


class Unserved(NamedTuple):
    """Requests that cannot be served, at least, and how many fewer with one place more on a fibre.

    Attributes
    ----------
    requests : int
    prices : ndarray, shape (2, fibres)
        Of the limits on channels and on requests.
    """

    requests: int
    prices: FloatArray


class RoutingSearch:
    """Minimise the unserved requests; variables are one slack per kind, then the routes.

    Parameters
    ----------
    problem : RoutingProblem

    Attributes
    ----------
    requests : int
        Requests of all kinds together.
    routes : dict of KindRoute
        Routes found so far; they serve further searches under other limits.
    """

    def __init__(self, problem: RoutingProblem) -> None:
        self.problem = problem
        self.network = problem.network
        self.solver = problem.solver
        self.kinds = list(problem.counts)
        self.requests = sum(problem.counts.values())
        self._demand = np.array([float(n) for n in problem.counts.values()])
        self._position = {kind: i for i, kind in enumerate(self.kinds)}
        self._paths = PathFinder(problem.network.topology, [kind.pair for kind in self.kinds])
        self.routes: dict[KindRoute, None] = {
            KindRoute(kind, problem.start[kind]): None for kind in self.kinds
        }

    def fractional(self, limits: StateLimits) -> tuple[Solution, FloatArray]:
        """Serve as many requests as possible where they may be split.

        Parameters
        ----------
        limits : StateLimits
            Rows of each fibre.

        Returns
        -------
        solution : Solution
        prices : ndarray, shape (2, fibres)
            Duals of the limits: positive where a fibre's limit keeps requests from being served.
        """
        while True:
            relaxed = self.solver.solve(self._program(limits), relax=True)
            prices = np.zeros(limits.caps.shape)
            limited = np.isfinite(limits.caps)
            prices[limited] = -np.minimum(relaxed.row_duals[len(self.kinds) :], 0.0)
            found = self._paths.find_each(limits.lengths(prices))
            fresh = [
                KindRoute(kind, self._paths.trace(found[kind.kind], i))
                for i, kind in enumerate(self.kinds)
                if found[kind.kind].distances[i] < relaxed.row_duals[i] - ZERO_TOLERANCE
            ]
            if all(route in self.routes for route in fresh):
                return relaxed, prices
            self.routes.update(dict.fromkeys(fresh))

    def least_unserved(self, limits: StateLimits) -> Unserved:
        """Requests that cannot be served within limits, at least; proved in integers."""
        _, prices = self.fractional(limits)
        return Unserved(self._least_blocked(limits, prices), prices)

    def _least_blocked(self, limits: StateLimits, prices: FloatArray) -> int:
        """Requests that cannot be served, at least, from any prices of the limits."""
        one = 2**32
        whole = np.floor(np.clip(prices, 0.0, 1.0) * one).astype(np.int64)
        found = self._paths.find_each(limits.lengths(whole).astype(np.float64))
        total = sum(
            count * min(one, int(found[kind.kind].distances[i]))
            for i, (kind, count) in enumerate(self.problem.counts.items())
        )
        worth = zip(whole.ravel().tolist(), limits.caps.ravel().tolist(), strict=True)
        total -= sum(price * int(cap) for price, cap in worth if price)
        return max(-(-total // one), 0)

    def splits(self, limits: StateLimits) -> bool:
        """Whether all requests can be served if they may be split."""
        return self._lacking(self.fractional(limits)[0]) <= ZERO_TOLERANCE

    def decide(self, limits: StateLimits) -> Verdict:
        """Find whole routes for all requests, or show that there are none."""
        relaxed, prices = self.fractional(limits)
        if self._lacking(relaxed) > ZERO_TOLERANCE:
            tight = np.flatnonzero((prices > ZERO_TOLERANCE).any(axis=0)).tolist()
            return self._not_found(False, relaxed, tight)
        whole = self._whole(limits)
        longest = len(self.network.topology.nodes) - 1
        for most in (*range(4, longest, 3), longest):
            if self._lacking(whole) <= ZERO_TOLERANCE:
                return Verdict(True, self._used(whole), {}, [])
            topology = self.network.topology
            paths = [
                KindRoute(kind, route)
                for kind in self.kinds
                for route in simple_routes(topology, kind.pair, most)
            ]
            if len(paths) > MAX_ENUMERATED:
                break
            self.routes.update(dict.fromkeys(paths))
            whole = self._whole(limits)
            if most == longest and self._lacking(whole) > ZERO_TOLERANCE:
                proved = whole.status is SolveStatus.OPTIMAL
                return self._not_found(False if proved else None, whole, self._full(whole, limits))
        if self._lacking(whole) <= ZERO_TOLERANCE:
            return Verdict(True, self._used(whole), {}, [])
        return self._not_found(None, whole, self._full(whole, limits))

    def _whole(self, limits: StateLimits) -> Solution:
        """Serve as many whole requests as possible, whatever the node limit of the settings."""
        return self.solver.solve(self._program(limits), node_limit=SEARCH_NODES)

    def _not_found(self, fits: bool | None, found: Solution, tight: list[int]) -> Verdict:
        missing = zip(self.kinds, found.values[: len(self.kinds)].tolist(), strict=True)
        return Verdict(fits, [], {kind: n for kind, n in missing if n > ZERO_TOLERANCE}, tight)

    def _lacking(self, found: Solution) -> float:
        if not np.isfinite(found.objective):
            return np.inf
        return float(found.values[: len(self.kinds)].sum())

    def _used(self, found: Solution) -> list[KindRoute]:
        flows = found.values[len(self.kinds) :]
        amounts = np.round(flows).astype(int).tolist()
        return [used for used, n in zip(self.routes, amounts, strict=True) for _ in range(n)]

    def _full(self, found: Solution, limits: StateLimits) -> list[int]:
        """Fibres on which the lightest request finds no room."""
        load = np.zeros(self.problem.channels.shape)
        for (kind, route), flow in zip(self.routes, found.values[len(self.kinds) :], strict=True):
            load[kind.kind, list(route.fibres)] += flow
        left = limits.caps - limits.used(load)
        least = np.where(limits.weights > 0, limits.weights, limits.weights.max()).min(axis=1)
        return np.flatnonzero((left < least - ZERO_TOLERANCE).any(axis=0)).tolist()

    def _program(self, limits: StateLimits) -> Program:
        from scipy import sparse

        kinds = len(self.kinds)
        limited = np.isfinite(limits.caps)
        place = np.full(limits.caps.shape, -1)
        place[limited] = kinds + np.arange(int(limited.sum()))
        rows: list[int] = list(range(kinds))
        columns: list[int] = list(range(kinds))
        values: list[float] = [1.0] * kinds
        weights = limits.weights.tolist()
        lines = place.tolist()
        for i, (kind, route) in enumerate(self.routes):
            rows.append(self._position[kind])
            columns.append(kinds + i)
            values.append(1.0)
            for row, weight in zip(lines, weights, strict=True):
                touched = [e for e in route.fibres if row[e] >= 0]
                rows += [row[e] for e in touched]
                columns += [kinds + i] * len(touched)
                values += [weight[kind.kind][e] for e in touched]
        size = kinds + len(self.routes)
        caps = limits.caps[limited]
        matrix = sparse.coo_array((values, (rows, columns)), (kinds + caps.size, size))
        return Program(
            cost=np.concatenate([np.ones(kinds), np.zeros(len(self.routes))]),
            lower=np.zeros(size),
            upper=np.full(size, np.inf),
            matrix=matrix.tocsr(),
            row_lower=np.concatenate([self._demand, np.full(caps.size, -np.inf)]),
            row_upper=np.concatenate([self._demand, caps]),
            integer=np.ones(size, dtype=bool),
        )


def total_unserved(verdict: Verdict) -> float:
    """Requests that find no route, all kinds together."""
    return float(sum(verdict.unserved.values()))
