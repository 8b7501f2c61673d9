"""Prices of wavelengths, and what three more on one fibre save, against the full program."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qnetsim.case import Case, open_case
from qnetsim.errors import InfeasibleError
from qnetsim.forecast.tail_weights import weighted_forecast
from qnetsim.network.model import MoreWavelengths
from qnetsim.optimize.columns.generation import generate
from qnetsim.optimize.columns.limit_prices import limit_prices
from qnetsim.optimize.columns.problem import RoutesProblem
from qnetsim.optimize.columns.routes_program import RoutesProgram
from qnetsim.optimize.full.full_plan import full_problem
from qnetsim.optimize.full.full_program import FullProgram
from qnetsim.optimize.plan import Plan
from qnetsim.optimize.recourse import start_routes, stochastic_problem
from qnetsim.optimize.wavelength_values import (
    MORE,
    SOLVED_AGAIN,
    priced_limits,
    savings,
    wavelength_values,
)
from qnetsim.plans.make import make_plan, plan_summary
from qnetsim.plans.storage import load_plan, save_plan
from qnetsim.plans.wavelengths_worth import worth_of_wavelengths
from qnetsim.scenario import PolicyTable, RiskTable, Scenario, parse_scenario
from qnetsim.units import exact
from qnetsim.vocabulary import PlanStatus
from tests.support.helpers import nsfnet
from tests.support.own_demand import random_own_scenario, reference_scenario

SIP = PolicyTable(name="sip")
#: Most variables of a full program that is solved for a comparison.
MOST_VARIABLES = 3_000


def limited(sigma: int = 429) -> Scenario:
    return nsfnet(demand__requests="100", network__qkd_wavelengths=str(sigma))


def own_limited() -> Scenario:
    scenario = reference_scenario(7)
    network = scenario.network.model_copy(update={"qkd_wavelengths": 75})
    return scenario.model_copy(update={"network": network})


def tight_scenario(seed: int, folder: Path) -> Scenario:
    """A small network whose limits bind often."""
    rng = np.random.default_rng(seed)
    nodes = int(rng.integers(3, 5))
    edges = {(int(rng.integers(0, n)), n) for n in range(1, nodes)}
    for _ in range(2):
        edges.add(tuple(sorted(rng.choice(nodes, 2, replace=False).tolist())))
    path = folder / f"tight{seed}.csv"
    rows = [f"{a},{b},{int(rng.integers(50, 600))}" for a, b in sorted(edges)]
    path.write_text("source,target,length_km\n" + "\n".join(rows) + "\n")
    km, qkd = [(0, 6), (0, 9), (0, 10), (1, 0), (2, 0), (3, 0), (2, 9)][int(rng.integers(0, 7))]
    blocking = f"blocking_cost = {int(rng.choice([30_000, 10**7]))}" if seed % 4 == 0 else ""
    return parse_scenario(f"""
