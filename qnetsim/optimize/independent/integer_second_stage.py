"""Whole requests in the second stage: round the split solution, then improve it.

Requests are moved one or two at a time for as long as that saves cost. The result depends on the
first stage and on the realised levels alone, so the estimate of a plan and the simulation route a
slot alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.network import BLOCKED, Network, Route, UnitCosts
from qnetsim.network.bounded_routes import distances_to, routes_within
from qnetsim.network.routes import NodePair, blocked_last
from qnetsim.optimize.independent.relaxed_second_stage import (
    Commodity,
    RelaxedSecondStage,
    SecondStageContext,
    count_requests,
)
from qnetsim.optimize.stage import Stage

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
class IntegerSecondStage:
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


class SecondStageRule:
    """Finds routes for whole requests once their levels are known.

    Parameters
    ----------
    context : SecondStageContext
        Its pool is filled with routes, and then stays as it is.
    pairs : sequence of (int, int)
        Node pair of each request.
    lengths : sequence of float, one for each fibre
        By which the routes of the pool are chosen.
    """

    def __init__(
        self,
        context: SecondStageContext,
        pairs: Sequence[NodePair],
        lengths: Sequence[float],
    ) -> None:
        self._pairs = pairs
        self._context = context
        context.grows = False
        for pair in context.distinct:
            routes = dict.fromkeys(_short_routes(context.network, lengths, pair))
            for level in range(len(context.channels)):
                context.pool[Commodity(pair, level)] = routes

    def solve(self, stage: Stage, levels: IntArray) -> IntegerSecondStage:
        """Route a realised slot; levels has shape (requests,)."""
        realisation = RelaxedSecondStage(self._context, count_requests(self._pairs, levels))
        search = _LocalSearch(realisation, stage)
        search.run()
        waiting = {commodity: iter(routes) for commodity, routes in search.routes().items()}
        requests = map(Commodity, self._pairs, levels.tolist())
        chosen = [next(waiting[commodity]) for commodity in requests]
        blocked = sum(route == BLOCKED for route in chosen)
        bought = Stage.of_vector(np.maximum(search.excess, 0.0))
        return IntegerSecondStage(chosen, bought.channels, bought.wavelengths, blocked)


def _short_routes(network: Network, lengths: Sequence[float], pair: NodePair) -> list[Route]:
    """Routes of a pair that are hardly longer than its shortest, shortest first."""
    rest = distances_to(network.topology, lengths, pair[1])
    limit = LONGEST * rest[pair[0]]
    found = routes_within(
        network.topology, lengths, rest=rest, pair=pair, limit=limit, most_steps=MAX_STEPS
    ).routes
    return sorted(found, key=lambda route: sum(lengths[e] for e in route.fibres))[:MOST_ROUTES]


class _LocalSearch:
    """Local search over the number of requests of each commodity on each route.

    Starts from the rounded split solution. A move takes one request of a commodity from one of
    its routes to another.

    Parameters
    ----------
    realisation : RelaxedSecondStage
    stage : Stage
        First stage.

    Attributes
    ----------
    excess : ndarray, shape (2·fibres,)
        Use beyond the first stage, negative where some is left: channels, then wavelengths.
    """

    def __init__(self, realisation: RelaxedSecondStage, stage: Stage) -> None:
        context = realisation.context
        split = realisation.split(stage)
        self._routes = [(commodity, flow.route) for commodity in split for flow in split[commodity]]
        use = np.array([context.use(route, c.level).ravel() for c, route in self._routes])
        self._on_demand = np.concatenate(context.prices)
        blocking = context.blocking * context.scale
        block = np.array([blocking if route == BLOCKED else 0.0 for _, route in self._routes])
        counts: list[int] = []
        leave = []
        enter = []
        for commodity, flows in split.items():
            first = len(counts)
            amounts = np.array([flow.amount for flow in flows])
            counts += _rounded(amounts, realisation.requests[commodity])
            here = range(first, len(counts))
            leave += [i for i in here for j in here if i != j]
            enter += [j for i in here for j in here if i != j]
        self._count = np.array(counts)
        self._leave = np.array(leave, dtype=int)
        self._enter = np.array(enter, dtype=int)
        self._change = use[self._enter] - use[self._leave]
        self._block = block[self._enter] - block[self._leave]
        limits = (context.network.max_channels, context.network.max_wavelengths)
        fibres = context.network.fibres
        caps = np.repeat([np.inf if n is None else float(n) for n in limits], fibres)
        self.excess = use.T @ self._count - stage.vector()
        # beyond this a fibre has no more wavelengths; what lies above is dearer than any blocking,
        # so that a single move always gives it up
        self._room = caps - stage.vector()
        limited = bool(np.isfinite(caps).any())
        self._penalty = 1e3 * context.scale + 2.0 * blocking if limited else 0.0

    def run(self) -> None:
        """Move requests until no single move and no pair of moves saves cost."""
        if not self._leave.size:
            return
        for _ in range(MAX_MOVES):
            now = float(self._cost(self.excess[None])[0])
            tolerance = 1e-9 * max(now, 1.0)
            after = self._after(self.excess, self._count)
            best = int(after.argmin())
            if after[best] < now - tolerance:
                self._move(best)
                continue
            pair = self._pair(after, now - tolerance)
            if pair is None:
                return
            for move in pair:
                self._move(move)

    def routes(self) -> dict[Commodity, list[Route]]:
        """Routes of the requests of each commodity, shortest first."""
        found: dict[Commodity, list[Route]] = {commodity: [] for commodity, _ in self._routes}
        for (commodity, route), n in zip(self._routes, self._count.tolist(), strict=True):
            found[commodity] += [route] * n
        for routes in found.values():
            routes.sort(key=blocked_last)
        return found

    def _cost(self, excess: FloatArray) -> FloatArray:
        cost = np.maximum(excess, 0.0) @ self._on_demand
        if self._penalty:
            cost = cost + self._penalty * np.maximum(excess - self._room, 0.0).sum(axis=1)
        return np.asarray(cost)

    def _after(self, excess: FloatArray, count: IntArray) -> FloatArray:
        """Cost after each move, with what it changes in blocking; infinite where none can move."""
        cost = self._cost(excess + self._change) + self._block
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
            then = self._after(self.excess + self._change[move], count) + self._block[move]
            other = int(then.argmin())
            if then[other] < limit:
                best = move, other
                limit = float(then[other])
        return best

    def _move(self, move: int) -> None:
        self.excess = self.excess + self._change[move]
        self._count[self._leave[move]] -= 1
        self._count[self._enter[move]] += 1


def _rounded(amounts: FloatArray, total: int) -> list[int]:
    """Whole numbers near the amounts that add up to the total: largest remainders."""
    whole = np.floor(amounts + 1e-6).astype(int)
    order = np.argsort(whole - amounts, kind="stable")
    whole[order[: total - int(whole.sum())]] += 1
    return [int(n) for n in whole]
