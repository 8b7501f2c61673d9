"""Column generation: price routes until no simple path improves the relaxation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.errors import SolverError
from qnetsim.network import BLOCKED, Route
from qnetsim.optimize.columns.certificate import newsvendor_prices
from qnetsim.optimize.columns.master import Master, PathColumn
from qnetsim.optimize.columns.pricing import DualPrices, Priced, Pricing
from qnetsim.optimize.columns.problem import RoutesProblem
from qnetsim.optimize.solvers.program import Basis, Solution, SolveStatus

#: Reduced cost, relative to the dearest unit, below which a route is worth a column.
PRICING_TOLERANCE = 1e-9
#: Relative distance of a relaxation, or of a plan, from its bound at which it counts as proved.
PROOF_GAP = 1e-9
#: Part of the best prices so far in the prices that routes are sought under: pure master prices
#: jump about and ask for many routes that are of no use.
INERTIA = 0.5
#: Part below which the prices of the master are taken as they are.
LEAST_INERTIA = 0.1


@dataclass(frozen=True)
class Relaxed:
    """A proved relaxation.

    Attributes
    ----------
    solution : Solution
        Of the restricted master.
    bound : float
        Scaled lower bound over all simple paths.
    prices : DualPrices
        That prove it.
    rounds : int
    """

    solution: Solution
    bound: float
    prices: DualPrices
    rounds: int


def generate(master: Master) -> Relaxed:
    """Add routes to a master until its relaxation is proved over all simple paths.

    Raises
    ------
    SolverError
        The master has no solution.
    """
    problem = master.problem
    pricing = Pricing(master.problem)
    best = -np.inf
    centre = _start(problem, pricing)
    if centre is not None:
        best = pricing.price(centre).bound
    basis: Basis | None = None
    settings = problem.solver.settings
    rounds = 0
    while True:
        rounds += 1
        program = master.program()
        start = basis.grown(program.variables, program.rows) if basis is not None else None
        relaxed = problem.solver.solve(program, relax=True, basis=start)
        if relaxed.status is not SolveStatus.OPTIMAL:
            raise SolverError(f"{relaxed.by}: the relaxation ended {relaxed.status}")
        basis = relaxed.basis
        prices = pricing.feasible(*master.raw_prices(relaxed))
        targets = master.targets(relaxed, prices.lengths(problem.channels))
        inertia = INERTIA if centre is not None else 0.0
        added = 0
        while True:
            mixed = centre.mixed(prices, inertia) if centre is not None else prices
            priced = pricing.price(mixed)
            if priced.bound > best:
                best = priced.bound
                centre = mixed
            added = master.add(_improving(problem, priced, prices, targets, exact=inertia == 0.0))
            if added or inertia == 0.0:
                break
            inertia = inertia / 2 if inertia > LEAST_INERTIA else 0.0
        gap = (relaxed.objective - best) / max(abs(relaxed.objective), 1e-12)
        problem.solver.tell(f"round {rounds}: {len(master.columns):,} routes, gap {gap:.1e}")
        if not added or gap <= settings.gap or rounds >= settings.round_limit:
            assert centre is not None
            return Relaxed(relaxed, best, centre, rounds)


def _start(problem: RoutesProblem, pricing: Pricing) -> DualPrices | None:
    """Prices of the closed form, which are best where no limit binds."""
    if problem.fixed is not None or problem.on_demand is None:
        return None
    reserved = problem.reserved
    on_demand = problem.on_demand
    found = newsvendor_prices(problem.probabilities, problem.channels, reserved, on_demand)
    return pricing.feasible(found.alpha / problem.scale, found.gamma / problem.scale, found.delta)


def _improving(
    problem: RoutesProblem, priced: Priced, prices: DualPrices, targets: FloatArray, *, exact: bool
) -> Sequence[PathColumn]:
    """Shortest paths that the master would use, and blocking where it would pay."""
    lengths = prices.lengths(problem.channels)
    # under mixed prices every shortest path is a candidate; under the master's own, the short ones
    candidates = priced.distances < targets - PRICING_TOLERANCE
    if not exact:
        candidates = np.ones_like(candidates)
    found: list[PathColumn] = []
    for s, p in np.argwhere(candidates & (targets > PRICING_TOLERANCE)).tolist():
        route = priced.route(s, p)
        if _length(lengths[s], route) < targets[s, p] - PRICING_TOLERANCE:
            found.append(PathColumn(s, p, route))
    for s in range(problem.scenarios):
        price = problem.blocking(s)
        worth = np.flatnonzero(targets[s] > price + PRICING_TOLERANCE).tolist()
        found += [PathColumn(s, p, BLOCKED) for p in worth]
    return found


def _length(lengths: FloatArray, route: Route) -> float:
    return float(lengths[list(route.fibres)].sum())
