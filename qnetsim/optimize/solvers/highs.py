"""HiGHS through highspy: one thread, a fixed seed, node limits and never a time limit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.errors import SolverError
from qnetsim.optimize.solvers.program import (
    PLACES,
    Basis,
    BasisStatus,
    Program,
    Solution,
    SolveStatus,
)
from qnetsim.optimize.solvers.settings import SolveSettings
from qnetsim.plain_text import counted
from qnetsim.streams import banners_dropped

#: Number of the primal simplex method among HiGHS's strategies.
PRIMAL_SIMPLEX = 4


def solve(
    program: Program,
    settings: SolveSettings,
    *,
    relax: bool = False,
    basis: Basis | None = None,
    start: FloatArray | None = None,
) -> Solution:
    """Solve a program.

    Parameters
    ----------
    program : Program
    settings : SolveSettings
    relax : bool
        Drop integrality; duals and a basis are then returned.
    basis : Basis, optional
        Where the simplex method starts.
    start : ndarray, shape (variables,), optional
        A point from which an integer program starts.

    Raises
    ------
    SolverError
        If HiGHS ends in a way that is neither a solution nor a proof.
    """
    import highspy

    integer = bool(program.integer.any()) and not relax
    highs = _configured(settings)
    highs.passModel(_lp(program, integer))
    if basis is not None:
        if basis.feasible:
            # more columns leave a basis feasible: the primal simplex method goes on from there
            highs.setOptionValue("simplex_strategy", PRIMAL_SIMPLEX)
        highs.setBasis(_basis_of(basis))
    if start is not None and integer:
        point = highspy.HighsSolution()
        point.col_value = start.tolist()
        highs.setSolution(point)
    if integer:
        _report(highs, settings)
    else:
        highs.setOptionValue("primal_feasibility_tolerance", settings.tolerance)
        highs.setOptionValue("dual_feasibility_tolerance", settings.tolerance)
    if settings.interior and not integer:
        highs.setOptionValue("solver", "ipm")
        highs.setOptionValue("run_crossover", "off")
    highs.run()
    return _solution(highs, program, integer)


def _fresh() -> Any:
    """HiGHS without a model; as of version 1.16 it prints a banner before any option is set."""
    import highspy

    with banners_dropped():
        return highspy.Highs()  # type: ignore[no-untyped-call]


def _configured(settings: SolveSettings) -> Any:
    """HiGHS with its options set."""
    highs = _fresh()
    for option, value in (
        # nothing is printed, but output stays on: without it HiGHS reports no events either
        ("output_flag", True),
        ("log_to_console", False),
        ("threads", settings.threads),
        ("random_seed", settings.seed),
        ("mip_rel_gap", settings.gap),
        ("mip_abs_gap", settings.absolute_gap),
        ("mip_max_nodes", settings.node_limit),
    ):
        highs.setOptionValue(option, value)
    return highs


def _solution(highs: Any, program: Program, integer: bool) -> Solution:
    """Read how HiGHS ended, and what it found.

    Raises
    ------
    SolverError
        It ended in a way that is neither a solution nor a proof.
    """
    import highspy

    status = highs.getModelStatus()
    info = highs.getInfo()
    found = highs.getSolution()
    kinds = {
        highspy.HighsModelStatus.kOptimal: SolveStatus.OPTIMAL,
        highspy.HighsModelStatus.kSolutionLimit: SolveStatus.NODE_LIMIT,
        highspy.HighsModelStatus.kInfeasible: SolveStatus.INFEASIBLE,
    }
    if status not in kinds:
        text = highs.modelStatusToString(status)
        raise SolverError(f"HiGHS {highs.version()} stopped with {text}")
    usable = kinds[status] is not SolveStatus.INFEASIBLE and found.value_valid
    objective = float(info.objective_function_value) if usable else np.inf
    dual = usable and not integer
    return Solution(
        status=kinds[status],
        objective=objective,
        bound=float(info.mip_dual_bound) if integer else objective,
        values=np.array(found.col_value) if usable else np.zeros(program.variables),
        row_duals=np.array(found.row_dual) if dual else np.zeros(program.rows),
        nodes=max(int(info.mip_node_count), 0) if integer else 0,
        solver="HiGHS",
        version=str(highs.version()),
        basis=_read_basis(highs.getBasis()) if dual else None,
    )


def write(program: Program, path: Path) -> None:
    """Write a program with its names; the suffix says in which form, ``.lp`` or ``.mps``.

    Raises
    ------
    SolverError
        The file cannot be written.
    """
    import highspy

    highs = _fresh()
    highs.setOptionValue("output_flag", False)
    lp = _lp(program, bool(program.integer.any()))
    # the file formats know neither blanks nor brackets nor hyphens in names
    lp.col_names_, lp.row_names_ = map(_plain, program.names)
    highs.passModel(lp)
    if highs.writeModel(str(path)) == highspy.HighsStatus.kError or not path.is_file():
        raise SolverError(f"{path}: the model cannot be written")


def _plain(names: Sequence[str]) -> list[str]:
    """Names that the file formats know; those that become alike end in their positions.

    HiGHS takes numbers in place of all names where one stands twice.
    """
    plain = [
        re.sub(r"[^A-Za-z0-9_.~]+", "_", re.sub("[–-]", "~", name)).strip("_") for name in names
    ]
    uses = Counter(plain)
    return [name if uses[name] == 1 else f"{name}~{i}" for i, name in enumerate(plain)]


def _report(highs: Any, settings: SolveSettings) -> None:
    """Report the progress of a long branch and bound."""

    def report(event: Any) -> None:
        out = event.data_out
        settings.tell(f"{counted(out.mip_node_count, 'node')}, bound {out.mip_dual_bound:,.6g}")

    highs.cbMipLogging.subscribe(report)


def _lp(program: Program, integer: bool) -> Any:
    import highspy

    lp = highspy.HighsLp()
    lp.num_col_ = program.variables
    lp.num_row_ = program.rows
    lp.col_cost_ = program.cost
    lp.col_lower_ = program.lower
    lp.col_upper_ = program.upper
    lp.row_lower_ = program.row_lower
    lp.row_upper_ = program.row_upper
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = program.matrix.indptr.astype(np.int32)
    lp.a_matrix_.index_ = program.matrix.indices.astype(np.int32)
    lp.a_matrix_.value_ = program.matrix.data.astype(np.float64)
    if integer:
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        lp.integrality_ = [kinds[int(flag)] for flag in program.integer]
    return lp


def _statuses() -> dict[BasisStatus, Any]:
    from highspy import HighsBasisStatus as Status

    return {
        BasisStatus.BASIC: Status.kBasic,
        BasisStatus.LOWER: Status.kLower,
        BasisStatus.UPPER: Status.kUpper,
        BasisStatus.FREE: Status.kZero,
    }


def _basis_of(basis: Basis) -> Any:
    import highspy

    known = [_statuses()[place] for place in PLACES]
    made = highspy.HighsBasis()
    made.col_status = [known[i] for i in basis.variables.tolist()]
    made.row_status = [known[i] for i in basis.rows.tolist()]
    made.valid = True
    return made


def _read_basis(found: Any) -> Basis | None:
    if not found.valid:
        return None
    number = {status: PLACES.index(place) for place, status in _statuses().items()}
    free = PLACES.index(BasisStatus.FREE)
    columns, rows = (
        np.array([number.get(status, free) for status in part], dtype=np.int8)
        for part in (found.col_status, found.row_status)
    )
    return Basis(columns, rows)
