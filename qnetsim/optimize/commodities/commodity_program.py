"""The routes program for requests with distributions of their own, by column generation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.errors import InfeasibleError, SolverError
from qnetsim.network import BLOCKED, Network, Route, UnitPrices, simple_routes
from qnetsim.optimize.columns.certificate import newsvendor_prices
from qnetsim.optimize.columns.problem import Size
from qnetsim.optimize.commodities.commodity_master import CommodityColumn, CommodityMaster
from qnetsim.optimize.commodities.commodity_pricing import CommodityPricing, RowPrices
from qnetsim.optimize.commodities.commodity_problem import (
    CommodityFlows,
    CommodityProblem,
    RequestKind,
)
from qnetsim.optimize.solvers.program import Basis, Solution, SolveStatus

#: Reduced cost, relative to the dearest unit, below which a route is worth a column.
PRICING_TOLERANCE = 1e-9
#: Relative distance of a relaxation, or of a plan, from its bound at which it counts as proved.
PROOF_GAP = 1e-9
#: Rounds of column generation.
MAX_ROUNDS = 1_000
#: Part of the best prices so far in the prices that routes are sought under.
INERTIA = 0.5
#: Part below which the prices of the master are taken as they are.
LEAST_INERTIA = 0.1
#: Distance from an integer up to which a value counts as one.
INTEGRALITY_TOLERANCE = 1e-6
#: Branch-and-bound nodes of the integer program over the routes that were generated.
WHOLE_NODES = 200
#: Largest network, and most routes over all states, with which all simple paths are listed.
MOST_NODES = 9
MOST_LISTED = 4_000
#: Requests, in parts too, from which on a proof counts that some cannot be served.
NOT_SERVED = 1e-6
#: Most simple paths that are enumerated to find or refute a routing, and nodes of each search.
MAX_ENUMERATED = 20_000
SEARCH_NODES = 2_000
#: Most pairs that a message names.
NAMED = 12


def newsvendor_start(problem: CommodityProblem) -> RowPrices:
    """Prices of the closed form for the mean request of each state: feasible, often near the best.

    Where all requests share their distribution they prove the closed form, as in ``columns``.
    """
    assert problem.on_demand is not None
    weights = np.bincount(problem.kind, problem.demand, problem.channels.shape[1])
    mean = np.tensordot(problem.channels, weights / weights.sum(), axes=(1, 0))
    mean = np.asarray(mean)
    found = newsvendor_prices(problem.probabilities, mean, problem.reserved, problem.on_demand)
    none = np.zeros_like(mean)
    return RowPrices(found.alpha / problem.scale, found.gamma / problem.scale, none, none)


class _Relaxation(NamedTuple):
    """A proved relaxation: of the restricted master, with the prices that prove it."""

    solution: Solution
    prices: RowPrices
    rounds: int


class CommodityProgram:
    """Column generation and whole flows for a :class:`CommodityProblem`.

    Parameters
    ----------
    problem : CommodityProblem
    start : mapping from RequestKind to Route
        Base route of each commodity.
    """

    def __init__(self, problem: CommodityProblem, start: Mapping[RequestKind, Route]) -> None:
        self.problem = problem
        self._start = start
        self.master = CommodityMaster(problem, [start[c] for c in problem.commodities])
        self._pricing = CommodityPricing(problem)

    def solve(self) -> CommodityFlows:
        """Generate routes until the relaxation is proved, then find whole flows.

        Raises
        ------
        InfeasibleError
            The wavelength limits cannot carry some state.
        SolverError
            No whole flows were found.
        """
        self._add_fitting_routes()
        relaxed = self._relaxed()
        bound = self._pricing.safe_bound(relaxed.prices)
        program = self.master.program()
        values, nodes = self._whole(relaxed.solution, bound)
        objective = float(program.cost @ values) * self.problem.scale
        if objective - bound > PROOF_GAP * abs(objective) and self._list_all():
            program = self.master.program()
            start = np.concatenate([values, np.zeros(program.variables - values.size)])
            found = self.problem.solver.solve(program, start=start)
            nodes += found.nodes
            values = start
            if found.objective < program.cost @ start:
                shifts = np.round(found.values[self.master.first_shift :])
                values = self.master.completed(program, shifts)
            objective = float(program.cost @ values) * self.problem.scale
            bound = max(bound, found.bound * self.problem.scale * (1.0 - PROOF_GAP))
        return CommodityFlows(
            self.master.routes(values[self.master.first_shift :]),
            min(bound, objective),
            relaxed.solution.by,
            Size(program.variables, program.rows, nodes, relaxed.rounds),
        )

    def _add_fitting_routes(self) -> None:
        """Add routes that fit where the base routes do not; blocking counts as a route."""
        problem = self.problem
        caps = np.array(problem.caps)[:, None, None]
        crowded = np.flatnonzero((self.master.base_loads > caps).any(axis=(0, 2))).tolist()
        if not crowded:
            return
        every = range(len(problem.commodities))
        if problem.blocking_cost is not None:
            self.master.add(CommodityColumn(s, c, BLOCKED) for s in crowded for c in every)
            return
        # channels never fall from state to state, so what fits in the last fits in all
        routes = fitting_routes(problem, self._start)
        self.master.add(
            CommodityColumn(s, c, route)
            for s in crowded
            for c, commodity in enumerate(problem.commodities)
            for route in routes[commodity]
        )

    def _list_all(self) -> bool:
        """Add every simple path, where they are few: the integer program is then exact."""
        problem = self.problem
        topology = problem.network.topology
        longest = len(topology.nodes) - 1
        if longest >= MOST_NODES or not problem.solver.settings.node_limit:
            return False
        blocking = [] if problem.blocking_cost is None else [BLOCKED]
        paths = [
            [*simple_routes(topology, commodity.pair, longest), *blocking]
            for commodity in problem.commodities
        ]
        if problem.states * sum(map(len, paths)) > MOST_LISTED:
            return False
        self.master.add(
            CommodityColumn(state, c, route)
            for state in range(problem.states)
            for c, listed in enumerate(paths)
            for route in listed
        )
        return True

    def _relaxed(self) -> _Relaxation:
        problem = self.problem
        master = self.master
        pricing = self._pricing
        centre: RowPrices | None = None
        best = -np.inf
        if problem.fixed is None and problem.on_demand is not None:
            centre = pricing.feasible(newsvendor_start(problem))
            best = pricing.price(centre).bound
        basis: Basis | None = None
        for rounds in range(1, MAX_ROUNDS + 1):
            program = master.program()
            grown = basis.grown(program.variables, program.rows) if basis is not None else None
            relaxed = problem.solver.solve(program, relax=True, basis=grown)
            if relaxed.status is not SolveStatus.OPTIMAL:
                raise SolverError(f"{relaxed.by}: the relaxation ended {relaxed.status}")
            basis = relaxed.basis
            prices = pricing.feasible(master.raw_prices(relaxed))
            lengths = pricing.lengths(prices)
            targets = master.targets(relaxed, lengths)
            inertia = INERTIA if centre is not None else 0.0
            while True:
                mixed = prices if centre is None else centre.mixed(prices, inertia)
                priced = pricing.price(mixed)
                if priced.bound > best:
                    best = priced.bound
                    centre = mixed
                added = master.add(
                    [
                        CommodityColumn(s, c, route)
                        for s, c in np.argwhere(targets > PRICING_TOLERANCE).tolist()
                        for route in [priced.route(s, c)]
                        if self._length(lengths, s, c, route) < targets[s, c] - PRICING_TOLERANCE
                    ]
                    + [
                        CommodityColumn(s, c, BLOCKED)
                        for s, c in np.argwhere(
                            targets > problem.blocking[:, None] + PRICING_TOLERANCE
                        ).tolist()
                    ]
                )
                if added or inertia == 0.0:
                    break
                inertia = inertia / 2 if inertia > LEAST_INERTIA else 0.0
            gap = (relaxed.objective - best) / max(abs(relaxed.objective), 1e-12)
            problem.solver.tell(f"round {rounds}: {len(master.columns):,} routes, gap {gap:.1e}")
            if not added or gap <= PROOF_GAP:
                assert centre is not None
                return _Relaxation(relaxed, centre, rounds)
        raise SolverError(f"no proof after {MAX_ROUNDS} rounds of column generation")

    def _length(self, lengths: FloatArray, state: int, commodity: int, route: Route) -> float:
        kind = self.problem.kind[commodity]
        return float(lengths[state, kind, list(route.fibres)].sum())

    def _whole(self, relaxed: Solution, bound: float) -> tuple[FloatArray, int]:
        """Whole flows for the columns of the relaxation, and the nodes that they took."""
        master = self.master
        problem = self.problem
        program = master.program()
        shifts = np.zeros(len(master.columns))
        # routes that came after the last relaxation are not in use
        known = relaxed.values[master.first_shift :]
        shifts[: known.size] = known
        best: FloatArray | None = None
        if np.abs(shifts - np.round(shifts)).max(initial=0.0) < INTEGRALITY_TOLERANCE:
            best = master.completed(program, np.round(shifts))
            objective = float(program.cost @ best) * problem.scale
            if objective - bound <= PROOF_GAP * abs(objective):
                return best, 0
        found = problem.solver.solve(
            program,
            start=best,
            node_limit=max(min(WHOLE_NODES, problem.solver.settings.node_limit), 1),
        )
        if np.isfinite(found.objective):
            whole = master.completed(program, np.round(found.values[master.first_shift :]))
            if best is None or program.cost @ whole < program.cost @ best:
                best = whole
        if best is None:
            raise SolverError(
                f"{found.by} found no integer routing over {len(master.columns)} routes"
            )
        return best, found.nodes


def fitting_routes(
    problem: CommodityProblem, start: Mapping[RequestKind, Route]
) -> dict[RequestKind, list[Route]]:
    """Routes over which all requests of the last state fit within the limits.

    Raises
    ------
    InfeasibleError
        There are none; names the pairs that are left without one.
    SolverError
        Neither routes nor a proof were found.
    """
    free = np.zeros(problem.fibres)
    counting = CommodityProblem(
        network=problem.network,
        counts=problem.counts,
        probabilities=np.ones(1),
        channels=problem.channels[-1:],
        reserved=UnitPrices(free, free),
        on_demand=UnitPrices(free, free),
        blocking_cost=1.0,
        solver=problem.solver,
    )
    search = CommodityProgram(counting, start)
    flows = search.solve()
    routes = flows.routes[0]
    proved = flows.bound > NOT_SERVED
    topology = problem.network.topology
    longest = len(topology.nodes) - 1
    for most in (*range(4, longest, 3), longest):
        if proved or not _unserved(routes):
            break
        paths = [
            CommodityColumn(0, c, route)
            for c, commodity in enumerate(problem.commodities)
            for route in simple_routes(topology, commodity.pair, most)
        ]
        if len(paths) > MAX_ENUMERATED:
            break
        search.master.add(paths)
        found = problem.solver.solve(search.master.program(), node_limit=SEARCH_NODES)
        routes = search.master.routes(np.round(found.values[search.master.first_shift :]))[0]
        proved = most == longest and found.status is SolveStatus.OPTIMAL
    left = _unserved(routes)
    if left and proved:
        raise InfeasibleError(f"infeasible: {_shortage(problem.network, left)}")
    if left:
        raise SolverError(
            f"neither a routing nor a proof of none was found: {_shortage(problem.network, left)}"
        )
    return routes


def _unserved(routes: Mapping[RequestKind, list[Route]]) -> dict[RequestKind, int]:
    """Requests that are blocked, by commodity."""
    return {c: n for c, listed in routes.items() if (n := listed.count(BLOCKED))}


def _shortage(network: Network, left: Mapping[RequestKind, int]) -> str:
    nodes = network.topology.nodes
    pairs = list(dict.fromkeys(c.pair for c in left))
    names = ", ".join(f"{nodes[a]}–{nodes[b]}" for a, b in pairs[:NAMED])
    more = f" and {len(pairs) - NAMED} more" if len(pairs) > NAMED else ""
    limits = {"|σ|": network.qkd_wavelengths, "|κ|": network.km_wavelengths}
    text = " and ".join(f"{name} = {n}" for name, n in limits.items() if n is not None)
    return (
        f"in the state of the highest demand {sum(left.values())} requests ({names}{more}) find no "
        f"route within {text} per fibre; raise it, ask for less, or give cost.blocking_cost to "
        "have requests blocked at a price"
    )
