"""Plans as files: what is written is what is read, and nothing damaged passes."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from qnetsim.case import open_case
from qnetsim.cli import _run
from qnetsim.errors import QnetsimError, TraceFormatError, UsageError
from qnetsim.optimize import Plan
from qnetsim.optimize.columns.problem import Size
from qnetsim.plans.storage import load_plan, save_plan
from qnetsim.policies.registry import make_policy
from qnetsim.scenario import PolicyTable, Scenario
from qnetsim.trace import is_plan, open_trace, read_plan
from qnetsim.trace.files import plan_file
from qnetsim.trace.files.plan_file import PLAN_COLUMNS
from qnetsim.vocabulary import PlanStatus
from tests.support.helpers import nsfnet, run
from tests.support.planning import plan_of

SIP = PolicyTable(name="sip")
TIGHT = {"demand__requests": "12", "network__qkd_wavelengths": "40", "run__slots": "30"}


def tight(**changes: str) -> Scenario:
    return nsfnet(**{**TIGHT, "cost__blocking_cost": "500_000.0", **changes})


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_of(tight(), "sip")


@pytest.fixture
def saved(plan: Plan, tmp_path: Path) -> Path:
    return save_plan(plan, tight(), SIP, tmp_path / "plan.h5")


def test_a_plan_comes_back_as_it_was(plan: Plan, saved: Path) -> None:
    found, policy, differences = load_plan(saved, tight())
    assert (policy.name, differences) == ("sip", [])
    for field in fields(plan):
        one, other = getattr(plan, field.name), getattr(found, field.name)
        if field.name == "note":
            assert other == f"{one}; from a plan file of content digest {read_plan(saved).digest()}"
            continue
        if isinstance(one, np.ndarray):
            np.testing.assert_array_equal(one, other)
        elif field.name == "routes":
            assert one.routes == other.routes
            np.testing.assert_array_equal(one.choice, other.choice)
        else:
            assert one == other, field.name
    assert plan.assignment is not None
    assert plan.blocked > 0
    case = open_case(tight())
    policies = [make_policy("sip", {}) for _ in range(2)]
    results = [run(case, p, plan=x) for p, x in zip(policies, (plan, found), strict=True)]
    np.testing.assert_array_equal(results[0].cost, results[1].cost)


@pytest.mark.parametrize("name", ["evf", "perfect", "random", "level"])
def test_plans_of_all_policies_are_kept(name: str, tmp_path: Path) -> None:
    options = {"level": 3} if name == "level" else {}
    table = PolicyTable.model_validate({"name": name, "label": "mine", **options})
    scenario = nsfnet(demand__requests="20")
    plan = plan_of(scenario, name, **options)
    path = save_plan(plan, scenario, table, tmp_path / "p.h5")
    found, policy, _ = load_plan(path, scenario)
    assert policy.title == "mine"
    assert policy.options == make_policy(name, options).options.model_dump()
    assert found.objective(open_case(scenario).network) == plan.objective(
        open_case(scenario).network
    )
    assert found.size == Size(*vars(plan.size).values())


def test_h5py_alone_reads_a_plan(saved: Path) -> None:
    with h5py.File(saved) as file:
        assert file.attrs["filetype"] == "qnetsim-plan"
        assert set(file.attrs) == {"filetype", "version", "provenance", "content_digest"}
        for name, dims, _, units, meaning in PLAN_COLUMNS:
            dataset = file[name]
            assert dataset.attrs["long_name"] == meaning
            assert dataset.attrs.get("units", "") == units
            assert [dim.label for dim in dataset.dims] == list(dims)
        km = file["wavelengths/km"][...]
        start = file["routes/start"][...]
        blocked = start[file["requests/route"][...]] < 0
        assert ((km < 0) == blocked).all()


def test_unlimited_plans_have_wavelengths_too(tmp_path: Path) -> None:
    scenario = nsfnet(demand__requests="20")
    path = save_plan(plan_of(scenario, "sip"), scenario, SIP, tmp_path / "p.h5")
    assert (read_plan(path).columns["wavelengths/km"] >= 0).all()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"network__topology": '"usnet"'}, "nodes"),
        ({"run__seed": "5"}, "requests"),
        ({"demand__levels": "7"}, "levels"),
    ],
)
def test_plans_for_something_else_are_refused(
    change: dict[str, str], what: str, saved: Path
) -> None:
    with pytest.raises(UsageError, match=f"is a plan for other {what}"):
        load_plan(saved, tight(**change))


def test_a_plan_for_other_settings_claims_nothing(saved: Path, tmp_path: Path) -> None:
    other = tight(demand__mean="4", run__slots="600")
    found, _, differences = load_plan(saved, other)
    assert differences == ["demand.mean is not set there and 4.0 here"]
    assert found.bound is None
    assert found.status is PlanStatus.EXPECTATION
    assert "made for another scenario: demand.mean" in found.note
    case = open_case(other)
    result = run(case, make_policy("sip", {}), plan=found)
    by_level = {int(k): c for k, c in zip(result.levels[:, 0], result.cost, strict=True)}
    p = case.forecast.levels.probabilities
    missing = 1 - sum(p[k] for k in by_level)
    mean = sum(p[k] * c for k, c in by_level.items())
    assert missing < 0.01
    assert mean == pytest.approx(found.objective(case.network), rel=1e-9 + 5 * missing)
    loose = nsfnet(demand__requests="12")
    path = save_plan(plan_of(loose, "sip"), loose, SIP, tmp_path / "loose.h5")
    narrow = nsfnet(demand__requests="12", network__qkd_wavelengths="30")
    assert load_plan(path, narrow)[0].status is PlanStatus.OVER_LIMIT
    drawn = PolicyTable(name="random")
    path = save_plan(plan_of(loose, "random"), loose, drawn, tmp_path / "random.h5")
    with pytest.raises(UsageError, match="holds for its own only"):
        load_plan(path, narrow)


def test_the_digest_is_that_of_the_contents(plan: Plan, saved: Path, tmp_path: Path) -> None:
    again = save_plan(replace(plan, solve_s=123.0), tight(), SIP, tmp_path / "again.h5")
    assert read_plan(again).digest() == read_plan(saved).digest()


def test_damaged_plans_are_refused(saved: Path, tmp_path: Path) -> None:
    """Any flipped byte is noticed before HDF5 sees the file."""
    whole = saved.read_bytes()
    rng = np.random.default_rng(1)
    copy = tmp_path / "copy.h5"
    places = [*range(78), *rng.integers(512, len(whole), 150).tolist()]
    for at in places:
        flipped = bytes([whole[at] ^ (1 << int(rng.integers(8)))])
        copy.write_bytes(whole[:at] + flipped + whole[at + 1 :])
        with pytest.raises(QnetsimError, match=r"damaged|not a qnetsim plan"):
            read_plan(copy)
    for size in (0, 1, 500, 512, len(whole) // 2, len(whole) - 1):
        copy.write_bytes(whole[:size])
        with pytest.raises(QnetsimError, match=r"damaged|not a qnetsim plan"):
            read_plan(copy)


def test_other_files_are_no_plans(
    plan: Plan, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="no such plan"):
        read_plan(tmp_path / "none.h5")
    with pytest.raises(UsageError, match="is a folder"):
        read_plan(tmp_path)
    (tmp_path / "text.h5").write_text("text")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    for name in ("text.h5", "other.h5"):
        assert not is_plan(tmp_path / name)
        with pytest.raises(TraceFormatError, match="not a qnetsim plan"):
            read_plan(tmp_path / name)
    assert is_plan(saved)
    with pytest.raises(TraceFormatError, match="not a qnetsim trace"):
        open_trace(saved)
    monkeypatch.setattr(plan_file, "VERSION", (2, 0))
    newer = save_plan(plan, tight(), SIP, tmp_path / "newer.h5")
    monkeypatch.undo()
    with pytest.raises(TraceFormatError, match=r"plan format \[2, 0\]"):
        read_plan(newer)


def test_the_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text = '[run]\nslots = 20\n[network]\ntopology = "nsfnet"\nqkd_wavelengths = {}\n'
    text += "[demand]\nrequests = 30\n"
    Path("a.toml").write_text(text.format(150))
    Path("b.toml").write_text(text.format(300))
    for name in "ab":
        assert _run(["plan", f"{name}.toml", "--out", f"{name}.h5"]) == 0
    capsys.readouterr()
    assert _run(["plan", "a.toml", "--out", "a.h5"]) == 2
    assert "exists already" in capsys.readouterr().err
    assert _run(["inspect", "a.h5"]) == 0
    shown = capsys.readouterr().out
    assert "explicit wavelengths" in shown
    assert "1–2" in shown
    assert _run(["diff", "a.h5", "b.h5"]) == 0
    shown = capsys.readouterr().out
    assert "qkd_wavelengths is 150 in the first and 300 in the second" in shown
    assert "routes differ" in shown
    assert _run(["diff", "a.h5", "a.h5"]) == 0
    assert "same plan" in capsys.readouterr().out
    assert _run(["run", "a.toml", "--plan", "a.h5", "--out", "t.h5"]) == 0
    assert _run(["run", "a.toml", "--policy", "sip", "--out", "u.h5"]) == 0
    with open_trace("t.h5") as planned, open_trace("u.h5") as solved:
        assert planned.attribute("content_digest") == solved.attribute("content_digest")
    assert _run(["run", "b.toml", "--plan", "a.h5", "--out", "v.h5"]) == 0
    assert "was made for another scenario" in capsys.readouterr().err
    for command, word in (
        (["run", "a.toml", "--plan", "a.h5", "--policy", "sip"], "either --policy"),
        (["run", "a.toml"], "either --policy"),
        (["diff", "a.h5", "t.h5"], "give two plans or two traces"),
        (["plan", "a.toml", "--out", "a.toml", "--force"], "is read by this command"),
        (["run", "a.toml", "--plan", "a.h5", "--out", "a.h5", "--force"], "is read by"),
        (["plan", "a.toml", "--out", "a.toml/x.h5"], "is a file, not a folder"),
        (["diff", "a.h5", "none.h5"], "no such plan"),
    ):
        assert _run(command) in {2, 3}
        assert word in capsys.readouterr().err
