"""Wavelength limits: what lacks, what would do, what blocking costs, routes that are moved."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from qnetsim.case import Case, open_case
from qnetsim.errors import InfeasibleError
from qnetsim.network import BLOCKED
from qnetsim.optimize.lightpaths.checker import violations
from qnetsim.optimize.lightpaths.explicit import explicit_plan, wavelengths_of
from qnetsim.optimize.plan import Plan
from qnetsim.policies.registry import make_policy
from qnetsim.scenario import Scenario, load_scenario, parse_scenario
from qnetsim.vocabulary import PlanStatus
from tests.support.helpers import Result, nsfnet, run
from tests.support.planning import judge, network_text, plan_of, random_scenario

CASES = Path(__file__).parent / "cases"
TRIANGLE = "1-2:100 1-3:100 2-3:100"
FOUR = 'kind = "table"\nlevels = 3\nprobabilities = [0, 0.75, 0.25]\n'
FOUR += "pairs = [[1,2],[1,2],[1,2],[1,2]]"


def limited(scenario: Scenario, **limits: int) -> Scenario:
    return scenario.model_copy(update={"network": scenario.network.model_copy(update=limits)})


def refused(scenario: Scenario) -> str:
    with pytest.raises(InfeasibleError) as caught:
        plan_of(scenario, "sip")
    return str(caught.value)


def test_the_least_limit_does_and_less_does_not(tmp_path: Path) -> None:
    found = 0
    for seed in range(40):
        scenario = random_scenario(seed, tmp_path, limits=True)
        if judge(open_case(scenario)) is not None:
            continue
        text = refused(scenario)
        for key, step in (("qkd_wavelengths", 3), ("km_wavelengths", 1)):
            least = re.search(rf"least limit that would do is .*{key} = (\d+)", text)
            if least is None:
                continue
            found += 1
            limit = int(least.group(1))
            assert judge(open_case(limited(scenario, **{key: limit}))) is not None
            if limit > step:
                assert judge(open_case(limited(scenario, **{key: limit - step}))) is None
    assert found >= 5


def test_two_limits_that_both_lack_are_both_named(tmp_path: Path) -> None:
    text = refused(
        network_text(tmp_path, TRIANGLE, "qkd_wavelengths = 3\nkm_wavelengths = 1", FOUR)
    )
    assert "at level k = 2 the fibres 1–2, 1–3" in text
    # two requests of six wavelengths each way
    assert "least limits that would do are network.qkd_wavelengths = 12 (|σ|) and " in text
    assert "network.km_wavelengths = 2 (|κ|)" in text
    assert "cost.blocking_cost" in text


def test_blocking_at_a_price(tmp_path: Path) -> None:
    """Six wavelengths: at level 2 one request fits each way, at level 1 two do."""
    text = "qkd_wavelengths = 6\n[cost]\nblocking_cost = {}\n[run]\nslots = 400"
    dear = network_text(tmp_path, TRIANGLE, text.format(10**6), FOUR)
    case, plan = open_case(dear), plan_of(dear, "sip")
    assert plan.status is PlanStatus.OPTIMAL
    assert plan.routes.blocked(1) == 0
    assert plan.routes.blocked(2) == 2
    assert plan.blocked == pytest.approx(0.25 * 2)
    assert plan.blocking_cost(case.network) == pytest.approx(0.25 * 2 * 10**6)
    free = network_text(tmp_path, TRIANGLE, text.format(0), FOUR)
    plan = plan_of(free, "sip")
    assert plan.blocked == pytest.approx(4)
    assert plan.objective(open_case(free).network) == 0


def blocking_case(slots: int) -> Case:
    changes = {"demand__requests": "12", "network__qkd_wavelengths": "40"}
    return open_case(nsfnet(cost__blocking_cost="300_000.0", run__slots=str(slots), **changes))


@lru_cache
def blocking_plan(name: str) -> Plan:
    """It takes seconds, and is the same for any number of slots."""
    return plan_of(blocking_case(600), name)


def blocked_in(case: Case, name: str, plan: Plan | None = None) -> Result:
    """Run in which requests are blocked at their price."""
    result = run(case, make_policy(name, {}), plan=plan)
    assert result.columns["blocked"].sum() > 0
    np.testing.assert_array_equal(
        result.columns["blocking_cost"], result.columns["blocked"] * 300_000.0
    )
    return result


def test_what_empirical_blocks_has_its_price() -> None:
    blocked_in(blocking_case(60), "empirical")


@pytest.mark.parametrize("name", ["sip", "evf", "perfect"])
def test_plans_that_block_cost_what_they_say(name: str) -> None:
    case, plan = blocking_case(600), blocking_plan(name)
    result = blocked_in(case, name, plan)
    assert plan.blocked > 0
    # the cost of a slot is a function of its level: weigh the levels with their probabilities
    levels = result.levels[:, 0]
    p = case.forecast.levels.probabilities
    known = [k for k in range(10) if (levels == k).any()]
    mean = sum(p[k] * result.cost[levels == k].mean() for k in known)
    for k in known:
        assert np.ptp(result.cost[levels == k]) == 0
        assert (result.columns["blocked"][levels == k] == plan.routes.blocked(k)).all()
    missing = 1 - sum(p[k] for k in known)
    assert mean == pytest.approx(plan.objective(case.network), rel=2e-6 + 5 * missing)


def test_blocked_requests_have_no_lightpath() -> None:
    case, plan = blocking_case(600), blocking_plan("sip")
    assignment = wavelengths_of(plan, case.network, case.forecast)
    assert assignment is not None
    checked = explicit_plan(plan, case.network, case.forecast, assignment)
    assert violations(checked) == []
    refused_at = next(k for k in range(10) if plan.routes.blocked(k))
    request = next(r for r in range(12) if plan.routes.route(r, refused_at) == BLOCKED)
    assert assignment.km[refused_at][request] == ()
    assert request in checked.blocked[sorted(assignment.qkd).index(refused_at)]


@pytest.mark.parametrize("topology_requests_limit", [("nsfnet", 100, 378), ("usnet", 200, 633)])
def test_binding_limits_are_planned_with_wavelengths(
    topology_requests_limit: tuple[str, int, int],
) -> None:
    """At and near the edge of feasibility; USNET's needs routes that are moved for a colouring."""
    topology, requests, limit = topology_requests_limit
    scenario = nsfnet(
        network__topology=f'"{topology}"',
        network__qkd_wavelengths=str(limit),
        demand__requests=str(requests),
        run__seed="3" if topology == "nsfnet" else "4",
    )
    case, plan = open_case(scenario), plan_of(scenario, "sip")
    assert plan.assignment is not None
    assert plan.gap(case.network) <= 1e-4
    explicit = explicit_plan(plan, case.network, case.forecast, plan.assignment)
    assert violations(explicit) == []


