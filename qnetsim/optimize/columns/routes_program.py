"""The routes program: integer flows per (kind, route, scenario), by column generation.

Requests of one node pair and one distribution are interchangeable, so Eqs (22)-(29) need no
wavelength-indexed binaries: flows f(kind, s, route) count them on a route in scenario s. Routes
are priced by shortest paths until no simple path improves the relaxation; the bound therefore
holds over all simple paths. Wavelength continuity, (26) and (27), is not modelled here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.errors import SolverError
from qnetsim.network import BLOCKED, Route
from qnetsim.optimize.columns.centre import CentralPrices, central_prices
from qnetsim.optimize.columns.cutting import tightened
from qnetsim.optimize.columns.enumeration import slack_of, useful_columns
from qnetsim.optimize.columns.exact_cost import exact_cost, rounded_down
from qnetsim.optimize.columns.generation import PROOF_GAP, Relaxed, generate
from qnetsim.optimize.columns.limit_prices import limit_prices
from qnetsim.optimize.columns.limits import feasible_routing
from qnetsim.optimize.columns.master import Master, PathColumn
from qnetsim.optimize.columns.pricing import Pricing
from qnetsim.optimize.columns.problem import (
    RequestKind,
    RouteFlows,
    RoutesProblem,
    Size,
    WavelengthPrices,
)
from qnetsim.optimize.columns.rounding import Rounded, completed, round_flows
from qnetsim.optimize.columns.routing_search import RoutingProblem, RoutingSearch
from qnetsim.optimize.columns.safe_bound import SafeBound
from qnetsim.optimize.columns.transit import TransitRows
from qnetsim.optimize.solvers.program import SolveStatus
from qnetsim.plain_text import counted

#: Relative gap up to which the integer program that proves a plan is easy: few of its routes are
#: in use.
EASY_GAP = 2e-3
#: Most routes, over all scenarios and pairs, with which a proof is tried up to ``EASY_GAP``.
MOST_ROUTES = 20_000
#: The same where the gap is larger, and the program hard, for each distribution: requests of unlike
#: ρ compete for a fibre, so there are more routes to choose from, and more is decided by them.
MOST_ROUTES_HARD = 1_500
#: Branch-and-bound nodes of the program over all routes that can be part of a better plan.
PROOF_NODES = 60
#: What a solver's name is given where its branch and bound is part of the proof.
BY_SEARCH = " (branch and bound)"


class ForcedBlocking(NamedTuple):
    """What blocking costs beyond its capped price: cost, and what a place on a fibre saves of it.

    Attributes
    ----------
    cost : Fraction
    prices : ndarray, shape (scenarios, 2, fibres)
    """

    cost: Fraction
    prices: FloatArray


class RoutesProgram:
    """Column generation, integer stage and proof for a :class:`RoutesProblem`.

    Parameters
    ----------
    problem : RoutesProblem
    start : mapping from RequestKind to Route
        Base route of each kind.
    """

    def __init__(self, problem: RoutesProblem, start: Mapping[RequestKind, Route]) -> None:
        self._start = start
        base = [start[kind] for kind in problem.kinds]
        used = problem.limits.used(problem.loads_on(base))
        over = (used > problem.limits.caps).any(axis=(1, 2))
        self._crowded = np.flatnonzero(over).tolist()
        self._base = base
        self.problem = problem
        self.master = Master(problem, [base] * problem.scenarios)

    def solve(self) -> RouteFlows:
        """Generate routes until the relaxation is proved, then find an integer routing.

        Raises
        ------
        InfeasibleError
            If the wavelength limits cannot carry some scenario.
        SolverError
            If no integer routing was found.
        """
        first = self._relaxation()
        problem = self.problem
        relaxed = tightened(self.master, first)
        self._relaxed = relaxed
        best = self._rounded(relaxed)
        nodes = best.nodes
        proved = relaxed.bound
        gap = problem.solver.settings.gap
        open_ = best.objective - relaxed.bound > gap * abs(best.objective)
        if open_ and problem.solver.settings.node_limit:
            closed = self._proved(relaxed, best)
            if closed is not None:
                best, proved = closed
                nodes += best.nodes
        program = self.master.program()
        size = Size(program.variables, program.rows, nodes, relaxed.rounds)
        exact = SafeBound(problem, self.master.cuts).of(relaxed.prices)
        searched = proved > relaxed.bound
        if searched:
            exact = max(exact, Fraction(proved) * Fraction(problem.scale))
        cost = self._cost(best.values)
        forced = self._forced_blocking()
        exact = min(exact + forced.cost, cost)
        by = relaxed.solution.by + (BY_SEARCH if searched else "")
        routes = self._routes(best.values)
        prices = self._limit_prices(first, forced)
        return RouteFlows(routes, rounded_down(exact), float(cost), by, size, prices)

    def wavelength_prices(self) -> WavelengthPrices | None:
        """Prices of the limits, from the relaxation alone; None where there are none.

        In place of :meth:`solve`, which returns them too.
        """
        return self._limit_prices(self._relaxation(), self._forced_blocking())

    def _relaxation(self) -> Relaxed:
        """The relaxation without cuts, proved over all simple paths."""
        self._start_master()
        return generate(self.master)

    def _limit_prices(self, relaxed: Relaxed, forced: ForcedBlocking) -> WavelengthPrices | None:
        delta = relaxed.prices.delta * self.problem.scale
        return limit_prices(self.problem, delta + forced.prices)

    def with_transit(self, cost: float) -> RouteFlows | None:
        """Bound, and routes, that count what continuity asks of nodes, for a plan of this cost.

        Only after :meth:`solve`. The program is that over all routes which a cheaper plan can use,
        with rows on what passes a node, or over the known routes where they are too many; None
        where it has no solution, or where requests may be blocked.
        """
        problem = self.problem
        relaxed = self._relaxed
        if problem.blocking_cost is not None or not problem.solver.settings.node_limit:
            return None
        complete = self._add_useful(relaxed, cost / problem.scale)
        program = TransitRows(self.master).tightened(self.master.program())
        limit = min(PROOF_NODES, problem.solver.settings.node_limit)
        whole = problem.solver.solve(program, node_limit=limit)
        if whole.status is SolveStatus.INFEASIBLE:
            return None
        # over some routes only, the program finds plans but proves nothing
        bound = (whole.bound if complete else relaxed.bound) * problem.scale
        size = Size(program.variables, program.rows, whole.nodes, relaxed.rounds)
        by = relaxed.solution.by + BY_SEARCH
        if not np.isfinite(whole.objective):
            return RouteFlows((), bound, np.inf, by, size)
        exact = float(self._cost(whole.values))
        return RouteFlows(self._routes(whole.values), min(bound, exact), exact, by, size)

    def _cost(self, values: FloatArray) -> Fraction:
        """Cost of whole flows at the true prices, exactly."""
        loads = np.round(self.master.loads(values)).astype(np.int64)
        blocked = np.zeros(self.problem.scenarios, dtype=np.int64)
        amounts = np.round(values[self.master.first_shift :]).astype(np.int64)
        for column, amount in zip(self.master.columns, amounts.tolist(), strict=False):
            if column.route == BLOCKED:
                blocked[column.scenario] += amount
        return exact_cost(self.problem, loads, blocked)

    def _forced_blocking(self) -> ForcedBlocking:
        """What blocking costs beyond its capped price, for requests that no plan can serve."""
        problem = self.problem
        total = Fraction(0)
        prices = np.zeros(problem.limits.caps.shape)
        if problem.blocking_cost is None:
            return ForcedBlocking(total, prices)
        for s in self._crowded:
            price = Fraction(float(problem.probabilities[s])) * Fraction(problem.blocking_cost)
            capped = Fraction(float(problem.capped.blocking[s]))
            if price > capped:
                search = RoutingSearch(self._routing_problem(s))
                unserved = search.least_unserved(problem.limits.of(s))
                total += (price - capped) * unserved.requests
                prices[s] = float(price - capped) * unserved.prices
        return ForcedBlocking(total, prices)

    def _routing_problem(self, s: int) -> RoutingProblem:
        """Whether all requests of a scenario can be served."""
        problem = self.problem
        return RoutingProblem(
            network=problem.network,
            counts=problem.counts,
            when=problem.when(s),
            channels=problem.channels[s],
            start=self._start,
            solver=problem.solver,
        )

    def _start_master(self) -> None:
        """Give the master routes that fit, and let no unit cost more than all of them do."""
        columns = self._fitting_columns()
        problem = self.problem
        loads = np.tile(problem.loads_on(self._base), (problem.scenarios, 1, 1))
        loads[self._crowded] = 0
        blocked = np.zeros(problem.scenarios, dtype=np.int64)
        if problem.blocking_cost is not None:
            blocked[self._crowded] = int(problem.demand.sum())
        of = problem.distribution
        for column in columns:
            loads[column.scenario, of[column.kind], list(column.route.fibres)] += 1
        known = float(exact_cost(problem, loads.astype(np.int64), blocked))
        if problem.fixed is None and known < problem.scale:
            self.problem = replace(problem, ceiling=known)
            self.master = Master(self.problem, [self._base] * problem.scenarios)
        self.master.add(columns)

    def _fitting_columns(self) -> list[PathColumn]:
        """Routes that fit where the base routes do not, one for each request or blocking."""
        problem = self.problem
        if not self._crowded:
            return []
        if problem.blocking_cost is not None:
            kinds = range(len(problem.counts))
            return [PathColumn(s, c, BLOCKED) for s in self._crowded for c in kinds]
        # a routing that fits at the highest demand fits at every other
        top = int(problem.channels.sum(axis=(1, 2)).argmax())
        routing = feasible_routing(self._routing_problem(top))
        position = {kind: i for i, kind in enumerate(problem.counts)}
        return [PathColumn(s, position[c], r) for s in self._crowded for c, r in routing]

    def _rounded(self, relaxed: Relaxed) -> Rounded:
        """Whole flows for the columns of the relaxation."""
        found = round_flows(self.master, relaxed.solution, relaxed.bound, PROOF_GAP)
        if found is None:
            raise SolverError(
                f"{relaxed.solution.by} found no integer routing over "
                f"{counted(len(self.master.columns), 'route')}"
            )
        return found

    def _proved(self, relaxed: Relaxed, best: Rounded) -> tuple[Rounded, float] | None:
        """Solve over all routes that a better plan can use; None where they are too many."""
        problem = self.problem
        master = self.master
        if not self._add_useful(relaxed, best.objective):
            return None
        program = master.program()
        start = np.concatenate([best.values, np.zeros(program.variables - best.values.size)])
        limit = min(PROOF_NODES, problem.solver.settings.node_limit)
        whole = problem.solver.solve(program, start=start, node_limit=limit)
        shifts = start[master.first_shift :]
        if whole.objective < best.objective:
            shifts = np.round(whole.values[master.first_shift :])
        found = completed(master, program, shifts, whole.nodes)
        return found, max(relaxed.bound, whole.bound)

    def _add_useful(self, relaxed: Relaxed, cost: float) -> bool:
        """Add all routes that a plan below a scaled cost can use; False where they are too many."""
        problem = self.problem
        master = self.master
        easy = slack_of(cost, relaxed.bound) <= EASY_GAP * cost
        central = central_prices(master, CentralPrices(relaxed.prices, relaxed.bound))
        pricing = Pricing(problem, master.cuts)
        useful = useful_columns(
            problem,
            lengths=pricing.lengths(central.prices),
            blocking=pricing.blocking(central.prices),
            slack=slack_of(cost, central.bound),
            most=MOST_ROUTES if easy else MOST_ROUTES_HARD * problem.distributions,
        )
        if useful is None:
            return False
        problem.solver.tell(f"{counted(len(useful), 'route')} can be part of a better plan")
        master.add(useful)
        return True

    def _routes(self, values: FloatArray) -> tuple[dict[RequestKind, list[Route]], ...]:
        return tuple(
            {
                kind: [flow.route for flow in flows for _ in range(round(flow.amount))]
                for kind, flows in zip(self.problem.kinds, by_kind, strict=True)
            }
            for by_kind in self.master.amounts(values)
        )
