"""Densities of sums, long ones among them, and requests that add the same."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from scipy.stats import binom

from qnetsim.case import open_case
from qnetsim.optimize.alike_requests import AlikeRequests
from qnetsim.optimize.densities import LONG, Density, density_of_sum
from qnetsim.scenario import parse_scenario


def test_a_short_sum_is_the_plain_convolution_bit_by_bit() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.dirichlet(np.ones(5)), np.array([0.0, 0.25, 0.0, 0.75, 0.0])
    # squares of squares, as repeated squaring takes them
    four = functools.reduce(np.convolve, (np.convolve(first, first),) * 2)
    plain = np.convolve(np.convolve(np.ones(1), four), np.convolve(second, second))
    assert density_of_sum([(first, 4), (second, 2)]).tobytes() == plain.tobytes()
    assert density_of_sum([]).tolist() == [1.0]


@pytest.mark.parametrize("chance", [0.5, 0.1, 0.97])
def test_a_long_sum_is_as_likely_as_it_should_be(chance: float) -> None:
    one = binom.pmf(np.arange(10), 9, chance)
    found = density_of_sum([(one, 2000), (np.array([0.0, 1.0]), 300)])
    wanted = binom.pmf(np.arange(18_001), 18_000, chance)
    assert found.size == 18_301
    assert not found[:300].any()
    bulk = wanted > 1e-250
    np.testing.assert_allclose(found[300:][bulk], wanted[bulk], rtol=1e-9)


def test_what_no_float_can_tell_from_zero_is_not_convolved() -> None:
    one = binom.pmf(np.arange(10), 9, 0.5)
    found = Density(0, one).times(2000)
    assert LONG < found.probabilities.size < 18_001 / 3
    assert found.probabilities[0] > 0
    assert found.probabilities[-1] > 0
    assert found.first + found.probabilities.size <= 18_001


def test_requests_of_one_route_and_distribution_are_one_kind() -> None:
    case = open_case(
        parse_scenario("[network]\ntopology = 'nsfnet'\n[demand]\nrequests = 5000\n[run]\nslots=1")
    )
    routes = case.setting.shortest_routes()
    alike = AlikeRequests.of(case.forecast, routes)
    # node pairs of 14 nodes
    assert len(alike.sizes) == 91
    assert sum(alike.sizes) == 5000
    counted = np.bincount(routes.choice[:, 0], minlength=len(routes.routes))
    assert counted[alike.choice[:, 0]].tolist() == alike.sizes
