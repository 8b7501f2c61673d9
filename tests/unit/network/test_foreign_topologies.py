"""Topologies in the formats of others: small files of the structure that people have."""

from __future__ import annotations

from pathlib import Path

import networkx
import pytest

from qnetsim.errors import TopologyError
from qnetsim.network import TopologyWarning, read_topology
from qnetsim.network.formats import ReadTopology, read_with_notes
from qnetsim.scenario import TopologyTable

ZOO = """<?xml version="1.0" encoding="utf-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns" xmlns:y="http://www.yworks.com/xml/graphml">
<key id="d0" for="node" attr.name="Latitude" attr.type="double"/>
<key id="d1" for="node" attr.name="Longitude" attr.type="double"/>
<key id="d2" for="node" attr.name="label" attr.type="string"/>
<key id="d3" for="edge" attr.name="LinkSpeedRaw" attr.type="double"/>
<key id="d4" for="edge" attr.name="LinkLabel" attr.type="string"/>
<key id="d5" for="node" yfiles.type="nodegraphics"/>
<graph edgedefault="undirected">
<node id="0"><data key="d0">52.5</data><data key="d1">13.4</data>
<data key="d2">Berlin</data></node>
<node id="1"><data key="d0">53.55</data><data key="d1">10.0</data>
<data key="d2">Hamburg</data></node>
<node id="2"><data key="d5"><y:ShapeNode><y:Geometry x="3" y="4"/><y:NodeLabel>Nowhere</y:NodeLabel>
</y:ShapeNode></data></node>
<edge id="e0" source="0" target="1"><data key="d3">1e10</data><data key="d4">10 Gbps</data></edge>
<edge id="e1" source="0" target="1"/>
<edge id="e2" source="1" target="2"/>
</graph></graphml>
"""
SNDLIB = """<?xml version="1.0" encoding="ISO-8859-1"?>
<network xmlns="http://sndlib.zib.de/network" version="1.0"><networkStructure>
<nodes coordinatesType="geographical">
<node id="M\xfcnchen"><coordinates><x>11.57</x><y>48.14</y></coordinates></node>
<node id="Ulm"><coordinates><x>9.99</x><y>48.4</y></coordinates></node></nodes>
<links><link id="L1"><source>M\xfcnchen</source><target>Ulm</target><setupCost>137.5</setupCost>
<additionalModules><addModule><capacity>40</capacity><cost>3</cost></addModule></additionalModules>
</link></links></networkStructure>
<demands><demand id="D1"><source>Ulm</source></demand></demands></network>
"""
NATIVE = """?SNDlib native format; type: network; version: 1.0
# network small
META (
  granularity = 5min
)
NODES (
  A ( -84.4 33.7 )
  B (-85.50 34.50)
)
LINKS (
  L1 ( A B ) 0.00 0.00 0.00 133.0 ( 40000.00 2.00 )
)
DEMANDS (
  A_B ( A B ) 1 3.5 UNLIMITED
)
"""
DESIGN = """<?xml version='1.0' encoding='UTF-8'?>
<network name="three" version="6" nextElementId="9">
<node id="4" name="Origin" xCoord="0.0" yCoord="0.0"><tag value="$$$VIRTUALORIGIN"/></node>
<node id="6" name="Madrid" xCoord="-3.7" yCoord="40.4" population="3265038"/>
<node id="9" name="Murcia" xCoord="-1.1" yCoord="38.0"/>
<layer id="1" isDefaultLayer="true" name="WDM">
<link id="27" originNodeId="6" destinationNodeId="9" capacity="320" lengthInKm="350.25" isUp="true"
 propagationSpeedInKmPerSecond="200000"/>
<link id="28" originNodeId="9" destinationNodeId="6" capacity="320" lengthInKm="350.2500000000001"/>
</layer>
<layer id="2" name="IP"><link id="7" originNodeId="4" destinationNodeId="6"/></layer>
</network>
"""
OLD_DESIGN = """<network name="two"><physicalTopology>
<node name="Seattle" xCoord="-122.3" yCoord="47.7"/>
<node name="Palo Alto" xCoord="-122.2" yCoord="37.4"/>
<link originNodeId="0" destinationNodeId="1" linkCapacityInErlangs="500" linkLengthInKm="1100.0"/>
</physicalTopology></network>
"""


