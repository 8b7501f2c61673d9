"""Topologies, chains, prices, routes and loads."""

from __future__ import annotations

import itertools
import json
from fractions import Fraction
from pathlib import Path

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnetsim.case import open_case
from qnetsim.errors import TopologyError
from qnetsim.network import (
    BLOCKED,
    COMPONENTS,
    LoadTable,
    RouteTable,
    components_per_unit,
    read_topology,
    shortest_routes,
)
from qnetsim.network.chain import segments
from qnetsim.network.cost import unit_costs
from qnetsim.network.detours import Detours
from qnetsim.network.topology import natural_order
from qnetsim.optimize import by_level_weight
from qnetsim.scenario import CostTable
from tests.support.helpers import nsfnet


def test_bundled_topologies() -> None:
    nsf, us = read_topology("nsfnet"), read_topology("usnet")
    assert (len(nsf.nodes), len(nsf.fibres)) == (14, 21)
    assert (len(us.nodes), len(us.fibres)) == (24, 43)
    assert (min(nsf.lengths_km), max(nsf.lengths_km)) == (300, 2800)
    assert (min(us.lengths_km), max(us.lengths_km)) == (250, 2600)
    assert nsf.nodes == tuple(str(n) for n in range(1, 15))
    assert set(nsf.components()) == {0}


def test_prices_of_a_fibre_of_1050_km() -> None:
    costs = unit_costs([1050], 160, CostTable())
    assert segments([1050], 160).tolist() == [7]
    assert costs.qkd_reserved.tolist() == [39_900]
    assert costs.qkd_on_demand.tolist() == [159_600]
    assert costs.km_reserved.tolist() == [15_450]
    assert costs.km_on_demand.tolist() == [42_900]


def test_components_of_equations_1_to_6() -> None:
    bill = components_per_unit([1050.0], 160)
    totals = bill.totals(np.array([2.0]), np.array([3.0]))
    expected = {
        "transmitter": 2 * 14,
        "receiver": 2 * 7,
        "key_manager": 3 * 8,
        "security_infrastructure": 3 * 6,
        "mux_demux": 3 * 13,
        "channel_km": 2 * 3 * 1050 + 3 * 1050,
    }
    assert {c: totals[c].item() for c in COMPONENTS} == expected


def test_segments_read_lengths_as_decimals() -> None:
    assert segments([0.3, 0.30001, 480, 480.1], 0.1)[:2].tolist() == [3, 4]
    assert segments([480, 480.1, 160, 159], 160).tolist() == [3, 4, 1, 1]


def test_prices_can_be_overridden_one_by_one() -> None:
    table = CostTable.model_validate({"reserved": {"transmitter": 1.0}})
    costs = unit_costs([160], 160, table)
    assert costs.qkd_reserved.tolist() == [2 * 1 + 2250 + 480]
    assert costs.qkd_on_demand.tolist() == [2 * 6000 + 9000 + 4 * 480]


BAD_CSV = {
    "a,b,0": "zero",
    "a,b,-3": "negative",
    "a,b,": "missing",
    "a,b,x": "not a number",
    "a,b,inf": "not finite",
    "a,b,nan": "not finite",
    "a,a,3": "self-loop",
    "a,b,3\nb,a,4": "duplicate",
    "a,b": "cells",
    "a,,5": "no name",
    "": "no fibre",
    "a,b,1e308": "too large",
    "a,b,1_000": "not a number",
    "a\x00,b,5": "control characters",
}


@pytest.mark.parametrize(("rows", "word"), BAD_CSV.items())
def test_csv_defects_are_named(rows: str, word: str, tmp_path: Path) -> None:
    path = tmp_path / "net.csv"
    path.write_text(f"source,target,length_km\n{rows}\n")
    with pytest.raises(TopologyError, match=word) as error:
        read_topology(str(path))
    assert str(path) in str(error.value)


def test_every_defect_of_a_file_is_reported_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "net.csv"
    path.write_text("source,target,length_km\na,b,3\nb,b,3\n\nb,c,-1\nb,a,5\n")
    with pytest.raises(TopologyError) as error:
        read_topology(str(path))
    places = [problem.split(": ")[0] for problem in error.value.problems]
    assert places == [f"{path}:3", f"{path}:5", f"{path}:6"]


def same_network(path: Path) -> None:
    topology = read_topology(str(path))
    assert topology.nodes == ("a", "b", "c")
    assert topology.fibres == ((0, 1), (1, 2))
    assert topology.lengths_km == (120.0, 80.5)


