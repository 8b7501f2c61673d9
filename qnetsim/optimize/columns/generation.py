"""Column generation: price routes until no simple path improves the relaxation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.errors import SolverError
from qnetsim.network import BLOCKED, Route
from qnetsim.optimize.columns.certificate import newsvendor_prices
from qnetsim.optimize.columns.master import Master
from qnetsim.optimize.columns.master_parts import PathColumn
from qnetsim.optimize.columns.pricing import DualPrices, Priced, Pricing
from qnetsim.optimize.columns.problem import RoutesProblem
from qnetsim.optimize.solvers.program import Solution, SolveStatus
from qnetsim.plain_text import counted

#: Reduced cost, relative to the dearest unit, below which a route is worth a column.
PRICING_TOLERANCE = 1e-9
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


class RelaxationInfeasibleError(SolverError):
    """The cuts on loads leave the relaxation without a solution."""


def generate(
    master: Master,
    start: Relaxed | None = None,
    *,
    smoothing: float = INERTIA,
    enough: float = np.inf,
) -> Relaxed:
    """Add routes to a master until its relaxation is proved over all simple paths.

    Parameters
    ----------
    master : Master
    start : Relaxed, optional
        The relaxation before cuts were added.
    smoothing : float
        Part of the best prices so far in those that routes are sought under.
    enough : float
        Scaled bound that ends the search.

    Raises
    ------
    RelaxationInfeasibleError
        The cuts leave no solution.
    SolverError
        The master has no solution.
    """
    problem = master.problem
    pricing = Pricing(problem, master.cuts)
    centre = start.prices if start is not None else _start(problem, pricing)
    best = pricing.price(centre).bound if centre is not None else -np.inf
    basis = start.solution.basis if start is not None else None
    done = start.rounds if start is not None else 0
    settings = problem.solver.settings
    rounds = done
    while True:
        rounds += 1
        program = master.program()
        fits = rounds > done + 1 or start is None
        grown = None
        if basis is not None:
            grown = basis.grown(program.variables, program.rows, feasible=fits)
        relaxed = problem.solver.solve(program, relax=True, basis=grown)
        if relaxed.status is SolveStatus.INFEASIBLE and master.cuts:
            raise RelaxationInfeasibleError(f"{relaxed.by}: the cuts leave no solution")
        if relaxed.status is not SolveStatus.OPTIMAL:
            raise SolverError(f"{relaxed.by}: the relaxation ended {relaxed.status}")
        basis = relaxed.basis
        prices = pricing.feasible(*master.raw_prices(relaxed))
        lengths = pricing.lengths(prices)
        targets = master.targets(relaxed, lengths)
        blocking = pricing.blocking(prices)
        inertia = smoothing if centre is not None else 0.0
        added = 0
        while True:
            mixed = centre.mixed(prices, inertia) if centre is not None else prices
            priced = pricing.price(mixed)
            if priced.bound > best:
                best = priced.bound
                centre = mixed
            exact = inertia == 0.0
            found = _improving(priced, lengths, targets, exact=exact)
            found += _worth_blocking(targets, blocking)
            added = master.add(found)
            if added or inertia == 0.0:
                break
            inertia = inertia / 2 if inertia > LEAST_INERTIA else 0.0
        gap = (relaxed.objective - best) / max(abs(relaxed.objective), 1e-12)
        problem.solver.tell(
            f"round {rounds}: {counted(len(master.columns), 'route')}, gap {gap:.1e}"
        )
        ended = best >= enough or rounds >= settings.round_limit
        if not added or gap <= settings.gap or ended:
            assert centre is not None
            return Relaxed(relaxed, best, centre, rounds)


def _start(problem: RoutesProblem, pricing: Pricing) -> DualPrices | None:
    """Prices that are known, or those of the closed form, which are best where no limit binds."""
    if problem.prices is not None:
        alpha, gamma = (price / problem.scale for price in problem.prices)
        return pricing.feasible(alpha, gamma, np.zeros(problem.limits.caps.shape))
    if problem.fixed is not None or problem.on_demand is None:
        return None
    found = newsvendor_prices(problem)
    return pricing.feasible(found.alpha / problem.scale, found.gamma / problem.scale, found.delta)


def improving_columns(
    pricing: Pricing, priced: Priced, prices: DualPrices, targets: FloatArray
) -> list[PathColumn]:
    """Shortest paths, and blocking, that the master would use under its own prices."""
    found = _improving(priced, pricing.lengths(prices), targets, exact=True)
    return found + _worth_blocking(targets, pricing.blocking(prices))


def _improving(
    priced: Priced, lengths: FloatArray, targets: FloatArray, *, exact: bool
) -> list[PathColumn]:
    """Shortest paths that the master would use, by its lengths."""
    # under mixed prices every shortest path is a candidate; under the master's own, the short ones
    candidates = priced.distances < targets - PRICING_TOLERANCE
    if not exact:
        candidates = np.ones_like(candidates)
    found: list[PathColumn] = []
    of = priced.of
    for s, p in np.argwhere(candidates & (targets > PRICING_TOLERANCE)).tolist():
        route = priced.route(s, p)
        if _length(lengths[s, of[p]], route) < targets[s, p] - PRICING_TOLERANCE:
            found.append(PathColumn(s, p, route))
    return found


def _worth_blocking(targets: FloatArray, blocking: FloatArray) -> list[PathColumn]:
    """Blocking, where it would pay."""
    worth = np.argwhere(targets > blocking + PRICING_TOLERANCE).tolist()
    return [PathColumn(s, p, BLOCKED) for s, p in worth]


def _length(lengths: FloatArray, route: Route) -> float:
    return float(lengths[list(route.fibres)].sum())
