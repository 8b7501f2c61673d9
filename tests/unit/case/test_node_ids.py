"""Nodes named by labels: everywhere in a scenario, and the same run as by ids."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import qnetsim
from qnetsim.case import open_case
from qnetsim.errors import ScenarioError, TopologyError
from qnetsim.locations import Location, node_titles
from qnetsim.network import Topology
from qnetsim.network.node_names import NodeNames

CITIES = {"0": "Gdansk", "1": "Warsaw", "2": "Krakow", "3": "Lodz"}
EDGES = [("0", "1", 280), ("1", "2", 250), ("1", "3", 120), ("2", "3", 200)]


def network_file(folder: Path, labels: dict[str, str] = CITIES) -> Path:
    path = folder / "net.json"
    nodes = [{"id": node, "label": labels[node]} for node in CITIES]
    edges = [{"source": a, "target": b, "length_km": km} for a, b, km in EDGES]
    path.write_text(json.dumps({"nodes": nodes, "edges": edges}))
    return path


def tables(path: Path, name: Any) -> dict[str, Any]:
    """A scenario that names nodes at every key that may; ``name`` spells an id."""
    return {
        "network": {
            "topology": str(path),
            "fibre_spans": [[name("1"), name("2"), 80.0]],
            "fibre": [{"source": name("3"), "target": name("1"), "extra_loss_db": 1.5}],
        },
        "request": [
            {"source": name("0"), "target": name("2"), "mean": 2.0},
            {"source": name("3"), "target": name("0")},
        ],
        "outage": [
            {"node": name("3"), "start_s": 2.0, "duration_s": 3.0},
            {"fibre": [name("0"), name("1")], "start_s": 4.0, "duration_s": 1.0},
        ],
        "fel": [
            {
                "dataset": "wine",
                "owner": name("0"),
                "head": name("1"),
                "workers": [name("2"), name("3")],
            }
        ],
        "run": {"slots": 12, "replications": 1},
    }


def test_labels_mean_the_same_as_ids(tmp_path: Path) -> None:
    path = network_file(tmp_path)
    by_id = qnetsim.make_scenario(tables(path, str))
    by_label = qnetsim.make_scenario(tables(path, CITIES.__getitem__))
    assert by_label == by_id
    assert by_label.digest() == by_id.digest()
    worlds = [open_case(spec).realisation(0).whole_digest() for spec in (by_id, by_label)]
    assert worlds[0] == worlds[1]


def test_a_scenario_that_was_not_completed_takes_labels_too(tmp_path: Path) -> None:
    given = tables(network_file(tmp_path), CITIES.__getitem__)
    case = open_case(qnetsim.Scenario.of(given))
    assert case.forecast.pairs == ((0, 2), (0, 3))
    assert case.scenario.request[0].source == "0"


def test_traces_keep_ids_and_labels_are_shown(tmp_path: Path) -> None:
    demand = {"pairs": [["Gdansk", "Krakow"]]}
    spec = qnetsim.make_scenario(
        {"network": {"topology": str(network_file(tmp_path))}, "demand": demand},
        run={"slots": 5, "replications": 1},
    )
    run = qnetsim.run(spec, "sip", out=tmp_path / "run.h5")
    with qnetsim.open_trace(run.path) as trace:
        assert trace.column("world/request_source").tolist() == ["0"]
        assert trace.provenance["scenario"]["demand"]["pairs"] == [["0", "2"]]
        assert trace.locations()["2"].name == "Krakow"
        assert trace.fibre_names()[0] == "Gdansk–Warsaw"
    passed = {f.name: f.passed for f in qnetsim.verify_trace(run.path).findings}
    assert passed["re-run"]


def test_recorded_demand_may_name_labels(tmp_path: Path) -> None:
    path = network_file(tmp_path)
    found = []
    for a, b in (("0", "2"), ("Gdansk", "Krakow")):
        (tmp_path / "d.csv").write_text(f"slot,source,target,rate\n0,{a},{b},2\n1,{b},{a},3\n")
        recording = {"file": str(tmp_path / "d.csv"), "rate_unit": "level", "slot_s": 1.0}
        spec = qnetsim.make_scenario(
            {"network": {"topology": str(path)}, "recording": recording}, demand={"mean": 1.0}
        )
        found.append(open_case(spec).realisation(0).whole_digest())
        assert spec.demand.pairs == (("0", "2"),)
    assert found[0] == found[1]
    (tmp_path / "d.csv").write_text("slot,source,target,rate\n0,Gdanks,2,2\n")
    with pytest.raises(
        ScenarioError, match=r"source 'Gdanks' is not a node of net.json; did you mean 'Gdansk'"
    ):
        qnetsim.make_scenario(
            {"network": {"topology": str(path)}, "recording": recording}, demand={"mean": 1.0}
        )


BAD = {
    "pairs": ("unknown node 'Gdanks'; did you mean 'Gdansk'? allowed: 0 (Gdansk)", "Gdanks"),
    "case": ("did you mean 'Warsaw'?", "warsaw"),
    "short": ("unknown node '9'; allowed: 0 (Gdansk), 1 (Warsaw)", "9"),
}


@pytest.mark.parametrize(("word", "name"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("key", ["pairs", "request", "outage", "fel", "fibre", "fibre_spans"])
def test_unknown_names_are_refused_with_a_guess(
    tmp_path: Path, key: str, word: str, name: str
) -> None:
    given = tables(network_file(tmp_path), str)
    if key == "pairs":
        given = {name: table for name, table in given.items() if name != "request"}
        given["demand"] = {"pairs": [["1", name]]}
    elif key == "request":
        given["request"][0]["target"] = name
    elif key == "outage":
        given["outage"][0]["node"] = name
    elif key == "fel":
        given["fel"][0]["owner"] = name
    elif key == "fibre":
        given["network"]["fibre"][0]["source"] = name
    else:
        given["network"]["fibre_spans"][0][0] = name
    with pytest.raises(ScenarioError) as error:
        qnetsim.make_scenario(given)
    assert word in str(error.value)


def test_one_label_of_two_nodes_is_refused_with_their_ids(tmp_path: Path) -> None:
    path = network_file(tmp_path, CITIES | {"3": "Gdansk"})
    with pytest.raises(ScenarioError) as error:
        qnetsim.make_scenario(
            {"network": {"topology": str(path)}, "demand": {"pairs": [["Gdansk", "1"]]}}
        )
    assert "'Gdansk' names 2 nodes" in str(error.value)
    assert "give one of the ids: '0', '3'" in str(error.value)


def test_an_id_that_is_another_nodes_label_is_refused_and_can_be_said(tmp_path: Path) -> None:
    path = network_file(tmp_path, CITIES | {"3": "1"})
    base = {"network": {"topology": str(path)}, "run": {"slots": 4, "replications": 1}}
    with pytest.raises(ScenarioError, match=r"'1' names 2 nodes.*give one of the ids: 'id:1', '3'"):
        qnetsim.make_scenario({**base, "demand": {"pairs": [["1", "2"]]}})
    spec = qnetsim.make_scenario({**base, "demand": {"pairs": [["id:1", "2"]]}})
    assert open_case(spec).forecast.pairs == ((1, 2),)
    run = qnetsim.run(spec, "sip", out=tmp_path / "run.h5")
    passed = {f.name: f.passed for f in qnetsim.verify_trace(run.path).findings}
    assert passed["re-run"]


def test_stored_ids_are_ids() -> None:
    places = (Location("1"), Location(), Location())
    names = NodeNames(Topology("t", ("0", "1", "2"), ((0, 1), (1, 2)), (1.0, 1.0), places))
    with pytest.raises(LookupError, match="names 2 nodes"):
        names.id_of("1")
    assert names.id_of("1", ids_first=True) == "id:1"
    assert names.find("id:1") == 1
    assert names.id_of("2") == "2"


@pytest.mark.parametrize(
    ("labels", "titles"),
    [
        ([None, None, None], ("0", "1", "2")),
        (["A", "B", None], ("A", "B", "2")),
        (["A", "A", "B"], ("A (0)", "A (1)", "B")),
        (["2", "B", None], ("2 (0)", "B", "2")),
    ],
)
def test_titles_are_told_apart(labels: list[str | None], titles: tuple[str, ...]) -> None:
    found = node_titles(("0", "1", "2"), [Location(label) for label in labels])
    assert found == titles
    assert len(set(found)) == 3
    assert node_titles(("0", "1"), ()) == ("0", "1")


# topohub leaves its files open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_names_of_topohub_are_names() -> None:
    spec = qnetsim.make_scenario(
        topology="topohub:sndlib/polska", demand={"pairs": [["Gdansk", "Warsaw"]]}
    )
    topology = open_case(spec).network.topology
    (pair,) = open_case(spec).forecast.pairs
    assert [topology.titles[node] for node in pair] == ["Gdansk", "Warsaw"]


def test_a_file_that_cannot_be_read_is_still_named(tmp_path: Path) -> None:
    with pytest.raises((ScenarioError, TopologyError), match=r"none\.json"):
        qnetsim.make_scenario(topology=str(tmp_path / "none.json"), demand={"requests": 1})
