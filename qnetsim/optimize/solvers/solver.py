"""Choice of the solver, and the fallback where its licence does not admit a model."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from qnetsim.arrays import FloatArray
from qnetsim.errors import MissingExtraError, SolverError
from qnetsim.optimize.solvers.settings import NARROW_TOLERANCE, TOLERANCE, SolveSettings

if TYPE_CHECKING:
    from qnetsim.optimize.solvers.program import Basis, Program, Solution

Choice = Literal["auto", "highs", "gurobi"]


@dataclass(frozen=True)
class Solver:
    """A choice of solver, and its settings.

    Attributes
    ----------
    choice : {"highs", "gurobi", "auto"}
        ``auto`` takes Gurobi where it is installed and its licence admits the model, else HiGHS;
        the solution says so. A solver that is named never falls back.
    settings : SolveSettings
    """

    choice: Choice = "highs"
    settings: SolveSettings = field(default_factory=SolveSettings)

    def solve(
        self,
        program: Program,
        *,
        relax: bool = False,
        basis: Basis | None = None,
        start: FloatArray | None = None,
        **changes: float,
    ) -> Solution:
        """Solve a program; the backends document parameters, result and errors.

        ``changes`` replace settings for this solve.
        """
        settings = replace(self.settings, **changes) if changes else self.settings  # type: ignore[arg-type]
        found = self._solve(program, settings, relax, basis, start)
        self.settings.answered(found.by)
        return found

    def _solve(
        self,
        program: Program,
        settings: SolveSettings,
        relax: bool,
        basis: Basis | None,
        start: FloatArray | None,
    ) -> Solution:
        # most commands choose a solver, and few ask it
        from qnetsim.optimize.solvers import gurobi, highs

        reason = ""
        if self.choice != "highs":
            try:
                return gurobi.solve(program, settings, relax=relax, start=start)
            except gurobi.LicenceError as error:
                if self.choice == "gurobi":
                    hint = "set planning.solver to 'highs', or to 'auto' for a fallback"
                    raise gurobi.LicenceError(f"{error}; {hint}") from None
                reason = str(error)
            except MissingExtraError:
                if self.choice == "gurobi":
                    raise
                reason = "gurobipy is not installed"
        try:
            found = highs.solve(program, settings, relax=relax, basis=basis, start=start)
        except SolverError:
            if not relax or settings.tolerance >= TOLERANCE:
                raise
            # it may stop short of narrow tolerances
            settings = replace(settings, tolerance=TOLERANCE)
            found = highs.solve(program, settings, relax=relax)
        return replace(found, reason=reason)

    def narrow(self) -> Solver:
        """The same solver with narrow tolerances of linear programs, whose prices prove more."""
        return replace(self, settings=replace(self.settings, tolerance=NARROW_TOLERANCE))

    def tell(self, text: str) -> None:
        """Pass on a line about a long solve."""
        self.settings.tell(text)


#: HiGHS with the default settings.
HIGHS = Solver()
