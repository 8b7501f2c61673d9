"""Model files: any solver finds the plan's cost in them, and their headers say what they are."""

from __future__ import annotations

from pathlib import Path

import highspy
import pytest

from qnetsim.case import open_case
from qnetsim.errors import UsageError
from qnetsim.plans.model_file import save_model
from qnetsim.scenario import PolicyTable
from qnetsim.vocabulary import PlanStatus
from tests.support.helpers import nsfnet
from tests.support.planning import plan_of


def solved(path: Path) -> float:
    """Optimum of the file, as HiGHS reads it."""
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("mip_rel_gap", 1e-9)
    assert solver.readModel(str(path)) == highspy.HighsStatus.kOk
    solver.run()
    assert solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return float(solver.getInfo().objective_function_value)


CASES = {
    "unlimited": {},
    "limits that bind": {"network__qkd_wavelengths": "36", "demand__requests": "20"},
    "blocking": {"cost__blocking_cost": "300_000.0"},
    "limits and blocking": {
        "network__qkd_wavelengths": "24",
        "cost__blocking_cost": "2_000_000.0",
    },
}


@pytest.mark.parametrize("suffix", [".lp", ".mps"])
@pytest.mark.parametrize("name", CASES)
def test_a_file_solves_to_the_cost_of_the_plan(name: str, suffix: str, tmp_path: Path) -> None:
    changes = {"demand__requests": "12", "demand__levels": "5", **CASES[name]}
    scenario = nsfnet(**changes)
    network = open_case(scenario).network
    plan = plan_of(scenario, "sip")
    path = tmp_path / f"model{suffix}"
    save_model(scenario, PolicyTable(name="sip"), path, plan)
    found = solved(path)
    assert plan.status in {PlanStatus.OPTIMAL, PlanStatus.FEASIBLE}
    # what the limits leave takes more than the closed form
    assert (plan.size.variables > 0) == (name != "unlimited")
    tolerance = 1e-7 if plan.status is PlanStatus.OPTIMAL else plan.gap(network)
    assert found == pytest.approx(plan.objective(network), rel=tolerance)
    lines = path.read_text().splitlines()
    head = [line[2:] for line in lines if line.startswith(("\\ ", "* "))]
    text = " ".join(head)
    whole = plan.solver.startswith("full program")
    assert ("wavelength-indexed program (21)-(31), complete" in text) == whole
    assert ("Left out: routes that were not generated" in text) != whole
    if not whole:
        assert ("limit_28_29" in text, "continuity" in text) == (network.limited, network.limited)
    assert f"The plan costs {plan.objective(network)!r} per slot and is {plan.status}" in text
    assert not list(tmp_path.glob("part-*"))


@pytest.mark.parametrize("suffix", [".lp", ".mps"])
def test_the_full_program_says_so(suffix: str, tmp_path: Path) -> None:
    scenario = nsfnet(demand__requests="2", demand__levels="3", network__qkd_wavelengths="6")
    table = PolicyTable.model_validate({"name": "sip", "formulation": "full"})
    path = tmp_path / f"model{suffix}"
    save_model(scenario, table, path)
    assert "The wavelength-indexed program (21)-(31), complete" in path.read_text()
    plan = plan_of(scenario, "sip")
    assert solved(path) == pytest.approx(plan.objective(open_case(scenario).network), rel=1e-7)


def test_independent_demand_is_refused(tmp_path: Path) -> None:
    """One row for each realisation would be needed."""
    scenario = nsfnet(demand__coupling='"independent"', demand__requests="3")
    with pytest.raises(UsageError, match="for comonotone demand"):
        save_model(scenario, PolicyTable(name="sip"), tmp_path / "model.lp")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("formulation", ["auto", "routes", "full"])
def test_the_program_of_the_risk_objective_is_written(formulation: str, tmp_path: Path) -> None:
    scenario = nsfnet(
        demand__requests="3",
        demand__levels="4",
        demand__mean="1.0",
        cost__on_demand_multiplier="0.3",
        planning__risk="{cvar = 0.9, weight = 0.5}",
    )
    network = open_case(scenario).network
    table = PolicyTable.model_validate({"name": "sip", "formulation": formulation})
    plan = plan_of(scenario, "sip", formulation=formulation)
    path = tmp_path / "model.lp"
    save_model(scenario, table, path, plan)
    assert plan.risk is not None
    assert plan.risk.risk_objective > plan.risk.expected_cost * 1.01
    assert solved(path) == pytest.approx(plan.risk.risk_objective, rel=1e-7)
    text = path.read_text()
    assert "Risk: planning.risk = {cvar = 0.9, weight = 0.5}" in text
    assert f"The plan costs {plan.objective(network)!r} per slot" in text
    assert "optimum is the least expected cost" not in text
