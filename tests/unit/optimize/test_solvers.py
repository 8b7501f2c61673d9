"""Programs with names, both backends, starts, limits and fallbacks."""

from __future__ import annotations

from pathlib import Path

import gurobipy
import numpy as np
import pytest
from scipy import sparse

from qnetsim.case import open_case
from qnetsim.errors import InfeasibleError, SolverError, UsageError
from qnetsim.optimize.columns.generation import generate
from qnetsim.optimize.columns.routes_program import RoutesProgram
from qnetsim.optimize.full.full_plan import full_problem
from qnetsim.optimize.full.full_program import FullProgram
from qnetsim.optimize.recourse import start_routes, stochastic_problem
from qnetsim.optimize.solvers import gurobi, highs
from qnetsim.optimize.solvers.program import PLACES, Basis, BasisStatus, Names, Program, SolveStatus
from qnetsim.optimize.solvers.settings import SolveSettings
from qnetsim.optimize.solvers.solver import HIGHS, Solver
from qnetsim.plans.model_file import save_model
from qnetsim.scenario import PlanningTable, PolicyTable
from qnetsim.vocabulary import PlanStatus
from tests.support.helpers import nsfnet
from tests.support.planning import plan_of, random_scenario

BACKENDS = {"highs": highs.solve, "gurobi": gurobi.solve}


def knapsack(count: int = 12, *, integer: bool = True) -> Program:
    """Maximise value under one weight row and a row that says at least two."""
    rng = np.random.default_rng(5)
    value, weight = rng.integers(5, 30, count), rng.integers(3, 20, count)
    return Program(
        cost=-value.astype(float),
        lower=np.zeros(count),
        upper=np.ones(count),
        matrix=sparse.csr_array(np.array([weight, np.ones(count)], dtype=float)),
        row_lower=np.array([-np.inf, 2.0]),
        row_upper=np.array([40.0, np.inf]),
        integer=np.full(count, integer),
        naming=lambda: Names(tuple(f"take[{i}]" for i in range(count)), ("weight", "two")),
    )


@pytest.mark.parametrize("name", BACKENDS)
def test_backends_normalise_their_answers(name: str) -> None:
    solve, program = BACKENDS[name], knapsack()
    whole = solve(program, SolveSettings())
    assert whole.status is SolveStatus.OPTIMAL
    assert whole.gap == pytest.approx(0, abs=1e-9)
    assert whole.values @ -program.cost == pytest.approx(-whole.objective)
    assert whole.solver.lower() == name
    assert whole.version[0].isdigit()
    assert whole.reason == ""
    split = solve(program, SolveSettings(), relax=True)
    assert split.objective <= whole.objective
    assert split.bound == split.objective
    # a dual of ≤ in a minimisation is not positive
    assert split.row_duals[0] < 0


@pytest.mark.parametrize("name", BACKENDS)
def test_infeasible_programs_have_no_point(name: str) -> None:
    program = knapsack()
    hopeless = Program(**{**vars(program), "row_lower": np.array([-np.inf, 13.0])})
    found = BACKENDS[name](hopeless, SolveSettings())
    assert found.status is SolveStatus.INFEASIBLE
    assert found.objective == np.inf
    assert found.gap == np.inf


def hard(count: int = 40) -> Program:
    """A market-split program: no solver closes it at the root."""
    rng = np.random.default_rng(0)
    weights = rng.integers(0, 100, (4, count)).astype(float)
    slack = np.eye(4)
    return Program(
        cost=np.concatenate([np.zeros(count), np.ones(8)]),
        lower=np.zeros(count + 8),
        upper=np.concatenate([np.ones(count), np.full(8, np.inf)]),
        matrix=sparse.csr_array(np.hstack([weights, slack, -slack])),
        row_lower=np.floor(weights.sum(axis=1) / 2),
        row_upper=np.floor(weights.sum(axis=1) / 2),
        integer=np.arange(count + 8) < count,
    )


