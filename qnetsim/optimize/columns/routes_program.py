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
from qnetsim.optimize.columns.cutting import tightened
from qnetsim.optimize.columns.exact_cost import exact_cost, rounded_down
from qnetsim.optimize.columns.generation import Relaxed, generate
from qnetsim.optimize.columns.limit_prices import limit_prices
from qnetsim.optimize.columns.limits import feasible_routing
from qnetsim.optimize.columns.master import Master
from qnetsim.optimize.columns.master_parts import PathColumn
from qnetsim.optimize.columns.problem import (
    RequestKind,
    RouteFlows,
    RoutesProblem,
    Size,
    WavelengthPrices,
)
from qnetsim.optimize.columns.proof import (
    MOST_BRANCHED_COLOURED,
    MOST_WORK_COLOURED,
    PROOF_NODES,
    Proof,
    add_useful,
    affordable,
    proof,
    target_of,
)
from qnetsim.optimize.columns.rounding import (
    Rounded,
    completed,
    plan_cost,
    round_flows,
    routings,
)
from qnetsim.optimize.columns.route_tree import Check, RouteTree
from qnetsim.optimize.columns.routing_search import RoutingProblem, RoutingSearch
from qnetsim.optimize.columns.safe_bound import SafeBound
from qnetsim.optimize.columns.transit import TransitRows
from qnetsim.optimize.gaps import PROOF_GAP
from qnetsim.plain_text import counted


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
        best = self._with_simple(self._rounded(relaxed))
        bound = SafeBound(problem, self.master.cuts).of(relaxed.prices)
        found = Proof(best, bound, best.nodes)
        settings = problem.solver.settings
        if bound < target_of(self.master, best) and settings.node_limit:
            closed = proof(self.master, relaxed, best)
            found = closed if closed.bound > bound else closed._replace(bound=bound)
        program = self.master.program()
        size = Size(program.variables, program.rows, found.nodes, relaxed.rounds)
        cost = plan_cost(self.master, found.best.values)
        forced = self._forced_blocking()
        self._forced = forced
        exact = min(found.bound + forced.cost, cost)
        self._bound = exact
        by = relaxed.solution.by
        routes = routings(self.master, found.best.values)
        prices = self._limit_prices(first, forced)
        said = found.solvers_word
        return RouteFlows(routes, rounded_down(exact), float(cost), by, size, prices, said)

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

    def with_continuity(self, cost: float, check: Check) -> RouteFlows | None:
        """Bound, and routes, that count what continuity asks for, for a plan of this cost.

        Only after :meth:`solve`. The program is that over all routes which a cheaper plan can use,
        with rows on what passes a node, or over the known routes where they are too many; None
        where nothing better than the plan was found, and nothing more proved.

        Parameters
        ----------
        cost : float
            Of a plan that keeps continuity.
        check : callable
            Whether a routing does.
        """
        problem = self.problem
        settings = problem.solver.settings
        if not settings.node_limit:
            return None
        master = self.master
        complete = add_useful(master, self._relaxed, cost / problem.scale)
        program = TransitRows(master).tightened(master.program())
        whole = problem.solver.solve(program, node_limit=min(PROOF_NODES, settings.node_limit))
        best = None
        if np.isfinite(whole.objective):
            shifts = np.round(whole.values[master.first_shift :])
            best = completed(master, master.program(), shifts, whole.nodes)
        bound = self._bound
        nodes = whole.nodes
        if complete and program.variables <= MOST_BRANCHED_COLOURED:
            tree = RouteTree(master, program, None, Fraction(cost), check)
            bound = max(
                bound, tree.search(affordable(MOST_WORK_COLOURED, master)) + self._forced.cost
            )
            best = tree.best or best
            nodes += tree.nodes
        size = Size(program.variables, program.rows, nodes, self._relaxed.rounds)
        by = self._relaxed.solution.by
        if best is None:
            return RouteFlows((), rounded_down(bound), np.inf, by, size)
        exact = plan_cost(master, best.values)
        # plans without wavelengths may cost less than the bound
        return RouteFlows(
            routings(master, best.values), rounded_down(bound), float(exact), by, size
        )

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
        if problem.blocking_cost is not None:
            blocked[:] = int(problem.demand.sum())
            known = min(known, float(exact_cost(problem, np.zeros_like(loads, np.int64), blocked)))
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

    def _with_simple(self, best: Rounded) -> Rounded:
        """The cheapest of a plan, of serving all requests on base routes, and of blocking all."""
        problem = self.problem
        master = self.master
        if problem.blocking_cost is None and self._crowded:
            return best
        kinds = range(len(problem.counts))
        every = range(problem.scenarios)
        refused = [self._crowded]
        if problem.blocking_cost is not None:
            refused.append(list(every))
        found = [best]
        for scenarios in refused:
            master.add(PathColumn(s, c, BLOCKED) for s in scenarios for c in kinds)
            away = set(scenarios)
            shifts = [
                problem.demand[column.kind]
                if column.route == BLOCKED and column.scenario in away
                else 0.0
                for column in master.columns
            ]
            found.append(completed(master, master.program(), np.array(shifts), best.nodes))
        return min(found, key=lambda one: plan_cost(master, one.values))

    def _rounded(self, relaxed: Relaxed) -> Rounded:
        """Whole flows for the columns of the relaxation."""
        found = round_flows(self.master, relaxed.solution, relaxed.bound, PROOF_GAP)
        if found is None:
            raise SolverError(
                f"{relaxed.solution.by} found no integer routing over "
                f"{counted(len(self.master.columns), 'route')}"
            )
        return found