def read(folder: Path, name: str, text: str, **keys: object) -> ReadTopology:
    path = folder / name
    path.write_bytes(text.encode("latin-1" if "ISO-8859-1" in text else "utf-8"))
    return read_with_notes(TopologyTable.model_validate({"topology": str(path), **keys}))


def refused(folder: Path, name: str, text: str, *parts: str, **keys: object) -> None:
    with pytest.raises(TopologyError) as error:
        read(folder, name, text, **keys)
    assert all(part in str(error.value) for part in parts), str(error.value)


def test_a_topology_zoo_file_says_what_mends_it_and_then_reads(tmp_path: Path) -> None:
    circle = 'network.coordinates = "great_circle"'
    refused(tmp_path, "z.graphml", ZOO, "fibre 0–1: the length is missing", circle)
    drop = 'network.missing_length = "drop"'
    given = {"coordinates": "great_circle"}
    refused(tmp_path, "z.graphml", ZOO, "1 node has no coordinates: 2", drop, **given)
    given |= {"missing_length": "drop", "route_factor": 1.3}
    found = read(tmp_path, "z.graphml", ZOO, **given)
    topology = found.topology
    assert topology.nodes == ("0", "1")
    assert [place.name for place in topology.locations] == ["Berlin", "Hamburg"]
    assert [topology.fibre_name(fibre) for fibre in range(2)] == ["0–1 (e0)", "0–1 (e1)"]
    assert topology.lengths_km == (pytest.approx(1.3 * 255, rel=0.01),) * 2
    assert found.notes == (
        "parallel fibres, named by the file's keys or numbered: 0–1",
        "not used: of links LinkSpeedRaw, LinkLabel",
    )
    assert found.asked == (
        "2 lengths by great circle, times 1.3",
        "1 link without a length dropped: 1–2",
    )
    filled = read(tmp_path, "z.graphml", ZOO, missing_length=100).topology
    assert filled.lengths_km == (100.0,) * 3
    assert filled.locations[2].name == "Nowhere"


def test_what_is_not_used_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text("source,target,length_km,owner,since\na,b,10,x,1999\n")
    with pytest.warns(TopologyWarning, match=r"n\.csv: not used: of links owner, since$"):
        read_topology(str(tmp_path / "n.csv"))


@pytest.mark.parametrize("column", ["attenuation", "lossDb", "key_rate", "Capacity", "distance"])
def test_what_sounds_like_a_property_of_fibres_is_declared_or_ignored(
    column: str, tmp_path: Path
) -> None:
    text = f"source,target,length_km,{column}\na,b,10,0.2\n"
    refused(tmp_path, "n.csv", text, f"{column!r} of links", f'network.ignore = ["{column}"]')
    found = read(tmp_path, "n.csv", text, ignore=[column])
    assert found.topology.lengths_km == (10.0,)
    assert found.notes == ()
    # nothing to lose
    assert read(tmp_path, "n.csv", text.replace("0.2", "")).notes == ()


def test_words_within_words_sound_like_nothing(tmp_path: Path) -> None:
    text = "source,target,length_km,generated,operator_corporate\na,b,10,1,2\n"
    assert read(tmp_path, "n.csv", text).topology.lengths_km == (10.0,)


def test_losses_of_fibres_are_read(tmp_path: Path) -> None:
    text = "source,target,length_km,attenuation_db_km,extra_loss_db\na,b,10,0.35,1.5\nb,c,20,,\n"
    losses = read(tmp_path, "n.csv", text).topology.losses
    assert [(x.attenuation_db_km, x.extra_loss_db) for x in losses] == [(0.35, 1.5), (None, 0)]
    text = "source,target,length_km,loss\na,b,10,4\n"
    total = read(tmp_path, "n.csv", text, total_loss_key="loss").topology.losses
    assert total[0].attenuation_db_km == 0.4
    extra = read(tmp_path, "n.csv", text, extra_loss_key="loss").topology.losses
    assert (extra[0].attenuation_db_km, extra[0].extra_loss_db) == (None, 4.0)
    assert read(tmp_path, "n.csv", text, ignore=["loss"]).topology.losses == ()
    far = text.replace("4", "400")
    refused(tmp_path, "n.csv", far, "attenuation is '40.0'; give", total_loss_key="loss")


