"""Scenarios from tables and keywords, and with other values, checked as files are."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from qnetsim.case import load, open_case
from qnetsim.errors import ScenarioError, UsageError
from qnetsim.scenario import DemandTable, Scenario, parse_scenario
from tests.support import SCENARIOS

TABLES = {"network": {"topology": "nsfnet"}, "demand": {"requests": 4}}


def test_tables_give_what_their_file_gives() -> None:
    text = '[network]\ntopology = "nsfnet"\n[demand]\nrequests = 4\npriority_shares = [0.5, 0.5]\n'
    there = parse_scenario(text)
    demand = {"requests": np.int64(4), "priority_shares": np.array([0.5, 0.5])}
    assert Scenario.of(topology="nsfnet", demand=demand) == there
    assert Scenario.of({**TABLES, "demand": demand}) == there
    assert Scenario.of({"network": there.network}, demand=there.demand) == there
    assert Scenario.of(topology="nsfnet", demand=demand).digest() == there.digest()


@pytest.mark.parametrize(
    ("tables", "text"),
    [
        ({"demand": {"requets": 4}}, r"demand\.requets: unknown key; did you mean 'requests'\?"),
        ({"demand": {"requests": -5}}, r"demand\.requests: .* \(got -5\); allowed: an integer"),
        ({"demand": {"requests": "four"}}, r"demand\.requests: .* \(got 'four'\)"),
        ({"demand": {"requests": 4, "pairs": "all"}}, r"demand\.pairs: requests and pairs"),
        ({"demnd": {}}, r"demnd: unknown key; did you mean 'demand'\?"),
        ({"demand": 4}, r"demand: should be a table"),
        ({"demand": {"requests": 4}, "policy": [{"name": "sip"}] * 2}, r"policy\[1\]: 'sip' is"),
    ],
)
def test_what_is_wrong_is_said_as_for_a_file(tables: dict[str, object], text: str) -> None:
    with pytest.raises(ScenarioError, match=f"(?m)^{text}"):
        Scenario.of(tables, topology="nsfnet")


def test_all_problems_are_said_at_once() -> None:
    with pytest.raises(ScenarioError) as caught:
        Scenario.of({"demand": {"requests": 0}, "run": {"slots": 0, "sede": 1}})
    assert len(caught.value.problems) == 4


def test_what_is_given_twice_or_is_no_table_is_refused() -> None:
    with pytest.raises(ScenarioError, match=r"^network\.topology: is given twice"):
        Scenario.of(TABLES, topology="usnet")
    with pytest.raises(ScenarioError, match=r"^demand: is given twice"):
        Scenario.of(TABLES, demand={"requests": 3})
    with pytest.raises(ScenarioError, match=r"^a scenario: give a mapping of tables, not list"):
        Scenario.of([TABLES])  # type: ignore[arg-type]


def test_changes_are_checked_as_a_file_is() -> None:
    scenario = Scenario.of(TABLES)
    changed = scenario.with_changes({"demand.requests": 40, ("run", "seed"): 7})
    assert (changed.demand.requests, changed.run.seed) == (40, 7)
    assert (scenario.demand.requests, scenario.run.seed) == (4, 1)
    for key, value, text in (
        ("demand.requets", 40, "did you mean 'requests'"),
        ("demand.requests", -5, r"with demand.requests = -5: demand.requests: .*got -5"),
        ("demand.pairs", "all", "requests and pairs are both given"),
        ("network.key_rate", "table", "'table' needs rate_table"),
    ):
        with pytest.raises(ScenarioError, match=text):
            scenario.with_changes({key: value})
    with pytest.raises(UsageError, match=r"policy\[0\]\.name: policy is no list"):
        scenario.with_changes({"policy.0.name": "evf"})


@pytest.mark.parametrize(
    "path",
    # topohub leaves a file of germany50 open
    [path for path in sorted(SCENARIOS.glob("*.toml")) if path.stem != "germany50"],
    ids=lambda path: path.stem,
)
def test_a_change_leaves_the_rest_as_it_is(path: Path) -> None:
    scenario = load(path)
    changed = scenario.with_changes({"run.seed": scenario.run.seed + 1})
    assert changed.run.seed == scenario.run.seed + 1
    back = changed.with_changes({"run.seed": scenario.run.seed})
    assert back == scenario
    assert back.digest() == scenario.digest()


def test_recorded_demand_is_not_changed_behind_its_file() -> None:
    scenario = load(SCENARIOS / "diurnal.toml")
    for key in ("demand.levels", "recording.slot_s"):
        with pytest.raises(ScenarioError, match="belongs to the recorded demand"):
            scenario.with_changes({key: 12})


def test_copies_refuse_keys_that_are_not_there() -> None:
    scenario = Scenario.of(TABLES)
    with pytest.raises(ScenarioError, match=r"^requets: unknown key; did you mean 'requests'\?"):
        scenario.demand.model_copy(update={"requets": 3})
    with pytest.raises(ScenarioError, match=r"^demnd: unknown key; did you mean 'demand'\?"):
        scenario.model_copy(update={"demnd": DemandTable()})


def test_values_put_in_past_the_checks_are_refused_where_they_are_used() -> None:
    scenario = Scenario.of(TABLES)
    demand = scenario.demand.model_copy(update={"requests": -5})
    with pytest.raises(ScenarioError, match=r"demand\.requests: .*got -5") as caught:
        open_case(scenario.model_copy(update={"demand": demand}))
    assert "Scenario.with_changes" in str(caught.value)


def test_a_scenario_goes_to_other_processes() -> None:
    scenario = load(SCENARIOS / "nsfnet.toml")
    assert pickle.loads(pickle.dumps(scenario)) == scenario