def test_random_without_room_says_how_often_it_blocks() -> None:
    plan = plan_of(nsfnet(network__qkd_wavelengths="100"), "random")
    assert plan.status is PlanStatus.OVER_LIMIT
    assert re.search(r"in at most \d\.?\d* of the slots", plan.note)


def test_empirical_plans_within_limits_and_goes_on_where_it_cannot() -> None:
    changes = {"demand__requests": "100", "run__slots": "40"}
    scenario = nsfnet(network__qkd_wavelengths="450", **changes)
    fits = run(scenario, make_policy("empirical", {"every_slots": 20}))
    assert (fits.columns["qkd_channels"][20:] <= 150).all()
    assert fits.columns["blocked"][20:].sum() == 0
    hopeless = nsfnet(network__qkd_wavelengths="90", **changes)
    result = run(hopeless, make_policy("empirical", {"every_slots": 20}))
    assert result.columns["blocked"][20:].sum() > 0


def test_a_limit_that_cannot_help_continuity_is_not_named(tmp_path: Path) -> None:
    """Three pairs of a star need three colours; |κ| = 2 binds, whatever |σ|."""
    limits = "km_wavelengths = 2\nqkd_wavelengths = 30"
    demand = "levels = 3\nmean = 1\npairs = [[1,2],[2,3],[1,3]]"
    text = refused(network_text(tmp_path, "0-1:100 0-2:100 0-3:100", limits, demand))
    assert "keep continuity (26), (27)" in text
    assert "the least limit that would do is network.km_wavelengths = 3 (|κ|); raise" in text


