"""Forged plan files: each fits its own digests, and none passes ``verify``."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from qnetsim.case import open_case
from qnetsim.optimize.assemble import assign_wavelengths, fixed_routes_plan
from qnetsim.optimize.plan import SolveReport
from qnetsim.optimize.stage import Stage
from qnetsim.plans.make import make_plan
from qnetsim.plans.storage import load_plan, save_plan
from qnetsim.replay.verify import Verification, verify
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable, Scenario
from qnetsim.vocabulary import PlanStatus
from tests.support.forging import forged_plan, in_plan
from tests.support.helpers import nsfnet


def spec() -> Scenario:
    return nsfnet(run__slots="30", demand__requests="12")


@pytest.fixture(scope="module")
def plan_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    table = PolicyTable(name="sip")
    path = tmp_path_factory.mktemp("plan") / "plan.h5"
    return save_plan(make_plan(spec(), table), spec(), table, path)


def by_plan(plan_file: Path, folder: Path) -> Verification:
    """Verdict on a run by a plan file, which the run took at its word."""
    found = load_plan(plan_file, spec())
    path = simulate(spec(), found.policy, folder / "by-plan.h5", plan=found.plan)
    return verify(path, plan=plan_file)


def verdict(found: Verification) -> tuple[bool | None, str]:
    return next((f.passed, f.text) for f in found.findings if f.name == "plan")


def half_reserved(file: h5py.File) -> None:
    file["fibres/qkd_channels"][...] = np.floor(file["fibres/qkd_channels"][...] / 2)


def all_claims(file: h5py.File) -> None:
    half_reserved(file)
    cost_nothing(file)


def cost_nothing(file: h5py.File) -> None:
    file["fibres/on_demand_channels"][...] = 0


def lower_objective(file: h5py.File) -> None:
    file["fibres/on_demand_channels"][...] *= 0.5
    provenance = json.loads(file.attrs["provenance"])
    plan = provenance["plan"]
    plan["second_stage_cost"] *= 0.5
    plan["objective"] = plan["first_stage_cost"] + plan["second_stage_cost"]
    plan["bound"] = plan["objective"]
    file.attrs["provenance"] = json.dumps(provenance)


PLAN_FORGERIES: dict[str, Callable[[h5py.File], None]] = {
    "a better objective": in_plan("plan", "objective", value=1.0),
    "a better objective and bound": lower_objective,
    "a higher bound": in_plan("plan", "bound", value=1e9),
    "a lower bound": in_plan("plan", "bound", value=1.0),
    "no gap": in_plan("plan", "gap", value=0.5),
    "called feasible": in_plan("plan", "status", value="feasible"),
    "called an expectation": in_plan("plan", "status", value="expectation"),
    "another solver": in_plan("plan", "solver", value="Gurobi 13.0.0"),
    "another note": in_plan("plan", "note", value="proved by hand"),
    "more rounds": in_plan("plan", "rounds", value=10**6),
    "more nodes": in_plan("plan", "nodes", value=7),
    "blocked requests": in_plan("plan", "blocked", value=0.5),
    "levels without wavelengths": in_plan("plan", "uncoloured", value=[3]),
    "another first stage cost": in_plan("plan", "first_stage_cost", value=1.0),
    "expects nothing on demand": cost_nothing,
    "half reserved, still called optimal": half_reserved,
    "half reserved, expects nothing on demand": all_claims,
    "by a policy that plans nothing": in_plan(
        "policy", value={"name": "empirical", "title": "empirical", "options": {}}
    ),
    "another option": in_plan("policy", "options", "formulation", value="routes"),
    "another scenario's requests": in_plan("scenario", "run", "seed", value=77),
}


def test_an_honest_plan_file_is_made_again(plan_file: Path, tmp_path: Path) -> None:
    found = by_plan(plan_file, tmp_path)
    passed, text = verdict(found)
    assert passed, text
    assert text.startswith("made again by ")
    assert not found.failed
    assert not found.partial


@pytest.mark.parametrize("kind", PLAN_FORGERIES)
def test_no_forged_plan_file_passes(kind: str, plan_file: Path, tmp_path: Path) -> None:
    """The trace is that of the forged file, so nothing but the plan made again tells."""
    path = forged_plan(plan_file, tmp_path / "forged.h5", PLAN_FORGERIES[kind])
    found = by_plan(path, tmp_path)
    passed, text = verdict(found)
    assert passed is False, text
    assert found.failed


def test_a_plan_of_the_users_own_is_valued_and_not_called_optimal(
    plan_file: Path, tmp_path: Path
) -> None:
    case = open_case(spec())
    made = load_plan(plan_file, spec()).plan
    table = PolicyTable(name="sip")
    stage = Stage(made.qkd_channels + 1, made.km_wavelengths)
    assigned = assign_wavelengths(case.network, case.forecast, made.routes)
    report = SolveReport(bound=None, solver="by hand")
    own = fixed_routes_plan(case.network, case.forecast, assigned, report, stage)
    found = by_plan(save_plan(own, spec(), table, tmp_path / "own.h5"), tmp_path)
    passed, text = verdict(found)
    assert passed is None
    assert text.startswith("a plan of the user's own: its qkd_channels")
    assert "is feasible and costs" in text
    assert "its bound, status, solver and note are not proved" in text
    assert not found.failed
    assert found.proved == ()
    # the same with a bound above what the policy's plan costs, or called optimal
    for claims in ({"bound": own.objective(case.network), "status": PlanStatus.OPTIMAL},):
        path = save_plan(replace(own, **claims), spec(), table, tmp_path / "forged.h5")
        passed, text = verdict(by_plan_again(path, tmp_path))
        assert passed is False
        assert "lies above a plan that costs" in text


def by_plan_again(plan_file: Path, folder: Path) -> Verification:
    (folder / "again").mkdir()
    return by_plan(plan_file, folder / "again")


def test_what_cannot_be_planned_here_is_not_checked(plan_file: Path, tmp_path: Path) -> None:
    """Policies and solvers that are not here: the file may be honest, and nobody can tell."""
    path = forged_plan(plan_file, tmp_path / "p.h5", in_plan("policy", "name", value="mine"))
    made = load_plan(path, spec())
    trace = simulate(spec(), PolicyTable(name="sip"), tmp_path / "t.h5", plan=made.plan)
    passed, text = verdict(verify(trace, plan=path, rerun=False))
    assert passed is None
    assert "'mine' is not installed" in text
    other = in_plan("software", "packages", value={"highspy": "0.0.1"})
    path = forged_plan(plan_file, tmp_path / "q.h5", other)
    path = forged_plan(path, tmp_path / "r.h5", in_plan("plan", "solver", value="HiGHS 0.0.1"))
    passed, text = verdict(by_plan(path, tmp_path))
    assert passed is None
    assert "other versions of the software its solver differ" in text
    passed, text = verdict(verify(trace, plan=path, rerun=False))
    assert passed is False
    assert "is not said to go by" in text