def test_users_own_formats(tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text("source,target,length_km\na,b,120\nb,c,80.5\n")
    edges = [
        {"source": "a", "target": "b", "length_km": 120},
        {"source": "b", "target": "c", "length_km": 80.5},
    ]
    nodes = [{"id": n} for n in "abc"]
    (tmp_path / "n.json").write_text(json.dumps({"nodes": nodes, "edges": edges}))
    graph = networkx.Graph()
    graph.add_edge("a", "b", length_km=120.0)
    graph.add_edge("b", "c", length_km=80.5)
    networkx.write_graphml(graph, tmp_path / "n.graphml")
    networkx.write_gml(networkx.relabel_nodes(graph, {}), tmp_path / "n2.gml")
    (tmp_path / "n.gml").write_text(
        (tmp_path / "n2.gml").read_text().replace("length_km", "length")
    )
    for suffix in ("csv", "json", "graphml", "gml"):
        same_network(tmp_path / f"n.{suffix}")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # topohub leaves its data file open
def test_topohub() -> None:
    topology = read_topology("topohub:sndlib/abilene")
    assert (len(topology.nodes), len(topology.fibres)) == (12, 15)
    with pytest.raises(TopologyError, match="no topology 'nowhere'"):
        read_topology("topohub:nowhere")


def test_natural_order() -> None:
    assert natural_order(["10", "2", "n10", "n9", "1"]) == ["1", "2", "10", "n9", "n10"]
    # more digits than Python takes for a number
    assert natural_order([5000 * "1", "2"]) == ["2", 5000 * "1"]


@pytest.mark.parametrize("weight", [0, 1, 3, 4])
def test_13_of_91_pairs_have_tied_shortest_paths(weight: int) -> None:
    case = open_case(nsfnet())
    network, costs = case.network, case.network.costs
    graph = networkx.Graph()
    for e, ends in enumerate(network.topology.fibres):
        length = costs.exact_km_reserved[e] + weight * costs.exact_qkd_reserved[e]
        graph.add_edge(*ends, weight=length)
    routes = by_level_weight(network, case.forecast.pairs, weight)
    ties = 0
    for pair, route in routes.items():
        paths = list(networkx.all_shortest_paths(graph, *pair, weight="weight"))
        assert min(paths, key=lambda p: (len(p), p)) == list(route.nodes)
        ties += len(paths) > 1
    assert ties == 13


@given(st.integers(0, 10**6))
def test_routes_are_the_least_of_all_simple_paths(seed: int) -> None:
    rng = np.random.default_rng(seed)
    topology = read_topology("nsfnet")
    lengths = [Fraction(int(x)) for x in rng.integers(0, 4, len(topology.fibres))]
    graph = networkx.Graph([(a, b, {"fibre": i}) for i, (a, b) in enumerate(topology.fibres)])
    a, b = sorted(int(x) for x in rng.choice(14, 2, replace=False))

    def label(path: list[int]) -> tuple[Fraction, int, list[int]]:
        fibres = [graph.edges[step]["fibre"] for step in itertools.pairwise(path)]
        return sum((lengths[f] for f in fibres), Fraction(0)), len(path), path

    best = min(networkx.all_simple_paths(graph, a, b), key=label)
    assert list(shortest_routes(topology, lengths, [(a, b)])[a, b].nodes) == best


@given(st.integers(0, 10**6))
def test_detours_are_shortest_routes_whatever_failed_before(seed: int) -> None:
    rng = np.random.default_rng(seed)
    topology = read_topology("nsfnet")
    # few lengths, so that many paths tie
    lengths = [Fraction(int(x), 3) for x in rng.integers(0, 4, len(topology.fibres))]
    pairs = [(a, b) for a, b in itertools.combinations(range(14), 2) if rng.random() < 0.4]
    detours, down = Detours(topology, lengths), np.zeros(len(topology.fibres), bool)
    for _ in range(8):
        down ^= rng.random(len(down)) < rng.choice([0.03, 0.1, 0.4])
        avoided = frozenset(np.flatnonzero(down).tolist())
        asked = [pair for pair in pairs if rng.random() < 0.8]
        assert detours.around(avoided, asked) == shortest_routes(topology, lengths, asked, avoided)


@pytest.mark.parametrize("coupling", ["comonotone", "independent"])
def test_loads_are_sums_over_requests(coupling: str) -> None:
    case = open_case(nsfnet(demand__requests="30", demand__coupling=f'"{coupling}"'))
    rng = np.random.default_rng(3)
    by_level = [by_level_weight(case.network, case.forecast.pairs, k % 3) for k in range(10)]
    by_level[4] = dict.fromkeys(by_level[4], BLOCKED)
    by_level[5] |= dict.fromkeys(case.forecast.pairs[:5], BLOCKED)
    routes = RouteTable.by_pair_and_level(case.forecast.pairs, by_level)
    amounts = rng.integers(0, 50, (10, 21))
    table = LoadTable(routes, case.forecast.group, amounts)
    levels = rng.integers(0, 10, (40, case.forecast.groups))
    loads, counts = table.loads(levels)
    for slot in range(40):
        load, count = np.zeros(21, int), np.zeros(21, int)
        for request in range(30):
            level = int(levels[slot, case.forecast.group[request]])
            for fibre in routes.route(request, level).fibres:
                load[fibre] += amounts[level, fibre]
                count[fibre] += 1
        np.testing.assert_array_equal(loads[slot], load)
        np.testing.assert_array_equal(counts[slot], count)
