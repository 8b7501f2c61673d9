"""Gurobi through gurobipy's matrix interface: one thread, a fixed seed, node limits."""

from __future__ import annotations

from typing import Any

import numpy as np

from qnetsim.errors import SolverError
from qnetsim.optimize.highs import MIP_GAP, NODE_LIMIT
from qnetsim.optimize.program import Program, Solution, SolveStatus

#: Errors of the licence: too large for it, or none there. Only these may fall back.
LICENCE_ERRORS = {10009: "no Gurobi licence", 10010: "model too large for the Gurobi licence"}


class LicenceError(SolverError):
    """Gurobi's licence does not admit the model."""


def solve(program: Program, *, relax: bool = False) -> Solution:
    """Solve a program.

    Parameters
    ----------
    program : Program
    relax : bool
        Drop integrality; duals are then returned.

    Raises
    ------
    LicenceError
        Errors 10009 and 10010.
    SolverError
        gurobipy is not installed, or Gurobi ends without a solution or a proof.
    """
    try:
        import gurobipy
    except ImportError:
        raise SolverError(
            "gurobipy is not installed; install it, or use solver = 'highs'"
        ) from None
    try:
        return _solve(gurobipy, program, relax)
    except gurobipy.GurobiError as error:
        reason = LICENCE_ERRORS.get(error.errno)
        if reason:
            raise LicenceError(f"{reason} (error {error.errno})") from None
        raise SolverError(f"Gurobi failed: {error} (error {error.errno})") from None


def _solve(gurobipy: Any, program: Program, relax: bool) -> Solution:
    integer = bool(program.integer.any()) and not relax
    parameters = {
        "OutputFlag": 0,
        "Threads": 1,
        "Seed": 0,
        "MIPGap": MIP_GAP,
        "MIPGapAbs": 0.0,
        "NodeLimit": NODE_LIMIT,
        # infeasible and unbounded must be told apart
        "DualReductions": 0,
    }
    with gurobipy.Env(params=parameters) as env, gurobipy.Model(env=env) as model:
        kinds = np.where(program.integer & integer, "I", "C")
        v = model.addMVar(
            program.cost.size,
            lb=program.lower,
            ub=program.upper,
            obj=program.cost,
            vtype=kinds,
        )
        # equal bounds make one row; its dual is then the row's
        equal = program.row_lower == program.row_upper
        upper = ~equal & np.isfinite(program.row_upper)
        lower = ~equal & np.isfinite(program.row_lower)
        parts = []
        for rows, sense, side in (
            (equal, "=", program.row_lower),
            (lower, ">", program.row_lower),
            (upper, "<", program.row_upper),
        ):
            if rows.any():
                matrix = program.matrix[np.flatnonzero(rows)]
                parts.append((rows, model.addMConstr(matrix, v, sense, side[rows])))
        model.optimize()
        status = {
            gurobipy.GRB.OPTIMAL: SolveStatus.OPTIMAL,
            gurobipy.GRB.NODE_LIMIT: SolveStatus.NODE_LIMIT,
            gurobipy.GRB.INFEASIBLE: SolveStatus.INFEASIBLE,
        }.get(model.Status)
        name = f"Gurobi {'.'.join(map(str, gurobipy.gurobi.version()))}"
        if status is None:
            raise SolverError(f"{name} stopped with status {model.Status}")
        usable = model.SolCount > 0
        duals = np.zeros(program.row_lower.size)
        if usable and not integer:
            for rows, constraints in parts:
                duals[rows] += constraints.Pi
        objective = float(model.ObjVal) if usable else np.inf
        return Solution(
            status=status,
            objective=objective,
            bound=float(model.ObjBound) if integer and usable else objective,
            values=np.array(v.X) if usable else np.zeros(program.cost.size),
            row_duals=duals,
            nodes=int(model.NodeCount) if integer else 0,
            solver=name,
        )
