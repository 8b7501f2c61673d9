"""Gurobi through gurobipy's matrix interface: one thread, a fixed seed, node limits."""

from __future__ import annotations

from typing import Any

import numpy as np

from qnetsim.arrays import BoolArray, FloatArray
from qnetsim.errors import SolverError
from qnetsim.extras import require
from qnetsim.optimize.solvers.program import Program, Solution, SolveStatus
from qnetsim.optimize.solvers.settings import SolveSettings
from qnetsim.plain_text import counted

#: Errors of the licence: too large for it, or none there. Only these may fall back.
LICENCE_ERRORS = {10009: "no Gurobi licence", 10010: "model too large for the Gurobi licence"}

#: Least tolerance that Gurobi knows.
LEAST_TOLERANCE = 1e-9


class LicenceError(SolverError):
    """Gurobi's licence does not admit the model."""


def solve(
    program: Program,
    settings: SolveSettings,
    *,
    relax: bool = False,
    start: FloatArray | None = None,
) -> Solution:
    """Solve a program; takes and returns what ``highs.solve`` does, but for the basis.

    Raises
    ------
    LicenceError
        Errors 10009 and 10010.
    MissingExtraError
        gurobipy is not installed.
    SolverError
        Gurobi ends without a solution or a proof.
    """
    require("planning.solver = 'gurobi' (another one is 'highs')", "gurobipy")
    import gurobipy

    try:
        return _solve(gurobipy, program, settings, relax, start)
    except gurobipy.GurobiError as error:
        reason = LICENCE_ERRORS.get(error.errno)
        if reason:
            raise LicenceError(f"{reason} (error {error.errno})") from None
        raise SolverError(f"Gurobi failed: {error} (error {error.errno})") from None


def _parameters(settings: SolveSettings) -> dict[str, float]:
    return {
        "OutputFlag": 0,
        "Threads": settings.threads,
        "Seed": settings.seed,
        "MIPGap": settings.gap,
        "MIPGapAbs": settings.absolute_gap,
        "NodeLimit": settings.node_limit,
        # infeasible and unbounded must be told apart
        "DualReductions": 0,
        **({"Method": 2, "Crossover": 0} if settings.interior else {}),
    }


def _solve(
    gurobipy: Any,
    program: Program,
    settings: SolveSettings,
    relax: bool,
    start: FloatArray | None,
) -> Solution:
    integer = bool(program.integer.any()) and not relax
    with gurobipy.Env(params=_parameters(settings)) as env, gurobipy.Model(env=env) as model:
        v = model.addMVar(
            program.variables,
            lb=program.lower,
            ub=program.upper,
            obj=program.cost,
            vtype=np.where(program.integer & integer, "I", "C"),
        )
        if start is not None and integer:
            v.Start = start
        parts = _add_rows(model, program, v)
        if not integer:
            tolerance = max(settings.tolerance, LEAST_TOLERANCE)
            model.Params.FeasibilityTol = model.Params.OptimalityTol = tolerance
        model.optimize(_listener(gurobipy, settings) if integer else None)
        status = {
            gurobipy.GRB.OPTIMAL: SolveStatus.OPTIMAL,
            gurobipy.GRB.NODE_LIMIT: SolveStatus.NODE_LIMIT,
            gurobipy.GRB.INFEASIBLE: SolveStatus.INFEASIBLE,
        }.get(model.Status)
        version = ".".join(map(str, gurobipy.gurobi.version()))
        if status is None:
            raise SolverError(f"Gurobi {version} stopped with status {model.Status}")
        usable = model.SolCount > 0
        duals = np.zeros(program.rows)
        if usable and not integer:
            for rows, constraints in parts:
                duals[rows] += constraints.Pi
        objective = float(model.ObjVal) if usable else np.inf
        return Solution(
            status=status,
            objective=objective,
            bound=float(model.ObjBound) if integer and usable else objective,
            values=np.array(v.X) if usable else np.zeros(program.variables),
            row_duals=duals,
            nodes=int(model.NodeCount) if integer else 0,
            solver="Gurobi",
            version=version,
        )


def _add_rows(model: Any, program: Program, variables: Any) -> list[tuple[BoolArray, Any]]:
    """Add the rows of a program; returns which rows stand in which constraints."""
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
            parts.append((rows, model.addMConstr(matrix, variables, sense, side[rows])))
    return parts


def _listener(gurobipy: Any, settings: SolveSettings) -> Any:
    def report(model: Any, where: int) -> None:
        if where == gurobipy.GRB.Callback.MIP:
            nodes = int(model.cbGet(gurobipy.GRB.Callback.MIP_NODCNT))
            bound = model.cbGet(gurobipy.GRB.Callback.MIP_OBJBND)
            settings.tell(f"{counted(nodes, 'node')}, bound {bound:,.6g}")

    return report
