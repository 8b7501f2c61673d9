"""From the relaxation to whole requests: scenario by scenario, then all together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.network import BLOCKED, Route
from qnetsim.optimize.columns.exact_cost import exact_cost
from qnetsim.optimize.columns.master import Master
from qnetsim.optimize.columns.problem import RequestKind
from qnetsim.optimize.newsvendor import reserve
from qnetsim.optimize.solvers.program import Program, Solution

#: Distance from an integer up to which a value counts as one.
INTEGRALITY_TOLERANCE = 1e-6
#: Relative gap at which the integer program of one scenario counts as solved.
SCENARIO_GAP = 1e-6
#: Branch-and-bound nodes of the integer program of one scenario.
SCENARIO_NODES = 50
#: Most shifts for which all scenarios are solved as one integer program.
MAX_TOGETHER = 3_000
#: Branch-and-bound nodes of the integer program of all scenarios.
TOGETHER_NODES = 30
#: Relative progress of a pass that is worth another.
PROGRESS = 1e-10
#: Passes over the scenarios, each with the first stage of the one before.
PASSES = 3

#: Routes of all requests of one scenario, by kind.
Routing = dict[RequestKind, list[Route]]


@dataclass(frozen=True)
class Rounded:
    """Whole flows for a master's columns.

    Attributes
    ----------
    values : ndarray, shape (variables,)
        Of the master's program.
    objective : float
        Scaled.
    nodes : int
    """

    values: FloatArray
    objective: float
    nodes: int


class _Shifts(NamedTuple):
    """Whole shifts of all columns, and the nodes that they took."""

    values: FloatArray
    nodes: int


def round_flows(
    master: Master, relaxed: Solution, bound: float, tolerance: float
) -> Rounded | None:
    """Find whole flows, as cheap as can be had for the columns there are.

    First every scenario by itself for the first stage of the relaxation, then again for the
    first stage that suits what was found; then, where a gap is left and the program is small,
    all scenarios as one integer program that starts from there.

    Returns
    -------
    Rounded or None
        None where the columns admit no whole flows.
    """
    problem = master.problem
    program = master.program()
    # routes that came after the last relaxation are not in use
    shifts = np.zeros(len(master.columns))
    known = relaxed.values[master.first_shift :]
    shifts[: known.size] = known
    if np.abs(shifts - np.round(shifts)).max(initial=0.0) < INTEGRALITY_TOLERANCE:
        return completed(master, program, np.round(shifts), 0)
    if problem.on_demand is None:
        # nothing can be bought for a first stage that is too small: there is but one scenario
        return _together(master, program, None, 0)
    best: Rounded | None = None
    stage = relaxed.values[: 2 * problem.fibres]
    nodes = 0
    # a first stage that is decided suits what was found already
    for _ in range(PASSES if problem.fixed is None else 1):
        found = _by_scenario(master, program, shifts, stage)
        if found is None:
            break
        shifts = found.values
        nodes += found.nodes
        candidate = completed(master, program, shifts, nodes)
        if best is not None and candidate.objective >= best.objective * (1 - PROGRESS):
            break
        best = candidate
        stage = candidate.values[: 2 * problem.fibres]
        if best.objective - bound <= tolerance * best.objective:
            return best
    if len(master.columns) > MAX_TOGETHER or not problem.solver.settings.node_limit:
        return best
    return _together(master, program, best, nodes)


def _together(master: Master, program: Program, best: Rounded | None, nodes: int) -> Rounded | None:
    """Solve all scenarios as one integer program, from the best flows so far."""
    solver = master.problem.solver
    whole = solver.solve(
        program,
        start=best.values if best is not None else None,
        node_limit=min(TOGETHER_NODES, solver.settings.node_limit),
    )
    nodes += whole.nodes
    if whole.objective >= (best.objective if best is not None else np.inf):
        return replace(best, nodes=nodes) if best is not None else None
    return completed(master, program, np.round(whole.values[master.first_shift :]), nodes)


def _by_scenario(
    master: Master, program: Program, shifts: FloatArray, stage: FloatArray
) -> _Shifts | None:
    """Whole shifts of every scenario for a fixed first stage; None where a scenario has none."""
    problem = master.problem
    shifts = shifts.copy()
    nodes = 0
    scenario_of = np.array([column.scenario for column in master.columns], dtype=np.int64)
    for s in range(problem.scenarios):
        mine = np.flatnonzero(scenario_of == s)
        if not mine.size:
            continue
        found = problem.solver.solve(
            _scenario_program(master, program, s, mine, stage),
            gap=SCENARIO_GAP,
            node_limit=SCENARIO_NODES,
        )
        nodes += found.nodes
        if not np.isfinite(found.objective):
            return None
        shifts[mine] = np.round(found.values[-mine.size :])
    return _Shifts(shifts, nodes)


def _scenario_program(
    master: Master, program: Program, s: int, mine: IntArray, stage: FloatArray
) -> Program:
    """Rows and variables of one scenario, with the first stage moved to the right-hand side."""
    from scipy import sparse

    problem = master.problem
    e = master.problem.fibres
    extra = 2 * e + np.concatenate(
        [kind * problem.scenarios * e + s * e + np.arange(e) for kind in (0, 1)]
    )
    picked = np.concatenate([extra, master.first_shift + mine])
    matrix = program.matrix[:, picked]
    rows = np.unique(matrix.nonzero()[0])
    known = program.matrix[rows][:, np.arange(2 * e)] @ stage
    cost = program.cost[picked]
    return Program(
        # an unlikely scenario costs little: its prices must not fall under the tolerances
        cost=cost / (cost.max(initial=0.0) or 1.0),
        lower=program.lower[picked],
        upper=program.upper[picked],
        matrix=sparse.csr_array(matrix[rows]),
        row_lower=program.row_lower[rows] - known,
        row_upper=program.row_upper[rows] - known,
        integer=program.integer[picked],
    )


def polished(master: Master, found: Rounded) -> Rounded:
    """Route every scenario anew for the first stage of whole flows, where that is cheaper."""
    problem = master.problem
    if problem.on_demand is None or problem.scenarios == 1:
        return found
    program = master.program()
    shifts = found.values[master.first_shift :]
    again = _by_scenario(master, program, shifts, found.values[: 2 * problem.fibres])
    if again is None:
        return found
    other = completed(master, program, again.values, found.nodes + again.nodes)
    return other if other.objective < found.objective else found


def completed(master: Master, program: Program, shifts: FloatArray, nodes: int) -> Rounded:
    """Best first and second stage for whole shifts: a newsvendor on every fibre."""
    problem = master.problem
    s = master.problem.scenarios
    e = master.problem.fibres
    first = 2 * e
    first_shift = master.first_shift
    cover = 2 * s * e
    matrix = program.matrix[np.arange(cover)][:, np.arange(first_shift, program.variables)]
    loads = (program.row_lower[:cover] - matrix @ shifts).reshape(2, s, e).round()
    values = np.concatenate([np.zeros(first_shift), shifts])
    if problem.fixed is not None:
        values[:first] = problem.fixed.vector()
    elif problem.on_demand is None:
        values[:first] = loads.max(axis=1).ravel()
    else:
        stages = zip(loads, problem.reserved, problem.on_demand, strict=True)
        values[:first] = np.concatenate(
            [reserve(load, problem.probabilities, c_b, c_o) for load, c_b, c_o in stages]
        )
    lacking = np.maximum(loads - values[:first].reshape(2, 1, e), 0.0)
    values[first:first_shift] = lacking.ravel()
    return Rounded(values, float(program.cost @ values), nodes)


def plan_cost(master: Master, values: FloatArray) -> Fraction:
    """Cost of whole flows at the true prices, exactly."""
    problem = master.problem
    loads = np.round(master.loads(values)).astype(np.int64)
    blocked = np.zeros(problem.scenarios, dtype=np.int64)
    amounts = np.round(values[master.first_shift :]).astype(np.int64)
    for column, amount in zip(master.columns, amounts.tolist(), strict=False):
        if column.route == BLOCKED:
            blocked[column.scenario] += amount
    return exact_cost(problem, loads, blocked)


def routings(master: Master, values: FloatArray) -> tuple[Routing, ...]:
    """Routes of whole flows, by scenario."""
    return tuple(
        {
            kind: [flow.route for flow in flows for _ in range(round(flow.amount))]
            for kind, flows in zip(master.problem.kinds, by_kind, strict=True)
        }
        for by_kind in master.amounts(values)
    )
