"""A plan serves the policy and the scenario that it was made for; elsewhere that is told."""

from __future__ import annotations

from pathlib import Path

import pytest

import qnetsim
from qnetsim.errors import UsageError
from qnetsim.plans.reuse import PlanWarning
from qnetsim.vocabulary import PlanStatus

SCENARIO = "nsfnet"


@pytest.fixture(scope="module")
def scenario() -> qnetsim.Scenario:
    return qnetsim.load(SCENARIO, slots=5).with_changes({"demand.requests": 10})


def test_the_plan_of_a_policy_runs_as_its_own(scenario: qnetsim.Scenario) -> None:
    plan = qnetsim.plan(scenario, "sip")
    by_plan, own = (qnetsim.run(scenario, "sip", plan=given) for given in (plan, None))
    assert by_plan.cost_per_slot == own.cost_per_slot


@pytest.mark.parametrize(
    ("made", "asked", "text"),
    [
        ("sip", "evf", "plan.policy is 'sip' in the plan and 'evf' in this run"),
        ("sip", "random", "plan.policy is 'sip' in the plan and 'random' in this run"),
        ("level:level=7", "level:level=2", "plan.level is 7 in the plan and 2 in this run"),
    ],
)
def test_no_plan_runs_under_the_name_of_another_policy(
    made: str, asked: str, text: str, scenario: qnetsim.Scenario
) -> None:
    plan = qnetsim.plan(scenario, made)
    with pytest.raises(UsageError, match=text):
        qnetsim.run(scenario, asked, plan=plan)


def test_a_plan_for_another_network_is_refused(scenario: qnetsim.Scenario) -> None:
    plan = qnetsim.plan(scenario, "sip")
    with pytest.raises(UsageError, match="plan: is a plan for other nodes than the scenario's"):
        qnetsim.run("tiny", "sip", plan=plan)
    with pytest.raises(UsageError, match="plan: is a plan for 21 fibres, and the scenario has 2"):
        qnetsim.run("tiny", "sip", plan=plan.plan)
    fewer = scenario.with_changes({"demand.levels": 4, "demand.mean": 1.0})
    with pytest.raises(UsageError, match="plan: is a plan for 10 levels, and the scenario has 4"):
        qnetsim.run(fewer, "sip", plan=plan.plan)


def test_a_plan_that_was_loaded_knows_its_policy(
    scenario: qnetsim.Scenario, tmp_path: Path
) -> None:
    made = qnetsim.plan(scenario, "sip", tmp_path / "plan.h5")
    stored = qnetsim.load_plan(tmp_path / "plan.h5", scenario)
    loaded = qnetsim.run(scenario, "sip", plan=stored)
    assert loaded.cost_per_slot == qnetsim.run(scenario, "sip", plan=made).cost_per_slot
    with pytest.raises(UsageError, match=r"plan\.policy is 'sip' in the plan and 'base-sto"):
        qnetsim.run(scenario, "base-stock", plan=stored)


def test_a_class_is_the_same_policy_however_it_is_given(
    scenario: qnetsim.Scenario, tmp_path: Path
) -> None:
    file = tmp_path / "of_mine.py"
    file.write_text(
        "from qnetsim.policies.sip import StochasticProgram\n\n\n"
        "class Mine(StochasticProgram):\n    pass\n"
    )
    made = qnetsim.plan(scenario, f"{file}:Mine")
    kind = type(made.policy.fresh())
    runs = [qnetsim.run(scenario, given, plan=made) for given in (f"{file}:Mine", kind, kind())]
    assert len({run.cost_per_slot for run in runs}) == 1


#: All that plans depend on, by a change of each.
CHANGES: dict[str, dict[str, object]] = {
    "demand.mean is 3.0 there and 1.0 here": {"demand.mean": 1.0},
    "cost.on_demand_multiplier is": {"cost.on_demand_multiplier": 2.0},
    "run.slot_s is 1.0 there and 2.0 here": {"run.slot_s": 2.0},
    "regimes.means is": {"regimes.means": (2.0, 8.0)},
    "planning.risk is not set there": {
        "planning.risk.weight": 0.5,
        "planning.risk.cvar": 0.9,
    },
}


@pytest.mark.parametrize("text", CHANGES)
def test_for_another_scenario_it_claims_nothing_and_says_why(
    text: str, scenario: qnetsim.Scenario, tmp_path: Path
) -> None:
    """In a run of Python, and from a file."""
    if text.startswith("regimes"):
        scenario = qnetsim.load("regimes", slots=5).with_changes({"demand.requests": 10})
    plan = qnetsim.plan(scenario, "sip", tmp_path / "plan.h5")
    other = scenario.with_changes(dict(CHANGES[text]))
    with pytest.warns(PlanWarning, match=f"plan: was made for another scenario: {text}"):
        run = qnetsim.run(other, "sip", plan=plan)
    assert run.metrics.plan is not None
    assert run.metrics.plan["status"] != PlanStatus.OPTIMAL
    stored = qnetsim.load_plan(tmp_path / "plan.h5", other)
    assert [one.startswith(text) for one in stored.differences] == [True]
    assert (stored.plan.bound, stored.plan.status) != (plan.bound, PlanStatus.OPTIMAL)
