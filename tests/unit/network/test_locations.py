"""Places of nodes: read from files and topohub, kept in traces, and no part of any result."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qnetsim.locations import LONGEST_NAME, Location
from qnetsim.network import read_topology
from qnetsim.replay.reopen import recorded_run
from qnetsim.runs.batch import run_policies
from qnetsim.scenario import PolicyTable
from qnetsim.trace import open_trace
from tests.support.commands import call
from tests.support.helpers import nsfnet

GRAPHML = """<?xml version="1.0"?><graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key attr.name="Longitude" attr.type="double" for="node" id="d0"/>
<key attr.name="Latitude" attr.type="double" for="node" id="d1"/>
<key attr.name="label" attr.type="string" for="node" id="d2"/>
<key attr.name="length" attr.type="double" for="edge" id="d3"/>
<graph edgedefault="undirected">
<node id="0">
<data key="d0">-74.0</data><data key="d1">40.7</data><data key="d2">New York</data></node>
<node id="1"><data key="d2">?</data></node>
<edge source="0" target="1"><data key="d3">90</data></edge>
</graph></graphml>"""


def test_graphml_of_the_topology_zoo(tmp_path: Path) -> None:
    (tmp_path / "n.graphml").write_text(GRAPHML)
    found = read_topology(str(tmp_path / "n.graphml")).locations
    assert found == (Location("New York", -74.0, 40.7), Location("?"))


@pytest.mark.parametrize(
    ("attributes", "place"),
    [
        ({"pos": [6.04, 50.76]}, (6.04, 50.76)),
        ({"longitude": -84.4, "latitude": 33.7}, (-84.4, 33.7)),
        ({"lon": "7.5", "LAT": "51"}, (7.5, 51.0)),
        # a plane, not the earth
        ({"pos": [145.7, 454.9]}, (None, None)),
        ({"longitude": 5.0}, (None, None)),
        ({"longitude": True, "latitude": 3.0}, (None, None)),
        ({"longitude": "nan", "latitude": 3.0}, (None, None)),
        ({"pos": "far"}, (None, None)),
        ({}, (None, None)),
    ],
)
def test_coordinates_of_a_node(
    attributes: dict[str, object], place: tuple[float | None, float | None]
) -> None:
    found = Location.read("a", attributes)
    assert (found.longitude, found.latitude) == place


def test_names_are_short_and_another_word() -> None:
    assert Location.read("a", {"name": "a"}).name is None
    assert Location.read("a", {"label": "Aachen"}).name == "Aachen"
    assert Location.read("a", {"name": "x" * (LONGEST_NAME + 1)}).name is None
    assert Location.read("a", {"name": 5}).name is None


@pytest.mark.parametrize(
    "value",
    [
        5,
        {"name": ""},
        {"name": 3},
        {"longitude": 1.0},
        {"longitude": 200.0, "latitude": 0.0},
        {"longitude": "1", "latitude": "2"},
        {"height": 3},
    ],
)
def test_damaged_places_are_none(value: object) -> None:
    with pytest.raises(ValueError):
        Location.stored(value)


def test_what_is_stored_reads_back() -> None:
    for place in (Location(), Location("x"), Location(None, 1.5, -2.0), Location("y", 0.0, 0.0)):
        assert Location.stored(json.loads(json.dumps(place.as_table()))) == place


def test_places_travel_with_a_trace_and_change_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    digests = []
    for name, more in (
        ("with", {"latitude": 50.0, "longitude": 6.0, "name": "Aachen"}),
        ("no", {}),
    ):
        nodes = [{"id": "a", **more}, {"id": "b"}, {"id": "c"}]
        edges = [{"source": a, "target": b, "length_km": 90} for a, b in (("a", "b"), ("b", "c"))]
        file = tmp_path / f"{name}.json"
        file.write_text(json.dumps({"nodes": nodes, "edges": edges}))
        scenario = nsfnet(
            run__slots="5",
            run__replications="1",
            network__topology=repr(str(file)),
        )
        (path,) = run_policies(scenario, [PolicyTable(name="evf")], tmp_path / name)
        with open_trace(path) as trace:
            known = trace.provenance.get("locations")
            digests.append(trace.attribute("content_digest"))
            digests.append(trace.attribute("world_digest"))
            run = recorded_run(trace)
            whole = read_topology(str(file))
            assert run.case.network.topology.locations == whole.locations
            assert bool(whole.locations) is bool(more)
        assert known == ({"a": more} if more else None)
        assert call(capsys, "verify", str(path), "--topology", str(file))[0] == 0
    assert digests[:2] == digests[2:]
