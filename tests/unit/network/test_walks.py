"""Routes in compiled code, against the search in exact arithmetic: the same, ties included."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

from qnetsim.network import walks
from qnetsim.network.route_search import least_routes, open_neighbours
from qnetsim.network.routes import NodePair
from qnetsim.network.topology import Topology
from qnetsim.network.walks import FoundWalks, shortest_walks
from tests.support.networks import exact_search, grid, random_graph, with_twins


class Instance(NamedTuple):
    topology: Topology
    lengths: list[int]
    avoided: frozenset[int]
    pairs: list[NodePair]


#: How lengths are drawn: ties, zeros, coded sums below and above 2^53, numbers beyond doubles.
LENGTHS: dict[str, Callable[[np.random.Generator], int]] = {
    "one": lambda rng: 1,
    "few": lambda rng: int(rng.integers(0, 4)),
    "zero": lambda rng: 0,
    "perfect": lambda rng: int(rng.integers(1, 2**24)),
    "newsvendor": lambda rng: int(rng.integers(1, 2**38)),
    "near 2^53": lambda rng: int(rng.integers(2**44, 2**46)),
    "few and long": lambda rng: int(rng.integers(0, 4)) * (2**60 + 1),
    "almost equal": lambda rng: 2**70 + int(rng.integers(0, 4)),
    "beyond doubles": lambda rng: (1 + int(rng.integers(0, 2**20))) << 1500,
    "mixed": lambda rng: int(rng.integers(0, 3)) << int(rng.choice([0, 40, 1100, 2200])),
}


def instance(seed: int, *, twins: bool = False) -> Instance:
    rng = np.random.default_rng(seed)
    shape = rng.choice(["graph", "grid"])
    if shape == "grid":
        topology = grid(int(rng.integers(2, 9)), int(rng.integers(2, 9)))
    else:
        topology = random_graph(rng, int(rng.integers(5, 60)))
    if twins:
        topology = with_twins(topology, rng)
    draw = LENGTHS[str(rng.choice(list(LENGTHS)))]
    lengths = [draw(rng) for _ in topology.fibres]
    down = np.flatnonzero(rng.random(len(lengths)) < rng.choice([0.0, 0.0, 0.2])).tolist()
    every = list(itertools.combinations(range(len(topology.nodes)), 2))
    # from the larger node to the smaller one too
    pairs = [(b, a) if rng.random() < 0.3 else (a, b) for a, b in every]
    kept = rng.permutation(len(pairs))[:300].tolist()
    return Instance(topology, lengths, frozenset(down), [pairs[i] for i in kept])


def compared(case: Instance) -> FoundWalks:
    neighbours = open_neighbours(case.topology, case.avoided)
    found = shortest_walks(neighbours, case.lengths, case.pairs)
    known = exact_search(neighbours, case.lengths, case.pairs)
    for i, pair in enumerate(case.pairs):
        if i in found.walks:
            assert i not in found.open
            walk = found.walks[i]
            assert (walk.nodes, walk.fibres) == (known[pair].nodes, known[pair].fibres)
        else:
            assert i in found.open or pair not in known
    return found


def check_many(seeds: range, *, twins: bool = False) -> int:
    total = 0
    certain = 0
    for seed in seeds:
        case = instance(seed, twins=twins)
        found = compared(case)
        total += len(case.pairs)
        certain += len(found.walks)
    # most are not left to the slow search
    assert certain > 0.6 * total
    return total


def test_walks_are_the_routes_of_the_exact_search() -> None:
    assert check_many(range(40)) > 4_000


def test_walks_over_parallel_fibres_are_the_routes_of_the_exact_search() -> None:
    assert check_many(range(30), twins=True) > 3_000


@pytest.mark.slow
def test_walks_are_the_routes_of_the_exact_search_on_many_networks() -> None:
    assert check_many(range(1000, 1600)) > 100_000
    assert check_many(range(2000, 2300), twins=True) > 50_000


@pytest.mark.parametrize("length", [1, 2**24, 2**40])
def test_ties_of_a_grid_go_to_the_smallest_nodes(length: int) -> None:
    case = grid(7, 7)
    pairs = list(itertools.combinations(range(49), 2))
    found = compared(Instance(case, [length] * len(case.fibres), frozenset(), pairs))
    assert not found.open
    # along the first row, then down
    corner = found.walks[pairs.index((0, 48))]
    assert corner.nodes == (*range(7), 13, 20, 27, 34, 41, 48)


def test_ties_that_doubles_cannot_tell_are_left_open_and_found() -> None:
    topology = grid(5, 5)
    rng = np.random.default_rng(4)
    lengths = [2**80 + int(rng.integers(0, 2)) for _ in topology.fibres]
    pairs = list(itertools.combinations(range(25), 2))
    found = compared(Instance(topology, lengths, frozenset(), pairs))
    assert len(found.open) > 100
    routes = least_routes(topology.neighbours, lengths, pairs)
    assert routes == exact_search(topology.neighbours, lengths, pairs)


def test_pairs_that_no_path_joins_are_left_out() -> None:
    topology = Topology("t", ("a", "b", "c", "d"), ((0, 1), (2, 3)), (1.0, 1.0))
    for long in (1, 2**70):
        found = shortest_walks(topology.neighbours, [long, long], [(0, 1), (1, 2), (3, 2), (0, 0)])
        assert found.walks[0] == ((0, 1), (0,))
        assert found.walks[2] == ((3, 2), (1,))
        assert found.walks[3] == ((0,), ())
        assert 1 not in found.walks
        assert not found.open


def test_targets_come_in_parts_of_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    case = instance(5)
    whole = compared(case)
    rows = []
    distances = walks._distances

    def counted(links: walks._Links, lengths: object, targets: np.ndarray) -> object:
        rows.append(targets.size)
        return distances(links, lengths, targets)

    monkeypatch.setattr(walks, "_distances", counted)
    monkeypatch.setattr(walks, "MOST_DISTANCES", 3 * len(case.topology.nodes))
    assert compared(case).walks == whole.walks
    assert max(rows) == 3
    assert len(rows) >= len({b for _, b in case.pairs}) / 3


def test_large_networks_are_searched_once_for_each_last_node(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What decides is the work, and the routes do not depend on it."""
    searches: list[int] = []
    walked: list[int] = []

    def counted(*arguments: object) -> object:
        searches.append(1)
        return exact(*arguments)

    def walked_through(*arguments: object) -> FoundWalks:
        walked.append(1)
        return shortest_walks(*arguments)

    from qnetsim.network import route_search

    exact = route_search.lengths_from
    monkeypatch.setattr(route_search, "lengths_from", counted)
    monkeypatch.setattr(route_search, "shortest_walks", walked_through)
    large = grid(30, 30)
    rng = np.random.default_rng(1)
    lengths = rng.integers(1, 2**24, len(large.fibres)).tolist()
    pairs = [tuple(sorted(rng.choice(900, 2, replace=False).tolist())) for _ in range(100)]
    found = least_routes(large.neighbours, lengths, pairs)
    assert (len(searches), len(walked)) == (0, 1)
    # one first node and many last ones: one search in Python finds them all
    star = [(0, node) for node in range(1, 900)]
    least_routes(large.neighbours, lengths, star)
    assert (len(searches), len(walked)) == (1, 1)
    # a small network
    small = grid(3, 3)
    least_routes(small.neighbours, [1] * len(small.fibres), [(0, 8), (1, 8)])
    assert (len(searches), len(walked)) == (3, 1)
    assert found == exact_search(large.neighbours, lengths, pairs)


def test_distances_to_each_node_do_not_depend_on_how_they_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from qnetsim.network import bounded_routes

    rng = np.random.default_rng(3)
    for nodes in (5, 40):
        topology = random_graph(rng, nodes)
        lengths = (rng.random(len(topology.fibres)) * 0.1).tolist()
        known = {t: bounded_routes.distances_to(topology, lengths, t) for t in range(nodes)}
        for worth in (0, 10**9):
            monkeypatch.setattr(bounded_routes, "WORTH_COMPILED", worth)
            # to the last bit: sums are added up in the same order
            assert bounded_routes.distances_to_each(topology, lengths, range(nodes)) == known
