"""Plans over one key of the scenario."""

from __future__ import annotations

from pathlib import Path

import pytest

from qnetsim.errors import ScenarioError, UsageError
from qnetsim.plans.make import make_plan
from qnetsim.scenario import PolicyTable, load_scenario
from qnetsim.studies.sensitivity import scenarios_of, sensitivity, sweep_of

SIP = PolicyTable(name="sip")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "net.csv").write_text("source,target,length_km\na,b,100\nb,c,200\na,c,250\n")
    text = '[network]\ntopology = "net.csv"\n[demand]\nlevels = 4\nrequests = 5\n'
    (tmp_path / "s.toml").write_text(text)
    return tmp_path / "s.toml"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("cost.on_demand_multiplier=0.5:2:4", (0.5, 1.0, 1.5, 2.0)),
        ("cost.on_demand_multiplier=0.1:0.7:3", (0.1, 0.4, 0.7)),
        ("network.qkd_wavelengths=9:3:3", (9, 6, 3)),
        ("network.qkd_wavelengths=1:4:6", (1, 2, 3, 4)),
        ("demand.mean=1e0:2e0:2", (1.0, 2.0)),
    ],
)
def test_values_have_equal_distances(text: str, values: tuple[float, ...]) -> None:
    sweep = sweep_of(text)
    assert sweep.values == values
    assert [type(value) for value in sweep.values] == [type(value) for value in values]
    assert sweep.asked == int(text.rsplit(":", 1)[1])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cost.on_demand_multiplier",
        "=1:2:3",
        "demand.mean=1:2",
        "demand.mean=1:2:3:4",
        "demand.mean=1:2:1",
        "demand.mean=1:2:1001",
        "demand.mean=1:2:x",
        "demand.mean=nan:2:3",
        "demand.mean=1:inf:3",
        "demand.mean=1:1e999:3",
        "demand.mean=2:2:3",
        "network.qkd_wavelengths=1.5:4:3",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"sensitivity=.*KEY=FROM:TO:N"):
        sweep_of(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cost.on_demand_multiplier=-1:2:3", "cost.on_demand_multiplier: .*got -1"),
        ("cost.on_demand_multiplyer=1:2:3", "did you mean 'on_demand_multiplier'"),
        ("nothing.at=1:2:3", "nothing: unknown key"),
        ("network.topology=1:2:2", "network.topology: should be text"),
        ("demand=1:2:2", "demand: should be a table"),
    ],
)
def test_values_are_checked_like_the_file(path: Path, text: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        scenarios_of(path, sweep_of(text))


def test_a_key_below_a_value_is_refused(path: Path) -> None:
    with pytest.raises(UsageError, match=r"demand.levels.x: demand.levels is no table"):
        scenarios_of(path, sweep_of("demand.levels.x=1:2:2"))


def test_every_point_is_the_plan_of_its_scenario(path: Path) -> None:
    sweep = sweep_of("cost.on_demand_multiplier=0.5:2:4")
    points = sensitivity(sweep, scenarios_of(path, sweep), SIP)
    assert [point.value for point in points] == list(sweep.values)
    network_cost = []
    for value in sweep.values:
        text = path.read_text() + f"[cost]\non_demand_multiplier = {value}\n"
        other = path.with_name("other.toml")
        other.write_text(text)
        plan = make_plan(load_scenario(other), SIP)
        network_cost.append(plan.bound)
    assert [point.bound for point in points] == network_cost
    costs = [point.objective for point in points]
    assert costs == sorted(costs) and costs[0] < costs[-1]
    assert all(point.valid and point.status == "optimal" for point in points)


def test_values_without_a_plan_are_kept(path: Path) -> None:
    sweep = sweep_of("network.qkd_wavelengths=3:63:3")
    points = sensitivity(sweep, scenarios_of(path, sweep), SIP)
    assert [point.status for point in points] == ["infeasible", "optimal", "optimal"]
    assert points[0].objective is None and points[0].bound is None and not points[0].valid
    assert "the least limit that would do" in points[0].note
