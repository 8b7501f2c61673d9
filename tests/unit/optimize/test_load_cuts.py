"""Cuts on loads: no routing with wavelengths breaks one, and they close the gap."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from qnetsim.case import open_case
from qnetsim.network import Network, Route, simple_routes
from qnetsim.optimize.columns import routes_program
from qnetsim.optimize.columns.load_cuts import LoadCut, LoadCutSeparator, connected_sets
from qnetsim.optimize.columns.pricing import DualPrices
from qnetsim.optimize.columns.problem import RequestKind, RoutesProblem
from qnetsim.optimize.columns.safe_bound import SafeBound
from qnetsim.optimize.columns.wavelength_limits import REQUESTS
from qnetsim.optimize.recourse import stochastic_problem
from qnetsim.scenario import Scenario, load_scenario, parse_scenario
from qnetsim.vocabulary import PlanStatus
from tests.support.helpers import nsfnet
from tests.support.planning import judge, network_text, plan_of, random_scenario, twinned

CASES = Path(__file__).parent / "cases"
DENSE = "1-2:100 1-3:100 1-4:100 2-3:100 2-5:100 3-4:100 3-6:100 4-5:100 4-6:100 5-6:100"


def served(rng: np.random.Generator, network: Network, width: int, limit: int) -> list[Route]:
    """Random routes with random wavelengths, as many as find some that are free all the way."""
    nodes = len(network.topology.nodes)
    busy = np.zeros((network.fibres, limit), dtype=bool)
    routes = []
    for _ in range(60):
        a, b = sorted(rng.choice(nodes, 2, replace=False).tolist())
        ways = simple_routes(network.topology, (a, b), 5)
        route = ways[int(rng.integers(len(ways)))]
        fibres = list(route.fibres)
        free = np.flatnonzero(~busy[fibres].any(axis=0))
        if free.size >= width:
            busy[np.ix_(fibres, rng.choice(free, width, replace=False))] = True
            routes.append(route)
    return routes


def problem_of(network: Network, routes: list[Route], rho: int) -> RoutesProblem:
    counts = Counter(RequestKind((route.nodes[0], route.nodes[-1]), 0) for route in routes)
    return RoutesProblem(
        network=network,
        counts=counts,
        levels=[rho],
        probabilities=np.ones(1),
        channels=np.full((1, 1, network.fibres), rho),
        reserved=network.costs.reserved,
        on_demand=network.costs.on_demand,
    )


@pytest.mark.parametrize("twins", [False, True])
@pytest.mark.parametrize(("key", "rho"), [("km_wavelengths", 1), ("qkd_wavelengths", 2)])
def test_no_routing_with_wavelengths_breaks_a_cut(
    key: str, rho: int, twins: bool, tmp_path: Path
) -> None:
    full = 0
    for seed in range(30 if twins else 60):
        rng = np.random.default_rng(seed)
        limit = int(rng.integers(1, 5)) if key == "km_wavelengths" else int(rng.integers(6, 20))
        scenario = network_text(tmp_path, DENSE, f"{key} = {limit}", "levels = 3\nrequests = 3")
        case = twinned(scenario, seed, 0.3) if twins else open_case(scenario)
        network = case.network
        routes = served(rng, network, 1 if key == "km_wavelengths" else 3 * rho, limit)
        problem = problem_of(network, routes, rho)
        load = np.zeros((1, 1, network.fibres))
        for route in routes:
            load[0, 0, list(route.fibres)] += 1
        caps = problem.limits.caps[:, REQUESTS]
        assert (load[0] <= caps).all()
        full += int((load[0] == caps).sum())
        assert LoadCutSeparator(problem).violated(load) == []
    assert full > 100


def test_a_triangle_of_odd_demand_leaves_a_place_empty(tmp_path: Path) -> None:
    """Three requests end at node 1, so an odd number of its six places is in use."""
    scenario = network_text(
        tmp_path,
        "1-2:100 1-3:100 1-4:100 2-3:100 3-4:100 2-4:100",
        "km_wavelengths = 2",
        "levels = 1\npairs = [[1,2],[1,3],[1,4]]",
    )
    case = open_case(scenario)
    problem = stochastic_problem(case.network, case.forecast, case.setting.solver)
    loads = np.zeros((1, 1, 6))
    loads[0, 0, :3] = 2
    cuts = LoadCutSeparator(problem).violated(loads)
    assert LoadCut(0, (0, 1, 2), 5, (1,)) in cuts
    blocking = replace(problem, blocking_cost=1e6)
    cut = next(c for c in LoadCutSeparator(blocking).violated(loads) if c.fibres == (0, 1, 2))
    assert cut.blocked == (0, 1, 2)


def test_connected_sets_come_once_and_are_connected() -> None:
    topology = open_case(nsfnet()).network.topology
    sets = list(connected_sets(topology, 500))
    assert len(sets) == len(set(sets)) == 500
    assert [len(s) for s in sets] == sorted(len(s) for s in sets)
    for nodes in sets:
        seen = {nodes[0]}
        for _ in nodes:
            seen |= {n.node for v in seen for n in topology.neighbours[v] if n.node in nodes}
        assert seen == set(nodes)


def test_bounds_with_cuts_hold_for_any_prices(tmp_path: Path) -> None:
    """Whatever the prices of limits and cuts: no bound lies above an optimum found apart."""
    checked = 0
    for seed in range(30):
        case = open_case(random_scenario(seed, tmp_path, limits=True))
        best = judge(case)
        if best is None:
            continue
        problem = stochastic_problem(case.network, case.forecast, case.setting.solver)
        rng = np.random.default_rng(seed)
        caps = problem.limits.caps[:, [REQUESTS]]
        finite = np.where(np.isfinite(caps), caps, 0.0)
        # parity holds without continuity too; cuts by continuity are left out here
        cuts = [c for c in LoadCutSeparator(problem).violated(finite) if len(c.fibres) % 2 == 0]
        alpha, gamma = rng.uniform(0, 1, (2, problem.scenarios, problem.fibres))
        delta = rng.uniform(0, 1, problem.limits.caps.shape)
        drawn = DualPrices(alpha, gamma, delta, rng.uniform(0, 1, len(cuts)))
        bound = SafeBound(problem, cuts).of(drawn)
        checked += bool(cuts)
        assert bound <= Fraction(best) * (1 + Fraction(1, 10**9)) + Fraction(1, 10**6)
    assert checked >= 3


def limited_nsfnet(seed: int, **limits: int) -> Scenario:
    scenario = nsfnet(demand__requests="100", run__seed=str(seed))
    return scenario.model_copy(update={"network": scenario.network.model_copy(update=limits)})


@pytest.mark.parametrize(
    ("seed", "limits", "cost"),
    [
        (1, {"qkd_wavelengths": 405}, 49_531_747.54),
        (3, {"km_wavelengths": 14}, 51_243_219.65),
        (1, {"km_wavelengths": 15}, 52_370_519.54),
    ],
)
def test_paper_size_plans_at_the_edge_are_proved(
    seed: int, limits: dict[str, int], cost: float
) -> None:
    scenario = limited_nsfnet(seed, **limits)
    plan = plan_of(scenario, "sip")
    assert plan.status is PlanStatus.OPTIMAL
    assert plan.assignment is not None
    assert plan.objective(open_case(scenario).network) == pytest.approx(cost, abs=0.01)


@pytest.mark.parametrize("formulation", ["auto", "routes", "full"])
def test_continuity_is_part_of_the_proof_where_it_costs(formulation: str) -> None:
    """Six nodes, nine requests, two wavelengths: without continuity 871,030 would do."""
    scenario = load_scenario(CASES / "gap171_mult10.toml")
    plan = plan_of(scenario, "sip", formulation=formulation)
    assert plan.status is PlanStatus.OPTIMAL
    assert plan.objective(open_case(scenario).network) == 871_780


def test_a_plan_that_is_not_proved_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    # larger instances are not branched on with continuity
    monkeypatch.setattr(routes_program, "MOST_BRANCHED_COLOURED", 0)
    scenario = load_scenario(CASES / "gap171_mult10.toml")
    plan = plan_of(scenario, "sip", formulation="routes")
    assert plan.status is PlanStatus.FEASIBLE
    assert "not proved for want of continuity" in plan.note
    assert "integrality" not in plan.note


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "limits", "cost"),
    [
        (1, {"qkd_wavelengths": 567}, 126_152_204.17),
        (4, {"qkd_wavelengths": 652}, 129_326_698.45),
        (3, {"qkd_wavelengths": 745}, 126_575_404.43),
        (1, {"km_wavelengths": 21}, 133_678_780.21),
    ],
)
def test_continuity_at_nodes_is_part_of_the_proof(
    seed: int, limits: dict[str, int], cost: float
) -> None:
    scenario = parse_scenario(
        f"[run]\nseed = {seed}\n[network]\ntopology = 'usnet'\n[demand]\nrequests = 200\n"
    )
    network = scenario.network.model_copy(update=limits)
    scenario = scenario.model_copy(update={"network": network})
    plan = plan_of(scenario, "sip")
    assert plan.status is PlanStatus.OPTIMAL
    assert plan.assignment is not None
    assert plan.objective(open_case(scenario).network) == pytest.approx(cost, abs=0.01)
