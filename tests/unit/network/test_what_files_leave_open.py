"""Ends, units, places and attributes that a topology file leaves open."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import networkx
import pytest
from click.testing import CliRunner

from qnetsim.cli.listing import topologies
from qnetsim.errors import TopologyError
from qnetsim.network.formats import read_with_notes
from qnetsim.network.formats.write import save_topology
from qnetsim.network.graphs import given_graph
from qnetsim.scenario import TopologyTable
from tests.support.topology_reading import read, refused


def two(edge: dict[str, Any], *nodes: dict[str, Any], **whole: Any) -> str:
    """A file of two nodes, a and b, and one link."""
    given = [{"id": name, **more} for name, more in zip("ab", nodes or ({}, {}), strict=True)]
    return json.dumps({**whole, "nodes": given, "edges": [{"source": "a", "target": "b", **edge}]})


@pytest.mark.parametrize(
    ("header", "keys"),
    [
        ("src,destination", {}),
        ("Source,Destination", {}),
        ("from,dst", {}),
        ("Origem,Destino", {"ends": ["Origem", "Destino"]}),
        ("from,to", {"ends": ["to", "from"]}),
    ],
)
def test_ends_in_csv(header: str, keys: dict[str, Any], tmp_path: Path) -> None:
    found = read(tmp_path, "n.csv", f"{header},length_km\na,b,5\n", **keys).topology
    assert (found.nodes, found.lengths_km) == (("a", "b"), (5.0,))


@pytest.mark.parametrize(
    ("header", "keys", "texts"),
    [
        ("Origem,Destino", {}, ['network.ends = ["Origem", "Destino"]', ":1: no two names"]),
        ("from,source", {}, ["no two names are known to be the ends"]),
        ("a,b", {"ends": ["a", "x"]}, ["nothing is called 'x' (network.ends); links have a, b"]),
        ("a,b", {"ends": ["a", "A"]}, ["network.ends names 'a' twice"]),
    ],
)
def test_ends_that_are_open(
    header: str, keys: dict[str, Any], texts: list[str], tmp_path: Path
) -> None:
    refused(tmp_path, "n.csv", f"{header},length_km\na,b,5\n", *texts, **keys)


@pytest.mark.parametrize("text", ["A,B,3\nB,C,4\n", "X;Y;3.5\nY;Z;4\n", "1,2,3\n2,3,4\n"])
def test_a_link_in_place_of_a_header_is_not_lost(text: str, tmp_path: Path) -> None:
    refused(tmp_path, "n.csv", text, "n.csv:1: seems to be a link", "source,target,length_km")


def test_a_header_may_have_a_number(tmp_path: Path) -> None:
    text = "source,target,length_km,2020\na,b,5,7\n"
    assert read(tmp_path, "n.csv", text).topology.lengths_km == (5.0,)
    text = "a,b,2020\nb,c,4\n"
    found = read(tmp_path, "n.csv", text, ends=["a", "b"], length_key="2020").topology
    assert (found.nodes, found.lengths_km) == (("b", "c"), (4.0,))


def test_ends_in_json_and_elsewhere(tmp_path: Path) -> None:
    data = {"nodes": [{"id": 0}, {"id": 1}], "links": [{"src": 0, "dst": 1, "length": 5}]}
    assert read(tmp_path, "n.json", json.dumps(data)).topology.lengths_km == (5.0,)
    data["links"] = [{"left": 0, "right": 1, "length": 5}]
    key = 'network.ends = ["left", "right"]'
    refused(tmp_path, "n.json", json.dumps(data), key)
    ends = ["left", "right"]
    assert read(tmp_path, "n.json", json.dumps(data), ends=ends).topology.lengths_km == (5.0,)
    refused(tmp_path, "l.txt", "a b 5\n", "network.ends goes with files that end in", ends=ends)


def test_places_of_nodes_are_names_only_where_that_is_certain(tmp_path: Path) -> None:
    nodes = [{"id": 1}, {"id": 2}, {"id": 3}, {"id": 4}]
    links = [{"source": a, "target": b, "length": 5} for a, b in ((1, 2), (2, 3), (0, 3))]
    refused(
        tmp_path, "n.json", json.dumps({"nodes": nodes, "links": links}), "'0' is not among the"
    )
    nodes = [{"id": name} for name in "abcd"]
    found = read(tmp_path, "n.json", json.dumps({"nodes": nodes, "links": links}))
    assert found.topology.fibres == ((1, 2), (2, 3), (0, 3))
    assert found.notes == ("links name nodes by their places in the list, from 0",)


BERLIN = {"x": 13.41, "y": 52.52}, {"x": 13.42, "y": 52.53}
NEAR = {"x": 13.41, "y": 52.52}, {"x": 13.415, "y": 52.523}


@pytest.mark.parametrize(
    ("whole", "metres", "nodes", "text"),
    [
        ({"graph": {"crs": "epsg:4326"}}, 1300.5, BERLIN, "times the distances by the coordinates"),
        ({"graph": {"crs": "epsg:4326"}}, 478.2, NEAR, "times the distances by the coordinates"),
        ({}, 1300.5, BERLIN, "the lengths are metres, if x and y of the nodes are degrees"),
    ],
)
def test_metres_of_street_maps_are_no_km(
    whole: dict[str, Any], metres: float, nodes: Any, text: str, tmp_path: Path
) -> None:
    file = two({"length": metres}, *nodes, **whole)
    refused(tmp_path, "n.json", file, text, "network.length_unit")
    found = read(tmp_path, "n.json", file, length_unit="m").topology
    assert found.lengths_km == (metres / 1000,)
    assert bool(found.locations) == bool(whole)


def test_a_reference_system_that_is_not_known_is_told(tmp_path: Path) -> None:
    drawn = {"x": 100.0, "y": 2.0}, {"x": 110.0, "y": 2.0}
    found = read(tmp_path, "n.json", two({"length": 5}, *drawn, graph={"crs": "epsg:25832"}))
    assert found.notes == ("not used: of the network crs",)
    assert found.topology.locations == ()


@pytest.mark.parametrize(
    "nodes",
    [
        [{"lat": 52.52, "long": 13.41}, {"lat": 53.55, "long": 9.99}],
        [{"coordinates": [13.41, 52.52]}, {"coordinates": [9.99, 53.55]}],
        [{"location": {"lat": 52.52, "lon": 13.41}}, {"location": {"lat": 53.55, "lon": 9.99}}],
    ],
)
def test_places_under_other_names(nodes: list[dict[str, Any]], tmp_path: Path) -> None:
    found = read(tmp_path, "n.json", two({}, *nodes), coordinates="great_circle")
    assert found.topology.lengths_km == (pytest.approx(255, rel=0.01),)
    order = "coordinates of nodes taken as longitude, latitude"
    assert (order in found.asked) == ("coordinates" in nodes[0])


def test_layouts_are_no_places(tmp_path: Path) -> None:
    text = two({}, {"pos": [0.1, 0.9]}, {"pos": [-0.5, 0.3]})
    refused(tmp_path, "n.json", text, 'network.coordinates = "plane"')
    refused(tmp_path, "n.json", text, "have no coordinates", coordinates="great_circle")
    plane = read(tmp_path, "n.json", text, coordinates="plane", route_factor=100).topology
    assert (plane.lengths_km, plane.locations) == ((pytest.approx(84.853),), ())


@pytest.mark.parametrize("where", ["top", "graph"])
def test_attributes_of_the_network_are_looked_at(where: str, tmp_path: Path) -> None:
    def text(**more: Any) -> str:
        return two({"length": 5}, **(more if where == "top" else {"graph": more}))

    loss = text(attenuation_db_km=0.35, name="x")
    told = "'attenuation_db_km' of the network sounds like a loss", "give it to each link"
    refused(tmp_path, "n.json", loss, *told)
    assert read(tmp_path, "n.json", loss, ignore=["attenuation_db_km"]).notes == ()
    assert read(tmp_path, "n.json", text(owner="y")).notes == ("not used: of the network owner",)
    # a unit for all lengths
    assert read(tmp_path, "n.json", text(length_unit="m")).topology.lengths_km == (0.005,)


def test_an_attribute_of_network_and_links_is_ignored_apart(tmp_path: Path) -> None:
    text = two({"length": 5, "attenuation_db_km": 0.3}, attenuation_db_km=0.35)
    own = "graph.attenuation_db_km"
    refused(tmp_path, "n.json", text, f'network.ignore = ["{own}"]')
    found = read(tmp_path, "n.json", text, ignore=[own]).topology
    assert found.losses[0].attenuation_db_km == 0.3


@pytest.mark.parametrize(
    ("edge", "keys", "km"),
    [
        ({"length_km": 10, "bandwidth": 100, "unit": "Gbps"}, {}, 10.0),
        ({"length": 10, "unit": "Gbps"}, {"ignore": ["unit"]}, 10.0),
        ({"Entfernung (m)": 500}, {"length_key": "Entfernung (m)"}, 0.5),
        ({"cable_mi": 10}, {"length_key": "cable_mi"}, 16.09344),
        ({"length_ft": 10}, {"length_key": "length_ft", "length_unit": "km"}, 10.0),
        ({"label": "289 km"}, {"length_key": "label"}, 289.0),
        ({"a": {"length": 7}}, {"length_key": "a.length"}, 7.0),
    ],
)
def test_units_and_names(
    edge: dict[str, Any], keys: dict[str, Any], km: float, tmp_path: Path
) -> None:
    found = read(tmp_path, "n.json", two(edge), **keys)
    assert found.topology.lengths_km == (km,)


@pytest.mark.parametrize(
    ("edge", "keys", "texts"),
    [
        ({"length": 10, "unit": "Gbps"}, {}, ["unit 'Gbps'", 'network.ignore = ["unit"]']),
        ({"length_km": 10, "length_unit": "x"}, {}, ['network.ignore = ["length_unit"]']),
        ({"label": "289 km"}, {}, ["links have label; network.length_key"]),
        ({"length": "1e999999999 m"}, {}, ["is not finite"]),
        ({"length": 5, "Length": 50}, {}, ["has several lengths, length = 5 and Length = 50"]),
        ({"length": [5, 50]}, {}, ["length has 2 values, 5, 50; give one"]),
        ({"length": 5, "a": {"loss": 4}}, {}, ["'a.loss' of links sounds like a loss"]),
        ({"length": "12,5"}, {}, ["is not a number", "as 12.5"]),
    ],
)
def test_what_is_open_is_refused(
    edge: dict[str, Any], keys: dict[str, Any], texts: list[str], tmp_path: Path
) -> None:
    refused(tmp_path, "n.json", two(edge), *texts, **keys)


@pytest.mark.parametrize("name", ["length_ft", "distFeet", "span_yd", "way_nm", "nautical_miles"])
def test_units_that_are_not_read_are_never_km(name: str, tmp_path: Path) -> None:
    told = f"the name {name} ends in a unit that is not read", "network.length_unit"
    refused(tmp_path, "n.json", two({name: 10000}), *told, length_key=name)


def test_two_values_of_one_attribute_are_refused(tmp_path: Path) -> None:
    twice = two({"length": 5}).replace('"length": 5', '"length": 5, "length": 9')
    refused(tmp_path, "n.json", twice, "has 'length' twice, 5 and 9")
    same = two({"length": 5}).replace('"length": 5', '"length": 5, "length": 5')
    assert read(tmp_path, "n.json", same).topology.lengths_km == (5.0,)
    gml = "graph [ node [ id 0 ] node [ id 1 ] edge [ source 0 target 1 length 5 {} ] ]"
    refused(tmp_path, "n.gml", gml.format("length 50"), "length has 2 values, 5, 50")
    refused(tmp_path, "n.gml", gml.format("target 0"), "several values of target, 1, 0")
    refused(
        tmp_path, "n.gml", gml.format("attributes [ loss 4 ]"), "'attributes.loss' of links sounds"
    )
    place = gml.replace("id 0", "id 0 pos 9.5 pos 50.5").format("")
    assert read(tmp_path, "n.gml", place).topology.locations[0].latitude == 50.5


def test_two_data_of_one_key_in_graphml(tmp_path: Path) -> None:
    head = '<graphml><key id="l" for="edge" attr.name="length"/><key id="m" attr.name="length"/>'
    rest = '<graph><node id="a"/><node id="b"/><edge source="a" target="b">{}</edge></graph>'
    for keys in ("ll", "lm"):
        data = f'<data key="{keys[0]}">5</data><data key="{keys[1]}">50</data>'
        text = f"{head}{rest.format(data)}</graphml>"
        refused(tmp_path, "n.graphml", text, ":1: length has two values, 5 and 50")


def test_labels_of_edges_in_yed(tmp_path: Path) -> None:
    text = """<graphml><key for="edge" id="d"/><graph><node id="a"/><node id="b"/>
