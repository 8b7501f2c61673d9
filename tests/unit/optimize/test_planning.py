"""Closed form, routes program, bounds, recourse and itemised plans."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qnetsim.case import open_case
from qnetsim.errors import InfeasibleError
from qnetsim.network import BLOCKED, Route, RouteTable
from qnetsim.optimize import by_level_weight, marginal_loads, newsvendor
from qnetsim.optimize.itemise import itemise, priced
from qnetsim.optimize.marginals import expected_excess, state_loads
from qnetsim.optimize.plan import OPTIMALITY_GAP
from qnetsim.plans.make import make_plan
from qnetsim.policies.registry import make_policy
from qnetsim.scenario import PolicyTable, parse_scenario
from qnetsim.vocabulary import PlanStatus
from tests.support.helpers import nsfnet, run
from tests.support.planning import judge, network_text, plan_of, random_scenario, twinned


def check_against_judge(seed: int, folder: Path, *, limits: bool, twins: bool = False) -> str:
    made = random_scenario(seed, folder, limits=limits)
    case = twinned(made, seed, 0.15 if limits else 0.4) if twins else open_case(made)
    best = judge(case)
    if best is None:
        with pytest.raises(InfeasibleError, match=r"at level k = \d+ the fibres? n"):
            plan_of(case, "sip")
        return "infeasible"
    plan = plan_of(case, "sip")
    objective = plan.objective(case.network)
    slack = 1e-6 * max(best, 1.0)
    assert plan.bound is not None
    assert plan.bound <= best + slack
    assert objective >= best - slack
    if plan.status is PlanStatus.OPTIMAL:
        assert objective == pytest.approx(best, rel=1e-6, abs=1e-3)
    assert (plan.qkd_channels == np.round(plan.qkd_channels)).all()
    evf = plan_of(case, "evf")
    recourse = judge(case, (evf.qkd_channels, evf.km_wavelengths))
    assert recourse is not None
    assert evf.objective(case.network) >= recourse - slack
    if evf.status is PlanStatus.OPTIMAL:
        assert evf.objective(case.network) == pytest.approx(recourse, rel=1e-6, abs=1e-3)
    perfect = plan_of(case, "perfect").objective(case.network)
    assert perfect <= best + slack
    assert best <= evf.objective(case.network) + slack
    return "closed form" if "closed form" in plan.solver else "program"


@pytest.mark.parametrize("limits", [False, True])
def test_sip_equals_the_integer_program(limits: bool, tmp_path: Path) -> None:
    seeds = range(30)
    kinds = {check_against_judge(seed, tmp_path, limits=limits) for seed in seeds}
    assert kinds >= ({"infeasible", "program"} if limits else {"closed form"})


@pytest.mark.parametrize("limits", [False, True])
def test_sip_equals_the_integer_program_over_parallel_fibres(limits: bool, tmp_path: Path) -> None:
    seeds = range(12)
    kinds = {check_against_judge(seed, tmp_path, limits=limits, twins=True) for seed in seeds}
    assert kinds >= ({"infeasible", "program"} if limits else {"closed form"})


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 180))
def test_sip_equals_the_integer_program_over_many_networks_of_parallel_fibres(
    seed: int, tmp_path: Path
) -> None:
    check_against_judge(seed, tmp_path, limits=seed % 4 > 0, twins=True)


def test_the_routes_program_takes_over_where_the_closed_form_is_too_dear() -> None:
    text = """
