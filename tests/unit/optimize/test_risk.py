"""Risk aversion: reference values, and against a program that has the CVaR itself."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linprog

from qnetsim.case import Case, open_case
from qnetsim.errors import UsageError
from qnetsim.forecast import table_levels
from qnetsim.forecast.tail_weights import tail_weights
from qnetsim.optimize.independent.risk_sampling import sampled_risk_plan
from qnetsim.optimize.risk import conditional_value, state_costs
from qnetsim.plans.make import plan_summary, risk_frontier
from qnetsim.plans.storage import load_plan, save_plan
from qnetsim.scenario import PolicyTable, RiskTable, Scenario
from qnetsim.vocabulary import PlanStatus
from tests.support.helpers import nsfnet
from tests.support.own_demand import (
    all_paths,
    comonotone_states,
    random_own_scenario,
    reference_scenario,
)
from tests.support.planning import plan_of


def averse(scenario: Scenario, cvar: float, weight: float) -> Scenario:
    risk = RiskTable(cvar=cvar, weight=weight)
    planning = scenario.planning.model_copy(update={"risk": risk})
    return scenario.model_copy(update={"planning": planning})


@pytest.mark.parametrize(
    ("own", "cvar", "weight", "cost"),
    [
        (False, 0.9, 0.5, 59_015_455.23),
        (False, 0.95, 1.0, 67_551_718.43),
        (True, 0.9, 0.5, 7_086_821.50),
        (True, 0.95, 1.0, 7_927_308.02),
    ],
)
def test_reference_values(own: bool, cvar: float, weight: float, cost: float) -> None:
    scenario = averse(reference_scenario(7) if own else nsfnet(), cvar, weight)
    plan = plan_of(scenario, "sip")
    network = open_case(scenario).network
    assert plan.status is PlanStatus.OPTIMAL
    assert plan.objective(network) == pytest.approx(cost, rel=1e-9)
    assert plan.bound <= plan.objective(network)
    summary = plan_summary(plan, network)
    assert summary["risk_objective"] == summary["objective"]
    mixed = (1 - weight) * summary["expected_cost"] + weight * summary["cvar"]
    assert summary["objective"] == pytest.approx(mixed, rel=1e-15)


def least_risk(case: Case, cvar: float, weight: float) -> float:
    """(1 − w)·E + w·CVaR over all simple paths, by Rockafellar and Uryasev's program."""
    network, costs, fibres = case.network, case.network.costs, case.network.fibres
    states = comonotone_states(case)
    rho = network.level_channels(case.forecast.level_count)
    flows = [
        (s, r, path)
        for s in range(len(states))
        for r, pair in enumerate(case.forecast.pairs)
        for path in all_paths(case, pair)
    ]
    second = 2 * fibres
    excess = second * (1 + len(states))
    size = excess + len(states) + 1 + len(flows)
    cost = np.zeros(size)
    cost[:second] = np.concatenate(costs.reserved)
    bought = np.concatenate(costs.on_demand)
    rows, sides, equal, counts = [], [], [], []
    for s, (p, levels) in enumerate(states):
        mine = slice(second * (1 + s), second * (2 + s))
        cost[mine] = (1 - weight) * p * bought
        cost[excess + s] = weight * p / (1 - cvar)
        row = np.zeros(size)  # second-stage cost − η ≤ excess
        row[mine], row[excess + len(states)], row[excess + s] = bought, -1.0, -1.0
        rows.append(row)
        for kind in (0, 1):
            for e in range(fibres):
                row = np.zeros(size)
                row[kind * fibres + e] = row[second * (1 + s) + kind * fibres + e] = -1.0
                for i, (state, r, path) in enumerate(flows):
                    if state == s and e in path:
                        need = 1.0 if kind else float(rho[levels[r], e])
                        row[excess + len(states) + 1 + i] = need
                rows.append(row)
        for r in range(case.forecast.requests):
            row = np.zeros(size)
            row[[excess + len(states) + 1 + i for i, f in enumerate(flows) if f[:2] == (s, r)]] = 1
            equal.append(row)
            counts.append(1.0)
    cost[excess + len(states)] = weight
    sides = np.zeros(len(rows))
    bounds = [(0, None)] * size
    bounds[excess + len(states)] = (None, None)
    scale = cost.max()
    found = linprog(cost / scale, np.array(rows), sides, np.array(equal), counts, bounds)
    return float(found.fun) * scale


