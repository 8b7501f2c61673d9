"""The node pairs of a scenario."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np

from qnetsim import seeds
from qnetsim.case import open_case
from qnetsim.forecast.build import build_forecast
from qnetsim.scenario import DemandTable
from tests.support.helpers import nsfnet
from tests.support.networks import grid


def test_pairs_are_drawn_once_per_scenario() -> None:
    case = open_case(nsfnet(demand__requests="500"))
    assert len(case.forecast.pairs) == 500
    assert all(a < b for a, b in case.forecast.pairs)
    again = open_case(nsfnet(demand__requests="500", run__replications="3"))
    assert again.forecast.pairs == case.forecast.pairs
    other = open_case(nsfnet(demand__requests="500", run__seed="2"))
    assert other.forecast.pairs != case.forecast.pairs


def test_pairs_are_drawn_by_their_place_among_all() -> None:
    for rows, columns in ((1, 2), (1, 3), (4, 5)):
        topology = grid(rows, columns)
        nodes = rows * columns
        every = list(combinations(range(nodes), 2))
        picks = seeds.integers(seeds.stream(7, "pairs"), math.comb(nodes, 2), 3000)
        # the first and the last pair of each node too
        assert np.unique(picks).size == len(every)
        found = build_forecast(DemandTable(requests=3000), topology, 7)
        assert found.pairs == tuple(every[pick] for pick in picks)
