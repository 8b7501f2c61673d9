"""Limits for requests with distributions of their own: least limit, work limits, cuts, colours."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from qnetsim.case import Case, load, open_case
from qnetsim.errors import InfeasibleError
from qnetsim.network import Network, Route, simple_routes
from qnetsim.optimize import HIGHS, Plan
from qnetsim.optimize.columns.load_cuts import LoadCutSeparator
from qnetsim.optimize.columns.pricing import DualPrices
from qnetsim.optimize.columns.problem import RequestKind, RoutesProblem
from qnetsim.optimize.columns.safe_bound import SafeBound
from qnetsim.optimize.recourse import stochastic_problem
from qnetsim.optimize.stochastic import comonotone_plan
from qnetsim.scenario import Scenario
from qnetsim.vocabulary import PlanStatus
from tests.support.own_demand import (
    comonotone_states,
    least_cost,
    own_case,
    random_own_scenario,
    reference_scenario,
    written_four_kinds,
)
from tests.support.own_limits import fits_with_continuity
from tests.support.planning import network_text, plan_of

DENSE = "1-2:100 1-3:100 1-4:100 2-3:100 2-5:100 3-4:100 3-6:100 4-5:100 4-6:100 5-6:100"
NAMED = re.compile(r"network\.(qkd|km)_wavelengths = (\d+)")


def limited(scenario: Scenario, sigma: int, kappa: int) -> Scenario:
    changes = {"qkd_wavelengths": sigma, "km_wavelengths": kappa}
    cost = scenario.cost.model_copy(update={"blocking_cost": None})
    network = scenario.network.model_copy(update=changes)
    return scenario.model_copy(update={"network": network, "cost": cost})


def least_limits_are_right(seed: int, folder: Path) -> str:
    """Hold the limits that a message names against brute force; says how the plan ended."""
    rng = np.random.default_rng(seed)
    scenario = random_own_scenario(seed, folder)
    sigma, kappa = [(3, 0), (6, 0), (9, 0), (0, 1), (6, 1), (9, 2)][int(rng.integers(6))]
    scenario = limited(scenario, sigma, kappa)
    case = open_case(scenario)
    levels = comonotone_states(case)[-1][1]
    given = {"qkd": sigma or None, "km": kappa or None}

    def fits(limits: dict[str, int | None]) -> bool:
        return fits_with_continuity(case, levels, limits["qkd"], limits["km"])

    try:
        plan = comonotone_plan(case.network, case.forecast, HIGHS)
    except InfeasibleError as error:
        text = str(error)
        assert not fits(given)
        assert "at the highest demand" in text or "at level k" in text
        named = [(kind, int(limit)) for kind, limit in NAMED.findall(text)]
        assert named and "left aside" not in text
        if "limits that would do are" in text:
            together = given | dict(named)
            assert fits(together)
            for kind, limit in named:
                assert not fits(together | {kind: limit - 1})
        for kind, limit in named if "limit that would do is" in text else ():
            assert fits(given | {kind: limit})
            assert not fits(given | {kind: limit - 1})
        return "infeasible"
    assert plan.status is PlanStatus.OPTIMAL
    assert fits(given)
    return "planned"


def test_the_least_limit_is_that_of_brute_force(tmp_path: Path) -> None:
    ends = [least_limits_are_right(seed, tmp_path) for seed in range(5000, 5024)]
    assert ends.count("infeasible") >= 8
    assert ends.count("planned") >= 4


@pytest.mark.slow
def test_the_least_limit_is_that_of_brute_force_on_many(tmp_path: Path) -> None:
    ends = [least_limits_are_right(seed, tmp_path) for seed in range(5024, 5200)]
    assert ends.count("infeasible") >= 60


@pytest.fixture(scope="module")
def unlike(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Fourteen requests of four kinds on NSFNET; the relaxation alone leaves 1.4 % open."""
    folder = tmp_path_factory.mktemp("unlike")
    return open_case(load(written_four_kinds(folder, "comonotone", "qkd_wavelengths = 57")))


@pytest.fixture(scope="module")
def proved(unlike: Case) -> Plan:
    return comonotone_plan(unlike.network, unlike.forecast, HIGHS)


def test_a_plan_that_only_the_solver_proves_says_so(unlike: Case, proved: Plan) -> None:
    """Too many routes for a tree of our own: the bound is the one that is safe."""
    assert proved.status is PlanStatus.FEASIBLE
    assert "the solver calls the routes optimal" in proved.note
    assert proved.gap(unlike.network) < 0.014
    assert proved.assignment is not None and proved.assignment.fits
    assert proved.objective(unlike.network) == pytest.approx(5_111_140.54, abs=0.01)


