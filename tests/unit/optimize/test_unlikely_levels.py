"""No proof is false where levels are unlikely or blocking is cheap: brute force in fractions."""

from __future__ import annotations

import warnings
from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from qnetsim.case import open_case
from qnetsim.forecast.tail_weights import weighted_forecast
from qnetsim.optimize.columns.pricing import DualPrices
from qnetsim.optimize.columns.safe_bound import SafeBound
from qnetsim.optimize.plan import OPTIMALITY_GAP
from qnetsim.optimize.recourse import stochastic_problem
from qnetsim.scenario import Scenario, load_scenario, parse_scenario
from qnetsim.units import exact
from qnetsim.vocabulary import PlanStatus
from tests.support.helpers import nsfnet
from tests.support.planning import plan_of
from tests.support.unlikely_levels import exact_optimum, unlikely_scenario

CASES = Path(__file__).parent / "cases"
#: Objectives and probabilities are floats.
ROUNDING = Fraction(1, 10**13)


def judge(seed: int, folder: Path) -> str:
    """Hold every formulation against brute force; says how the plan ended."""
    risk = "[planning]\nrisk = {cvar = 0.9, weight = 0.5}" if seed % 5 == 4 else ""
    scenario = unlikely_scenario(seed, folder, risk)
    case = open_case(scenario)
    forecast = case.forecast
    if risk:
        table = scenario.planning.risk
        assert table is not None
        forecast = weighted_forecast(forecast, exact(table.cvar), exact(table.weight))
    optimum = exact_optimum(case, list(forecast.joint.exact_probabilities))
    if optimum is None:
        return "large"
    ends = set()
    for formulation in ("auto", "routes", "full"):
        plan = plan_of(scenario, "sip", formulation=formulation)
        assert plan.bound is not None
        objective = Fraction(plan.objective(case.network))
        assert Fraction(plan.bound) <= optimum * (1 + ROUNDING)
        assert objective >= optimum * (1 - ROUNDING)
        if plan.status is PlanStatus.OPTIMAL:
            assert objective <= optimum * (1 + Fraction(OPTIMALITY_GAP) + ROUNDING)
        ends.add(str(plan.status))
    return " ".join(sorted(ends))


def test_no_proof_is_false_where_levels_are_unlikely(tmp_path: Path) -> None:
    ends = Counter(judge(seed, tmp_path) for seed in range(30))
    assert ends["optimal"] >= 25
    assert ends["optimal"] + ends["large"] == 30


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30, 530))
def test_no_proof_is_false_on_hundreds_with_unlikely_levels(seed: int, tmp_path: Path) -> None:
    assert judge(seed, tmp_path) in {"optimal", "large"}


@pytest.mark.parametrize(("price", "cost"), [("0.0", 0.0), ("1.0", 30.0), ("1000.0", 30_000.0)])
@pytest.mark.parametrize("limits", [False, True])
def test_blocking_everything_is_tried(price: str, cost: float, limits: bool) -> None:
    keys = {"network__qkd_wavelengths": "30", "network__km_wavelengths": "5"} if limits else {}
    scenario = nsfnet(cost__blocking_cost=price, demand__mean="0.05", demand__requests="30", **keys)
    plan = plan_of(scenario, "sip")
    assert plan.objective(open_case(scenario).network) == cost
    assert plan.status is PlanStatus.OPTIMAL
    assert plan.bound is not None
    assert plan.bound <= cost


@pytest.mark.parametrize("name", ["own_cheap_on_demand", "own_risk"])
def test_cheap_on_demand_prices_are_planned_and_proved(name: str) -> None:
    scenario = load_scenario(CASES / f"{name}.toml")
    network = open_case(scenario).network
    plans = [plan_of(scenario, "sip", formulation=f) for f in ("routes", "auto", "full")]
    assert all(plan.status is PlanStatus.OPTIMAL for plan in plans)
    costs = [plan.objective(network) for plan in plans]
    assert costs[1:] == pytest.approx([costs[0]] * 2, rel=1e-7)


def own_means(cost: str) -> Scenario:
    """Eight requests of NSFNET with means of their own."""
    lines = [f'[network]\ntopology = "nsfnet"\n[cost]\n{cost}\n[demand]\nlevels = 10']
    for i in range(8):
        ends = f"source = {1 + i}\ntarget = {14 - i // 2}"
        lines.append(f"[[request]]\n{ends}\nmean = {(0.1, 1, 3)[i % 3]}")
    return parse_scenario("\n".join(lines))


def test_own_demand_without_limits_is_proved_with_whole_requests() -> None:
    scenario = own_means("on_demand_multiplier = 0.2")
    plan = plan_of(scenario, "sip")
    assert plan.status is PlanStatus.OPTIMAL or "integrality" in plan.note
    blocked = plan_of(own_means("on_demand_multiplier = 0.3\nblocking_cost = 5000"), "sip")
    assert blocked.status is PlanStatus.OPTIMAL


def test_prices_of_units_that_nobody_uses_do_not_overflow() -> None:
    """At level 0 a request needs no channel, so α of level 0 may be as great as it likes."""
    case = open_case(nsfnet(demand__requests="5", network__qkd_wavelengths="60"))
    problem = stochastic_problem(case.network, case.forecast, case.setting.solver)
    alpha = np.zeros((problem.scenarios, problem.fibres))
    alpha[np.flatnonzero(problem.channels[:, 0, 0] == 0)] = 1e30
    delta = np.full(problem.limits.caps.shape, 1e-9)
    prices = DualPrices(alpha, np.zeros_like(alpha), delta, np.zeros(0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert SafeBound(problem).of(prices) <= plan_of(case.scenario, "sip").objective(
            case.network
        )