def test_sndlib_in_xml(tmp_path: Path) -> None:
    refused(
        tmp_path, "s.xml", SNDLIB, "links have setupCost", "network.coordinates", "network.length"
    )
    found = read(tmp_path, "s.xml", SNDLIB, length_key="setupCost")
    assert found.topology.nodes == ("München", "Ulm")
    assert found.topology.lengths_km == (137.5,)
    assert found.notes == ("not used: of links moduleCapacity, moduleCost",)
    circle = read(tmp_path, "s.xml", SNDLIB, coordinates="great_circle").topology
    assert circle.lengths_km == (pytest.approx(120, rel=0.02),)
    drawn = SNDLIB.replace("geographical", "pixel")
    plane = read(tmp_path, "s.xml", drawn, coordinates="plane", route_factor=100).topology
    assert plane.lengths_km == (pytest.approx(160.1, abs=0.1),)
    assert plane.locations == ()
    refused(tmp_path, "s.xml", drawn, 'network.coordinates = "plane"')


def test_sndlib_in_its_native_text(tmp_path: Path) -> None:
    found = read(tmp_path, "s.txt", NATIVE, length_key="setupCost").topology
    assert (found.nodes, found.fibres, found.lengths_km) == (("A", "B"), ((0, 1),), (133.0,))
    assert found.locations[1].latitude == 34.5
    refused(tmp_path, "s.txt", NATIVE.replace("A ( -", "A ( ( -"), ":7: ", "is none of NODES")
    refused(tmp_path, "s.txt", NATIVE[:-3], "the section DEMANDS has no end")


def test_designs_of_net2plan(tmp_path: Path) -> None:
    found = read(tmp_path, "d.n2p", DESIGN)
    topology = found.topology
    assert (topology.nodes, topology.lengths_km) == (("6", "9"), (350.25,))
    assert [place.name for place in topology.locations] == ["Madrid", "Murcia"]
    assert found.notes[:2] == (
        "links of the layer 'WDM'; 1 other layer left out",
        "both directions of 1 fibre are one fibre each",
    )
    old = read(tmp_path, "o.n2p", OLD_DESIGN).topology
    assert (old.nodes, old.lengths_km) == (("0", "1"), (1100.0,))
    assert old.locations[1].name == "Palo Alto"


def test_lists_of_links(tmp_path: Path) -> None:
    text = "# from a paper\n4\n2\n1 2 1050\n2 3 600"
    found = read(tmp_path, "l.txt", text).topology
    assert (found.nodes, found.lengths_km) == (("1", "2", "3", "4"), (1050.0, 600.0))
    zero = read(tmp_path, "l.txt", "3 2\n0\t1\t10\n1\t2\t20\n").topology
    assert zero.nodes == ("0", "1", "2")
    both = read(tmp_path, "l.txt", "2\n2\n1 2 250\n\n")
    assert both.notes == ("the count of links, 2, is that of both directions",)
    bare = read(tmp_path, "l.txt", "a,b,10\nb,c,20\n").topology
    assert bare.nodes == ("a", "b", "c")
    named = read(tmp_path, "l.txt", "from to distance\na b 10\n").topology
    assert named.lengths_km == (10.0,)
    more = "a b 10 0.2\nb c 20 0.3\n"
    refused(tmp_path, "l.txt", more, 'network.ignore = ["value 4"]')
    assert read(tmp_path, "l.txt", more, attenuation_key="value 4").topology.losses
    refused(tmp_path, "l.txt", "3\n5\n1 2 10\n", "gives 1 link, and 5 in the line of their count")
    refused(tmp_path, "l.txt", "9\n1\na b 10\n", "names 2 nodes, and 9 in the line of their count")
    refused(tmp_path, "l.txt", "a b 10\nb\n", ":2: has 1 word")


GML = """graph [
 node [ id 0 label "Alfa" ] node [ id 1 label "Beta" ]
 edge [ source 0 target 1 length 100 ] edge [ source 0 target 1 length 120 ]
]"""


