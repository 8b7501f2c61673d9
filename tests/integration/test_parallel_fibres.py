"""Two cables between two nodes, from the run to its trace, plan, replay, report and map."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from unittest import mock

import h5py
import numpy as np
import pytest

import qnetsim
from qnetsim.analysis.audit import audit
from qnetsim.analysis.divergence import diverge
from qnetsim.analysis.figures.layout import BESIDE, network_layout
from qnetsim.analysis.map_data import map_data
from qnetsim.case import Case, open_case
from qnetsim.cli.show.plan import plan_json
from qnetsim.errors import SettingError, TraceError, TraceFormatError, UsageError
from qnetsim.network import Topology
from qnetsim.optimize.itemise import itemise
from qnetsim.plans.storage import load_plan, save_plan
from qnetsim.replay.departure import WhatIf, forced_reservation
from qnetsim.replay.reopen import recorded_run
from qnetsim.replay.verify import verify
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import parse_scenario
from qnetsim.studies.rate_card import rate_card
from qnetsim.studies.spacing import cheapest_spacing
from qnetsim.trace import open_trace, open_world, read_plan, write_plan
from tests.support.helpers import Scripted, run

#: Two cables from a to b, of which the first fails for four slots; a way round over c and d.
TEXT = """
[run]
slots = 12
seed = 3
[network]
topology = "cables"
span_km = 100
qkd_wavelengths = {sigma}
{network}
[demand]
levels = 3
mean = 1.0
pairs = [["a", "b"], ["a", "b"], ["a", "c"], ["b", "d"]]
[key_management]
on_outage = "reroute"
{outage}
"""
FAILURE = """
[[outage]]
fibre = ["b", "a", "north"]
start_s = 4
duration_s = 4
"""


def cables(labels: tuple[str, ...] = ("north", "south", "", "", "")) -> Topology:
    fibres = ((0, 1), (1, 0), (0, 2), (2, 3), (3, 1))
    return Topology("cables", tuple("abcd"), fibres, (100.0, 100.0, 80.0, 80.0, 90.0), (), labels)


def two_cables(
    outage: str = FAILURE, network: str = "", sigma: int = 0, topology: Topology | None = None
) -> Case:
    text = TEXT.format(outage=outage, network=network, sigma=sigma)
    return open_case(parse_scenario(text), topology or cables())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cables")


@pytest.fixture(scope="module")
def trace(folder: Path) -> Path:
    return simulate(two_cables(sigma=12), "sip", folder / "sip.h5")


def test_a_failed_cable_is_detoured_by_its_twin() -> None:
    case = two_cables()
    shape = (12, 5)
    policy = Scripted(
        np.zeros(shape, np.int64),
        np.zeros(shape, np.int64),
        routes=case.setting.shortest_routes(),
    )
    result = run(case, policy)
    used = result.columns["on_demand_wavelengths"]
    down = slice(4, 8)
    assert not used[down, 0].any()
    assert used[down, 1].sum() > 0
    assert not np.delete(used[:, 1], range(4, 8)).any()
    # the twin is as long as the cable, so that nobody goes round by c
    others = two_cables(outage="")
    undisturbed = run(others, Scripted(policy.channels, policy.wavelengths, routes=policy.routes))
    whole = undisturbed.columns["on_demand_wavelengths"]
    np.testing.assert_array_equal(used[:, :2].sum(axis=1), whole[:, :2].sum(axis=1))
    np.testing.assert_array_equal(used[:, 2:], whole[:, 2:])
    assert result.columns["rerouted"][down].sum() == used[down, 1].sum()


def test_an_outage_of_one_of_two_cables_must_name_it() -> None:
    unnamed = FAILURE.replace(', "north"', "")
    with pytest.raises(SettingError, match=r"2 fibres join 'b' and 'a': a–b \(north\), b–a \(s"):
        two_cables(outage=unnamed)


def test_a_trace_says_which_cable_is_which(trace: Path) -> None:
    with open_trace(trace) as opened:
        assert opened.provenance["fibre_names"] == ["north", "south", "", "", ""]
        assert opened.fibre_names() == ["a–b (north)", "b–a (south)", "a–c", "c–d", "d–b"]
        assert opened.foreign_contents() == []
        assert recorded_run(opened).case.network.topology == cables()
        assert all(finding.passed is not False for finding in audit(opened))
    assert all(finding.passed is not False for finding in verify(trace).findings)


def test_a_network_without_names_leaves_no_mark(folder: Path) -> None:
    fibres = ((0, 1), (0, 2), (2, 3), (3, 1))
    plain = Topology("cables", tuple("abcd"), fibres, (100.0, 80.0, 80.0, 90.0))
    path = simulate(two_cables(outage="", topology=plain), "evf", folder / "plain.h5")
    with open_trace(path) as opened:
        assert "fibre_names" not in opened.provenance
        assert opened.fibre_labels() == ()
    planned = qnetsim.plan(two_cables(outage="", topology=plain), "sip")
    assert "label" not in planned.table()
    saved = planned.save(folder / "plain.plan")
    assert "fibre_names" not in read_plan(saved).provenance


def test_other_names_are_another_world(trace: Path, folder: Path) -> None:
    renamed = cables(("north", "west", "", "", ""))
    other = simulate(two_cables(sigma=12, topology=renamed), "sip", folder / "renamed.h5")
    with open_trace(trace) as one, open_trace(other) as two:
        assert one.attribute("world_digest") != two.attribute("world_digest")
        assert one.provenance["network_digest"] != two.provenance["network_digest"]
    with pytest.raises(TraceError, match="other networks"):
        diverge(trace, other)


def test_a_world_is_met_again_by_other_policies(trace: Path, folder: Path) -> None:
    world = folder / "world.h5"
    qnetsim.record_world(two_cables(sigma=12), world)
    assert all(finding.passed is not False for finding in verify(world).findings)
    again = qnetsim.replay_world(world, "sip", out=folder / "again.h5")
    with open_trace(trace) as one, open_trace(again.path) as two, open_world(world) as recorded:
        assert recorded.fibre_names() == two.fibre_names()
        assert one.content_digest() == two.content_digest()
        assert one.attribute("world_digest") == two.attribute("world_digest")


def test_a_departure_names_the_cable(trace: Path, folder: Path) -> None:
    case = two_cables(sigma=12)
    forced = forced_reservation("a-b (south):qkd_channels=5", case, 6, None)
    assert forced.fibre == 1
    assert forced_reservation("d–b:qkd_channels=5", case, 6, None).fibre == 4
    with pytest.raises(UsageError, match=r"there are a-b \(north\), a-b \(south\), …"):
        forced_reservation("a-b:qkd_channels=5", case, 6, None)
    what_if = WhatIf(from_slot=6, forced=(forced,))
    departed = qnetsim.replay_world(trace, out=folder / "departed.h5", what_if=what_if)
    found = diverge(trace, departed.path)
    assert [change.name for change in found.fibres] == ["b–a (south)"]
    assert found.slot == 6
    assert all(finding.passed is not False for finding in verify(departed.path).findings)


def test_plans_say_which_cable_is_which(folder: Path) -> None:
    case = two_cables(sigma=6)
    found = qnetsim.plan(case, "sip")
    path = save_plan(found.plan, case, "sip", folder / "cables.plan")
    record = read_plan(path)
    assert record.fibre_names() == ["a–b (north)", "b–a (south)", "a–c", "c–d", "d–b"]
    stored = load_plan(path, case)
    assert stored.differences == []
    assert stored.plan.routes.routes == found.plan.routes.routes
    # both cables are in use: one of them has room for two channels only
    used = {fibre for route in found.plan.routes.routes for fibre in route.fibres}
    assert {0, 1} <= used
    assert found.table()["label"].tolist() == ["north", "south", "", "", ""]
    items = itemise(found.plan, case.network, case.forecast, case.scenario.cost)
    fibres = plan_json(found.plan, case, items)["fibres"]
    assert [fibre.get("label") for fibre in fibres] == ["north", "south", None, None, None]
    with pytest.raises(UsageError, match="is a plan for other fibres"):
        load_plan(path, two_cables(sigma=6, topology=cables(("south", "north", "", "", ""))))
    run_by_plan = simulate(case, "sip", folder / "by_plan.h5", plan=stored.plan)
    findings = verify(run_by_plan, plan=path).findings
    assert all(finding.passed is not False for finding in findings), findings


def test_plan_files_with_wrong_names_are_refused(folder: Path) -> None:
    case = two_cables(sigma=6)
    path = save_plan(qnetsim.plan(case, "sip").plan, case, "sip", folder / "named.plan")
    record = read_plan(path)
    wrong = (["north"], [1, 2, 3, 4, 5], ["x", "x", "", "", ""], ["north", "", "", "", ""], "north")
    for number, names in enumerate(wrong):
        copy = replace(record, provenance={**record.provenance, "fibre_names": names})
        written = write_plan(folder / f"wrong{number}.plan", copy)
        with pytest.raises(TraceFormatError, match=r"fibre_names|no name of its own"):
            read_plan(written)
    without = {key: v for key, v in record.provenance.items() if key != "fibre_names"}
    written = write_plan(folder / "unnamed.plan", replace(record, provenance=without))
    with pytest.raises(TraceFormatError, match="fibre 1 joins the nodes of an earlier one"):
        read_plan(written)


def test_damaged_names_are_refused(trace: Path, folder: Path) -> None:
    for number, names in enumerate((["north"], "north", ["x", "x", "", "", ""], [1, 2, 3, 4, 5])):
        copy = folder / f"damaged{number}.h5"
        copy.write_bytes(trace.read_bytes())
        with h5py.File(copy, "r+") as file:
            provenance = json.loads(file.attrs["provenance"])
            provenance["fibre_names"] = names
            file.attrs["provenance"] = json.dumps(provenance)
        assert any(finding.passed is False for finding in verify(copy).findings)
        with open_trace(copy) as opened, pytest.raises(TraceError, match="name"):
            recorded_run(opened)


def test_two_lines_lie_apart_on_the_map(trace: Path) -> None:
    with open_trace(trace) as opened:
        layout = network_layout(opened)
        lines = layout.lines
        data = json.loads(map_data({"sip": opened}, "sip") or "")
    extent = np.ptp(layout.places, axis=0).max()
    one, other = lines[0], lines[1][::-1]
    assert np.linalg.norm(one - other, axis=1) == pytest.approx([BESIDE * extent] * 2)
    assert (one + other) / 2 == pytest.approx(layout.places[layout.fibres[0]])
    assert lines[2:] == pytest.approx(layout.places[layout.fibres[2:]])
    assert data["fibre_labels"] == ["north", "south", "", "", ""]
    (x1, y1, x2, y2), (u2, v2, u1, v1) = data["lines"][:2]
    assert min(np.hypot(x1 - u1, y1 - v1), np.hypot(x2 - u2, y2 - v2)) > 10


def test_studies_tell_cables_apart() -> None:
    case = two_cables(outage="", network='key_rate = "inverse"')
    assert [entry.name for entry in rate_card(case.network, case.scenario.network)][:2] == [
        "a–b (north)",
        "b–a (south)",
    ]
    with mock.patch(
        "qnetsim.studies.spacing.open_case",
        lambda scenario: open_case(scenario, cables()),
    ):
        found = cheapest_spacing(case.scenario, [50.0, 100.0])
    assert [entry[:-1] for entry in found.scenario.network.fibre_spans][:3] == [
        ("a", "b", "north"),
        ("b", "a", "south"),
        ("a", "c"),
    ]


@pytest.mark.parametrize(
    "policy", ["evf", "perfect", "random", "empirical", "deterministic:level=1", "level:level=2"]
)
def test_every_policy_runs_over_cables(policy: str, folder: Path) -> None:
    path = simulate(two_cables(sigma=12), policy, folder / f"all_{policy[:4]}.h5")
    assert all(finding.passed is not False for finding in verify(path).findings)


def test_agents_of_the_environment_have_names_of_their_own() -> None:
    from qnetsim.learning.pettingzoo import QkdParallelEnv

    case = two_cables(outage="")
    learning = case.scenario.learning.model_copy(update={"decide_by": "fibre"})
    scenario = case.scenario.model_copy(update={"learning": learning})
    with mock.patch(
        "qnetsim.learning.episodes.open_case", lambda asked: open_case(asked, cables())
    ):
        environment = QkdParallelEnv(scenario)
    assert environment.possible_agents[:2] == ["a–b (north)", "b–a (south)"]
    observations, _ = environment.reset()
    actions = {agent: np.zeros(2) for agent in observations}
    assert set(environment.step(actions)[1]) == set(observations)
