"""HiGHS through highspy: one thread, a fixed seed, node limits and never a time limit."""

from __future__ import annotations

from typing import Any

import numpy as np

from qnetsim.errors import SolverError
from qnetsim.optimize.program import Program, Solution, SolveStatus

NODE_LIMIT = 10_000
#: Relative gap at which an integer program counts as solved.
MIP_GAP = 1e-9


def solve(program: Program, *, relax: bool = False) -> Solution:
    """Solve a program.

    Parameters
    ----------
    program : Program
    relax : bool
        Drop integrality; duals are then returned.

    Raises
    ------
    SolverError
        If HiGHS ends in a way that is neither a solution nor a proof.
    """
    import highspy

    integer = bool(program.integer.any()) and not relax
    highs = highspy.Highs()  # type: ignore[no-untyped-call]
    for option, value in (
        ("output_flag", False),
        ("threads", 1),
        ("random_seed", 0),
        ("mip_rel_gap", MIP_GAP),
        ("mip_abs_gap", 0.0),
        ("mip_max_nodes", NODE_LIMIT),
    ):
        highs.setOptionValue(option, value)
    highs.passModel(_lp(program, integer))
    highs.run()
    status = highs.getModelStatus()
    info = highs.getInfo()
    found = highs.getSolution()
    name = f"HiGHS {highs.version()}"
    kinds = {
        highspy.HighsModelStatus.kOptimal: SolveStatus.OPTIMAL,
        highspy.HighsModelStatus.kSolutionLimit: SolveStatus.NODE_LIMIT,
        highspy.HighsModelStatus.kInfeasible: SolveStatus.INFEASIBLE,
    }
    if status not in kinds:
        raise SolverError(f"{name} stopped with {highs.modelStatusToString(status)}")
    rows, variables = program.matrix.shape
    usable = kinds[status] is not SolveStatus.INFEASIBLE and found.value_valid
    objective = float(info.objective_function_value) if usable else np.inf
    return Solution(
        status=kinds[status],
        objective=objective,
        bound=float(info.mip_dual_bound) if integer else objective,
        values=np.array(found.col_value) if usable else np.zeros(variables),
        row_duals=np.array(found.row_dual) if usable and not integer else np.zeros(rows),
        nodes=max(int(info.mip_node_count), 0) if integer else 0,
        solver=name,
    )


def _lp(program: Program, integer: bool) -> Any:
    import highspy

    lp = highspy.HighsLp()
    rows, variables = program.matrix.shape
    lp.num_col_, lp.num_row_ = variables, rows
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = program.cost, program.lower, program.upper
    lp.row_lower_, lp.row_upper_ = program.row_lower, program.row_upper
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = program.matrix.indptr.astype(np.int32)
    lp.a_matrix_.index_ = program.matrix.indices.astype(np.int32)
    lp.a_matrix_.value_ = program.matrix.data.astype(np.float64)
    if integer:
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        lp.integrality_ = [kinds[int(flag)] for flag in program.integer]
    return lp
