"""Which solver is asked, and what happens where its licence says no."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from qnetsim.optimize import gurobi, highs
from qnetsim.optimize.program import Program, Solution

Choice = Literal["auto", "highs", "gurobi"]


@dataclass(frozen=True)
class Solver:
    """A choice of solver.

    Attributes
    ----------
    choice : {"highs", "gurobi", "auto"}
        ``auto`` takes Gurobi where its licence admits the model, else HiGHS; the solution says
        so. A solver that is named never falls back.
    """

    choice: Choice = "highs"

    def solve(self, program: Program, *, relax: bool = False) -> Solution:
        """Solve a program; see the backends for what is returned and raised."""
        if self.choice == "highs":
            return highs.solve(program, relax=relax)
        try:
            return gurobi.solve(program, relax=relax)
        except gurobi.LicenceError as error:
            if self.choice == "gurobi":
                raise
            found = highs.solve(program, relax=relax)
            return replace(found, solver=f"{found.solver} (instead of Gurobi: {error})")


HIGHS = Solver()