[run]
seed = {seed}
[network]
topology = {str(path)!r}
km_wavelengths = {km}
qkd_wavelengths = {qkd}
[cost]
on_demand_multiplier = {float(rng.choice([0.2, 0.5, 1.0, 2.0]))}
{blocking}
[demand]
levels = {int(rng.integers(2, 4))}
mean = 1
requests = {int(rng.integers(3, 7))}
""")


def least_cost_with(case: Case, more: MoreWavelengths) -> float | None:
    """Optimum of (21)-(31) where one fibre alone has more wavelengths; None where too large."""
    network = case.network
    wider = network.with_more_wavelengths(more.qkd, more.km)
    problem = full_problem(wider, case.forecast)
    if problem.variables > MOST_VARIABLES:
        return None
    full = FullProgram(problem)
    program, names = full.program()
    ends = set(network.topology.fibres[more.fibre])
    limits = {"x": network.km_wavelengths, "f": network.qkd_wavelengths}
    for name, at in names.items():
        if name[0] not in limits or set(name[2:4]) == ends:
            continue
        limit = limits[name[0]]
        if limit is not None and name[4] >= limit:
            program.upper[at] = 0.0
    full.program = lambda: (program, names)  # type: ignore[method-assign]
    return full.solve().objective


def planned(scenario: Scenario) -> Plan | None:
    try:
        plan = make_plan(scenario, SIP)
    except InfeasibleError:
        return None
    return plan if plan.status is PlanStatus.OPTIMAL else None


def own_tight_scenario(seed: int, folder: Path) -> Scenario:
    """The same with a distribution for each request."""
    rng = np.random.default_rng(seed)
    scenario = random_own_scenario(seed, folder)
    kappa, sigma = [(0, 6), (0, 9), (0, 12), (1, 0), (2, 0), (2, 12)][int(rng.integers(6))]
    limits = {"km_wavelengths": kappa, "qkd_wavelengths": sigma}
    return scenario.model_copy(update={"network": scenario.network.model_copy(update=limits)})


def averse(scenario: Scenario) -> Scenario:
    """The scenario with a weight on the dearest slots."""
    planning = scenario.planning.model_copy(update={"risk": RiskTable(cvar=0.7, weight=0.6)})
    return scenario.model_copy(update={"planning": planning})


def compared(scenarios: Iterable[Scenario]) -> tuple[int, ...]:
    """Hold intervals against the full program; counts all, those that are points, those > 0."""
    counts = np.zeros(3, dtype=np.int64)
    for scenario in scenarios:
        case = open_case(scenario)
        plan = planned(scenario)
        if plan is None:
            continue
        risk = scenario.planning.risk
        if risk is not None:
            weighted = weighted_forecast(case.forecast, exact(risk.cvar), exact(risk.weight))
            case = replace(case, forecast=weighted)
        cost = plan.objective(case.network)
        rounding = 1e-6 * cost
        problem = stochastic_problem(case.network, case.forecast, case.setting.solver)
        kinds = {"qkd": case.network.qkd_wavelengths, "km": case.network.km_wavelengths}
        for fibre in range(case.network.fibres):
            for kind in (kind for kind, limit in kinds.items() if limit is not None):
                more = MoreWavelengths(fibre, **{kind: MORE})
                least = least_cost_with(case, more)
                if least is None:
                    continue
                low, high = savings(replace(problem, more=more), case.forecast, plan)
                assert low - rounding <= cost - least <= high + rounding, (scenario, more)
                counts += (1, high - low <= rounding, cost - least > rounding)
    return tuple(counts.tolist())


def test_savings_are_those_of_the_full_program(tmp_path: Path) -> None:
    seen, points, positive = compared(tight_scenario(seed, tmp_path) for seed in range(16))
    assert seen >= 20 and positive >= 2
    # nearly always the interval is the difference itself
    assert points >= 0.9 * seen


@pytest.mark.slow
def test_savings_are_those_of_the_full_program_on_many(tmp_path: Path) -> None:
    seen, points, positive = compared(tight_scenario(seed, tmp_path) for seed in range(40, 400))
    assert seen >= 400 and positive >= 50
    assert points >= 0.9 * seen


def test_savings_of_own_demand_are_those_of_the_full_program(tmp_path: Path) -> None:
    seen, points, positive = compared(own_tight_scenario(seed, tmp_path) for seed in range(24))
    assert seen >= 20 and positive >= 2
    assert points >= 0.9 * seen


@pytest.mark.slow
def test_savings_of_own_demand_are_those_of_the_full_program_on_many(tmp_path: Path) -> None:
    scenarios = (own_tight_scenario(seed, tmp_path) for seed in range(40, 400))
    seen, points, positive = compared(scenarios)
    assert seen >= 300 and positive >= 30
    assert points >= 0.9 * seen


@pytest.mark.parametrize("make", [tight_scenario, own_tight_scenario])
def test_savings_of_the_risk_objective_are_those_of_the_full_program(
    make: Callable[[int, Path], Scenario], tmp_path: Path
) -> None:
    seen, points, positive = compared(averse(make(seed, tmp_path)) for seed in range(20))
    assert seen >= 15 and positive >= 1
    assert points >= 0.9 * seen


def relaxed(problem: RoutesProblem, case: Case) -> tuple[float, np.ndarray]:
    """Value of the relaxation without cuts, and the prices of its limits."""
    program = RoutesProgram(problem, start_routes(case.network, case.forecast))
    program._start_master()
    found = generate(program.master)
    scale = program.problem.scale
    return found.bound * scale, found.prices.delta * scale


@pytest.mark.parametrize("own", [False, True])
def test_prices_bound_what_the_relaxation_saves(own: bool) -> None:
    """The relaxation is convex in its limits: a step saves no more than price times step."""
    case = open_case(own_limited() if own else limited())
    problem = stochastic_problem(case.network, case.forecast, case.setting.solver)
    cost, delta = relaxed(problem, case)
    prices = limit_prices(problem, delta)
    assert prices is not None
    assert not any(prices.km)
    dearest = np.argsort(-np.array(prices.qkd))[:4].tolist()
    strict = 0
    for fibre in dearest:
        wider = replace(problem, more=MoreWavelengths(fibre, qkd=MORE))
        saved = cost - relaxed(wider, case)[0]
        caps, more = problem.limits.caps, wider.limits.caps
        finite = np.isfinite(caps)
        most = float((delta[finite] * (more[finite] - caps[finite])).sum())
        assert -1e-7 * cost <= saved <= most + 1e-7 * cost
        strict += saved > 1e-7 * cost
        # a wavelength is worth its part of the place that a request, or a unit of ρ, takes
        unit = np.maximum(np.gcd.reduce(problem.channels[:, :, fibre], axis=1), 1)
        assert prices.qkd[fibre] == pytest.approx(
            (delta[:, :, fibre].sum(axis=1) / (3 * unit)).sum()
        )
    assert strict


def test_the_dearest_fibres_are_solved_again() -> None:
    scenario = limited()
    case = open_case(scenario)
    plan = make_plan(scenario, SIP)
    values = list(wavelength_values(case.network, case.forecast, case.setting.solver, plan))
    prices = [value.price for value in values]
    assert prices == sorted(prices, reverse=True) and len(prices) > SOLVED_AGAIN
    for value in values[:SOLVED_AGAIN]:
        assert value.limit == "qkd"
        assert value.saves_low is not None and value.saves_high is not None
        assert 0 <= value.saves_low <= value.saves_high
    assert all(value.saves_low is None for value in values[SOLVED_AGAIN:])
    assert max(value.saves_low or 0.0 for value in values) > 0


def test_a_fibre_that_joins_no_request_saves_nothing() -> None:
    """By continuity nothing but requests between its ends can use what one fibre has more."""
    scenario = limited()
    case = open_case(scenario)
    plan = make_plan(scenario, SIP)
    problem = stochastic_problem(case.network, case.forecast, case.setting.solver)
    alone = [e for e in range(case.network.fibres) if problem.between_ends(e) == 0]
    assert alone
    more = MoreWavelengths(alone[0], qkd=MORE)
    assert savings(replace(problem, more=more), case.forecast, plan) == (0.0, 0.0)


def test_prices_are_kept_in_plan_files(tmp_path: Path) -> None:
    scenario = limited()
    plan = make_plan(scenario, SIP)
    network = open_case(scenario).network
    path = save_plan(plan, scenario, SIP, tmp_path / "p.h5")
    stored = load_plan(path, scenario).plan
    assert stored.prices == plan.prices is not None
    found = plan_summary(stored, network)["wavelength_prices"]
    assert len(found["qkd"]) == len(found["km"]) == network.fibres
    assert priced_limits(network, stored) == priced_limits(network, plan)


@pytest.mark.parametrize(
    ("limit", "text"), [(0, "not limited"), (3000, "no wavelength limit binds")]
)
def test_where_nothing_binds_that_is_said(limit: int, text: str) -> None:
    scenario = limited(limit)
    worth = worth_of_wavelengths(scenario, make_plan(scenario, SIP))
    assert not worth.values
    assert text in worth.note


def test_plans_of_every_kind_have_prices(tmp_path: Path) -> None:
    """With distributions of their own, under risk, and from the full program."""
    for scenario in (own_limited(), averse(own_limited())):
        plan = make_plan(scenario, SIP)
        assert plan.prices is not None and max(plan.prices.qkd) > 0
        assert (plan.risk is not None) == (scenario.planning.risk is not None)
    scenario = next(
        s
        for s in (own_tight_scenario(seed, tmp_path) for seed in range(24))
        if (plan := planned(s)) is not None and priced_limits(open_case(s).network, plan)
    )
    full = make_plan(scenario, PolicyTable.model_validate({"name": "sip", "formulation": "full"}))
    routes = {"name": "sip", "formulation": "routes"}
    assert full.prices == make_plan(scenario, PolicyTable.model_validate(routes)).prices


def test_other_demand_has_no_prices_and_says_why() -> None:
    scenario = limited()
    demand = scenario.demand.model_copy(update={"coupling": "independent"})
    scenario = scenario.model_copy(update={"demand": demand})
    worth = worth_of_wavelengths(scenario, make_plan(scenario, SIP))
    assert not worth.values
    assert "no program with limits covers independent" in worth.note
