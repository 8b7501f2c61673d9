"""A solver-free linear or integer program, and a normalised solution."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy import sparse

from qnetsim.arrays import FloatArray


class SolveStatus(StrEnum):
    """How a solver stopped."""

    OPTIMAL = "optimal"
    NODE_LIMIT = "node_limit"
    INFEASIBLE = "infeasible"


@dataclass(frozen=True)
class Program:
    """``min cost·v`` subject to ``row_lower ≤ matrix·v ≤ row_upper`` and bounds on v.

    Attributes
    ----------
    cost, lower, upper : ndarray, shape (variables,)
    matrix : sparse array, shape (rows, variables)
    row_lower, row_upper : ndarray, shape (rows,)
    integer : ndarray of bool, shape (variables,)
    """

    cost: FloatArray
    lower: FloatArray
    upper: FloatArray
    matrix: sparse.csr_array
    row_lower: FloatArray
    row_upper: FloatArray
    integer: npt.NDArray[np.bool_]


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
    solver : str
        Name and version.
    """

    status: SolveStatus
    objective: float
    bound: float
    values: FloatArray
    row_duals: FloatArray
    nodes: int
    solver: str
