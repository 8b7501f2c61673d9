"""Distributions of levels: moments, exact values, and samples."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qnetsim import seeds
from qnetsim.forecast import poisson_levels, table_levels


def test_poisson_is_truncated_and_renormalised() -> None:
    levels = poisson_levels(10)
    weights = [3.0**k / math.factorial(k) for k in range(10)]
    np.testing.assert_allclose(levels.probabilities, np.array(weights) / sum(weights), rtol=1e-15)
    assert sum(levels.exact_probabilities) == 1


@given(st.lists(st.floats(0, 10), min_size=1, max_size=9).filter(lambda p: sum(p) > 0))
def test_whole_probabilities_are_the_exact_ones_over_one_denominator(weights: list[float]) -> None:
    law = table_levels(weights)
    whole = law.whole_probabilities
    assert all(type(weight) is int for weight in whole.weights)
    assert tuple(Fraction(w, whole.total) for w in whole.weights) == law.exact_probabilities
    assert sum(whole.weights) == whole.total
    assert math.gcd(*whole.weights, whole.total) == 1


@given(st.integers(1, 12), st.floats(0, 8), st.integers(0, 10**9))
def test_stated_moments_are_those_of_the_samples(levels: int, mean: float, seed: int) -> None:
    law = poisson_levels(levels, mean)
    count = 4000
    sample = law.sample(seeds.words(seeds.stream(seed, "test"), count)).astype(float)
    # six standard errors; the seeds are fixed, so the test is too
    spread = 6 * math.sqrt(law.variance / count) + 1e-12
    assert abs(sample.mean() - law.mean) <= spread
    fourth = float(sum(p * (k - law.mean) ** 4 for k, p in enumerate(law.probabilities)))
    spread = 6 * math.sqrt(max(fourth - law.variance**2, 0) / count) + 0.02 * law.variance + 1e-12
    assert abs(sample.var() - law.variance) <= spread
    assert sample.max(initial=0) < levels


@given(st.lists(st.floats(0, 10), min_size=1, max_size=9).filter(lambda p: sum(p) > 0))
def test_table_moments_and_zero_weights(weights: list[float]) -> None:
    law = table_levels(weights)
    p = np.array(weights) / sum(weights)
    k = np.arange(len(weights))
    assert law.mean == pytest.approx(float(p @ k), rel=1e-9, abs=1e-9)
    assert law.variance == pytest.approx(float(p @ k**2 - (p @ k) ** 2), rel=1e-6, abs=1e-9)
    words = np.array([0, 2**63, 2**64 - 1], dtype=np.uint64)
    assert all(law.exact_probabilities[level] > 0 for level in law.sample(words))


@given(st.lists(st.floats(0, 10), min_size=1, max_size=9).filter(lambda p: sum(p) > 0))
@settings(max_examples=20)
def test_many_words_give_the_levels_of_few(weights: list[float]) -> None:
    law = table_levels(weights)
    words = seeds.words(seeds.stream(1, "test"), 20_000)
    edges = np.concatenate([law.thresholds, law.thresholds - np.uint64(1)])
    words[: len(edges)] = edges
    few = np.concatenate([law.sample(part) for part in np.array_split(words, 20)])
    np.testing.assert_array_equal(law.sample(words.reshape(100, 200)).ravel(), few)


def test_excess_is_exact() -> None:
    law = table_levels([0.25, 0.25, 0.5])
    assert [law.excess(q) for q in range(3)] == [Fraction(5, 4), Fraction(1, 2), 0]