def test_gap_and_work_limits_are_honoured(unlike: Case, proved: Plan) -> None:
    network = unlike.network

    def planned(**settings: float) -> Plan:
        changed = replace(HIGHS.settings, **settings)
        return comonotone_plan(network, unlike.forecast, replace(HIGHS, settings=changed))

    near = planned(gap=0.05)
    assert near.gap(network) <= 0.05
    assert near.size.rounds < proved.size.rounds
    few = planned(round_limit=3)
    assert few.size.rounds <= 3 < proved.size.rounds
    none = planned(node_limit=0)
    assert none.status is PlanStatus.FEASIBLE
    assert "not proved for want of integrality" in none.note
    assert none.size.variables < proved.size.variables
    for plan in (near, few, none):
        assert plan.bound <= proved.objective(network) <= plan.objective(network) * (1 + 1e-12)


def test_routes_are_moved_until_unlike_requests_have_wavelengths() -> None:
    scenario = reference_scenario(7)
    network = scenario.network.model_copy(update={"km_wavelengths": 2})
    case = open_case(scenario.model_copy(update={"network": network}))
    plan = comonotone_plan(case.network, case.forecast, HIGHS)
    assert plan.status is PlanStatus.OPTIMAL
    assert plan.assignment is not None and plan.assignment.fits
    assert plan.objective(case.network) == pytest.approx(6_261_382.53, abs=0.01)


def served(
    rng: np.random.Generator, network: Network, widths: list[int], limit: int
) -> list[tuple[int, Route]]:
    """Distribution and route of random requests that find wavelengths free all the way."""
    nodes = len(network.topology.nodes)
    busy = np.zeros((network.fibres, limit), dtype=bool)
    routes = []
    for _ in range(60):
        a, b = sorted(rng.choice(nodes, 2, replace=False).tolist())
        ways = simple_routes(network.topology, (a, b), 5)
        route = ways[int(rng.integers(len(ways)))]
        kind = int(rng.integers(len(widths)))
        fibres = list(route.fibres)
        free = np.flatnonzero(~busy[fibres].any(axis=0))
        if free.size >= widths[kind]:
            chosen = rng.choice(free, widths[kind], replace=False)
            busy[np.ix_(fibres, chosen)] = True
            routes.append((kind, route))
    return routes


def test_no_routing_of_unlike_requests_breaks_a_cut(tmp_path: Path) -> None:
    full = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        limit = int(rng.integers(9, 28))
        rho = sorted(rng.choice([0, 1, 2, 3, 4], 3, replace=False).tolist())
        scenario = network_text(
            tmp_path, DENSE, f"qkd_wavelengths = {limit}", "levels = 3\nrequests = 3"
        )
        network = open_case(scenario).network
        routes = served(rng, network, [3 * c for c in rho], limit)
        counts = Counter(
            RequestKind((route.nodes[0], route.nodes[-1]), kind) for kind, route in routes
        )
        problem = RoutesProblem(
            network=network,
            counts=counts,
            levels=[0],
            probabilities=np.ones(1),
            channels=np.repeat(np.array(rho)[None, :, None], network.fibres, axis=2),
            reserved=network.costs.reserved,
            on_demand=network.costs.on_demand,
        )
        load = np.zeros((1, 3, network.fibres))
        for kind, route in routes:
            load[0, kind, list(route.fibres)] += 1
        room = problem.limits.caps - problem.limits.used(load)
        assert (room >= 0).all()
        full += int((room == 0).sum())
        assert LoadCutSeparator(problem).violated(load) == []
    assert full > 60


def test_bounds_with_cuts_hold_for_any_prices(tmp_path: Path) -> None:
    """Whatever the prices of limits and cuts: no bound lies above an optimum found apart."""
    checked = 0
    for seed in range(1000, 1030):
        case = own_case(seed, tmp_path, limits=True)
        best = least_cost(case, comonotone_states(case), whole=True)
        if best is None:
            continue
        problem = stochastic_problem(case.network, case.forecast, HIGHS)
        rng = np.random.default_rng(seed)
        loads = rng.uniform(0, 4, (problem.scenarios, problem.distributions, problem.fibres))
        # cuts by continuity, of an odd number of fibres, bound plans with wavelengths only
        cuts = [
            cut
            for cut in LoadCutSeparator(problem).violated(loads)
            if len(cut.fibres) % 2 == 0 or len(cut.fibres) == 1
        ]
        alpha, gamma = rng.uniform(0, 1, (2, problem.scenarios, problem.fibres))
        delta = rng.uniform(0, 1, problem.limits.caps.shape)
        drawn = DualPrices(alpha, gamma, delta, rng.uniform(0, 0.1, len(cuts)))
        bound = SafeBound(problem, cuts).of(drawn)
        checked += bool(cuts)
        assert bound <= Fraction(best) * (1 + Fraction(1, 10**9)) + Fraction(1, 10**6)
    assert checked >= 8


def test_a_refusal_of_perfect_information_names_the_least_limit(tmp_path: Path) -> None:
    refused = 0
    for seed in range(5000, 5012):
        scenario = limited(random_own_scenario(seed, tmp_path), 3, 0)
        try:
            plan_of(scenario, "perfect")
        except InfeasibleError as error:
            refused += 1
            assert re.search(r"network\.qkd_wavelengths = \d+ \(\|σ\|\)", str(error))
    assert refused >= 4