<edge source="a" target="b"><data key="d"><P><EdgeLabel>289 km<M/></EdgeLabel></P></data></edge>
</graph></graphml>"""
    refused(tmp_path, "n.graphml", text, "links have label; network.length_key")
    found = read(tmp_path, "n.graphml", text, length_key="label").topology
    assert found.lengths_km == (289.0,)


def test_texts_in_other_encodings_say_what_mends_them(tmp_path: Path) -> None:
    path = tmp_path / "n.csv"
    path.write_bytes("source,target,length_km\nKöln,b,5\n".encode("latin-1"))
    with pytest.raises(TopologyError, match=r"n\.csv:2: is not UTF-8 text .*save it as UTF-8$"):
        read_with_notes(str(path))
    path.write_bytes("source,target,length_km\na,b,5\n".encode("utf-16"))
    with pytest.raises(TopologyError, match=r"iconv -f UTF-16 -t UTF-8\), as it is UTF-16"):
        read_with_notes(str(path))


def test_what_csv_leaves_out_is_said(tmp_path: Path) -> None:
    nodes = [{"id": name, "lat": 1, "lon": i} for i, name in enumerate(("q", " b", "c"))]
    links = [{"source": a, "target": b, "length": 5} for a, b in (("q", " b"), (" b", "c"))]
    found = read(tmp_path, "n.json", json.dumps({"nodes": nodes, "links": links})).topology
    lost = " ".join(save_topology(found, tmp_path / "o.csv"))
    assert "spaces around names are left out: ' b'" in lost
    assert "labels and coordinates of nodes are left out" in lost
    assert "nodes get the order of their names" in lost
    assert save_topology(found, tmp_path / "o.json") == ()
    # a node without a fibre does not hide that the order is another one
    alone = [*nodes, {"id": "d"}]
    found = read(tmp_path, "n.json", json.dumps({"nodes": alone, "links": links})).topology
    lost = " ".join(save_topology(found, tmp_path / "o.csv"))
    assert "nodes without a fibre" in lost and "nodes get the order of their names" in lost


def test_a_graph_in_python_knows_its_ends() -> None:
    graph = networkx.Graph()
    graph.add_edge("a", "b", length=5)
    with pytest.raises(TopologyError, match=r"knows the ends of its links"):
        given_graph(graph, TopologyTable(topology="graph:x", ends=("a", "b")))


def test_ends_on_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "n.csv"
    path.write_text("Origem,Nó B,length_km\na,b,5\n")
    asked = CliRunner().invoke(topologies, [str(path)])
    assert "--ends 'Origem,Nó B' names both" in str(asked.exception)
    found = CliRunner().invoke(topologies, [str(path), "--ends", "Origem, Nó B", "--json"])
    assert (found.exit_code, json.loads(found.stdout)["fibres"][0]["length_km"]) == (0, 5.0)
    wrong = CliRunner().invoke(topologies, [str(path), "--ends", "Origem"])
    assert "give two names with a comma between" in str(wrong.exception)
