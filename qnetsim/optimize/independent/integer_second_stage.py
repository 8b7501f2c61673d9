"""Whole requests in the second stage: round the split solution, then improve it.

Requests are moved one or two at a time for as long as that saves cost. This is the rule by which a
plan's second stage is run: the same for the plan's estimate and for the simulation, and a function
of the first stage and of the realised levels alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.network import BLOCKED, Network, Route, UnitCosts
from qnetsim.network.routes import NodePair, distances_to, routes_within
from qnetsim.optimize.assemble import Stage
from qnetsim.optimize.independent.relaxed_second_stage import (
    Kind,
    RelaxedSecondStage,
    Shared,
    kinds_of,
)
from qnetsim.optimize.solvers.solver import Solver

#: Length of the longest route that a pair may take, relative to its shortest.
LONGEST = 1.8
#: Most routes that a pair may take.
MOST_ROUTES = 10
#: Steps after which the search for these routes gives up.
MAX_STEPS = 5_000
#: Moves that are tried as the first one of a pair of moves.
FIRST_MOVES = 60
#: Steps after which the local search stops.
MAX_MOVES = 1_000


@dataclass(frozen=True)
class WholeSecondStage:
    """Routes of all requests in one realisation, and what they need beyond the first stage.

    Attributes
    ----------
    routes : list of Route
        By request.
    channels, wavelengths : ndarray, shape (fibres,)
        Bought on demand.
    blocked : int
    """

    routes: list[Route]
    channels: FloatArray
    wavelengths: FloatArray
    blocked: int

    def cost(self, costs: UnitCosts) -> float:
        """Price of what is bought and of what is blocked."""
        bought = self.channels @ costs.qkd_on_demand + self.wavelengths @ costs.km_on_demand
        return float(bought) + self.blocked * (costs.blocking or 0.0)


class SecondStage:
    """Finds routes for whole requests once their levels are known.

    Parameters
    ----------
    network : Network
    pairs : sequence of (int, int)
        Node pair of each request.
    levels : int
    start : mapping from pair to Route
        Base routes.
    lengths : sequence of float, one for each fibre
        By which other routes are picked.
    solver : Solver
    """

    def __init__(
        self,
        network: Network,
        pairs: Sequence[NodePair],
        levels: int,
        start: Mapping[NodePair, Route],
        lengths: Sequence[float],
        solver: Solver,
    ) -> None:
        self._pairs = pairs
        self._shared = Shared(network, pairs, levels, start, solver)
        self._shared.learns = False
        for pair in self._shared.distinct:
            ways = dict.fromkeys(_ways(network, lengths, pair))
            self._shared.pool |= {(pair, level): ways for level in range(levels)}

    def solve(self, stage: Stage, levels: IntArray) -> WholeSecondStage:
        """Route a realised slot; levels has shape (requests,)."""
        shared = self._shared
        realisation = RelaxedSecondStage(shared, kinds_of(self._pairs, levels))
        search = _Search(shared, realisation.split(stage), realisation.kinds, stage)
        search.run()
        waiting = {kind: iter(routes) for kind, routes in search.routes().items()}
        chosen = [next(waiting[kind]) for kind in zip(self._pairs, levels.tolist(), strict=True)]
        lacking = np.maximum(search.slack, 0.0).reshape(2, -1)
        blocked = sum(route == BLOCKED for route in chosen)
        return WholeSecondStage(chosen, lacking[0], lacking[1], blocked)


def _ways(network: Network, lengths: Sequence[float], pair: NodePair) -> list[Route]:
    rest = distances_to(network.topology, lengths, pair[1])
    limit = LONGEST * rest[pair[0]]
    found, _ = routes_within(network.topology, lengths, rest, pair, limit, MAX_STEPS)
    return sorted(found, key=lambda way: sum(lengths[e] for e in way.fibres))[:MOST_ROUTES]


class _Search:
    """Local search over the number of requests of each kind on each route."""

    def __init__(
        self,
        shared: Shared,
        split: Mapping[Kind, Sequence[tuple[Route, float]]],
        kinds: Mapping[Kind, int],
        stage: Stage,
    ) -> None:
        self._ways = [(kind, route) for kind, ways in split.items() for route, _ in ways]
        use = np.array([shared.use(route, kind[1]).ravel() for kind, route in self._ways])
        self._on_demand = np.concatenate(shared.prices)
        blocking = shared.blocking * shared.scale
        block = np.array([blocking if route == BLOCKED else 0.0 for _, route in self._ways])
        counts: list[int] = []
        leave = []
        enter = []
        for kind, ways in split.items():
            first = len(counts)
            counts += _rounded(np.array([amount for _, amount in ways]), kinds[kind])
            here = range(first, len(counts))
            leave += [i for i in here for j in here if i != j]
            enter += [j for i in here for j in here if i != j]
        self._count = np.array(counts)
        self._leave = np.array(leave, dtype=int)
        self._enter = np.array(enter, dtype=int)
        self._change = use[self._enter] - use[self._leave]
        self._block = block[self._enter] - block[self._leave]
        limits = (shared.network.max_channels, shared.network.max_wavelengths)
        fibres = shared.network.fibres
        caps = np.repeat([np.inf if n is None else float(n) for n in limits], fibres)
        self.slack = use.T @ self._count - np.concatenate(stage)
        #: Beyond this a fibre has no more wavelengths. What is above is dearer than any blocking,
        #: so that a single move always gives it up.
        self._room = caps - np.concatenate(stage)
        limited = bool(np.isfinite(caps).any())
        self._penalty = 1e3 * shared.scale + 2.0 * blocking if limited else 0.0

    def run(self) -> None:
        """Move requests until no single move and no pair of moves saves cost."""
        if not self._leave.size:
            return
        for _ in range(MAX_MOVES):
            now = float(self._cost(self.slack[None])[0])
            tolerance = 1e-9 * max(now, 1.0)
            after = self._after(self.slack, self._count)
            best = int(after.argmin())
            if after[best] < now - tolerance:
                self._move(best)
                continue
            pair = self._pair(after, now - tolerance)
            if pair is None:
                return
            for move in pair:
                self._move(move)

    def routes(self) -> dict[Kind, list[Route]]:
        """Routes of the requests of each kind, shortest first."""
        found: dict[Kind, list[Route]] = {kind: [] for kind, _ in self._ways}
        for (kind, route), n in zip(self._ways, self._count.tolist(), strict=True):
            found[kind] += [route] * n
        for routes in found.values():
            routes.sort(key=lambda r: (r == BLOCKED, len(r.fibres), r.nodes))
        return found

    def _cost(self, slack: FloatArray) -> FloatArray:
        cost = np.maximum(slack, 0.0) @ self._on_demand
        if self._penalty:
            cost = cost + self._penalty * np.maximum(slack - self._room, 0.0).sum(axis=1)
        return np.asarray(cost)

    def _after(self, slack: FloatArray, count: IntArray) -> FloatArray:
        """Cost after each move, relative blocking included; infinite where nobody can move."""
        cost = self._cost(slack + self._change) + self._block
        return np.where(count[self._leave] > 0, cost, np.inf)

    def _pair(self, after: FloatArray, limit: float) -> tuple[int, int] | None:
        """Two moves that save cost together, the first of them among the least harmful."""
        best: tuple[int, int] | None = None
        for move in np.argsort(after, kind="stable")[:FIRST_MOVES].tolist():
            if not np.isfinite(after[move]):
                break
            count = self._count.copy()
            count[self._leave[move]] -= 1
            count[self._enter[move]] += 1
            then = self._after(self.slack + self._change[move], count) + self._block[move]
            other = int(then.argmin())
            if then[other] < limit:
                best = move, other
                limit = float(then[other])
        return best

    def _move(self, move: int) -> None:
        self.slack = self.slack + self._change[move]
        self._count[self._leave[move]] -= 1
        self._count[self._enter[move]] += 1


def _rounded(amounts: FloatArray, total: int) -> list[int]:
    """Whole numbers near the amounts that add up to the total: largest remainders."""
    whole = np.floor(amounts + 1e-6).astype(int)
    order = np.argsort(whole - amounts, kind="stable")
    whole[order[: total - int(whole.sum())]] += 1
    return [int(n) for n in whole]