[network]
topology = "usnet"
[cost]
on_demand_multiplier = 0.2
[demand]
requests = 200
"""
    scenario = parse_scenario(text)
    case, plan = open_case(scenario), plan_of(scenario, "sip")
    assert plan.solver.startswith("routes program")
    assert plan.status is PlanStatus.OPTIMAL
    marginals = marginal_loads(case.network, case.forecast, case.setting.shortest_routes())
    dearer = sum(
        min(
            reserved * q + on_demand * expected_excess(law, q)
            for q in range(int(law.values[-1]) + 1)
        )
        for laws, reserved_all, on_demand_all in (
            (
                marginals.channels,
                case.network.costs.qkd_reserved,
                case.network.costs.qkd_on_demand,
            ),
            (
                marginals.wavelengths,
                case.network.costs.km_reserved,
                case.network.costs.km_on_demand,
            ),
        )
        for law, reserved, on_demand in zip(laws, reserved_all, on_demand_all, strict=True)
    )
    assert plan.objective(case.network) < dearer * (1 - 1e-7)


def test_comonotone_loads_add_up_the_states_of_each_value_in_order() -> None:
    case = open_case(nsfnet(demand__requests="40", demand__levels="12"))
    # other routes at each level, so that loads fall and come again
    by_level = [by_level_weight(case.network, case.forecast.pairs, k * 7 % 3) for k in range(12)]
    by_level[11] = dict.fromkeys(by_level[11], BLOCKED)
    routes = RouteTable.by_pair_and_level(case.forecast.pairs, by_level)
    found = marginal_loads(case.network, case.forecast, routes)
    probabilities = case.forecast.joint.probabilities.tolist()
    several = 0
    loads = state_loads(case.network, case.forecast, routes)
    for laws, values in ((found.channels, loads.amounts), (found.wavelengths, loads.requests)):
        for law, column in zip(laws, values.T.tolist(), strict=True):
            expected: dict[int, float] = {}
            for value, probability in zip(column, probabilities, strict=True):
                expected[value] = expected.get(value, 0.0) + probability
            # to the last bit
            assert law.values.tolist() == sorted(expected)
            assert law.probabilities.tolist() == [expected[v] for v in sorted(expected)]
            several += len(expected) < len(column)
    assert several > 21


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30, 330))
def test_sip_equals_the_integer_program_on_hundreds(seed: int, tmp_path: Path) -> None:
    check_against_judge(seed, tmp_path, limits=bool(seed % 2))


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=8, unique=True),
    st.floats(0.1, 10),
    st.floats(0.1, 40),
    st.integers(0, 10**6),
)
def test_newsvendor_is_the_least_cost(
    values: list[int], reserved: float, on_demand: float, seed: int
) -> None:
    law = np.random.default_rng(seed).dirichlet(np.ones(len(values)))
    loads = np.array(sorted(values), dtype=float)
    q = newsvendor(loads, law, reserved, on_demand)

    def cost(amount: float) -> float:
        return reserved * amount + on_demand * float(np.maximum(loads - amount, 0) @ law)

    assert cost(q) <= min(cost(amount) for amount in range(32)) + 1e-9


def test_independent_first_stage_is_exact_for_its_routes() -> None:
    scenario = nsfnet(demand__coupling='"independent"', demand__requests="25")
    case, plan = open_case(scenario), plan_of(scenario, "sip")
    objective = plan.objective(case.network)
    assert plan.status is PlanStatus.FEASIBLE
    assert plan.bound < objective
    # Monte Carlo over the same routes, with the first stage and with each fibre one unit off
    rng = np.random.default_rng(0)
    levels = rng.choice(10, (40_000, 25), p=case.forecast.levels.probabilities)
    loads, counts = case.forecast.channel_loads(case.network, plan.routes).loads(levels)
    c = case.network.costs

    def per_fibre(q: np.ndarray) -> np.ndarray:
        return q * c.qkd_reserved + np.maximum(loads - q, 0).mean(axis=0) * c.qkd_on_demand

    mean = per_fibre(plan.qkd_channels).sum() + counts.mean(axis=0) @ c.km_reserved
    assert mean == pytest.approx(objective, rel=5e-3)
    for step in (-2, 2):
        worse = per_fibre(np.maximum(plan.qkd_channels + step, 0))
        assert (worse >= per_fibre(plan.qkd_channels) - 1e-6 * objective).all()


@pytest.mark.parametrize("name", ["sip", "evf", "random", "perfect"])
@pytest.mark.parametrize("coupling", ["comonotone", "independent"])
def test_components_priced_sum_to_the_objective(name: str, coupling: str) -> None:
    scenario = nsfnet(
        demand__requests="40", demand__coupling=f'"{coupling}"', cost__on_demand_multiplier="1.3"
    )
    case, plan = open_case(scenario), plan_of(scenario, name)
    items = itemise(plan, case.network, case.forecast, scenario.cost)
    objective = plan.objective(case.network)
    assert items.fibres.cost.sum() == pytest.approx(objective, rel=1e-12)
    by_request = items.requests.cost.sum() + items.unassigned.cost.sum()
    assert by_request == pytest.approx(objective, rel=1e-12)
    assert priced(items.fibres.reserved, scenario.cost.reserved).sum() == pytest.approx(
        plan.first_stage_cost(case.network), rel=1e-12
    )


def test_reservations_that_nobody_uses_are_unassigned() -> None:
    """The literal reading of random reserves on every fibre, also where no route goes."""
    scenario = nsfnet(demand__requests="3")
    case, plan = open_case(scenario), plan_of(scenario, "random", reading="literal")
    items = itemise(plan, case.network, case.forecast, scenario.cost)
    idle = plan.routes.requests_per_fibre(21) == 0
    expected = items.fibres.cost[idle].sum()
    assert expected > 0
    assert items.unassigned.cost[0] == pytest.approx(expected)
    whole = items.requests.cost.sum() + items.unassigned.cost.sum()
    assert whole == pytest.approx(plan.objective(case.network), rel=1e-12)


def test_shares_follow_the_expected_channels() -> None:
    """One request uses the fibre at level 1 only, the other at level 2 only: 1·p1 to 2·p2."""
    text = '[network]\ntopology = "nsfnet"\n[demand]\nkind = "table"\nlevels = 3\n'
    text += "probabilities = [0.2, 0.3, 0.5]\npairs = [[1, 2], [1, 2]]"
    scenario = parse_scenario(text)
    case, plan = open_case(scenario), plan_of(scenario, "sip")
    at = {frozenset(ends): e for e, ends in enumerate(case.network.topology.fibres)}
    direct = Route((0, 1), (at[frozenset((0, 1))],))
    around = Route((0, 2, 1), (at[frozenset((0, 2))], at[frozenset((2, 1))]))
    table = RouteTable.of([[around, direct, around], [around, around, direct]])
    channels, wavelengths = replace(plan, routes=table).shares(case.network, case.forecast)
    fibre = direct.fibres[0]
    assert channels[:, fibre] == pytest.approx([0.3 / 1.3, 1.0 / 1.3])
    assert wavelengths[:, fibre] == pytest.approx([0.3 / 0.8, 0.5 / 0.8])


def test_the_cheaper_price_of_each_component() -> None:
    costs = open_case(nsfnet(cost__on_demand_multiplier="0.3")).network.costs
    for cheap, one, other in (
        (costs.exact_km_cheapest, costs.exact_km_reserved, costs.exact_km_on_demand),
        (costs.exact_qkd_cheapest, costs.exact_qkd_reserved, costs.exact_qkd_on_demand),
    ):
        assert list(cheap) == [min(pair) for pair in zip(one, other, strict=True)]
    assert any(a < b for a, b in zip(costs.exact_km_cheapest, costs.exact_km_reserved, strict=True))


def test_a_requests_components_follow_equations_1_to_6() -> None:
    """With a deterministic demand nothing is shared, so the equations hold request by request."""
    text = '[network]\ntopology = "nsfnet"\n[demand]\nkind = "table"\nlevels = 4\n'
    scenario = parse_scenario(text + "probabilities = [0, 0, 0, 1]\nrequests = 20")
    case, plan = open_case(scenario), plan_of(scenario, "sip")
    items = itemise(plan, case.network, case.forecast, scenario.cost).requests
    for r in range(20):
        route = plan.routes.route(r, 3).fibres
        n = [int(case.network.segments[e]) for e in route]
        km = sum(case.network.topology.lengths_km[e] for e in route)
        assert items.reserved["transmitter"][r] == pytest.approx(sum(2 * 3 * x for x in n))
        assert items.reserved["receiver"][r] == pytest.approx(sum(3 * x for x in n))
        assert items.reserved["key_manager"][r] == pytest.approx(sum(x + 1 for x in n))
        assert items.reserved["security_infrastructure"][r] == pytest.approx(sum(x - 1 for x in n))
        assert items.reserved["mux_demux"][r] == pytest.approx(sum(2 * x - 1 for x in n))
        assert items.reserved["channel_km"][r] == pytest.approx(3 * 3 * km + km)


def test_tight_limits_of_the_papers_default_demand() -> None:
    """For one draw of the default demand, 400 wavelengths are feasible and 350 are not."""
    for limit, feasible in ((400, True), (350, False)):
        scenario = nsfnet(
            demand__requests="100", network__qkd_wavelengths=str(limit), run__seed="3"
        )
        if feasible:
            plan = plan_of(scenario, "sip")
            gap = plan.gap(open_case(scenario).network)
            assert 0 <= gap < 2e-4
        else:
            with pytest.raises(InfeasibleError, match=r"k = 9 .* network.qkd_wavelengths = 378 "):
                plan_of(scenario, "sip")


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.sampled_from(["sip", "evf"]))
def test_cost_of_a_plan_is_exact_for_realised_frequencies(seed: int, name: str) -> None:
    """Mean simulated cost = expected cost under the realised frequencies, to the last digit."""
    scenario = nsfnet(run__seed=str(seed), run__slots="200", demand__requests="30")
    case, plan = open_case(scenario), plan_of(scenario, name)
    result = run(case, make_policy(name, {}))
    frequency = np.bincount(result.levels[:, 0], minlength=10) / 200
    table = case.forecast.channel_loads(case.network, plan.routes)
    loads, counts = table.loads(np.arange(10)[:, None])
    c = case.network.costs
    by_level = (
        np.maximum(loads - plan.qkd_channels, 0) @ c.qkd_on_demand
        + np.maximum(counts - plan.km_wavelengths, 0) @ c.km_on_demand
        + plan.first_stage_cost(case.network)
    )
    assert result.cost.mean() == pytest.approx(float(frequency @ by_level), rel=1e-14)


def test_an_integer_routing_is_found_beside_the_relaxations_routes(tmp_path: Path) -> None:
    scenario = network_text(
        tmp_path,
        "2-3:100 2-5:150 1-2:100 1-5:300 3-4:500 3-5:150 1-3:150 4-5:150",
        "qkd_wavelengths = 9",
        'kind = "table"\nlevels = 3\nprobabilities = [0,0,1]\n'
        "pairs = [[3,4],[5,1],[2,3],[1,2],[3,2]]",
    )
    for name in ("sip", "perfect", "evf"):
        assert plan_of(scenario, name).objective(open_case(scenario).network) == 138_100


def test_fractional_routes_are_no_routing(tmp_path: Path) -> None:
    """The relaxation fits in both; one has an integer routing off its routes, the other none."""
    demand = "levels = 1\npairs = "
    found = network_text(
        tmp_path,
        "0-1:100 0-4:100 1-2:100 1-3:100 1-4:100 2-3:100 2-4:100 3-4:100",
        "km_wavelengths = 1",
        demand + "[[0,2],[1,4],[1,4],[3,4]]",
    )
    plan = plan_of(found, "sip")
    assert plan.routes.requests_per_fibre(8).max() == 1
    none = network_text(
        tmp_path,
        "0-1:100 0-2:100 0-3:100 1-2:100 2-4:100 3-4:100",
        "km_wavelengths = 1",
        demand + "[[0,2],[2,3],[1,4]]",
    )
    assert judge(open_case(none)) is None
    with pytest.raises(
        InfeasibleError, match=r"k = 0 .* lacks 1 KM wavelength .* network\.km_wavelengths = 2 "
    ):
        plan_of(none, "sip")


@pytest.mark.parametrize("seed_limit", [(3, 429)])
def test_feasible_limits_are_not_refused(seed_limit: tuple[int, int]) -> None:
    seed, limit = seed_limit
    scenario = nsfnet(
        demand__requests="100", network__qkd_wavelengths=str(limit), run__seed=str(seed)
    )
    for name in ("sip", "evf", "perfect"):
        plan_of(scenario, name)


@pytest.mark.parametrize("levels", [16, 30])
def test_levels_of_tiny_probability_are_routed_too(levels: int, tmp_path: Path) -> None:
    scenario = network_text(
        tmp_path,
        "1-2:100 1-3:300 2-3:300",
        f"qkd_wavelengths = {6 * (levels - 1)}",
        f"levels = {levels}\nmean = 1\npairs = [[1,2],[1,2],[1,2],[1,2]]",
    )
    case, plan = open_case(scenario), plan_of(scenario, "sip")
    worst = plan.routes.requests_per_fibre(3, level=levels - 1)
    assert (worst * (levels - 1) <= case.network.max_channels).all()
    assert plan.status in {PlanStatus.OPTIMAL, PlanStatus.FEASIBLE}
    if levels == 16:
        assert plan.objective(case.network) == pytest.approx(64_809.1, abs=0.1)


def test_levels_of_no_probability_need_no_wavelengths(tmp_path: Path) -> None:
    scenario = network_text(
        tmp_path,
        "A-B:50 B-C:70 A-C:200",
        "qkd_wavelengths = 3",
        'kind = "table"\nlevels = 3\nprobabilities = [0.5,0.5,0.0]\npairs = "all"',
    )
    case = open_case(scenario)
    assert plan_of(scenario, "sip").objective(case.network) == 32_330
    assert plan_of(scenario, "perfect").objective(case.network) <= 32_330


@pytest.mark.parametrize("levels", [2, 5, 23, 59])
def test_free_reservations_cost_nothing(levels: int, tmp_path: Path) -> None:
    scenario = network_text(
        tmp_path,
        "1-2:100 2-3:100",
        "[cost.reserved]\ntransmitter = 0\nreceiver = 0\nchannel_km = 0\nkey_manager = 0\n"
        "security_infrastructure = 0\nmux_demux = 0",
        f"levels = {levels}\nmean = 2\npairs = 'all'",
    )
    plan = plan_of(scenario, "sip")
    assert plan.objective(open_case(scenario).network) == pytest.approx(0, abs=1e-9)


def test_evf_reserves_what_the_deterministic_program_does(tmp_path: Path) -> None:
    """Everything is reserved in Eq (8): cheap on-demand KM wavelengths must not bend routes."""
    for limit in (0, 1_000_000):
        scenario = network_text(
            tmp_path,
            "1-2:320 1-3:50 2-3:160",
            f"qkd_wavelengths = {limit}\n[cost]\non_demand_multiplier = 0.1",
            'kind = "table"\nlevels = 2\nprobabilities = [0.5, 0.5]\npairs = [[1,2]]',
        )
        plan = plan_of(scenario, "evf")
        assert plan.first_stage_cost(open_case(scenario).network) == 16_430


def test_plans_that_may_block_say_so(tmp_path: Path) -> None:
    text = 'kind = "table"\nlevels = 2\nprobabilities = [0, 1]\ncoupling = "independent"\n'
    triangle = "1-2:100 1-3:100 2-3:100"
    scenario = network_text(
        tmp_path, triangle, "qkd_wavelengths = 6", text + "pairs = [[1,2],[1,2],[1,2],[1,2]]"
    )
    for name in ("sip", "perfect", "random"):
        plan = plan_of(scenario, name)
        assert plan.status is PlanStatus.OVER_LIMIT
        assert "may be blocked" in plan.note
    evf = plan_of(scenario, "evf")
    assert evf.status is PlanStatus.EXPECTATION  # its routes keep the limits
    result = run(open_case(scenario), make_policy("evf", {}))
    assert result.columns["blocked"].sum() == 0
    assert result.cost.mean() == pytest.approx(evf.objective(open_case(scenario).network))


def test_optimality_is_claimed_only_within_the_tolerance() -> None:
    assert OPTIMALITY_GAP <= 1e-6


def test_a_plan_that_leaves_a_price_aside_is_not_called_optimal() -> None:
    priced = make_plan(nsfnet(cost__exposure_cost="10.0"), PolicyTable(name="sip"))
    assert priced.status == "feasible"
    assert "without regard to the price of trust exposure" in priced.note
    assert make_plan(nsfnet(), PolicyTable(name="sip")).status == "optimal"
