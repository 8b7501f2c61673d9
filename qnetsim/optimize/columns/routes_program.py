"""The routes program: integer flows per (pair, route, scenario), by column generation.

Requests of one node pair are interchangeable, so Eqs (22)-(29) need no wavelength-indexed
binaries: flows f(pair, s, route) count the requests of a pair on a route in scenario s. Routes
are priced by shortest paths until no simple path improves the relaxation; the bound therefore
holds over all simple paths. Wavelength continuity, (26) and (27), is not modelled here.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.errors import SolverError
from qnetsim.network import BLOCKED, Route
from qnetsim.network.routes import NodePair
from qnetsim.optimize.columns.enumeration import slack_of, useful_columns
from qnetsim.optimize.columns.generation import PROOF_GAP, Relaxed, generate
from qnetsim.optimize.columns.limits import feasible_routing
from qnetsim.optimize.columns.master import Master, PathColumn, requests_on
from qnetsim.optimize.columns.problem import RouteFlows, RoutesProblem, Size
from qnetsim.optimize.columns.rounding import Rounded, completed, round_flows
from qnetsim.optimize.columns.routing_search import RoutingProblem

#: Relative gap up to which the integer program that proves a plan is easy: few of its routes are
#: in use.
EASY_GAP = 2e-3
#: Most routes, over all scenarios and pairs, with which a proof is tried up to ``EASY_GAP``.
MOST_ROUTES = 20_000
#: The same where the gap is larger, and the program hard.
MOST_ROUTES_HARD = 1_500
#: Branch-and-bound nodes of the program over all routes that can be part of a better plan.
PROOF_NODES = 60


class RoutesProgram:
    """Column generation, integer stage and proof for a :class:`RoutesProblem`.

    Parameters
    ----------
    problem : RoutesProblem
    start : mapping from pair to Route
        Base route of each pair.
    """

    def __init__(self, problem: RoutesProblem, start: Mapping[NodePair, Route]) -> None:
        self.problem = problem
        base = [start[pair] for pair in problem.pairs]
        self.master = Master(problem, [base] * problem.scenarios)
        load = requests_on(base, problem.demand, problem.fibres)
        self._crowded = np.flatnonzero((load > problem.caps).any(axis=1)).tolist()
        self._start = start

    def solve(self) -> RouteFlows:
        """Generate routes until the relaxation is proved, then find an integer routing.

        Raises
        ------
        InfeasibleError
            If the wavelength limits cannot carry some scenario.
        SolverError
            If no integer routing was found.
        """
        problem = self.problem
        self._add_fitting_routes()
        relaxed = generate(self.master)
        best = self._rounded(relaxed)
        bound = relaxed.bound
        nodes = best.nodes
        gap = problem.solver.settings.gap
        open_ = best.objective - bound > gap * abs(best.objective)
        if open_ and problem.solver.settings.node_limit:
            proved = self._proved(relaxed, best)
            if proved is not None:
                best, bound = proved
                nodes += best.nodes
        program = self.master.program()
        size = Size(program.variables, program.rows, nodes, relaxed.rounds)
        return RouteFlows(
            self._routes(best.values),
            min(bound, best.objective) * problem.scale,
            relaxed.solution.by,
            size,
        )

    def _add_fitting_routes(self) -> None:
        """Add routes that fit where the base routes do not; blocking counts as a route."""
        problem = self.problem
        if not self._crowded:
            return
        if problem.blocking_cost is not None:
            pairs = range(len(problem.pairs))
            self.master.add(PathColumn(s, p, BLOCKED) for s in self._crowded for p in pairs)
            return
        # a routing that fits at the highest demand fits at every other
        top = int(problem.channels.sum(axis=1).argmax())
        routing = feasible_routing(
            RoutingProblem(
                network=problem.network,
                counts=problem.counts,
                level=problem.levels[top],
                channels=problem.channels[top].tolist(),
                start=self._start,
                solver=problem.solver,
            )
        )
        position = {pair: i for i, pair in enumerate(problem.pairs)}
        self.master.add(PathColumn(s, position[p], r) for s in self._crowded for p, r in routing)

    def _rounded(self, relaxed: Relaxed) -> Rounded:
        """Whole flows for the columns of the relaxation."""
        found = round_flows(self.master, relaxed.solution, relaxed.bound, PROOF_GAP)
        if found is None:
            raise SolverError(
                f"{relaxed.solution.by} found no integer routing over "
                f"{len(self.master.columns)} routes"
            )
        return found

    def _proved(self, relaxed: Relaxed, best: Rounded) -> tuple[Rounded, float] | None:
        """Solve over all routes that a better plan can use; None where they are too many."""
        problem = self.problem
        master = self.master
        prices = relaxed.prices
        slack = slack_of(best.objective, relaxed.bound)
        easy = slack <= EASY_GAP * best.objective
        most = MOST_ROUTES if easy else MOST_ROUTES_HARD
        useful = useful_columns(problem, prices.lengths(problem.channels), slack, most)
        if useful is None:
            return None
        problem.solver.tell(f"{len(useful):,} routes can be part of a better plan")
        master.add(useful)
        program = master.program()
        start = np.concatenate([best.values, np.zeros(program.variables - best.values.size)])
        limit = min(PROOF_NODES, problem.solver.settings.node_limit)
        whole = problem.solver.solve(program, start=start, node_limit=limit)
        shifts = start[master.first_shift :]
        if whole.objective < best.objective:
            shifts = np.round(whole.values[master.first_shift :])
        found = completed(master, program, shifts, whole.nodes)
        return found, max(relaxed.bound, whole.bound)

    def _routes(self, values: FloatArray) -> tuple[dict[NodePair, list[Route]], ...]:
        return tuple(
            {
                pair: [flow.route for flow in flows for _ in range(round(flow.amount))]
                for pair, flows in zip(self.problem.pairs, by_pair, strict=True)
            }
            for by_pair in self.master.amounts(values)
        )