def test_gml_as_people_have_it(tmp_path: Path) -> None:
    keep = 'network.parallel_fibres = "keep"'
    refused(tmp_path, "p.gml", GML, "of 120 km is a duplicate", "of 100 km", keep)
    kept = read(tmp_path, "p.gml", GML, parallel_fibres="keep").topology
    assert [kept.fibre_name(e) for e in (0, 1)] == ["Alfa–Beta (1)", "Alfa–Beta (2)"]
    short = read(tmp_path, "p.gml", GML, parallel_fibres="shortest").topology
    assert short.lengths_km == (100.0,)
    many = GML.replace("graph [", "graph [ multigraph 1")
    assert len(read(tmp_path, "p.gml", many).topology.fibres) == 2
    refused(tmp_path, "p.gml", many, "is a duplicate", parallel_fibres="refuse")
    one = GML.replace(" edge [ source 0 target 1 length 120 ]", "")
    assert read(tmp_path, "p.gml", one).topology.nodes == ("Alfa", "Beta")
    bare = one.replace('label "Alfa"', "").replace('label "Beta"', "")
    assert read(tmp_path, "p.gml", bare).topology.nodes == ("0", "1")
    same = read(tmp_path, "p.gml", one.replace("Beta", "Alfa"))
    assert same.topology.nodes == ("0", "1")
    assert same.topology.locations[0].name == "Alfa"
    assert same.notes == ("nodes are named by their ids: labels stand twice",)
    twice = one.replace('node [ id 1 label "Beta" ]', 'node [ id 1 label "B" ] node [ id 1 x 2 ]')
    first = 'network.duplicate_nodes = "first"'
    refused(tmp_path, "p.gml", twice, "node '1' is listed twice, with unlike attributes", first)
    assert read(tmp_path, "p.gml", twice, duplicate_nodes="first").topology.nodes == ("0", "1")
    refused(tmp_path, "p.gml", one[:-1], ":1: a list has no end")
    refused(tmp_path, "p.gml", one.replace("target", "=="), ":3: is not GML at '== 1")


def test_gml_of_networkx_reads_as_networkx_does(tmp_path: Path) -> None:
    graph = networkx.MultiGraph()
    graph.add_node("a", Latitude=1.5, note='x "quoted" & ü')
    graph.add_edge("a", "b", length_km=10.5)
    graph.add_edge("a", "b", length_km=11.0)
    networkx.write_gml(graph, tmp_path / "n.gml")
    topology = read(tmp_path, "n.gml", (tmp_path / "n.gml").read_text()).topology
    assert (topology.nodes, topology.lengths_km) == (("a", "b"), (10.5, 11.0))
    networkx.write_graphml(graph, tmp_path / "n.graphml")
    assert read_with_notes(str(tmp_path / "n.graphml")).topology.lengths_km == (10.5, 11.0)


def test_gml_may_be_latin_1_and_csv_have_a_unit_in_its_header(tmp_path: Path) -> None:
    path = tmp_path / "n.gml"
    path.write_bytes(GML.replace("Alfa", "Köln").encode("latin-1"))
    table = TopologyTable(topology=str(path), parallel_fibres="keep")
    assert read_with_notes(table).topology.nodes == ("Köln", "Beta")
    text = "\ufeff# links\nFrom;To;Length (km)\nA;B;10.5\n"
    assert read(tmp_path, "n.csv", text).topology.lengths_km == (10.5,)
    refused(tmp_path, "n.csv", text.replace("10.5", "10,5"), "the length '10,5' is not a number")


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
EXTERNAL = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("declared", [BOMB, EXTERNAL, '<!DOCTYPE graphml SYSTEM "g.dtd">'])
@pytest.mark.parametrize(
    ("name", "text"), [("a.graphml", ZOO), ("a.xml", SNDLIB), ("a.n2p", DESIGN)]
)
def test_document_types_and_entities_are_refused(
    declared: str, name: str, text: str, tmp_path: Path
) -> None:
    head, _, body = text.partition("?>")
    refused(tmp_path, name, f"{head}?>{declared}{body}", "has a document type", "remove it")
    refused(tmp_path, name, body.replace(">", ">&a;", 1), "is not XML: undefined entity")


def test_xml_that_is_something_else_is_named(tmp_path: Path) -> None:
    refused(tmp_path, "a.xml", "<topology/>", "begins with <topology>; read are GraphML")
    refused(tmp_path, "a.xml", "<graphml>", "is not XML: no element found")
    deep = "<graphml>" + "<a>" * 300 + "</a>" * 300 + "</graphml>"
    refused(tmp_path, "a.graphml", deep, "nested deeper than 200")
