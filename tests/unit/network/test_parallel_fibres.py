"""Several fibres between two nodes: their names, and routes that tell them apart."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnetsim.errors import SettingError, TopologyError
from qnetsim.network import Route, Topology, read_topology, shortest_routes
from qnetsim.network.bounded_routes import simple_routes
from qnetsim.network.detours import Detours
from qnetsim.network.model import spans_of
from qnetsim.network.ownership import owning_nodes
from qnetsim.network.topology import RawFibre, check_topology
from qnetsim.scenario import parse_scenario
from tests.support.networks import simple_paths, with_twins


def cables(**changes: object) -> Topology:
    """Two cables from a to b, the second one shorter, and one fibre on to c."""
    parts = {
        "name": "cables",
        "nodes": ("a", "b", "c"),
        "fibres": ((0, 1), (1, 0), (1, 2)),
        "lengths_km": (100.0, 90.0, 50.0),
        "fibre_labels": ("north", "south", ""),
    }
    return Topology(**(parts | changes))


def test_names_of_fibres_are_their_ends_and_their_own_names() -> None:
    topology = cables()
    names = [topology.fibre_name(fibre) for fibre in range(3)]
    assert names == ["a–b (north)", "b–a (south)", "b–c"]
    assert topology.twins == {0: (0, 1), 1: (0, 1)}
    assert cables(fibres=((0, 1), (0, 2), (1, 2))).twins == {}


def test_a_fibre_is_found_by_its_ends_and_its_own_name() -> None:
    topology = cables()
    assert topology.fibre_at("c", "b") == 2
    assert topology.fibre_at("a", "b", "south") == topology.fibre_at("b", "a", "south") == 1
    several = (
        r"2 fibres join 'b' and 'a': a–b \(north\), b–a \(south\); \['b', 'a', 'north'\] names"
    )
    with pytest.raises(LookupError, match=several):
        topology.fibre_at("b", "a")
    with pytest.raises(LookupError, match=r"'a' and 'b' is named 'x': a–b \(north\), b–a"):
        topology.fibre_at("a", "b", "x")
    for pair in (("a", "c"), ("a", "x"), ("a", "a"), ("x", "y")):
        with pytest.raises(LookupError, match="no fibre joins"):
            topology.fibre_at(*pair)


@pytest.mark.parametrize("labels", [(), ("", "", ""), ("north", "", ""), ("one", "one", "")])
def test_parallel_fibres_need_names_of_their_own(labels: tuple[str, ...]) -> None:
    with pytest.raises(TopologyError, match="2 fibres join 'a' and 'b'; give each a name of its"):
        cables(fibre_labels=labels)


def raw(*names: str | None) -> list[RawFibre]:
    ends = itertools.cycle((("a", "b"), ("b", "a")))
    return [RawFibre(*next(ends), 10 + i, f"line {i}", name) for i, name in enumerate(names)]


def test_fibres_between_the_same_nodes_are_taken_with_names_of_their_own() -> None:
    found = check_topology("t", raw("one", "two", "three"))
    assert found.fibre_labels == ("one", "two", "three")
    assert found.lengths_km == (10, 11, 12)
    assert check_topology("t", raw("only")).fibre_labels == ("only",)
    assert check_topology("t", raw(None)).fibre_labels == ()
    for names in ((None, None), ("one", None), (None, "one"), ("one", "one"), ("", "one")):
        with pytest.raises(
            TopologyError, match=r"line 1: .* is a duplicate of the fibre at line 0"
        ):
            check_topology("t", raw(*names))


def test_the_digest_depends_on_names_only_where_there_are_some() -> None:
    # as it was before fibres had names
    known = "4830480f703316d0f99f3726c75b5117ec97282a2f264aef08977e083820f802"
    assert read_topology("nsfnet").digest() == known
    topology = cables()
    turned = cables(
        fibres=((1, 2), (0, 1), (0, 1)),
        lengths_km=(50.0, 90.0, 100.0),
        fibre_labels=("", "south", "north"),
    )
    assert topology.digest() == turned.digest()
    swapped = cables(fibre_labels=("south", "north", ""))
    named = cables(fibre_labels=("north", "south", "x"))
    assert len({topology.digest(), swapped.digest(), named.digest()}) == 3


def test_ties_of_parallel_fibres_go_to_the_first_of_the_file() -> None:
    topology = cables()
    equal = [Fraction(1)] * 3
    assert shortest_routes(topology, equal, [(0, 2)])[0, 2] == Route((0, 1, 2), (0, 2))
    shorter = [Fraction(3), Fraction(2), Fraction(1)]
    assert shortest_routes(topology, shorter, [(0, 2)])[0, 2] == Route((0, 1, 2), (1, 2))
    around = shortest_routes(topology, equal, [(0, 2)], frozenset({0}))
    assert around[0, 2] == Route((0, 1, 2), (1, 2))


@given(st.integers(0, 10**6))
def test_detours_around_failed_cables_are_shortest_routes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    topology = with_twins(read_topology("nsfnet"), rng)
    lengths = [Fraction(int(x), 3) for x in rng.integers(0, 3, len(topology.fibres))]
    pairs = [(a, b) for a, b in itertools.combinations(range(14), 2) if rng.random() < 0.4]
    detours, down = Detours(topology, lengths), np.zeros(len(topology.fibres), bool)
    for _ in range(8):
        down ^= rng.random(len(down)) < rng.choice([0.03, 0.1, 0.4])
        avoided = frozenset(np.flatnonzero(down).tolist())
        asked = [pair for pair in pairs if rng.random() < 0.8]
        found = detours.around(avoided, asked)
        assert found == shortest_routes(topology, lengths, asked, avoided)
        assert all(not avoided & set(route.fibres) for route in found.values())


@given(st.integers(0, 10**6))
def test_every_choice_of_cables_is_a_simple_route_and_the_least_is_the_shortest(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ring = Topology(
        "ring", ("a", "b", "c", "d"), ((0, 1), (1, 2), (2, 3), (0, 3), (0, 2)), (1.0,) * 5
    )
    topology = with_twins(ring, rng)
    pair = (0, 3)
    paths = simple_paths(topology, pair)
    routes = simple_routes(topology, pair, 3)
    assert sorted(route.fibres for route in routes) == sorted(map(tuple, paths))
    assert routes == sorted(routes, key=lambda r: (len(r.fibres), r.nodes, r.fibres))
    lengths = [Fraction(int(x)) for x in rng.integers(0, 3, len(topology.fibres))]
    best = min(
        routes, key=lambda r: (sum(lengths[e] for e in r.fibres), len(r.fibres), r.nodes, r.fibres)
    )
    assert shortest_routes(topology, lengths, [pair])[pair] == best


def test_two_cables_give_both_their_ends_a_fibre() -> None:
    pair = cables(nodes=("a", "b"), fibres=((0, 1), (0, 1)), fibre_labels=("one", "two"))
    assert sorted(owning_nodes(pair).tolist()) == [0, 1]


def test_spacings_of_parallel_fibres_are_told_apart_by_name() -> None:
    def spans(text: str) -> list[float]:
        table = parse_scenario(
            f'[network]\ntopology = "t"\nfibre_spans = {text}\n[demand]\nrequests = 1'
        )
        return spans_of(table.network, cables())

    assert spans('[["b", "a", "south", 70.0], ["b", "c", 30]]') == [160, 70, 30]
    with pytest.raises(SettingError, match=r"2 fibres join 'a' and 'b': a–b \(north\), b–a"):
        spans('[["a", "b", 70.0]]')
    with pytest.raises(SettingError, match=r"b–a \(south\) is given twice"):
        spans('[["a", "b", "south", 70.0], ["b", "a", "south", 71.0]]')