@pytest.mark.parametrize("name", BACKENDS)
def test_node_limits_stop_and_say_so(name: str) -> None:
    told: list[str] = []
    found = BACKENDS[name](hard(), SolveSettings(node_limit=30, tell=told.append))
    assert found.status is SolveStatus.NODE_LIMIT
    assert 0 <= found.bound <= found.objective
    again = BACKENDS[name](hard(), SolveSettings(node_limit=30))
    assert (again.objective, again.bound, again.nodes) == (
        found.objective,
        found.bound,
        found.nodes,
    )
    assert any("nodes" in text for text in told)


def test_a_start_is_taken() -> None:
    point = np.zeros(48)
    program = hard()
    point[40:44] = program.row_lower
    found = HIGHS.solve(program, start=point, node_limit=0)
    assert found.objective <= point.sum() + 1e-6


def test_a_basis_starts_a_program_that_has_grown() -> None:
    small, large = knapsack(8, integer=False), knapsack(12, integer=False)
    small = Program(
        small.cost,
        small.lower,
        small.upper,
        small.matrix,
        large.row_lower,
        large.row_upper,
        small.integer,
    )
    first = HIGHS.solve(small, relax=True)
    assert first.basis is not None
    grown = first.basis.grown(12, 2)
    assert grown.variables[8:].tolist() == [PLACES.index(BasisStatus.LOWER)] * 4
    warm = HIGHS.solve(large, relax=True, basis=grown)
    assert warm.objective == pytest.approx(HIGHS.solve(large, relax=True).objective)


def test_a_basis_grows_by_basic_rows() -> None:
    basis = Basis(np.zeros(2, np.int8), np.zeros(1, np.int8)).grown(3, 4)
    assert basis.rows.tolist() == [0] + [PLACES.index(BasisStatus.BASIC)] * 3


def test_programs_have_names() -> None:
    case = open_case(nsfnet(demand__requests="8", network__qkd_wavelengths="400"))
    problem = stochastic_problem(case.network, case.forecast, HIGHS)
    routes = RoutesProgram(problem, start_routes(case.network, case.forecast))
    generate(routes.master)
    program = routes.master.program()
    names = program.names
    assert (len(names.variables), len(names.rows)) == (program.variables, program.rows)
    assert len(set(names.variables)) == program.variables
    assert {"F_b[1–2]", "X_b[1–2]", "F_o[k=9,1–2]", "X_o[k=0,1–2]"} <= set(names.variables)
    assert {"qkd_24[k=9,1–2]", "km_23[k=0,1–2]", "limit_28_29[k=9,1–2]"} <= set(names.rows)
    limits = {"network__qkd_wavelengths": "6", "network__km_wavelengths": "1"}
    small = open_case(nsfnet(demand__requests="1", demand__levels="2", demand__mean="1", **limits))
    program, _ = FullProgram(full_problem(small.network, small.forecast)).program()
    assert len(set(program.names.variables)) == program.variables
    assert len(program.names.rows) == program.rows
    for equation in ("22", "23", "24", "25", "26", "27", "28", "29", "30", "31"):
        assert any(f"_{equation}_" in row for row in program.names.rows), equation


@pytest.mark.parametrize("formulation", ["routes", "full"])
@pytest.mark.parametrize("suffix", [".lp", ".mps"])
def test_model_files_hold_the_program(formulation: str, suffix: str, tmp_path: Path) -> None:
    """Another solver run on the file finds the plan's cost."""
    changes = {"demand__requests": "2", "demand__levels": "3", "network__qkd_wavelengths": "12"}
    scenario = nsfnet(**changes)
    table = PolicyTable.model_validate({"name": "sip", "formulation": formulation})
    path = tmp_path / f"model{suffix}"
    save_model(scenario, table, path)
    with gurobipy.Env(params={"OutputFlag": 0}) as env, gurobipy.read(str(path), env) as model:
        names = {v.VarName for v in model.getVars()}
        assert any(name.startswith(("F_b", "F_")) for name in names)
        assert len(names) == model.NumVars
        if model.NumVars > 2000 or model.NumConstrs > 2000:
            return  # beyond the bundled licence
        model.optimize()
        found = model.ObjVal
    network = open_case(scenario).network
    assert found == pytest.approx(plan_of(scenario, "sip").objective(network), rel=1e-6)


