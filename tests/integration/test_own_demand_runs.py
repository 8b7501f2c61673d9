"""Requests with levels of their own, from a scenario file to traces and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qnetsim.case import load, open_case
from qnetsim.forecast.draws import draw_levels
from qnetsim.learning.environment import ArrayEnvironment
from qnetsim.plans.make import make_plan
from qnetsim.policies.registry import make_policy
from qnetsim.runs.run_context import RunContext, run_case
from qnetsim.scenario import PolicyTable
from qnetsim.trace import Trace
from tests.support import SCENARIOS
from tests.support.commands import call, data
from tests.support.own_demand import written_four_kinds


@pytest.mark.parametrize("coupling", ["comonotone", "independent", "grouped", "copula"])
def test_the_mean_simulated_cost_is_the_plans(coupling: str, tmp_path: Path) -> None:
    scenario = load(written_four_kinds(tmp_path, coupling))
    case = open_case(scenario)
    for name, options in (("sip", {}), ("evf", {}), ("perfect", {}), ("level", {"level": 2})):
        table = PolicyTable.model_validate({"name": name, **options})
        plan = make_plan(scenario, table)
        costs: list[np.ndarray] = []
        run_case(
            RunContext(case, name),
            make_policy(name, options),
            case.realisation(0).chunks(),
            lambda _, block, costs=costs: costs.append(
                sum(v for k, v in block.columns.items() if k.endswith("_cost"))
            ),
        )
        spent = np.concatenate(costs)
        error = spent.std() / np.sqrt(spent.size)
        assert abs(spent.mean() - plan.objective(case.network)) <= 4 * error, name


@pytest.mark.parametrize("network", ["", "qkd_wavelengths = 57"])
def test_a_trace_is_verified_and_replayed(
    network: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written_four_kinds(tmp_path, "comonotone", network)
    out, again = tmp_path / "a.h5", tmp_path / "b.h5"
    run = ("run", str(path), "--policy", "sip", "--slots", "300", "--out", str(out))
    code, _, err = call(capsys, *run)
    assert code == 0, err
    code, shown, err = call(capsys, "verify", str(out))
    assert code == 0, shown + err
    with Trace(out) as trace:
        assert trace.column("world/levels").shape == (300, 4)
        assert np.bincount(trace.column("world/request_group")).tolist() == [4, 3, 5, 2]
    code, _, err = call(capsys, "replay", str(out), "--policy", "random", "--out", str(again))
    assert code == 0, err
    with Trace(again) as other, Trace(out) as trace:
        assert other.attribute("world_digest") == trace.attribute("world_digest")


@pytest.mark.filterwarnings("ignore:.*not trained for")
def test_every_policy_meets_requests_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written_four_kinds(tmp_path, "comonotone")
    for name in ("empirical", "random", "fedsac", "decsac"):
        out = tmp_path / f"{name}.h5"
        run = ("run", str(path), "--policy", name, "--slots", "40", "--out", str(out))
        code, _, err = call(capsys, *run)
        assert code == 0, err


def test_the_shipped_scenario_plans(capsys: pytest.CaptureFixture[str]) -> None:
    found = data(capsys, "plan", str(SCENARIOS / "own-demand.toml"))
    assert found["evpi"] > 0 and found["vss"] > 0
    assert len(found["requests"]) == 14


def test_risk_and_its_frontier_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written_four_kinds(tmp_path, "comonotone")
    path.write_text(path.read_text() + "[planning]\nrisk = {cvar = 0.9, weight = 0.5}\n")
    found = data(capsys, "plan", str(path), "--frontier")
    assert found["objective"] == found["risk_objective"]
    assert found["expected_cost"] < found["objective"] < found["cvar"]
    assert len(found["frontier"]) == 6
    code, shown, err = call(capsys, "plan", str(path), "--frontier")
    assert code == 0, err
    assert "CVaR" in shown and "frontier" in shown


@pytest.mark.parametrize("coupling", ["comonotone", "independent", "copula"])
def test_training_meets_requests_of_their_own(coupling: str, tmp_path: Path) -> None:
    case = open_case(load(written_four_kinds(tmp_path, coupling)))
    environment = ArrayEnvironment(case, range(3), "test")
    units = environment.units
    rng = np.random.default_rng(1)
    for _ in range(5):
        reward = environment.step(rng.uniform(-1, 1, (3, units.count, 2)).astype(np.float32))
        assert np.isfinite(reward).all() and (reward <= 1).all()
    # what a policy starts with is the mean demand, whatever each request's own is
    drawn = units.demand(units.loads(draw_levels(case.forecast, 3, ("test",), 20_000)))
    error = drawn.std(axis=0) / np.sqrt(len(drawn)) + 1e-6
    assert (np.abs(drawn.mean(axis=0) - units.typical) <= 4.5 * error).all()
