"""The newsvendor closed form against a search over all amounts, and at its edges."""

from __future__ import annotations

import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qnetsim.forecast import LevelDistribution, poisson_levels
from qnetsim.optimize.newsvendor import level_values, newsvendor, reserve

HALF = Fraction(1, 2)


def least_amount(
    loads: list[int], law: list[Fraction], reserved: Fraction, on_demand: Fraction
) -> tuple[Fraction, int]:
    """Least cost and its least amount, among all integers up to the largest load."""

    def cost(amount: int) -> Fraction:
        expected = sum((max(x - amount, 0) * p for x, p in zip(loads, law, strict=True)), 0)
        return reserved * amount + on_demand * expected

    return min((cost(amount), amount) for amount in range(max(loads) + 1))


#: Loads with a law of halves, quarters and eighths, which floats hold exactly: ties stay ties.
LAW = [Fraction(1, 4), Fraction(1, 8), Fraction(1, 8), Fraction(1, 2)]


@pytest.mark.parametrize(
    ("reserved", "on_demand", "amount"),
    [
        (1.0, 0.5, 0),  # never dearer on demand: nothing is reserved
        (1.0, 1.0, 0),
        (1.0, 1.01, 3),  # the least load comes for certain
        (1.0, 2.0, 3),  # P(load > 3) is exactly the ratio
        (1.0, 2.01, 5),
        (1.0, 4.0, 5),
        (1.0, 4.01, 9),
        (1.0, 1e9, 9),  # no more than the largest load, whatever the price
        (0.0, 1.0, 9),  # free reservations: up to the largest load, no further
    ],
)
def test_the_quantile_moves_where_the_ratio_passes_the_tail(
    reserved: float, on_demand: float, amount: int
) -> None:
    loads, law = np.array([3.0, 5.0, 9.0]), np.array([0.5, 0.25, 0.25])
    found = newsvendor(loads, law, reserved, on_demand)
    assert found == amount
    assert type(found) is int


def test_the_last_tail_is_zero_whatever_rounding_left() -> None:
    """Probabilities that add up to a little less than one ask for no load beyond the last."""
    law = np.array([0.5, 0.5 - 1e-9])
    assert newsvendor(np.array([1.0, 2.0]), law, 1e-12, 1.0) == 2


def test_each_fibre_gets_the_amount_of_its_own_loads() -> None:
    """Loads come in any order of the scenarios, another one on each fibre."""
    rng = np.random.default_rng(4)
    loads = rng.integers(0, 9, (6, 5)).astype(float)
    law = rng.dirichlet(np.ones(6))
    reserved, on_demand = rng.uniform(1, 2, 5), rng.uniform(1.5, 9, 5)
    found = reserve(loads, law, reserved, on_demand)
    assert (found.dtype, found.shape) == (np.float64, (5,))
    for fibre in range(5):

        def cost(amount: int, fibre: int = fibre) -> float:
            lacking = np.maximum(loads[:, fibre] - amount, 0) @ law
            return float(reserved[fibre] * amount + on_demand[fibre] * lacking)

        assert found[fibre] == min(range(10), key=cost)
    assert len(set(found.tolist())) > 1


def test_prices_of_another_number_of_fibres_are_refused() -> None:
    loads, law = np.ones((2, 3)), np.array([0.5, 0.5])
    for dear, dearer in ((2, 3), (3, 2)):
        with pytest.raises(ValueError, match="zip"):
            reserve(loads, law, np.ones(dear), np.full(dearer, 2.0))


def test_nothing_is_reserved_where_the_least_load_is_not_worth_it() -> None:
    """The amount 0 is tried too, though no level asks for it."""
    assert level_values(LevelDistribution((HALF, HALF)), [2, 3], HALF) == (Fraction(5, 4), 0)


def test_a_level_without_channels_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        level_values(LevelDistribution((HALF, HALF)), [2], Fraction(1))


@given(
    st.lists(st.integers(0, 12), min_size=4, max_size=4, unique=True),
    st.permutations(LAW),
    st.integers(1, 9),
    st.integers(1, 72),
)
@settings(max_examples=150)
def test_the_least_amount_of_least_cost(
    loads: list[int], law: list[Fraction], reserved: int, eighths: int
) -> None:
    loads = sorted(loads)
    on_demand = Fraction(eighths, 8)
    found = newsvendor(
        np.array(loads, dtype=float), np.array(law, float), reserved, float(on_demand)
    )
    assert found == least_amount(loads, law, Fraction(reserved), on_demand)[1]


@given(
    st.lists(st.integers(0, 12), min_size=4, max_size=4),
    st.permutations(LAW),
    st.fractions(Fraction(1, 4), 9, max_denominator=8),
)
@settings(max_examples=150)
def test_the_value_of_a_level_is_exact(
    channels: list[int], law: list[Fraction], ratio: Fraction
) -> None:
    """Against a search over all amounts, with rational numbers: not even ties differ."""
    found = level_values(LevelDistribution(tuple(law)), channels, ratio)
    assert found == least_amount(channels, law, Fraction(1), ratio)
    assert isinstance(found[0], Fraction)


@given(st.integers(1, 60), st.floats(0, 20), st.integers(1, 4), st.floats(0.1, 8))
@settings(max_examples=60)
def test_many_levels_give_the_value_of_the_plain_formula(
    levels: int, mean: float, step: int, ratio: float
) -> None:
    """``min_q { q + (c^o/c^b)·E(ρ(k) − q)^+ }``, term by term in fractions: not a bit differs."""
    law = poisson_levels(levels, mean)
    channels = [-(-k // step) for k in range(levels)]
    exact = Fraction(ratio)

    def value(q: int) -> Fraction:
        terms = zip(channels, law.exact_probabilities, strict=True)
        return q + exact * sum(((rho - q) * p for rho, p in terms if rho > q), Fraction(0))

    assert level_values(law, channels, exact) == min((value(q), q) for q in {0, *channels})


def test_the_work_grows_with_the_levels_not_with_their_square() -> None:
    def calls(levels: int) -> int:
        law = poisson_levels(levels)
        count = 0

        def note(*_: object) -> None:
            nonlocal count
            count += 1

        sys.setprofile(note)
        try:
            level_values(law, list(range(levels)), Fraction(3, 2))
        finally:
            sys.setprofile(None)
        return count

    assert calls(400) < 2.5 * calls(200)
