"""L-shaped decomposition: cheapest first stage for a sample of realisations.

The master program bounds the second-stage cost of every realisation from below by cuts (multi-cut
Benders). The next first stage is sought inside a box around the best one so far (a trust region).
Where the box does not bind, the master's value is a lower bound on the sample's optimum over all
first stages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.network import UnitCosts
from qnetsim.optimize.independent.relaxed_second_stage import Cut, RelaxedSecondStage
from qnetsim.optimize.solvers.program import Program
from qnetsim.optimize.solvers.solver import Solver
from qnetsim.optimize.stage import Stage

MAX_ITERATIONS = 100
#: First size of the box unless given, relative to the reservation of a fibre.
BOX = 0.1
#: Least part of the predicted saving with which a step is taken.
LEAST_SAVING = 0.1
#: Part of the predicted saving above which the box grows.
GOOD_SAVING = 0.5
#: Distance to the side of the box that counts as touching it, relative to the box.
TOUCH = 1e-6


@dataclass(frozen=True)
class Minimum:
    """Cheapest first stage for a sample, with split requests in the second stage.

    Attributes
    ----------
    stage : Stage
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
    start : Stage
    tolerance : float
        Relative distance of objective and bound at which to stop.
    solver : Solver
    box : float
        First size of the trust region, relative to the reservation of a fibre.
    """
    master = _Master(costs, len(realisations), solver)
    centre = start.vector()
    value = master.add_cuts(centre, realisations)
    bound = -np.inf
    for iteration in range(1, MAX_ITERATIONS + 1):
        trial = master.best(centre, box * np.maximum(centre, 1.0))
        if trial.inside:
            bound = max(bound, trial.cost)
        elif value - trial.cost <= tolerance * value:
            bound = max(bound, master.best(centre, None).cost)
        gap = (value - bound) / value if value > 0 else 0.0
        if gap <= tolerance or iteration == MAX_ITERATIONS:
            break
        found = master.add_cuts(trial.stage, realisations)
        saved = (value - found) / max(value - trial.cost, 1e-300)
        solver.tell(f"sample of {len(realisations)}: step {iteration}, gap {gap:.1e}")
        if saved >= LEAST_SAVING:
            centre = trial.stage
            value = found
        if saved > GOOD_SAVING and not trial.inside:
            box *= 2
        elif saved < LEAST_SAVING:
            box /= 2
    return Minimum(
        stage=Stage.of_vector(centre),
        objective=value,
        bound=max(bound, master.best(centre, None).cost),
        iterations=iteration,
        variables=master.variables,
        rows=master.rows,
    )


class _Trial(NamedTuple):
    """Cheapest first stage for the cuts so far.

    Attributes
    ----------
    stage : ndarray, shape (2·fibres,)
    cost : float
        What the cuts predict for it.
    inside : bool
        It touches no side of the box, so that it is the cheapest without the box too.
    """

    stage: FloatArray
    cost: float
    inside: bool


class _Master:
    """Cuts of all realisations; variables are q, x, and one cost for each realisation."""

    def __init__(self, costs: UnitCosts, count: int, solver: Solver) -> None:
        self._prices: FloatArray = np.concatenate(costs.reserved)
        self._scale = max(float(self._prices.max()), 1e-12)
        self._count = count
        self._solver = solver
        self._cuts: list[tuple[int, Cut]] = []
        self.variables = self._prices.size + count

    @property
    def rows(self) -> int:
        """Cuts so far."""
        return len(self._cuts)

    def add_cuts(self, vector: FloatArray, realisations: Sequence[RelaxedSecondStage]) -> float:
        """Add the cuts that are exact at a first stage; returns the sample's cost there."""
        stage = Stage.of_vector(vector)
        cuts = [realisation.evaluate(stage) for realisation in realisations]
        self._cuts += enumerate(cuts)
        return float(self._prices @ vector) + float(np.mean([cut.at(stage) for cut in cuts]))

    def best(self, centre: FloatArray, box: FloatArray | None) -> _Trial:
        """Cheapest first stage for the cuts so far, within the box where there is one."""
        from scipy import sparse

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
            return _Trial(stage, found.objective * self._scale, inside=True)
        near = TOUCH * np.maximum(box, 1.0)
        touches = (stage >= upper[:first] - near) | (
            (stage <= lower[:first] + near) & (lower[:first] > 0)
        )
        return _Trial(stage, found.objective * self._scale, inside=not touches.any())
