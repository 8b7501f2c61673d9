"""Yields and faults: moments of what is drawn, and the names of causes."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from qnetsim.case import open_case
from qnetsim.network import PPM
from qnetsim.trace.schema import BY_PATH
from qnetsim.world.faults import CAUSES
from qnetsim.world.yields import PoissonTable
from tests.support.helpers import nsfnet


def test_yields_have_the_moments_they_state() -> None:
    scenario = nsfnet(run__slots="20000", yields__noise_counts="50")
    ppm = np.concatenate([c.yield_ppm for c in open_case(scenario).realisation(0).chunks()])
    assert abs(ppm.mean() / 1e6 - 1) < 1e-3
    assert abs(ppm.std() / 1e6 - math.sqrt(1 / 50)) < 1e-3
    drifting = nsfnet(run__slots="20000", yields__drift="0.2", yields__drift_slots="5")
    ppm = np.concatenate([c.yield_ppm for c in open_case(drifting).realisation(0).chunks()]) / 1e6
    assert abs(ppm.mean() - 1) < 0.01
    assert abs(ppm.std() - 0.2) < 0.01
    pairs = np.corrcoef(ppm[:-1].ravel(), ppm[1:].ravel())[0, 1]
    assert abs(pairs - 0.8) < 0.01


@pytest.mark.parametrize("mean", [1, 7, 1000])
def test_poisson_counts_have_mean_and_variance(mean: int) -> None:
    table = PoissonTable(mean)
    values = table.first + np.arange(table.probabilities.size)
    assert (values * table.probabilities).sum() == pytest.approx(mean, rel=1e-12)
    spread = ((values - mean) ** 2 * table.probabilities).sum()
    assert spread == pytest.approx(mean, rel=1e-9)


def test_trace_and_world_name_causes_alike() -> None:
    assert BY_PATH["faults/cause"].flags == CAUSES


@pytest.mark.parametrize("digits", [(3, 1), (6, 12), (15, 11), (17, 15)])
def test_yields_are_exact_whatever_fits_into_64_bits(digits: tuple[int, int]) -> None:
    rng = np.random.default_rng(digits)
    above, below = (rng.integers(1, 10**n, 21).tolist() for n in digits)
    check_yields(rng, above, below)
    # one number below all
    check_yields(rng, above, below[:1] * 21)
    check_yields(rng, above, [2**i for i in range(21)])
    # a small one ahead of others by which no yield fits
    large = rng.integers(10**14, 10**15, (2, 20)).tolist()
    check_yields(rng, [7, *large[0]], [1, *large[1]])


def check_yields(rng: np.random.Generator, above: list[int], below: list[int]) -> None:
    exact = tuple(Fraction(10 * a, b) for a, b in zip(above, below, strict=True))
    bits = np.array([int(x) for x in exact])
    network = replace(open_case(nsfnet()).network, exact_channel_bits=exact, channel_bits=bits)
    ppm = rng.integers(0, 3 * PPM, (40, 21))
    expected = [[int(x * int(p) / PPM) for x, p in zip(exact, row, strict=True)] for row in ppm]
    assert network.yield_bits(ppm).tolist() == expected
