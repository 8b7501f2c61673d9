"""Tighten a relaxation by cuts on loads until no known cut is broken."""

from __future__ import annotations

from qnetsim.optimize.columns.generation import (
    RelaxationInfeasibleError,
    Relaxed,
    generate,
)
from qnetsim.optimize.columns.load_cuts import LoadCutSeparator
from qnetsim.optimize.columns.master import Master
from qnetsim.optimize.gaps import PROOF_GAP

#: Rounds of cuts.
MOST_ROUNDS = 40
#: Rounds without progress after which no further cuts are sought.
PATIENCE = 4


def tightened(master: Master, relaxed: Relaxed) -> Relaxed:
    """Add cuts that the relaxation breaks, and routes that the cuts make worth their while.

    Parameters
    ----------
    master : Master
        Cuts and routes are added to it.
    relaxed : Relaxed
        Its relaxation so far.

    Returns
    -------
    Relaxed
        The relaxation with all cuts. Where they leave no solution, the wavelength limits do not
        carry the demand once continuity counts; then the last one that has a solution.
    """
    problem = master.problem
    if not problem.network.limited or problem.fixed is not None:
        return relaxed
    separator = LoadCutSeparator(problem)
    idle = 0
    for _ in range(MOST_ROUNDS):
        if relaxed.rounds >= problem.solver.settings.round_limit:
            break
        cuts = separator.violated(master.loads(relaxed.solution.values))
        added = master.cut(cuts)
        if not added:
            break
        try:
            better = generate(master, relaxed)
        except RelaxationInfeasibleError:
            master.free_cuts(added)
            break
        progress = better.bound - relaxed.bound
        idle = 0 if progress > PROOF_GAP * abs(better.bound) else idle + 1
        problem.solver.tell(f"{len(master.cuts):,} cuts, bound {better.bound * problem.scale:,.6g}")
        relaxed = better
        if idle == PATIENCE:
            break
    return relaxed
