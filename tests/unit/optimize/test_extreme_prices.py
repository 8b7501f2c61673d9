"""Proofs hold whatever the prices: no plan is called optimal that the full program beats."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from qnetsim.case import open_case
from qnetsim.errors import InfeasibleError
from qnetsim.optimize.columns.exact_cost import newsvendor_cost, rounded_down
from qnetsim.optimize.columns.pricing import DualPrices, Pricing
from qnetsim.optimize.columns.safe_bound import SafeBound
from qnetsim.optimize.plan import OPTIMALITY_GAP
from qnetsim.optimize.recourse import stochastic_problem
from qnetsim.plans.make import make_plan
from qnetsim.scenario import PolicyTable, Scenario, load_scenario
from qnetsim.vocabulary import PlanStatus
from tests.support.extreme_prices import extreme_scenario

CASES = Path(__file__).parent / "cases"


def found(scenario: Scenario, formulation: str) -> tuple[str, float, float]:
    """Status, objective and bound of a plan; infinite where the limits do not carry the demand."""
    table = PolicyTable.model_validate({"name": "sip", "formulation": formulation})
    try:
        plan = make_plan(scenario, table)
    except InfeasibleError:
        return "infeasible", np.inf, np.inf
    assert plan.bound is not None
    return str(plan.status), plan.objective(open_case(scenario).network), plan.bound


def judge_proofs(seed: int, folder: Path) -> str:
    """Fail on a false proof; returns how the plan ended."""
    scenario = extreme_scenario(seed, folder)
    full = found(scenario, "full")
    auto = found(scenario, "auto")
    assert (auto[0] == "infeasible") == (full[0] == "infeasible")
    if auto[0] == "infeasible":
        return "infeasible"
    slack = 1 + OPTIMALITY_GAP + 1e-12
    for one, other in ((auto, full), (full, auto)):
        # the bound of one must not lie above what the other has found
        assert one[2] <= other[1] * (1 + 1e-9) + 1e-9, (one, other)
        if one[0] == PlanStatus.OPTIMAL:
            assert one[1] <= other[1] * slack + 1e-9, (one, other)
    return auto[0]


def test_no_proof_is_false_at_extreme_prices(tmp_path: Path) -> None:
    ends = Counter(judge_proofs(seed, tmp_path) for seed in range(20))
    assert ends["optimal"] >= 10


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20, 520))
def test_no_proof_is_false_at_extreme_prices_on_hundreds(seed: int, tmp_path: Path) -> None:
    judge_proofs(seed, tmp_path)


@pytest.mark.parametrize(
    ("name", "cost"), [("falseopt156_mult1e+06", 589_500), ("case400065", 66_577_831)]
)
@pytest.mark.parametrize("formulation", ["auto", "routes"])
def test_very_dear_on_demand_prices(name: str, cost: int, formulation: str) -> None:
    status, objective, bound = found(load_scenario(CASES / f"{name}.toml"), formulation)
    assert status == "optimal"
    assert objective == cost
    assert cost * (1 - 1e-9) <= bound <= cost


def test_a_bound_stays_one_under_any_prices(tmp_path: Path) -> None:
    """Prices need not be feasible: they are repaired, and no bound exceeds the optimum."""
    checked = 0
    for seed in range(12):
        scenario = extreme_scenario(seed, tmp_path)
        status, optimum, _ = found(scenario, "full")
        case = open_case(scenario)
        problem = stochastic_problem(case.network, case.forecast, case.setting.solver)
        if status != "optimal":
            continue
        rng = np.random.default_rng(seed)
        for size in (1e-3, 1.0, 1e6):
            fibres = (problem.scenarios, problem.fibres)
            alpha, gamma = rng.uniform(-0.1, 1, (2, *fibres)) * size
            delta = rng.uniform(-0.1, 1, problem.limits.caps.shape) * size
            drawn = DualPrices(alpha, gamma, delta, np.zeros(0))
            checked += 1
            assert SafeBound(problem).of(drawn) <= Fraction(optimum) * (1 + Fraction(1, 10**9))
            prices = Pricing(problem).feasible(*drawn)
            near = Pricing(problem).price(prices).bound * problem.scale
            exact = float(SafeBound(problem).of(prices))
            assert exact == pytest.approx(near, rel=1e-8, abs=1e-8 * problem.scale * size)
    assert checked >= 15


def test_exact_cost_is_the_newsvendors() -> None:
    weights = [Fraction(1, 2), Fraction(1, 3), Fraction(1, 6)]

    def brute(load: list[int], reserved: Fraction, on_demand: Fraction) -> Fraction:
        return min(
            q * reserved
            + on_demand * sum(w * max(n - q, 0) for w, n in zip(weights, load, strict=True))
            for q in range(max(load) + 1)
        )

    rng = np.random.default_rng(0)
    for _ in range(50):
        load = rng.integers(0, 8, 3).tolist()
        reserved, on_demand = (Fraction(int(n), 7) for n in rng.integers(0, 50, 2))
        assert newsvendor_cost(load, weights, reserved, on_demand) == brute(
            load, reserved, on_demand
        )


def test_rounding_down_never_rounds_up() -> None:
    for value in (Fraction(1, 3), Fraction(2, 3), Fraction(10**30 + 1), Fraction(5)):
        near = rounded_down(value)
        assert Fraction(near) <= value
        assert Fraction(float(np.nextafter(near, np.inf))) > value
