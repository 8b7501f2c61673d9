"""Scenarios from keywords, with every check of a file; graphs as topologies."""

from __future__ import annotations

import pickle
from pathlib import Path

import networkx
import pytest

from qnetsim.case import load, open_case
from qnetsim.case.make_scenario import make_scenario
from qnetsim.errors import ScenarioError, TopologyError, UsageError
from qnetsim.network import TopologyWarning
from tests.support import SCENARIOS

DEMAND = {"requests": 3}


def ring(key: str = "length_km", **more: object) -> networkx.Graph:
    graph = networkx.Graph(name="ring", **more)
    networkx.add_cycle(graph, ["c", "a", 7], **{key: 100.0})
    return graph


def test_keywords_give_what_a_file_gives(tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    path.write_text('[network]\ntopology = "nsfnet"\n[demand]\nrequests = 3\n')
    assert make_scenario(topology="nsfnet", demand=DEMAND) == load(path)


@pytest.mark.parametrize(
    ("tables", "text"),
    [
        ({"topology": "nsfnett"}, r"^network\.topology: 'nsfnett' is not a topology; allowed: nsf"),
        ({"topology": "none.csv"}, r"^network\.topology: .*none\.csv: no such topology file"),
        ({"demand": {"pairs": [["1", "99"]]}}, r"^demand\.pairs\[0\]: .*99"),
        ({"policy": [{"name": "spi"}]}, r"^policy\[0\]\.name: unknown policy 'spi'; did you mean"),
        ({"policy": [{"name": "sip", "fromulation": 1}]}, r"did you mean 'formulation'"),
        ({"run": {"slots": 10**9, "slot_s": 1e6}}, r"^run\.slots: the run, its patience"),
        (
            {"length_key": "km"},
            r"^network\.topology: nsfnet: the length is missing: no link .* under km",
        ),
    ],
)
def test_what_a_file_is_checked_for_is_checked(tables: dict[str, object], text: str) -> None:
    given = {"topology": "nsfnet", "demand": DEMAND, **tables}
    with pytest.raises(ScenarioError, match=text):
        make_scenario(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tables", "text"),
    [
        ({"topology": "nsfnet", "demnd": DEMAND}, r"^demnd: unknown key; did you mean 'demand'\?"),
        (
            {"topology": "nsfnet", "requests": 5},
            r"^requests: .* did you mean 'demand\.requests' or 'trace\.requests'\?",
        ),
        ({"topology": "nsfnet", "demand": {"reqests": 5}}, r"^demand\.reqests: .* 'requests'\?"),
        ({"netwrk": {"topology": "nsfnet"}, "demand": DEMAND}, r"^netwrk: .* mean 'network'\?"),
        ({"topology": "nsfnet", "demand": DEMAND, "slots": 5}, r"^slots: .* mean 'run\.slots'\?"),
    ],
)
def test_what_a_misspelt_key_causes_is_not_told(tables: dict[str, object], text: str) -> None:
    with pytest.raises(ScenarioError, match=text) as caught:
        make_scenario(**tables)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_unknown_keys_go_before_what_is_missing() -> None:
    with pytest.raises(ScenarioError) as caught:
        make_scenario(topology="nsfnet", zzz={"requests": 3})
    first, second = str(caught.value).splitlines()
    assert first.startswith("zzz: unknown key; allowed: ")
    assert second.startswith("demand: neither requests")


def test_a_network_is_no_table() -> None:
    for network in ("nsfnet", ring()):
        with pytest.raises(ScenarioError, match="a network is given as topology="):
            make_scenario(network, demand=DEMAND)  # type: ignore[arg-type]


def test_nodes_of_one_name_are_refused() -> None:
    graph = networkx.Graph([(1, 2), ("1", 3)])
    with pytest.raises(TopologyError) as caught:
        make_scenario(topology=graph, demand=DEMAND)
    assert str(caught.value) == (
        "graph:unnamed: nodes 1 and '1' have one name, '1', since nodes are named by their text; "
        "relabel one of them (networkx.relabel_nodes)"
    )


def test_files_are_looked_for_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.csv").write_text("source,target,length_km\na,b,100\n")
    (tmp_path / "rates.csv").write_text("distance_km,rate_bps\n10,5000\n400,10\n")
    network = {"topology": "net.csv", "key_rate": "table", "rate_table": "rates.csv"}
    network |= {"rate_table_pulse_rate_hz": 1e9}
    scenario = make_scenario({"network": network}, demand=DEMAND)
    assert scenario.network.rate_table == ((10.0, 5000.0), (400.0, 10.0))
    monkeypatch.chdir("/")
    assert open_case(scenario).network.fibres == 1
    network["rate_table"] = "gone.csv"
    with pytest.raises((ScenarioError, UsageError), match=r"gone\.csv: no such"):
        make_scenario({"network": network}, demand=DEMAND)


def test_a_graph_is_a_topology() -> None:
    scenario = make_scenario(topology=ring(), demand=DEMAND)
    topology = open_case(scenario).network.topology
    assert (topology.name, topology.nodes) == ("graph:ring", ("c", "a", "7"))
    assert topology.lengths_km == (100.0,) * 3
    assert make_scenario({"network": {"topology": ring()}}, demand=DEMAND) == scenario
    assert scenario.with_changes({"run.slots": 5}).network.graph == scenario.network.graph
    there = pickle.loads(pickle.dumps(scenario))
    assert open_case(there).network.topology == topology
    assert scenario.named_files == ()


def test_unlike_graphs_of_one_name_are_unlike_scenarios() -> None:
    longer = ring()
    longer.edges["c", "a"]["length_km"] = 200.0
    one, other = (make_scenario(topology=graph, demand=DEMAND) for graph in (ring(), longer))
    assert one != other
    assert open_case(one).network.topology != open_case(other).network.topology


@pytest.mark.parametrize("key", ["length_km", "length", "dist"])
def test_lengths_are_found_by_their_usual_names(key: str) -> None:
    assert make_scenario(topology=ring(key), demand=DEMAND).network.graph is not None


def test_a_length_may_have_another_name() -> None:
    given = {"topology": ring("way"), "demand": DEMAND}
    text = r"edge c–a: fibre c–a: the length is missing"
    with pytest.raises(TopologyError, match=text) as caught:
        make_scenario(**given)
    assert len(caught.value.problems) == 4
    assert "links have way; network.length_key names the length" in str(caught.value)
    assert make_scenario(**given, length_key="way").network.graph is not None
    assert make_scenario(topology=ring("km"), demand=DEMAND).network.graph is not None


def test_a_directed_graph_and_a_multigraph_are_networks_of_fibres() -> None:
    with pytest.warns(TopologyWarning, match="both directions of 3 fibres are one fibre each"):
        both = make_scenario(topology=networkx.DiGraph(ring()), demand=DEMAND)
    assert (
        open_case(both).network.topology
        == open_case(make_scenario(topology=ring(), demand=DEMAND)).network.topology
    )
    parallel = networkx.MultiGraph(ring())
    parallel.add_edge("c", "a", length_km=50.0)
    with pytest.warns(TopologyWarning, match=r"parallel fibres, named by .*: c–a"):
        several = make_scenario(topology=parallel, demand=DEMAND)
    topology = open_case(several).network.topology
    assert [topology.fibre_name(e) for e in range(4)] == ["c–a (0)", "c–a (1)", "c–7", "a–7"]


def test_a_graph_is_read_by_the_keys_of_the_network() -> None:
    graph = networkx.DiGraph()
    graph.add_node("a", lat=52.5, lon=13.4, label="Berlin")
    graph.add_node("b", lat=53.55, lon=10.0)
    graph.add_edge("a", "b", loss=0.25)
    network = {"topology": graph, "coordinates": "great_circle", "attenuation_key": "loss"}
    topology = open_case(make_scenario({"network": network}, demand=DEMAND)).network.topology
    assert 250 < topology.lengths_km[0] < 260
    assert topology.losses[0].attenuation_db_km == 0.25
    made = make_scenario({"network": network}, demand=DEMAND)
    assert made.with_changes({"run.slots": 5}).network == made.network
    with pytest.raises(ScenarioError, match=r"^network\.route_factor: is read no more"):
        made.with_changes({"network.route_factor": 2.0})
    assert topology.locations[0].name == "Berlin"


def test_graphs_that_are_no_network_of_fibres_are_refused() -> None:
    def refused(graph: networkx.Graph, text: str) -> None:
        with pytest.raises(TopologyError, match=text):
            make_scenario(topology=graph, demand=DEMAND)

    apart = networkx.DiGraph(ring())
    apart.edges["c", "a"]["length_km"] = 90.0
    refused(apart, r'is unlike in length the opposite one .*\n.*network\.directions = "shortest"')
    parallel = networkx.MultiGraph(ring())
    assert make_scenario(topology=parallel, demand=DEMAND).network.graph is not None
    parallel.add_edge("c", "a", length_km=50.0)
    with pytest.raises(TopologyError, match=r"fibre c–a: of 50\.0 km is a duplicate of the fibre"):
        make_scenario({"network": {"parallel_fibres": "refuse"}}, parallel, demand=DEMAND)
    loop = ring()
    loop.add_edge("a", "a", length_km=1.0)
    refused(loop, "is a self-loop")
    same = ring()
    same.add_edge("7", "a", length_km=1.0)
    refused(same, "nodes 7 and '7' have one name, '7'")
    negative = ring()
    negative.edges["c", "a"]["length_km"] = -1
    refused(negative, "the length -1 is negative")


def test_the_name_of_a_graph_never_is_that_of_a_bundled_topology() -> None:
    graph = ring()
    graph.name = "nsfnet"
    assert make_scenario(topology=graph, demand=DEMAND).network.topology == "graph:nsfnet"
    with pytest.raises(ScenarioError, match="only a name of it is left; give the graph"):
        make_scenario(topology="graph:nsfnet", demand=DEMAND)


def test_a_scenario_of_a_file_names_a_graph_in_vain(tmp_path: Path) -> None:
    text = (SCENARIOS / "nsfnet.toml").read_text().replace('"nsfnet"', '"graph:nsfnet.csv"')
    (tmp_path / "my.toml").write_text(text)
    with pytest.raises(
        ScenarioError, match=r"my\.toml:\d+: network\.topology: 'graph:nsfnet\.csv' was"
    ):
        load(tmp_path / "my.toml")