def test_model_files_are_for_sip_only(tmp_path: Path) -> None:
    evf = PolicyTable(name="evf")
    with pytest.raises(UsageError, match="written for sip"):
        save_model(nsfnet(), evf, tmp_path / "m.lp")
    with pytest.raises(UsageError, match=r"ends in \.lp or \.mps"):
        save_model(nsfnet(demand__requests="3"), PolicyTable(name="sip"), tmp_path / "m.txt")


def test_programs_without_names_are_numbered() -> None:
    assert hard(3).names.variables[:3] == ("v0", "v1", "v2")


def test_settings_of_the_scenario_reach_the_solver() -> None:
    case = open_case(nsfnet(planning__node_limit="7", planning__threads="2"))
    assert case.setting.solver == Solver("highs", SolveSettings(node_limit=7, threads=2))


@pytest.mark.parametrize("limits", [False, True])
def test_both_solvers_find_the_same(limits: bool, tmp_path: Path) -> None:
    pytest.importorskip("gurobipy")
    for seed in range(12):
        scenario = random_scenario(seed, tmp_path, limits=limits)
        found = []
        for choice in ("highs", "gurobi"):
            planning = PlanningTable(solver=choice)
            asked = scenario.model_copy(update={"planning": planning})
            for name in ("sip", "evf", "perfect"):
                try:
                    plan = plan_of(asked, name)
                    found.append(plan.objective(open_case(asked).network))
                    assert "HiGHS" not in plan.solver or choice == "highs"
                except InfeasibleError:
                    found.append(-1.0)
        assert found[:3] == pytest.approx(found[3:], rel=1e-6)


def test_only_the_licence_falls_back_and_the_plan_says_so() -> None:
    pytest.importorskip("gurobipy")
    limits = {"network__topology": '"usnet"', "network__qkd_wavelengths": "900"}
    scenario = nsfnet(demand__requests="200", planning__solver='"auto"', **limits)
    plan = plan_of(scenario, "sip", formulation="routes")
    assert plan.status is PlanStatus.OPTIMAL
    assert "instead of Gurobi: model too large for the Gurobi licence" in plan.solver
    named = nsfnet(demand__requests="200", planning__solver='"gurobi"', **limits)
    with pytest.raises(SolverError, match="error 10010"):
        plan_of(named, "sip", formulation="routes")


def test_other_errors_do_not_fall_back(monkeypatch: pytest.MonkeyPatch) -> None:
    gurobipy = pytest.importorskip("gurobipy")

    def fail(*args: object) -> None:
        raise gurobipy.GurobiError(10001, "out of memory")

    monkeypatch.setattr(gurobi, "_solve", fail)
    scenario = nsfnet(demand__requests="100", planning__solver='"auto"')
    with pytest.raises(SolverError, match="out of memory"):
        plan_of(scenario, "sip", formulation="routes")


TIGHT = {
    "demand__levels": "5",
    "demand__requests": "20",
    "network__qkd_wavelengths": "36",
    "cost__blocking_cost": "1_500_000.0",
}


@pytest.mark.parametrize(
    ("requests", "limit"),
    [
        ("20", {"planning__gap": "0.2"}),
        ("40", {"planning__round_limit": "1", "planning__node_limit": "1"}),
    ],
)
def test_a_limited_search_says_what_it_proved(requests: str, limit: dict[str, str]) -> None:
    tight = {**TIGHT, "demand__requests": requests}
    network = open_case(nsfnet(**tight)).network
    best = plan_of(nsfnet(**tight), "sip")
    plan = plan_of(nsfnet(**tight, **limit), "sip")
    again = plan_of(nsfnet(**tight, **limit), "sip")
    assert plan.status is PlanStatus.FEASIBLE
    assert plan.bound is not None
    assert plan.bound <= best.objective(network) <= plan.objective(network) * (1 + 1e-9)
    assert (plan.bound, plan.objective(network)) == (again.bound, again.objective(network))
    assert plan.size.rounds < best.size.rounds
    if "planning__gap" in limit:
        gap = plan.gap(network)
        assert gap is not None
        assert 1e-7 < gap <= 0.2
