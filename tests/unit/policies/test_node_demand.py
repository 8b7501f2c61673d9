"""Demand around an agent's node: of single pairs, and of the nodes next to it."""

from __future__ import annotations

import numpy as np
import pytest

from qnetsim.case import open_case
from qnetsim.errors import UsageError
from qnetsim.forecast import Forecast, poisson_levels
from qnetsim.network import Topology
from qnetsim.policies.learned.features import Units
from qnetsim.policies.learned.node_demand import NodeDemand
from qnetsim.policies.learned.spec import Spec
from qnetsim.scenario import parse_scenario

#: A line of four nodes, with requests (0, 2) twice, (0, 3) and (1, 2).
LINE = Topology("line", ("a", "b", "c", "d"), ((0, 1), (1, 2), (2, 3)), (10.0, 10.0, 10.0))
FORECAST = Forecast((poisson_levels(10, 3.0),), "independent", ((0, 2), (0, 2), (0, 3), (1, 2)))
LEVELS = np.array([[2, 6, 5, 9]])


def demand() -> NodeDemand:
    return NodeDemand(LINE, FORECAST, np.arange(4), 9)


def test_pairs_stand_in_the_order_of_the_other_node() -> None:
    seen = (demand().pair_block(LEVELS, 3)[0] + 1) / 2 * 9
    # a: with c (two requests) and d; b: with c; c: with a, b; d: with a; what is not there is 0
    wanted = [[4, 5, 0], [9, 0, 0], [4, 9, 0], [5, 0, 0]]
    np.testing.assert_allclose(seen, wanted, atol=1e-6)


def test_neighbours_sum_up_what_ends_at_them() -> None:
    own, beside = ((demand().neighbour_block(LEVELS)[0] + 1) / 2 * 9).T
    np.testing.assert_allclose(own, [13 / 3, 9, 17 / 3, 5], atol=1e-6)
    # a has b beside it, b has a and c, c has b and d, d has c
    np.testing.assert_allclose(beside, [9, (13 + 17) / 6, (9 + 5) / 2, 17 / 3], atol=1e-6)


def test_a_network_with_more_pairs_is_refused() -> None:
    assert demand().pairs == 2
    with pytest.raises(UsageError, match=r"sees 1 pair of a node.*with 2 other nodes"):
        demand().pair_block(LEVELS, 1)


def test_a_spec_without_these_blocks_is_stored_as_before() -> None:
    assert "pairs" not in Spec(4, ("demand",), "agent").as_json()
    spec = Spec(4, ("pairs", "neighbours"), "agent", pairs=13)
    assert spec.size == 13 + 2
    assert Spec(**(spec.as_json() | {"observe": spec.observe})) == spec


def test_observations_lie_within_their_bounds() -> None:
    text = "[network]\ntopology = 'nsfnet'\n[demand]\npairs = 'all'\ncoupling = 'independent'\n"
    setting = open_case(parse_scenario(text)).setting
    spec = Spec(2, ("demand", "pairs", "neighbours"), "fibre", pairs=13)
    units = Units(setting, setting.shortest_routes(), spec)
    low, high = units.bounds()
    levels = np.random.default_rng(1).integers(0, 10, (3, 91))
    nothing = np.zeros((3, units.count, 2, 2), np.float32)
    loads = np.zeros((3, units.count, 2), np.float32)
    seen = units.observation(nothing, loads, nothing[..., 0, :], levels)
    assert seen.shape == (3, 21, spec.size)
    assert (seen >= low).all() and (seen <= high).all()
    # before the first slot it is the mean level that is seen
    before = units.observation(nothing, loads, nothing[..., 0, :])
    mean = setting.forecast.levels.mean
    np.testing.assert_allclose(before[..., 2:], 2 * mean / 9 - 1, atol=1e-6)
