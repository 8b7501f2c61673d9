"""Requests with distributions of their own: all methods agree with a program over all paths."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qnetsim.case import Case, open_case
from qnetsim.errors import InfeasibleError
from qnetsim.forecast.draws import draw_levels
from qnetsim.optimize import HIGHS, marginal_loads
from qnetsim.optimize.full.full_plan import full_plan
from qnetsim.optimize.routing import newsvendor_table
from qnetsim.optimize.state_routes import StateRoutes, in_states
from qnetsim.optimize.stochastic import comonotone_plan
from qnetsim.vocabulary import PlanStatus
from tests.support.own_demand import (
    comonotone_states,
    least_cost,
    own_case,
    random_own_scenario,
    reference_scenario,
)
from tests.support.planning import plan_of


@pytest.mark.parametrize(("step", "cost"), [(1, 43_891_598.73), (7, 5_479_228.51)])
def test_reference_values_of_own_means(step: int, cost: float) -> None:
    case = open_case(reference_scenario(step))
    assert case.forecast.state_count == 46
    for formulation in ("newsvendor", "routes"):
        plan = comonotone_plan(case.network, case.forecast, HIGHS, formulation)
        assert plan.status is PlanStatus.OPTIMAL
        assert plan.objective(case.network) == pytest.approx(cost, rel=1e-9)
        assert plan.bound <= plan.objective(case.network)
    # each request's quantile at 1 − c^b/c^o, added up: no request has another's
    closed = comonotone_plan(case.network, case.forecast, HIGHS, "newsvendor")
    quantiles = [
        int(np.searchsorted(np.cumsum(case.forecast.levels_of(r).probabilities), 0.75))
        for r in range(case.forecast.requests)
    ]
    held = np.zeros(case.network.fibres)
    for r, quantile in enumerate(quantiles):
        held[list(closed.routes.route(r, 0).fibres)] += quantile
    np.testing.assert_array_equal(closed.qkd_channels, held)


def agree(case: Case) -> bool:
    """Hold all formulations against each other; says whether the closed form is optimal."""
    network, forecast = case.network, case.forecast
    states = comonotone_states(case)
    least = least_cost(case, states, whole=True)
    split = least_cost(case, states, whole=False)
    routes = comonotone_plan(network, forecast, HIGHS, "routes")
    closed = comonotone_plan(network, forecast, HIGHS, "newsvendor")
    auto = comonotone_plan(network, forecast, HIGHS)
    assert routes.objective(network) == pytest.approx(least, rel=1e-9)
    assert auto.objective(network) == pytest.approx(least, rel=1e-9)
    assert auto.status is PlanStatus.OPTIMAL
    for plan in (routes, closed, auto):
        assert plan.bound <= least * (1 + 1e-12)
        assert plan.objective(network) >= least * (1 - 1e-9)
    assert routes.bound <= split * (1 + 1e-12) or routes.bound <= least
    whole = full_plan(network, forecast, HIGHS)
    assert whole.objective(network) == pytest.approx(least, rel=1e-9)
    if closed.status is PlanStatus.OPTIMAL:
        assert closed.objective(network) == pytest.approx(split, rel=1e-9)
    return closed.objective(network) <= least * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_every_formulation_gives_the_least_cost_over_all_paths(seed: int, tmp_path: Path) -> None:
    agree(own_case(seed, tmp_path))


@pytest.mark.slow
def test_every_formulation_agrees_on_many_networks(tmp_path: Path) -> None:
    closed = [agree(own_case(seed, tmp_path)) for seed in range(300)]
    assert sum(closed) > 200


def keeps_limits(case: Case) -> None:
    least = least_cost(case, comonotone_states(case), whole=True)
    try:
        plan = comonotone_plan(case.network, case.forecast, HIGHS, "routes")
    except InfeasibleError as error:
        assert least is None
        assert "highest demand" in str(error)
        return
    assert least is not None
    assert plan.bound <= least * (1 + 1e-12)
    cost = plan.objective(case.network)
    if plan.status is PlanStatus.OPTIMAL:
        assert cost == pytest.approx(least, rel=1e-9)
    assert least * (1 - 1e-9) <= cost <= least * 1.05


@pytest.mark.parametrize("seed", range(1000, 1060))
def test_limits_are_kept_at_the_least_cost(seed: int, tmp_path: Path) -> None:
    keeps_limits(own_case(seed, tmp_path, limits=True))


@pytest.mark.slow
def test_limits_are_kept_on_many_networks(tmp_path: Path) -> None:
    for seed in range(1060, 1260):
        keeps_limits(own_case(seed, tmp_path, limits=True))


@pytest.mark.parametrize("seed", range(2000, 2005))
@pytest.mark.parametrize("limits", [False, True])
def test_recourse_and_perfect_information(seed: int, limits: bool, tmp_path: Path) -> None:
    scenario = random_own_scenario(seed, tmp_path, limits=limits)
    case = open_case(scenario)
    network = case.network
    states = comonotone_states(case)
    try:
        evf = plan_of(scenario, "evf")
        perfect = plan_of(scenario, "perfect")
    except InfeasibleError:
        # the mean fits only if the highest demand does, unless requests may be blocked
        assert network.limited and network.costs.blocking is None
        return
    fixed = (evf.qkd_channels, evf.km_wavelengths)
    least = least_cost(case, states, whole=True, fixed=fixed)
    assert evf.objective(network) == pytest.approx(least, rel=1e-9)
    costs = network.costs
    cheapest = replace(
        costs,
        qkd_reserved=np.minimum(costs.qkd_reserved, costs.qkd_on_demand),
        km_reserved=np.minimum(costs.km_reserved, costs.km_on_demand),
    )
    foreseen = replace(case, network=replace(network, costs=cheapest))
    alone = [p * least_cost(foreseen, [(1.0, levels)], whole=True) for p, levels in states]
    assert perfect.objective(network) == pytest.approx(sum(alone), rel=1e-9)


@pytest.mark.parametrize("coupling", ["independent", "grouped"])
def test_loads_are_those_of_the_product(coupling: str, tmp_path: Path) -> None:
    for seed in range(3000, 3006):
        case = open_case(random_own_scenario(seed, tmp_path, coupling=coupling))
        network, forecast = case.network, case.forecast
        routes = newsvendor_table(network, forecast)
        found = marginal_loads(network, forecast, routes)
        rho = network.level_channels(forecast.level_count)
        drivers = forecast.group_driver[forecast.group]
        lines = []
        for driver in range(forecast.drivers):
            mine = np.flatnonzero(drivers == driver)
            laws = [np.cumsum(forecast.levels_of(r).probabilities)[:-1] for r in mine]
            cuts = np.unique(np.concatenate([[0.0, 1.0], *laws]))
            middle = (cuts[1:] + cuts[:-1]) / 2
            levels = [np.searchsorted(law, middle, side="right") for law in laws]
            lines.append(list(zip(np.diff(cuts), zip(*levels, strict=True), strict=True)))
        expected = [np.zeros(law.values.size) for law in found.channels]
        for combination in itertools.product(*lines):
            p = float(np.prod([q for q, _ in combination]))
            load = np.zeros(network.fibres, dtype=int)
            for driver, (_, levels) in enumerate(combination):
                for r, k in zip(np.flatnonzero(drivers == driver), levels, strict=True):
                    fibres = list(routes.route(int(r), int(k)).fibres)
                    load[fibres] += rho[k, fibres]
            for e, n in enumerate(load):
                expected[e][n] += p
        for law, line in zip(found.channels, expected, strict=True):
            np.testing.assert_allclose(law.probabilities, line, atol=1e-12)


def test_loads_under_a_copula_are_those_of_samples_and_its_limits(tmp_path: Path) -> None:
    scenario = random_own_scenario(4003, tmp_path, coupling="independent")
    network, forecast = (lambda c: (c.network, c.forecast))(open_case(scenario))
    routes = newsvendor_table(network, forecast)
    table = forecast.channel_loads(network, routes)

    def laws(correlation: float):
        coupled = replace(forecast, coupling="copula", correlation=correlation)
        return coupled, marginal_loads(network, coupled, routes).channels

    for law, apart in zip(
        laws(0.0)[1], marginal_loads(network, forecast, routes).channels, strict=True
    ):
        np.testing.assert_allclose(law.probabilities, apart.probabilities, atol=1e-12)
    together = replace(forecast, coupling="comonotone")
    joint = marginal_loads(network, together, in_states(routes, together)).channels
    for law, limit in zip(laws(0.9999)[1], joint, strict=True):
        variance = law.probabilities @ (law.values - law.values @ law.probabilities) ** 2
        mean = limit.values @ limit.probabilities
        assert law.values @ law.probabilities == pytest.approx(mean, rel=1e-9, abs=1e-9)
        known = limit.probabilities @ (limit.values - mean) ** 2
        assert variance == pytest.approx(known, rel=0.02, abs=1e-9)
    coupled, found = laws(0.6)
    count = 200_000
    drawn = table.loads(draw_levels(coupled, 7, ("test",), count)).amounts
    for e, law in enumerate(found):
        shares = np.bincount(drawn[:, e], minlength=law.values.size) / count
        sigma = np.sqrt(law.probabilities * (1 - law.probabilities) / count)
        often = law.probabilities * count > 10
        assert (np.abs(shares - law.probabilities)[often] <= 4.5 * sigma[often]).all()


def test_routes_of_a_plan_as_slots_take_them() -> None:
    case = open_case(reference_scenario(7))
    forecast = case.forecast
    by_level = newsvendor_table(case.network, forecast)
    spread = in_states(by_level, forecast)
    assert spread.choice.shape == (13, 46)
    again = StateRoutes(spread, forecast)
    assert not again.joint
    np.testing.assert_array_equal(again.table.choice, by_level.choice)
    other = spread.choice.copy()
    other[0, 7] = (other[0, 7] + 1) % len(spread.routes)
    joint = StateRoutes(replace(spread, choice=other), forecast)
    assert joint.joint
    for state in (0, 7, 45):
        levels = forecast.state_levels[forecast.kind, state]
        chosen = joint.of(levels).choice
        np.testing.assert_array_equal(chosen, np.repeat(other[:, [state]], 10, axis=1))
