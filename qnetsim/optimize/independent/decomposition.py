"""L-shaped decomposition: cheapest first stage for a sample of realisations.

The master knows the second stage of every realisation by cuts (multi-cut Benders) and looks for
the next first stage inside a box around the best one so far (a trust region). Where the box does
not bind, the master's value is a bound on the sample's optimum over all first stages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from qnetsim.arrays import FloatArray
from qnetsim.network import UnitCosts
from qnetsim.optimize.assemble import Stage
from qnetsim.optimize.independent.relaxed_second_stage import Cut, RelaxedSecondStage
from qnetsim.optimize.solvers.program import Program
from qnetsim.optimize.solvers.solver import Solver

MAX_ITERATIONS = 100
#: Usual first size of the box, relative to the reservation of a fibre.
BOX = 0.1
#: Part of the promised saving that makes a step count.
SAVING = 0.1
#: Relative distance to the side of the box that counts as touching it.
TOUCH = 1e-6


@dataclass(frozen=True)
class Minimum:
    """Cheapest first stage for a sample, with split requests in the second stage.

    Attributes
    ----------
    stage : pair of ndarray, shape (fibres,)
        Not rounded.
    objective : float
        Its mean cost over the sample.
    bound : float
        Lower bound on the sample's optimum.
    iterations : int
    variables, rows : int
        Of the master program at the end.
    """

    stage: Stage
    objective: float
    bound: float
    iterations: int
    variables: int
    rows: int


def minimise(
    costs: UnitCosts,
    realisations: Sequence[RelaxedSecondStage],
    start: Stage,
    tolerance: float,
    solver: Solver,
    box: float = BOX,
) -> Minimum:
    """Minimise reserved cost plus mean second-stage cost over a sample.

    Parameters
    ----------
    costs : UnitCosts
    realisations : sequence of RelaxedSecondStage
        Equally likely.
    start : pair of ndarray, shape (fibres,)
    tolerance : float
        Relative distance of objective and bound at which to stop.
    solver : Solver
    box : float
        First size of the trust region, relative to the reservation of a fibre.
    """
    master = _Master(costs, len(realisations), solver)
    centre = np.concatenate(start)
    value = master.meet(centre, realisations)
    bound = -np.inf
    for iteration in range(1, MAX_ITERATIONS + 1):
        trial, promised, free = master.best(centre, box * np.maximum(centre, 1.0))
        if free:
            bound = max(bound, promised)
        elif value - promised <= tolerance * value:
            bound = max(bound, master.best(centre, None)[1])
        gap = (value - bound) / value if value > 0 else 0.0
        if gap <= tolerance or iteration == MAX_ITERATIONS:
            break
        found = master.meet(trial, realisations)
        saved = (value - found) / max(value - promised, 1e-300)
        solver.tell(f"sample of {len(realisations)}: step {iteration}, gap {gap:.1e}")
        if saved >= SAVING:
            centre = trial
            value = found
        box = box * 2 if saved > 0.5 and not free else box / 2 if saved < SAVING else box
    stage = centre[: centre.size // 2], centre[centre.size // 2 :]
    bound = max(bound, master.best(centre, None)[1])
    return Minimum(stage, value, bound, iteration, master.variables, master.rows)


class _Master:
    """Cuts of all realisations; variables are q, x, and one cost for each realisation."""

    def __init__(self, costs: UnitCosts, count: int, solver: Solver) -> None:
        self._prices: FloatArray = np.concatenate([costs.qkd_reserved, costs.km_reserved])
        self._scale = max(float(self._prices.max()), 1e-12)
        self._count = count
        self._solver = solver
        self._cuts: list[tuple[int, Cut]] = []
        self.variables = self._prices.size + count

    @property
    def rows(self) -> int:
        """Cuts so far."""
        return len(self._cuts)

    def meet(self, stage: FloatArray, realisations: Sequence[RelaxedSecondStage]) -> float:
        """Add the cuts that touch at a stage; returns the sample's cost there."""
        fibres = stage.size // 2
        pair = stage[:fibres], stage[fibres:]
        cuts = [realisation.evaluate(pair) for realisation in realisations]
        self._cuts += enumerate(cuts)
        return float(self._prices @ stage) + float(np.mean([cut.at(pair) for cut in cuts]))

    def best(self, centre: FloatArray, box: FloatArray | None) -> tuple[FloatArray, float, bool]:
        """Cheapest stage for the cuts, within the box: stage, cost, whether the box is free."""
        first = self._prices.size
        variables = self.variables
        cost = np.full(variables, 1.0 / self._count)
        cost[:first] = self._prices / self._scale
        lower = np.zeros(variables)
        upper = np.full(variables, np.inf)
        if box is not None:
            lower[:first] = np.maximum(centre - box, 0.0)
            upper[:first] = centre + box
        owners = np.array([s for s, _ in self._cuts])
        slopes = np.array([np.concatenate([c.alpha, c.gamma]) for _, c in self._cuts])
        owned = sparse.csr_array(
            (np.ones(owners.size), owners, np.arange(owners.size + 1)),
            shape=(owners.size, self._count),
        )
        program = Program(
            cost=cost,
            lower=lower,
            upper=upper,
            matrix=sparse.hstack([sparse.csr_array(slopes / self._scale), owned], format="csr"),
            row_lower=np.array([c.constant for _, c in self._cuts]) / self._scale,
            row_upper=np.full(owners.size, np.inf),
            integer=np.zeros(variables, dtype=bool),
        )
        found = self._solver.solve(program, relax=True)
        stage = found.values[:first]
        if box is None:
            return stage, found.objective * self._scale, True
        near = TOUCH * np.maximum(box, 1.0)
        touches = (stage >= upper[:first] - near) | (
            (stage <= lower[:first] + near) & (lower[:first] > 0)
        )
        return stage, found.objective * self._scale, not touches.any()
