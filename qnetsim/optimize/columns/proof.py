"""Close what is left between plan and bound: branch on loads, then list all routes of use."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.network import BLOCKED
from qnetsim.optimize.columns.centre import CentralPrices, central_prices
from qnetsim.optimize.columns.enumeration import slack_of, useful_columns
from qnetsim.optimize.columns.exact_cost import exact_cost
from qnetsim.optimize.columns.generation import PROOF_GAP, Relaxed
from qnetsim.optimize.columns.load_tree import LoadTree
from qnetsim.optimize.columns.master import Master
from qnetsim.optimize.columns.pricing import Pricing
from qnetsim.optimize.columns.rounding import Rounded, completed

#: Relative gap up to which the program that proves a plan is easy: few of its routes are in use.
EASY_GAP = 2e-3
#: Most routes, over all scenarios and pairs, with which a proof is tried up to ``EASY_GAP``.
MOST_ROUTES = 20_000
#: The same where the gap is larger, and the program hard, for each distribution: requests of unlike
#: ρ compete for a fibre, so there are more routes to choose from, and more is decided by them.
MOST_ROUTES_HARD = 1_500
#: Branch-and-bound nodes of the program over all routes that can be part of a better plan.
PROOF_NODES = 60
#: Nodes on loads before routes are enumerated.
FIRST_NODES = 7
#: Nodes on loads times variables of the program, altogether.
MOST_WORK = 150_000
#: The same where the gap is larger than ``EASY_GAP``.
MOST_WORK_HARD = 15_000
#: What a solver's name is given where its branch and bound is part of the proof.
BY_SEARCH = " (branch and bound)"


class Proof(NamedTuple):
    """Whole flows, and what is proved about them.

    Attributes
    ----------
    best : Rounded
    bound : Fraction
        At true prices but for what blocking costs beyond its capped price.
    nodes : int
        Of all trees.
    by_solver : bool
        Whether the bound rests on the branch and bound of the solver.
    """

    best: Rounded
    bound: Fraction
    nodes: int
    by_solver: bool


def plan_cost(master: Master, values: FloatArray) -> Fraction:
    """Cost of whole flows at the true prices, exactly."""
    problem = master.problem
    loads = np.round(master.loads(values)).astype(np.int64)
    blocked = np.zeros(problem.scenarios, dtype=np.int64)
    amounts = np.round(values[master.first_shift :]).astype(np.int64)
    for column, amount in zip(master.columns, amounts.tolist(), strict=False):
        if column.route == BLOCKED:
            blocked[column.scenario] += amount
    return exact_cost(problem, loads, blocked)


def proof(master: Master, relaxed: Relaxed, best: Rounded) -> Proof:
    """Prove a plan that the relaxation does not prove, or find a better one.

    Branching on loads comes first: its bounds are exact. Where a few nodes do not do, the integer
    program over all routes that a better plan can use gives a better plan, or says that there is
    none; branching on loads goes on from there, so that the proof need not rest on the solver.
    """
    problem = master.problem
    scale = Fraction(problem.scale)
    most = _most_nodes(master, relaxed, best)
    tree = LoadTree(master) if most else None
    nodes = best.nodes
    bound = Fraction(0)
    if tree is not None:
        bound = tree.search(_target(master, best), FIRST_NODES)
        if bound >= _target(master, best):
            return Proof(best, bound, nodes + tree.nodes, by_solver=False)
    found = _over_all(master, relaxed, best)
    if found is not None:
        best = found.best
        nodes += best.nodes
    target = _target(master, best)
    if tree is not None:
        bound = tree.search(target, most)
        nodes += tree.nodes
    if found is not None and bound < min(target, found.bound * scale):
        return Proof(best, found.bound * scale, nodes, by_solver=True)
    return Proof(best, bound, nodes, by_solver=False)


def _most_nodes(master: Master, relaxed: Relaxed, best: Rounded) -> int:
    """Nodes on loads that are worth their work; none where that is hardly any."""
    gap = slack_of(best.objective, relaxed.bound)
    work = MOST_WORK if gap <= EASY_GAP * best.objective else MOST_WORK_HARD
    settings = master.problem.solver.settings
    most = min(work // master.program().variables, settings.node_limit)
    return most if most >= FIRST_NODES else 0


def _target(master: Master, best: Rounded) -> Fraction:
    """Bound that is enough; where blocking is dearer than its capped price, at that price."""
    problem = master.problem
    capped = Fraction(best.objective) * Fraction(problem.scale)
    gap = max(PROOF_GAP, problem.solver.settings.gap)
    return min(plan_cost(master, best.values), capped) * (1 - Fraction(gap))


class _Searched(NamedTuple):
    """Whole flows, and the scaled bound of the solver."""

    best: Rounded
    bound: Fraction


def _over_all(master: Master, relaxed: Relaxed, best: Rounded) -> _Searched | None:
    """Solve over all routes that a better plan can use; None where they are too many."""
    problem = master.problem
    if not add_useful(master, relaxed, best.objective):
        return None
    program = master.program()
    start = np.concatenate([best.values, np.zeros(program.variables - best.values.size)])
    limit = min(PROOF_NODES, problem.solver.settings.node_limit)
    whole = problem.solver.solve(program, start=start, node_limit=limit)
    shifts = start[master.first_shift :]
    if whole.objective < best.objective:
        shifts = np.round(whole.values[master.first_shift :])
    found = completed(master, program, shifts, whole.nodes)
    return _Searched(found, Fraction(max(relaxed.bound, whole.bound)))


def add_useful(master: Master, relaxed: Relaxed, cost: float) -> bool:
    """Add all routes that a plan below a scaled cost can use; False where they are too many."""
    problem = master.problem
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
    problem.solver.tell(f"{len(useful):,} routes can be part of a better plan")
    master.add(useful)
    return True
