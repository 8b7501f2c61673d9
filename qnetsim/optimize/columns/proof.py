"""Close what is left between plan and bound: branch on loads, then on all routes of use."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np

from qnetsim.optimize.columns.centre import CentralPrices, central_prices
from qnetsim.optimize.columns.enumeration import slack_of, useful_columns
from qnetsim.optimize.columns.generation import Relaxed
from qnetsim.optimize.columns.load_tree import LoadTree
from qnetsim.optimize.columns.master import Master
from qnetsim.optimize.columns.pricing import Pricing
from qnetsim.optimize.columns.rounding import Rounded, completed, plan_cost, polished
from qnetsim.optimize.columns.route_tree import RouteTree
from qnetsim.optimize.gaps import PROOF_GAP
from qnetsim.optimize.solvers.program import SolveStatus
from qnetsim.plain_text import counted

#: Relative gap up to which the program that proves a plan is easy: few of its routes are in use.
EASY_GAP = 2e-3
#: Most routes, over all scenarios and pairs, with which a proof is tried up to ``EASY_GAP``.
MOST_ROUTES = 20_000
#: The same where the gap is larger, and the program hard, for each distribution: requests of unlike
#: ρ compete for a fibre, so there are more routes to choose from, and more is decided by them.
MOST_ROUTES_HARD = 1_500
#: Branch-and-bound nodes of the solver over all routes that can be part of a better plan.
PROOF_NODES = 60
#: Nodes on loads before routes are enumerated.
FIRST_NODES = 7
#: Nodes times variables of the program, altogether, of each tree.
MOST_WORK = 150_000
#: The same where the gap is larger than ``EASY_GAP``.
MOST_WORK_HARD = 15_000
#: Most variables of a program whose routes are branched on.
MOST_BRANCHED = 2_000
#: The same, and nodes times variables, for routes that are coloured too: the gap is small where
#: routes are moved for their wavelengths alone, so that few nodes close it.
MOST_BRANCHED_COLOURED = 8_000
MOST_WORK_COLOURED = 600_000


class Proof(NamedTuple):
    """Whole flows, and what is proved about them.

    Attributes
    ----------
    best : Rounded
    bound : Fraction
        At true prices but for what blocking costs beyond its capped price.
    nodes : int
        Of all trees.
    solvers_word : bool
        The solver calls the flows optimal over all routes of use.
    """

    best: Rounded
    bound: Fraction
    nodes: int
    solvers_word: bool = False


def proof(master: Master, relaxed: Relaxed, best: Rounded) -> Proof:
    """Prove a plan that the relaxation does not prove, or find a better one.

    All bounds are exact. Branching on loads comes first. Where a few nodes do not do, all routes
    that a better plan can use are enumerated: the solver seeks a better plan over them, and
    branching on these routes proves that there is no other; where they are too many, branching on
    loads goes on.
    """
    bound = Fraction(0)
    nodes = best.nodes
    most = _most_nodes(master, relaxed, best)
    tree = LoadTree(master) if most >= FIRST_NODES else None
    if tree is not None:
        bound = tree.search(target_of(master, best), FIRST_NODES)
        if bound >= target_of(master, best):
            return Proof(best, bound, nodes + tree.nodes)
    said = False
    if add_useful(master, relaxed, best.objective):
        best, said = _best_of_all(master, best)
        nodes += best.nodes
        if master.program().variables <= MOST_BRANCHED:
            routes = RouteTree(master, master.program(), best, plan_cost(master, best.values))
            bound = max(bound, routes.search(affordable(MOST_WORK, master)))
            nodes += routes.nodes
            best = routes.best or best
    target = target_of(master, best)
    if tree is not None:
        if bound < target:
            bound = max(bound, tree.search(target, most))
        nodes += tree.nodes
    return Proof(best, bound, nodes, said)


def _most_nodes(master: Master, relaxed: Relaxed, best: Rounded) -> int:
    """Nodes on loads that are worth their work."""
    gap = slack_of(best.objective, relaxed.bound)
    easy = gap <= EASY_GAP * best.objective
    return affordable(MOST_WORK if easy else MOST_WORK_HARD, master)


def affordable(work: int, master: Master) -> int:
    """Nodes within the limits of work and of nodes."""
    return min(work // master.program().variables, master.problem.solver.settings.node_limit)


def target_of(master: Master, best: Rounded) -> Fraction:
    """Bound that is enough; where blocking is dearer than its capped price, at that price."""
    problem = master.problem
    capped = Fraction(best.objective) * Fraction(problem.scale)
    gap = max(PROOF_GAP, problem.solver.settings.gap)
    return min(plan_cost(master, best.values), capped) * (1 - Fraction(gap))


def _best_of_all(master: Master, best: Rounded) -> tuple[Rounded, bool]:
    """The best plan over all routes of the master, or the one so far, and if a solver is sure."""
    problem = master.problem
    program = master.program()
    start = np.concatenate([best.values, np.zeros(program.variables - best.values.size)])
    limit = min(PROOF_NODES, problem.solver.settings.node_limit)
    whole = problem.solver.solve(program, start=start, node_limit=limit)
    known = completed(master, program, start[master.first_shift :], whole.nodes)
    if not np.isfinite(whole.objective):
        return known, False
    shifts = np.round(whole.values[master.first_shift :])
    found = polished(master, completed(master, program, shifts, whole.nodes))
    said = whole.status is SolveStatus.OPTIMAL
    return min((known, found), key=lambda one: plan_cost(master, one.values)), said


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
    problem.solver.tell(f"{counted(len(useful), 'route')} can be part of a better plan")
    master.add(useful)
    return True
