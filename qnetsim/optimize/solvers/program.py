"""A solver-free linear or integer program with names, and a normalised solution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import FloatArray
from qnetsim.optimize.gaps import relative_gap

if TYPE_CHECKING:
    from scipy import sparse


class SolveStatus(StrEnum):
    """How a solver stopped."""

    OPTIMAL = "optimal"
    NODE_LIMIT = "node_limit"
    INFEASIBLE = "infeasible"


class Names(NamedTuple):
    """Names of the variables and of the rows of a program."""

    variables: tuple[str, ...]
    rows: tuple[str, ...]


@dataclass(frozen=True)
class Program:
    """``min cost·v`` subject to ``row_lower ≤ matrix·v ≤ row_upper`` and bounds on v.

    Attributes
    ----------
    cost, lower, upper : ndarray, shape (variables,)
    matrix : sparse array, shape (rows, variables)
    row_lower, row_upper : ndarray, shape (rows,)
    integer : ndarray of bool, shape (variables,)
    naming : callable, optional
        Gives the names; called only when somebody asks for them, since a program that is solved
        over and over needs none. Without it they are numbers.
    """

    cost: FloatArray
    lower: FloatArray
    upper: FloatArray
    matrix: sparse.csr_array
    row_lower: FloatArray
    row_upper: FloatArray
    integer: npt.NDArray[np.bool_]
    naming: Callable[[], Names] | None = None

    @cached_property
    def names(self) -> Names:
        """Names of variables and rows, in their order."""
        if self.naming is not None:
            return self.naming()
        return Names(
            tuple(f"v{i}" for i in range(self.variables)), tuple(f"r{i}" for i in range(self.rows))
        )

    @property
    def variables(self) -> int:
        """Number of variables."""
        return int(self.cost.size)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.row_lower.size)


class BasisStatus(StrEnum):
    """Where the final simplex basis leaves a variable or a row."""

    BASIC = "basic"
    LOWER = "lower"
    UPPER = "upper"
    FREE = "free"


#: Order in which :class:`Basis` counts the members of :class:`BasisStatus`.
PLACES = tuple(BasisStatus)


@dataclass(frozen=True)
class Basis:
    """A simplex basis, as positions in ``PLACES``; a start for a program that has grown.

    Attributes
    ----------
    variables, rows : ndarray of int8
    feasible : bool
        Whether the point it stands for keeps all rows: further variables leave it so, further
        rows need not.
    """

    variables: npt.NDArray[np.int8]
    rows: npt.NDArray[np.int8]
    feasible: bool = True

    def grown(self, variables: int, rows: int, *, feasible: bool = True) -> Basis:
        """Basis of a program with further variables (at their lower bound) and rows (basic)."""
        more_variables = np.full(
            variables - self.variables.size, PLACES.index(BasisStatus.LOWER), np.int8
        )
        more_rows = np.full(rows - self.rows.size, PLACES.index(BasisStatus.BASIC), np.int8)
        return Basis(
            np.concatenate([self.variables, more_variables]),
            np.concatenate([self.rows, more_rows]),
            feasible,
        )


@dataclass(frozen=True)
class Solution:
    """What a solver found.

    Attributes
    ----------
    status : SolveStatus
    objective : float
        Of the best point; infinite where there is none.
    bound : float
        Proved lower bound.
    values : ndarray, shape (variables,)
    row_duals : ndarray, shape (rows,)
        Zeros for an integer program.
    nodes : int
        Branch-and-bound nodes.
    solver, version : str
        Name and version of the solver.
    reason : str
        Why another solver than the preferred one was taken; empty where none was.
    basis : Basis or None
        Final basis of a linear program.
    """

    status: SolveStatus
    objective: float
    bound: float
    values: FloatArray
    row_duals: FloatArray
    nodes: int
    solver: str
    version: str
    reason: str = ""
    basis: Basis | None = field(default=None, repr=False)

    @property
    def gap(self) -> float:
        """(objective − bound) over the objective; infinite without a point."""
        if not np.isfinite(self.objective):
            return np.inf
        return relative_gap(self.objective, self.bound)

    @property
    def by(self) -> str:
        """Solver, version, and the reason of a fallback, for people."""
        reason = f" (instead of Gurobi: {self.reason})" if self.reason else ""
        return f"{self.solver} {self.version}{reason}"
