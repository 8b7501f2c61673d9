"""Routes around outages: those of a fresh search, kept for as long as they hold."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnetsim.network import Route, Topology, shortest_routes
from qnetsim.network import detours as module
from qnetsim.network.detours import Detours
from qnetsim.network.fibre_sets import bits_of, fibres_of
from tests.support.networks import grid, random_graph, with_twins


@given(st.integers(0, 10**6))
def test_what_is_kept_is_what_a_search_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    topology = random_graph(rng, int(rng.integers(3, 20)))
    if rng.random() < 0.5:
        topology = with_twins(topology, rng)
    scale = int(rng.choice([1, 2**60 + 1]))
    lengths = [Fraction(int(x) * scale, 3) for x in rng.integers(0, 4, len(topology.fibres))]
    every = itertools.permutations(range(len(topology.nodes)), 2)
    pairs = [pair for pair in every if rng.random() < rng.choice([0.1, 0.5])]
    down = np.zeros(len(topology.fibres), dtype=bool)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_OF_PAIR", int(rng.choice([1, 3, 32])))
        patch.setattr(module, "MOST_ROUTES", int(rng.choice([0, 20, 2**16])))
        patch.setattr(module, "MOST_LENGTHS", int(rng.choice([1, 2**20])))
        detours = Detours(topology, lengths)
        for _ in range(12):
            down ^= rng.random(len(down)) < rng.choice([1 / len(down), 0.1, 0.4])
            avoided = frozenset(np.flatnonzero(down).tolist())
            asked = [pair for pair in pairs if rng.random() < 0.8]
            found = detours.around(avoided, asked)
            assert found == shortest_routes(topology, lengths, asked, avoided)
            kept = sum(len(routes) for routes in detours._known.values())
            assert kept == detours._count
            assert kept <= max(module.MOST_ROUTES, len(pairs))


def test_a_route_is_searched_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds again after repairs, and beside other outages, unless they bear on it."""
    # a ring of six, and a pair on it
    ends = tuple((node, (node + 1) % 6) for node in range(6))
    topology = Topology("ring", tuple("abcdef"), ends, (1.0,) * 6)
    detours = Detours(topology, [Fraction(1)] * 6)
    searched = []
    found = module.route_between

    def counted(*arguments: object) -> Route | None:
        searched.append(arguments[2])
        return found(*arguments)

    monkeypatch.setattr(module, "route_between", counted)

    def fibres(avoided: set[int]) -> tuple[int, ...]:
        return detours.around(frozenset(avoided), [(0, 2)])[0, 2].fibres

    assert fibres(set()) == (0, 1)
    assert fibres({4}) == (0, 1)
    assert fibres({0}) == (5, 4, 3, 2)
    assert len(searched) == 2
    assert fibres(set()) == (0, 1)
    assert fibres({0}) == (5, 4, 3, 2)
    assert fibres({0, 1}) == (5, 4, 3, 2)
    assert len(searched) == 2
    # of the two fibres either is reason enough, and this is known of the first one alone
    assert fibres({1}) == (5, 4, 3, 2)
    assert len(searched) == 3
    assert detours.around(frozenset({0, 3}), [(0, 2)]) == {}
    assert detours.around(frozenset({0, 3, 5}), [(0, 2)]) == {}
    assert len(searched) == 4


def test_an_outage_far_away_is_no_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    topology = grid(6, 6)
    detours = Detours(topology, [Fraction(1)] * len(topology.fibres))
    near = topology.fibres.index((0, 1))
    far = topology.fibres.index((34, 35))
    found = detours.around(frozenset({near, far}), [(0, 1)])
    monkeypatch.setattr(module, "route_between", None)
    assert detours.around(frozenset({near}), [(0, 1)]) == found


def test_no_more_is_asked_of_repairs_than_can_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where many fibres are repaired at once, routes are searched for anew."""
    topology = grid(6, 6)
    lengths = [Fraction(1)] * len(topology.fibres)
    monkeypatch.setattr(module, "MOST_LENGTHS", 8 * len(topology.nodes))
    asked: list[int] = []
    search = module.lengths_from
    monkeypatch.setattr(
        module, "lengths_from", lambda *given: asked.append(given[2]) or search(*given)
    )
    pairs = [(0, 1), (2, 3), (0, 35)]
    # from the two first nodes, and from the ends of repaired fibres, one of which is a first node
    for many, found in (({0, 20}, [2, 3]), ({0, 20, 40}, [2, 0])):
        detours = Detours(topology, lengths)
        for down, more in zip((many, set()), found, strict=True):
            asked.clear()
            routes = detours.around(frozenset(down), pairs)
            assert routes == shortest_routes(topology, lengths, pairs, frozenset(down))
            assert len(asked) == more


def test_many_routes_from_one_node_are_found_by_one_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    topology = grid(5, 5)
    lengths = [Fraction(1)] * len(topology.fibres)
    pairs = [(0, node) for node in range(1, 25)]
    monkeypatch.setattr(module, "route_between", None)
    found = Detours(topology, lengths).around(frozenset({0}), pairs)
    assert found == shortest_routes(topology, lengths, pairs, frozenset({0}))


def test_sets_of_fibres_are_numbers() -> None:
    assert bits_of([]) == 0
    assert fibres_of(0) == ()
    assert bits_of([70, 0, 3]) == 2**70 + 9
    assert fibres_of(2**70 + 9) == (0, 3, 70)