@pytest.mark.parametrize("seed", range(5000, 5006))
def test_a_change_of_probabilities_is_the_cvar_program(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    cvar, weight = float(rng.choice([0.3, 0.8, 0.95])), float(rng.choice([0.2, 0.7, 1.0]))
    scenario = averse(random_own_scenario(seed, tmp_path), cvar, weight)
    case = open_case(scenario)
    plan = plan_of(scenario, "sip")
    cost = plan.objective(case.network)
    least = least_risk(case, cvar, weight)
    assert plan.status is PlanStatus.OPTIMAL
    assert cost >= least * (1 - 1e-8)
    # the program may split requests
    assert cost == pytest.approx(least, rel=1e-3)
    costs = state_costs(plan, case.network, case.forecast)
    assert (np.diff(costs) >= -1e-9 * costs.max()).all()
    assert costs @ case.forecast.joint.probabilities == pytest.approx(plan.risk.expected_cost)


def test_the_state_that_alpha_cuts_is_split() -> None:
    law = table_levels([5, 3, 2]).exact_probabilities
    half = tail_weights(law, Fraction(6, 10), Fraction(1))
    assert half == (0, Fraction(2, 4), Fraction(2, 4))
    mixed = tail_weights(law, Fraction(6, 10), Fraction(1, 2))
    assert mixed == (Fraction(1, 4), Fraction(4, 10), Fraction(7, 20))
    costs = np.array([1.0, 10.0, 100.0])
    assert conditional_value(costs, np.array([0.5, 0.3, 0.2]), 0.6) == pytest.approx(55.0)
    assert conditional_value(costs[::-1], np.array([0.2, 0.3, 0.5]), 0.6) == pytest.approx(55.0)


def test_the_frontier_trades_expectation_for_the_tail() -> None:
    points = risk_frontier(averse(nsfnet(), 0.9, 0.5), PolicyTable(name="sip"))
    assert [p.weight for p in points] == [0.0, 0.1, 0.25, 0.5, 0.75, 1.0]
    assert points[0].expected_cost == pytest.approx(44_975_989.99, rel=1e-9)
    expected, tail = [p.expected_cost for p in points], [p.cvar for p in points]
    assert expected == sorted(expected) and tail == sorted(tail, reverse=True)
    assert expected[0] < expected[-1] and tail[-1] < tail[0]
    with pytest.raises(UsageError, match=r"planning\.risk"):
        risk_frontier(nsfnet(), PolicyTable(name="sip"))


def test_risk_is_kept_in_plan_files_and_refused_where_it_means_nothing(tmp_path: Path) -> None:
    scenario = averse(reference_scenario(7), 0.9, 0.5)
    plan = plan_of(scenario, "sip")
    save_plan(plan, scenario, PolicyTable(name="sip"), tmp_path / "p.h5")
    again = load_plan(tmp_path / "p.h5", scenario).plan
    assert again.risk == plan.risk
    assert "planning.risk is for sip" in plan_of(scenario, "evf").note
    limited = nsfnet(demand__coupling='"independent"', network__qkd_wavelengths="900")
    with pytest.raises(UsageError, match="comonotone"):
        plan_of(averse(limited, 0.9, 0.5), "sip")


@pytest.mark.parametrize("coupling", ["independent", "copula"])
def test_sampling_weighs_the_tail_of_other_demand(coupling: str) -> None:
    changes = {"demand__correlation": "0.4"} if coupling == "copula" else {}
    scenario = nsfnet(demand__coupling=f'"{coupling}"', demand__requests="12", **changes)
    network = open_case(scenario).network
    plain = plan_of(averse(scenario, 0.9, 0.0), "sip")
    tail = plan_of(averse(scenario, 0.9, 1.0), "sip")
    assert plain.objective(network) == pytest.approx(
        plan_of(scenario, "sip").objective(network), rel=1e-3
    )
    assert tail.risk.cvar < 0.99 * plain.risk.cvar
    assert tail.risk.expected_cost > plain.risk.expected_cost
    assert tail.bound is None and tail.status is PlanStatus.EXPECTATION


def test_the_sampled_program_meets_the_exact_one_where_both_apply() -> None:
    scenario = averse(nsfnet(demand__requests="6"), 0.8, 0.6)
    case = open_case(scenario)
    network, risk = case.network, scenario.planning.risk
    exact = plan_of(scenario, "sip")
    fixed = plan_of(nsfnet(demand__requests="6"), "sip")
    found = sampled_risk_plan(network, case.forecast, risk, case.setting.solver, fixed)
    assert found.objective(network) == pytest.approx(exact.objective(network), rel=0.03)
