"""Streams of random words, and what is drawn from them."""

from __future__ import annotations

import statistics

import numpy as np
import pytest

from qnetsim import seeds


def test_times_up_and_down_are_exponential() -> None:
    [drawn] = seeds.exponentials([seeds.stream(1, "test")], 200_000)
    assert abs(drawn.mean() - 1) < 0.01
    assert abs(drawn.std() - 1) < 0.01
    words = 1 - seeds.uniform(seeds.stream(1, "test"), 200_000)
    np.testing.assert_allclose(drawn, -np.log(words), rtol=1e-13, atol=1e-16)


def test_streams_are_apart_and_stable() -> None:
    first = seeds.words(seeds.stream(1, "demand", 0, 0), 3).tolist()
    assert first == seeds.words(seeds.stream(1, "demand", 0, 0), 3).tolist()
    others = [(1, "demand", 0, 1), (1, "demand", 1, 0), (2, "demand", 0, 0), (1, "pairs")]
    assert all(seeds.words(seeds.stream(*name), 3).tolist() != first for name in others)
    # raw Philox words are promised to be stable; this number must never change
    assert first[0] == 3_927_089_289_263_498_718


def test_integers_do_not_depend_on_how_they_are_drawn() -> None:
    whole = seeds.integers(seeds.stream(5, "x"), 11, 1000)
    bits = seeds.stream(5, "x")
    parts = np.concatenate([seeds.integers(bits, 11, n) for n in (1, 299, 700)])
    np.testing.assert_array_equal(whole, parts)
    assert set(whole.tolist()) == set(range(11))


def test_normal_quantiles_are_those_of_the_standard_library() -> None:
    uniform = np.random.default_rng(1).random(2000)
    p = np.concatenate([uniform, 10.0 ** -np.arange(1, 300, 7), [0.075, 0.925, 0.5]])
    normal = statistics.NormalDist()
    wanted = np.array([normal.inv_cdf(x) for x in p])
    np.testing.assert_allclose(seeds.normal_quantile(p), wanted, rtol=2e-15, atol=1e-15)
    np.testing.assert_array_equal(seeds.normal_quantile(np.array([0.0, 1.0])), [-np.inf, np.inf])


def test_normal_numbers_have_the_stated_moments() -> None:
    count = 200_000
    drawn = seeds.normal(seeds.stream(4, "test"), count)
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((drawn**power).mean() - moment) <= 4 * np.sqrt(variance / count)
    assert np.isfinite(drawn).all()


@pytest.mark.parametrize("count", [3, 400, 40_000])
def test_many_words_are_turned_into_the_numbers_of_a_search(count: int) -> None:
    bits = seeds.stream(1, "thresholds", count)
    thresholds = np.sort(seeds.words(bits, count))
    words = np.concatenate([seeds.words(bits, seeds.MANY), thresholds, thresholds - np.uint64(1)])
    found = seeds.Inversion(thresholds, np.int64).sample(words)
    assert (found == np.searchsorted(thresholds, words, side="right")).all()
