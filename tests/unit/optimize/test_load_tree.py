"""Branching on loads: exact bounds and proofs; one routing for all levels."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from qnetsim.case import Case, open_case
from qnetsim.errors import InfeasibleError
from qnetsim.optimize.columns.common_routing import LeastRoutes, common_routing
from qnetsim.optimize.columns.exact_cost import exact_cost
from qnetsim.optimize.columns.load_cuts import LoadCut, LoadCutSeparator
from qnetsim.optimize.columns.load_tree import LoadTree
from qnetsim.optimize.columns.pricing import DualPrices
from qnetsim.optimize.columns.problem import RoutesProblem
from qnetsim.optimize.columns.routes_program import RoutesProgram
from qnetsim.optimize.columns.safe_bound import SafeBound
from qnetsim.optimize.recourse import start_routes, stochastic_problem
from qnetsim.scenario import Scenario, parse_scenario
from qnetsim.vocabulary import PlanStatus
from tests.support.helpers import nsfnet
from tests.support.planning import judge, network_text, plan_of, random_scenario

#: What the solver of the judge may round.
ROUNDING = Fraction(1, 10**8)


def dense_scenario(seed: int, folder: Path, kind: str) -> Scenario:
    """Six nodes and limits near the edge; with "unlike" fibres differ in their channels ρ."""
    rng = np.random.default_rng(seed)
    ring = [(n, (n + 1) % 6) for n in range(6)]
    chords = [(0, 2), (1, 4), (3, 5), (0, 3), (2, 5)]
    fibres = ring + [chords[i] for i in rng.permutation(5)[:4].tolist()]
    lengths = rng.integers(20, 900, len(fibres)).tolist()
    text = " ".join(f"{a}-{b}:{length}" for (a, b), length in zip(fibres, lengths, strict=True))
    requests = 14 if kind == "km" else 9
    asked = [sorted(rng.choice(6, 2, replace=False).tolist()) for _ in range(requests)]
    network = f"km_wavelengths = {int(rng.integers(3, 5))}"
    if kind != "km":
        network = f"qkd_wavelengths = {int(rng.choice([18, 24, 27]))}"
    if kind == "unlike":
        spans = ", ".join(f'["{a}", "{b}", {rng.choice([80, 160, 240])}]' for a, b in fibres)
        network += f"\nkey_rate = 'inverse'\nfibre_spans = [{spans}]"
    return network_text(folder, text, network, f"levels = 4\nmean = 1.5\npairs = {asked}")


def solved(case: Case) -> RoutesProgram | None:
    """The routes program, all levels apart; None where the limits do not carry the demand."""
    problem = stochastic_problem(case.network, case.forecast, case.setting.solver)
    program = RoutesProgram(problem, start_routes(case.network, case.forecast))
    try:
        program.solve()
    except InfeasibleError:
        return None
    return program


def tree_ends(seed: int, folder: Path, kind: str) -> str:
    """How a tree ends: whatever its target, no bound lies above an optimum over all paths."""
    case = open_case(dense_scenario(seed, folder, kind))
    best = judge(case)
    program = solved(case)
    assert (best is None) == (program is None)
    if best is None or program is None:
        return "infeasible"
    optimum = Fraction(best)
    # cuts by continuity say more than the judge, and parity leaves nothing to branch on
    program.master.free_cuts(len(program.master.cuts))
    tree = LoadTree(program.master)
    bound = tree.search(optimum * (1 - ROUNDING), 200)
    nodes = tree.nodes
    beyond = tree.search(optimum * 2, nodes + 20)
    assert bound <= beyond <= optimum * (1 + ROUNDING)
    assert bound >= optimum * (1 - ROUNDING)
    return "branched" if nodes > 1 else "root"


@pytest.mark.parametrize("kind", ["km", "qkd", "unlike"])
def test_bounds_of_a_tree_hold_and_meet_the_optimum(kind: str, tmp_path: Path) -> None:
    ends = [tree_ends(seed, tmp_path, kind) for seed in range(8)]
    assert ends.count("infeasible") <= 4
    assert "branched" in ends


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["km", "qkd", "unlike"])
@pytest.mark.parametrize("seed", range(8, 40))
def test_bounds_of_a_tree_hold_on_dozens(seed: int, kind: str, tmp_path: Path) -> None:
    tree_ends(seed, tmp_path, kind)


def test_an_infeasible_node_is_dear_and_no_error(tmp_path: Path) -> None:
    """The only routing fills both fibres; a search for more than it costs leaves nothing out."""
    scenario = network_text(
        tmp_path,
        "1-2:100 1-3:100 2-3:100",
        "km_wavelengths = 1",
        "levels = 1\npairs = [[1,2],[1,2]]",
    )
    case = open_case(scenario)
    best = judge(case)
    program = solved(case)
    assert best is not None
    assert program is not None
    tree = LoadTree(program.master)
    assert tree.search(Fraction(best) * 3, 50) <= Fraction(best) * (1 + ROUNDING)
    assert all(column.route.fibres for column in tree.columns)


@pytest.mark.parametrize("blocking", [False, True])
def test_rows_of_both_signs_keep_bounds_for_any_prices(blocking: bool, tmp_path: Path) -> None:
    """Least loads, at most those of a plan, leave every bound below its cost."""
    checked = 0
    for seed in range(30):
        case = open_case(random_scenario(seed, tmp_path, limits=True))
        program = solved(case)
        if program is None:
            continue
        problem = program.problem
        loads = np.round(program.master.loads(np.zeros(10**5)))
        if (problem.limits.used(loads) > problem.limits.caps).any():
            continue
        if blocking:
            problem = replace(problem, blocking_cost=1e5)
        rng = np.random.default_rng(seed)
        rows = []
        for _ in range(20):
            s = int(rng.integers(problem.scenarios))
            fibres = tuple(sorted(rng.permutation(problem.fibres)[:3].tolist()))
            load = int(loads[s, 0, list(fibres)].sum())
            rows += [LoadCut(s, fibres, load, (1,)), LoadCut(s, fibres, -load, (1,), sign=-1)]
        cost = exact_cost(problem, loads.astype(np.int64), np.zeros(len(loads), dtype=np.int64))
        for scale in (1.0, 100.0):
            alpha, gamma = rng.uniform(0, scale, (2, problem.scenarios, problem.fibres))
            delta = rng.uniform(0, scale, problem.limits.caps.shape)
            prices = DualPrices(alpha, gamma, delta, rng.uniform(0, scale, len(rows)))
            assert SafeBound(problem, rows).of(prices) <= cost
        checked += 1
    assert checked >= 10


def test_loads_across_a_set_lie_between_numbers_of_its_parity(tmp_path: Path) -> None:
    scenario = network_text(
        tmp_path,
        "1-2:100 1-3:100 1-4:100 2-3:100 3-4:100 2-4:100",
        "km_wavelengths = 2",
        "levels = 1\npairs = [[1,2],[1,3],[1,4]]",
    )
    case = open_case(scenario)
    problem = stochastic_problem(case.network, case.forecast, case.setting.solver)
    separator = LoadCutSeparator(problem)
    across = separator.across(np.array([[2, 1.5, 1, 0, 0, 0]]), (1,))
    at = next(i for i in range(across.below.size) if separator.fibres(i) == (0, 1, 2))
    assert (across.below[at], across.distance[at]) == (3, 0.5)


def km_problem(limit: int, **keys: str) -> tuple[Case, RoutesProblem]:
    scenario = nsfnet(network__km_wavelengths=str(limit), demand__requests="40", **keys)
    case = open_case(scenario)
    return case, stochastic_problem(case.network, case.forecast, case.setting.solver)


def test_one_routing_stands_for_all_levels_where_limits_are_alike() -> None:
    case, problem = km_problem(7)
    start = start_routes(case.network, case.forecast)
    flows = LeastRoutes(problem, start).solve()
    apart = RoutesProgram(problem, start).solve()
    assert len(flows.routes) == problem.scenarios
    assert all(routes == flows.routes[0] for routes in flows.routes)
    assert flows.bound <= flows.cost
    assert flows.bound == pytest.approx(flows.cost, rel=1e-9)
    assert apart.bound <= flows.cost * (1 + 1e-12)
    assert flows.bound <= apart.cost * (1 + 1e-12)
    # the price of a limit is what it is with all levels apart
    assert flows.prices is not None
    assert apart.prices is not None
    assert sum(flows.prices.km) > 0
    assert sum(flows.prices.qkd) == 0


def test_levels_with_the_same_routes_have_the_same_wavelengths() -> None:
    scenario = nsfnet(network__km_wavelengths="14", demand__requests="100", run__seed="3")
    plan = plan_of(scenario, "sip")
    assert plan.status is PlanStatus.OPTIMAL
    assert plan.assignment is not None
    assert len(set(plan.assignment.km.values())) == 1
    demands = [sum(map(len, qkd)) for qkd in plan.assignment.qkd.values()]
    assert demands == [300 * k for k in range(10)]


def test_a_limit_that_would_do_counts_the_other_limit_too(tmp_path: Path) -> None:
    """One KM wavelength is too little for three requests on two routes, and so are three of |σ|."""
    fibres = "1-2:100 1-3:100 2-3:100"
    demand = 'kind = "table"\nlevels = 2\nprobabilities = [0.5, 0.5]\npairs = [[1,2],[1,2],[1,2]]'
    for sigma, text in ((9, r"network\.km_wavelengths = 2 "), (3, "network.qkd_wavelengths")):
        limits = f"km_wavelengths = 1\nqkd_wavelengths = {sigma}"
        with pytest.raises(InfeasibleError, match=text):
            plan_of(network_text(tmp_path, fibres, limits, demand), "sip")


def test_no_routing_stands_for_all_where_limits_or_prices_differ() -> None:
    _, problem = km_problem(7, network__qkd_wavelengths="150")
    assert common_routing(problem) is None
    # dear channels at one level only: its lengths are no multiple of the others
    _, problem = km_problem(7, cost__on_demand_multiplier="0.2")
    lengths = problem.channels.copy()
    lengths[-1, ::2] *= 7
    assert common_routing(replace(problem, channels=lengths)) is None
    assert common_routing(replace(problem, blocking_cost=1e6)) is None


@pytest.mark.parametrize("seed", range(12))
def test_plans_for_binding_km_limits_equal_the_integer_program(seed: int, tmp_path: Path) -> None:
    scenario = dense_scenario(seed, tmp_path, "km")
    case = open_case(scenario)
    best = judge(case)
    if best is None:
        with pytest.raises(InfeasibleError):
            plan_of(scenario, "sip")
        return
    plan = plan_of(scenario, "sip", formulation="routes")
    assert plan.bound is not None
    assert plan.objective(case.network) >= best * (1 - 1e-9)
    flows = solved(case)
    assert flows is not None
    if plan.status is PlanStatus.OPTIMAL and "branch and bound" not in plan.solver:
        assert plan.objective(case.network) == pytest.approx(best, rel=1e-7)


@pytest.mark.parametrize(("seed", "limit"), [(4, 432), (5, 405)])
def test_proofs_that_need_more_than_the_root_do_not_rest_on_the_solver(
    seed: int, limit: int
) -> None:
    scenario = nsfnet(
        demand__requests="100", run__seed=str(seed), network__qkd_wavelengths=str(limit)
    )
    plan = plan_of(scenario, "sip")
    assert plan.status is PlanStatus.OPTIMAL
    assert "branch and bound" not in plan.solver


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "limit", "cost"), [(1, 22, 130_938_447.39), (4, 26, 130_863_986.18)]
)
def test_km_limits_of_usnet_are_proved_with_continuity(seed: int, limit: int, cost: float) -> None:
    scenario = parse_scenario(
        f"[run]\nseed = {seed}\n[network]\ntopology = 'usnet'\nkm_wavelengths = {limit}\n"
        "[demand]\nrequests = 200\n"
    )
    plan = plan_of(scenario, "sip")
    assert plan.status is PlanStatus.OPTIMAL
    assert plan.assignment is not None
    assert plan.objective(open_case(scenario).network) == pytest.approx(cost, abs=0.01)
