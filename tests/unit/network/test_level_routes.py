"""Routes at every level from few searches: those of a search at each level, ties included."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qnetsim.case import open_case
from qnetsim.network import Route, level_routes, route_search
from qnetsim.network.level_routes import routes_by_level
from qnetsim.network.route_search import least_routes, whole_lengths
from qnetsim.network.routes import Neighbours, NodePair
from qnetsim.network.topology import Topology
from qnetsim.optimize.bounds import foreseen_routes
from tests.support.helpers import nsfnet
from tests.support.networks import exact_search, grid, random_graph, topology_of, with_twins

#: Prices: all alike, ties and zeros, tenths, numbers that doubles cannot tell apart.
PRICES = {
    "one": lambda rng: Fraction(1),
    "few": lambda rng: Fraction(int(rng.integers(0, 4))),
    "tenths": lambda rng: Fraction(int(rng.integers(0, 40)), int(rng.choice([1, 10, 7]))),
    "almost equal": lambda rng: 2**60 + Fraction(int(rng.integers(0, 4)), 3),
}


def counts_of(kind: str, rng: np.random.Generator, levels: int, fibres: int) -> np.ndarray:
    """Channels ρ = ⌈k/K⌉, with one key rate or one for each fibre, or numbers without any rule."""
    level = np.arange(levels)[:, None]
    if kind == "one rate":
        return np.repeat(level, fibres, axis=1)
    if kind == "high rates":
        return -(-level // rng.choice([1, 1, 1, 50], fibres))
    if kind == "any rates":
        return -(-level * rng.integers(1, 8, fibres) // rng.integers(1, 8, fibres))
    return rng.integers(0, 5, (levels, fibres))


def network_of(rng: np.random.Generator) -> Topology:
    """A grid, or a graph that may be in pieces; some have parallel fibres."""
    shape = rng.integers(0, 2)
    made = grid(*rng.integers(2, 5, 2).tolist()) if shape else random_graph(rng, 12)
    return with_twins(made, rng) if rng.random() < 0.5 else made


def level_by_level(
    topology: Topology,
    wavelengths: Sequence[Fraction],
    channels: Sequence[Fraction],
    counts: np.ndarray,
    pairs: Sequence[NodePair],
) -> list[dict[NodePair, Route]]:
    lengths = [
        [km + count * qkd for km, count, qkd in zip(wavelengths, row, channels, strict=True)]
        for row in counts.tolist()
    ]
    return [exact_search(topology.neighbours, whole_lengths(here), pairs) for here in lengths]


@pytest.mark.parametrize("worth_compiled", [0, 10**9])
@settings(max_examples=150)
@given(
    seed=st.integers(0, 2**32),
    kind=st.sampled_from(["one rate", "high rates", "any rates", "no rule"]),
    once=st.sampled_from(sorted(PRICES)),
    each=st.sampled_from(sorted(PRICES)),
    levels=st.integers(1, 14),
)
def test_routes_are_those_of_a_search_at_each_level(
    worth_compiled: int, seed: int, kind: str, once: str, each: str, levels: int
) -> None:
    rng = np.random.default_rng(seed)
    topology = network_of(rng)
    fibres = len(topology.fibres)
    wavelengths = [PRICES[once](rng) for _ in range(fibres)]
    channels = [PRICES[each](rng) for _ in range(fibres)]
    counts = counts_of(kind, rng, levels, fibres)
    every = list(itertools.combinations(range(len(topology.nodes)), 2))
    # requests of one pair, and pairs in any order
    pairs = [every[i] for i in rng.integers(0, len(every), 30).tolist()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(route_search, "WORTH_COMPILED", worth_compiled)
        found = routes_by_level(topology, wavelengths, channels, counts, pairs)
    assert found == level_by_level(topology, wavelengths, channels, counts, pairs)


#: From node 0 to 1: fibre 0 alone, or fibres 1 and 2 by node 2.
DETOUR = topology_of(3, [(0, 1), (0, 2), (2, 1)])
DIRECT = Route((0, 1), (0,))
AROUND = Route((0, 2, 1), (1, 2))


def steps_of(direct: Sequence[int]) -> list[Route]:
    """Routes where fibre 0 takes so many channels, and the way around costs 5 at each level."""
    counts = np.array([[count, 0, 0] for count in direct])
    prices = [Fraction(price) for price in (0, 2, 3)], [Fraction(1)] * 3
    return [found[0, 1] for found in routes_by_level(DETOUR, *prices, counts, [(0, 1)])]


def test_one_route_at_both_ends_says_nothing_where_counts_bend() -> None:
    assert steps_of([0, 3, 6, 3, 0]) == [DIRECT, DIRECT, AROUND, DIRECT, DIRECT]
    assert steps_of([9, 9, 1, 9, 9]) == [AROUND, AROUND, DIRECT, AROUND, AROUND]


def test_a_route_that_ties_at_an_end_keeps_its_place_among_ties() -> None:
    # both cost 5 at the second level: fewer fibres come first
    assert steps_of([4, 5, 6]) == [DIRECT, DIRECT, AROUND]
    assert steps_of([6, 5, 4]) == [AROUND, DIRECT, DIRECT]
    assert steps_of([5, 5, 5]) == [DIRECT] * 3


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pairs each search is for."""
    sizes: list[int] = []

    def counted(neighbours: Neighbours, lengths: Sequence[int], pairs: list[NodePair]) -> object:
        sizes.append(len(pairs))
        return least_routes(neighbours, lengths, pairs)

    monkeypatch.setattr(level_routes, "least_routes", counted)
    return sizes


def test_pairs_with_one_route_at_both_ends_are_searched_twice(searched: list[int]) -> None:
    case = open_case(nsfnet())
    found = foreseen_routes(case.network, case.forecast)
    assert len(found) == 10
    assert all(here == found[0] for here in found)
    assert searched == [91, 91]


def test_pairs_with_two_routes_are_searched_at_few_levels(searched: list[int]) -> None:
    direct = list(range(1000))
    assert steps_of(direct) == [DIRECT] * 6 + [AROUND] * 994
    # 999 levels are halved ten times
    assert len(searched) == 12
    del searched[:]
    rng = np.random.default_rng(2)
    topology = grid(8, 8)
    fibres = len(topology.fibres)
    prices = [[Fraction(int(x)) for x in rng.integers(1, 90, fibres)] for _ in range(2)]
    counts = np.repeat(np.arange(10)[:, None], fibres, axis=1)
    pairs = list(itertools.combinations(range(64), 2))
    found = routes_by_level(topology, *prices, counts, pairs)
    differ = sum(found[0][pair] != found[9][pair] for pair in pairs)
    assert 0 < differ < len(pairs)
    assert searched[:3] == [len(pairs), len(pairs), differ]
    assert sum(searched) < 0.5 * 10 * len(pairs)


def test_levels_at_which_counts_bend_are_searched_and_no_others(searched: list[int]) -> None:
    # a channel carries all levels above the first
    assert steps_of([0, 1, 1, 1, 1, 1]) == [DIRECT] * 6
    assert searched == [1, 1, 1]
    del searched[:]
    assert steps_of([0, 2, 1, 2, 3, 4]) == [DIRECT] * 6
    assert searched == [1, 1, 1, 1]
