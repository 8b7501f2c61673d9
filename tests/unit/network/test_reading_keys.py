"""Keys of ``[network]`` that say how a file is read: lengths, units, directions, parts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qnetsim.case import load
from qnetsim.errors import ScenarioError, TopologyError
from qnetsim.network.formats import ReadTopology, read_with_notes
from qnetsim.network.formats.write import save_topology
from qnetsim.scenario import TopologyTable

Edges = list[dict[str, Any]]


def edges(*given: tuple[str, str, object], key: str = "length") -> Edges:
    return [{"source": a, "target": b, key: km} for a, b, km in given]


def read(
    folder: Path, listed: Edges, whole: dict[str, Any] | None = None, **keys: object
) -> ReadTopology:
    names = dict.fromkeys(edge[end] for edge in listed for end in ("source", "target"))
    data = {"nodes": [{"id": name} for name in names], "links": listed, **(whole or {})}
    path = folder / "n.json"
    path.write_text(json.dumps(data))
    return read_with_notes(TopologyTable.model_validate({"topology": str(path), **keys}))


def refused(folder: Path, listed: Edges, *parts: str, **more: Any) -> None:
    with pytest.raises(TopologyError) as error:
        read(folder, listed, **more)
    assert all(part in str(error.value) for part in parts), str(error.value)


@pytest.mark.parametrize(
    ("edge", "keys", "km"),
    [
        ({"length": 80000, "length_units": "m"}, {}, 80.0),
        ({"length": "80 km"}, {}, 80.0),
        ({"length": "50 mi"}, {}, 80.4672),
        ({"dist": 80, "dist_unit": "Kilometers"}, {}, 80.0),
        ({"lengthInKm": "80"}, {}, 80.0),
        ({"distance_m": 80000}, {}, 80.0),
        ({"length": 80000}, {"length_unit": "m"}, 80.0),
        ({"distance": 80}, {"length_key": "distance"}, 80.0),
        ({"distance": 80, "distance_units": "mi"}, {"length_key": "Distance"}, 128.74752),
        ({"length": 7, "way": 80}, {"length_key": "way"}, 80.0),
        ({"length": 7, "dist": 80}, {"ignore": ["length"]}, 80.0),
        ({"length": 0.001}, {"min_length_km": 0.1}, 0.1),
        ({"length": 0}, {"min_length_km": 0.1}, 0.1),
    ],
)
def test_a_length_is_read_in_its_unit(
    edge: dict[str, Any], keys: dict[str, Any], km: float, tmp_path: Path
) -> None:
    found = read(tmp_path, [{"source": "a", "target": "b", **edge}], **keys).topology
    assert found.lengths_km == (km,)


@pytest.mark.parametrize(
    ("edge", "keys", "texts"),
    [
        ({"length": 8, "length_units": "ft"}, {}, ["the unit 'ft'", "allowed: m, km, mi"]),
        ({"length": "8 parsecs"}, {}, ["the unit 'parsecs'"]),
        ({"length": "8 km"}, {"length_unit": "m"}, ["is in km and in m, by '8 km' and network"]),
        ({"length_km": 8}, {"length_unit": "m"}, ["the name length_km", "one of them is wrong"]),
        ({"length": 8, "dist": 9}, {}, ["has several lengths, length = 8 and dist = 9"]),
        ({"length": 80000}, {}, ["1 fibre longer than half the way around", "network.length_unit"]),
        ({"distance": 8}, {}, ['network.length_key = "distance" names the length']),
        ({"length": 8}, {"length_key": "way"}, ["the length is missing"]),
        ({"length": 8}, {"coordinates": "plane"}, ['or set network.ignore = ["length"]']),
        ({"length": 8}, {"route_factor": 2.0}, ["goes with network.coordinates"]),
        ({"length": 8}, {"attenuation_key": "x"}, ["an attribute 'x' (network.attenuation_key)"]),
        ({}, {"coordinates": "great_circle", "route_factor": 0.5}, ["0.5 is below 1"]),
        ({"length": 0}, {}, ["the length is zero", "network.min_length_km = 0.1"]),
        ({}, {}, ["the length is missing", "network.missing_length = 100.0"]),
    ],
)
def test_a_length_that_is_open_is_refused(
    edge: dict[str, Any], keys: dict[str, Any], texts: list[str], tmp_path: Path
) -> None:
    refused(tmp_path, [{"source": "a", "target": "b", **edge}], *texts, **keys)


def test_lengths_in_another_unit_than_the_coordinates_say_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "n.json"
    nodes = [{"id": "a", "lat": 50, "lon": 8}, {"id": "b", "lat": 51, "lon": 8}]
    path.write_text(json.dumps({"nodes": nodes, "edges": edges(("a", "b", 111195))}))
    with pytest.raises(TopologyError, match=r"1e\+03 times the distances by the coordinates"):
        read_with_notes(str(path))
    metres = read_with_notes(TopologyTable(topology=str(path), length_unit="m")).topology
    assert metres.lengths_km == (111.195,)


BOTH = {"directed": True}


def test_both_directions_are_one_fibre_if_they_are_equal(tmp_path: Path) -> None:
    listed = edges(("a", "b", 5), ("b", "a", 5), ("b", "c", 7))
    found = read(tmp_path, listed, BOTH)
    assert found.topology.lengths_km == (5.0, 7.0)
    assert found.notes == ("both directions of 1 fibre are one fibre each",)
    apart = read(tmp_path, listed, BOTH, directions="separate", parallel_fibres="keep")
    assert apart.topology.lengths_km == (5.0, 5.0, 7.0)
    refused(tmp_path, listed, "is a duplicate", whole=BOTH, directions="separate")
    # a format that does not say is directed where every link stands both ways
    (tmp_path / "n.csv").write_text("source,target,length_km\na,b,5\nb,c,7\nb,a,5\nc,b,7\n")
    assert read_with_notes(str(tmp_path / "n.csv")).topology.lengths_km == (5.0, 7.0)


@pytest.mark.parametrize(("how", "km"), [("shortest", 5.0), ("longest", 6.0), ("mean", 5.5)])
def test_unlike_directions_are_refused_until_one_counts(
    how: str, km: float, tmp_path: Path
) -> None:
    listed = edges(("a", "b", 5), ("b", "a", 6))
    refused(tmp_path, listed, "fibre b–a of 6 km", "network.directions", whole=BOTH)
    found = read(tmp_path, listed, BOTH, directions=how)
    assert found.topology.lengths_km == (km,)
    assert found.notes == ()


def test_parts_self_loops_and_links_without_a_length(tmp_path: Path) -> None:
    listed = edges(("a", "b", 5), ("c", "d", 6), ("d", "e", 7), ("e", "e", 1))
    refused(tmp_path, listed, "fibre e–e: is a self-loop", 'network.self_loops = "drop"')
    whole = read(tmp_path, listed, self_loops="drop")
    assert whole.topology.nodes == ("a", "b", "c", "d", "e")
    assert whole.asked == ("1 self-loop dropped: e",)
    part = read(tmp_path, listed, self_loops="drop", parts="largest")
    assert (part.topology.nodes, part.topology.fibres) == (("c", "d", "e"), ((0, 1), (1, 2)))
    assert part.asked[-1] == "2 nodes outside the largest part left out: a, b"
    less = [*listed[:3], {"source": "e", "target": "f"}]
    assert read(tmp_path, less, missing_length="drop").topology.nodes == ("a", "b", "c", "d", "e")
    assert read(tmp_path, less, missing_length=9).topology.lengths_km[-1] == 9.0


def test_names_of_links_and_older_forms_of_node_link(tmp_path: Path) -> None:
    listed = [
        {**edge, "name": name}
        for edge, name in zip(edges(("a", "b", 5), ("a", "b", 6)), "xy", strict=True)
    ]
    found = read(tmp_path, listed)
    assert [found.topology.fibre_name(e) for e in (0, 1)] == ["a–b (x)", "a–b (y)"]
    assert found.notes == ()
    path = tmp_path / "old.json"
    old = {
        "nodes": [{"name": "a"}, {"name": "b"}],
        "links": [{"source": 0, "target": 1, "dist": 2}],
    }
    path.write_text(json.dumps(old))
    assert read_with_notes(str(path)).topology.nodes == ("a", "b")
    wrapped = {"graph": {"nodes": {"a": {"label": "A"}, "b": {}}, "edges": edges(("a", "b", 3))}}
    path.write_text(json.dumps(wrapped))
    assert read_with_notes(str(path)).topology.locations[0].name == "A"
    path.write_text(json.dumps({"nodes": [], "edges": [{}], "links": [{}]}))
    with pytest.raises(TopologyError, match="has both 'edges' and 'links'"):
        read_with_notes(str(path))


@pytest.mark.parametrize("suffix", ["csv", "json", "graphml"])
def test_what_is_written_reads_back(suffix: str, tmp_path: Path) -> None:
    text = 'graph [ node [ id 1 label "A&B" lat 1.5 lon 2 ] node [ id 2 label "#c" ]\n'
    text += ' edge [ source 1 target 2 length 5 name "x,y" attenuation_db_km 0.3 ]\n'
    text += ' edge [ source 1 target 2 length 6.25 name "z" ] ]'
    (tmp_path / "n.gml").write_text(text)
    before = read_with_notes(str(tmp_path / "n.gml")).topology
    out = tmp_path / f"out.{suffix}"
    lost = save_topology(before, out)
    after = read_with_notes(str(out)).topology
    assert set(after.nodes) == set(before.nodes)
    assert (after.lengths_km, after.fibre_labels) == (before.lengths_km, before.fibre_labels)
    assert after.losses == before.losses
    if suffix == "csv":
        assert lost[0].startswith("labels and coordinates of nodes are left out")
    else:
        assert (lost, after.digest(), after.locations) == ((), before.digest(), before.locations)


def test_the_keys_stand_in_a_scenario(tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text("to,from,way\na,b,80000\nb,c,45000\n")
    path = tmp_path / "s.toml"
    rest = "[demand]\nrequests = 2\n[run]\nslots = 2\n"
    path.write_text(f'[network]\ntopology = "n.csv"\nlength_unit = "m"\n{rest}')
    with pytest.raises(ScenarioError, match=r"s\.toml:2: network\.topology: .*missing"):
        load(path)
    path.write_text(f'[network]\ntopology = "n.csv"\nlength_key = "way"\nlength_unit = "m"\n{rest}')
    with_keys = load(path)
    path.write_text(f'[network]\ntopology = "n.csv"\n{rest}')
    changed = load(
        path, changes={("network", "length_key"): "way", ("network", "length_unit"): "m"}
    )
    assert changed == with_keys
    plain = load(path, changes={("network", "topology"): "nsfnet"})
    assert plain.digest() != with_keys.digest()