@pytest.mark.parametrize(
    "limit",
    [6, pytest.param(9, marks=pytest.mark.slow), pytest.param(12, marks=pytest.mark.slow), 13, 14],
)
def test_a_least_limit_need_be_no_multiple_of_three(limit: int) -> None:
    """Five arcs of two hops on a ring, six wavelengths each: continuity takes 5/2 of that."""
    ring = load_scenario(CASES / "ring12_0.toml")
    text = refused(limited(ring, qkd_wavelengths=limit))
    assert "the least limit that would do is network.qkd_wavelengths = 15 (|σ|);" in text


@pytest.mark.parametrize("name", ["ring15_0", "ring12_0"])
def test_the_least_limit_of_a_ring_does(name: str) -> None:
    scenario = limited(load_scenario(CASES / f"{name}.toml"), qkd_wavelengths=15)
    assert plan_of(scenario, "sip").status is PlanStatus.OPTIMAL


def unlike_scenario(seed: int, folder: Path) -> Scenario:
    """A small network whose fibres differ in spacing, and so in the channels ρ of a request."""
    rng = np.random.default_rng(seed)
    nodes = int(rng.integers(3, 6))
    edges = {(int(rng.integers(0, n)), n) for n in range(1, nodes)}
    for _ in range(int(rng.integers(1, 5))):
        edges.add(tuple(sorted(rng.choice(nodes, 2, replace=False).tolist())))
    path = folder / f"unlike{seed}.csv"
    rows = [f"{a},{b},{int(rng.integers(50, 600))}" for a, b in sorted(edges)]
    path.write_text("source,target,length_km\n" + "\n".join(rows) + "\n")
    spans = ", ".join(f'["{a}", "{b}", {rng.choice([80, 160, 240])}]' for a, b in sorted(edges))
    return parse_scenario(
        f"[run]\nseed = {seed}\n[network]\ntopology = {str(path)!r}\nkey_rate = 'inverse'\n"
        f"fibre_spans = [{spans}]\nqkd_wavelengths = {rng.choice([6, 9, 12, 18])}\n"
        f"km_wavelengths = {rng.choice([0, 0, 2])}\n"
        f"[demand]\nlevels = {rng.integers(2, 4)}\nmean = 1\nrequests = {rng.integers(2, 6)}\n"
    )


def unlike_ends(seed: int, folder: Path) -> str:
    """How a plan ends; the full program must agree."""
    scenario = unlike_scenario(seed, folder)
    case = open_case(scenario)
    costs = []
    for formulation in ("auto", "full"):
        try:
            plan = plan_of(scenario, "sip", formulation=formulation)
        except InfeasibleError:
            costs.append(np.inf)
            continue
        assert plan.status is PlanStatus.OPTIMAL
        costs.append(plan.objective(case.network))
    assert costs[0] == pytest.approx(costs[1], rel=1e-7)
    if costs[0] == np.inf:
        return "infeasible"
    rho = case.network.level_channels(case.forecast.level_count)[-1]
    return "unlike" if len(set(rho.tolist())) > 1 else "alike"


def test_unlike_fibres_are_planned_or_refuted(tmp_path: Path) -> None:
    ends = [unlike_ends(seed, tmp_path) for seed in range(12)]
    assert ends.count("unlike") >= 4
    assert "infeasible" in ends


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12, 92))
def test_unlike_fibres_are_planned_or_refuted_on_dozens(seed: int, tmp_path: Path) -> None:
    unlike_ends(seed, tmp_path)
