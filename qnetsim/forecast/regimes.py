"""Demand regimes: the distribution of a level in each of them, and in the long run."""

from __future__ import annotations

from fractions import Fraction

from qnetsim.forecast.levels import LevelDistribution, poisson_levels
from qnetsim.scenario import DemandTable, RegimesTable


def regime_levels(regimes: RegimesTable, levels: int) -> tuple[LevelDistribution, ...]:
    """Distribution of a level in each regime: Poisson, truncated and renormalised."""
    return tuple(poisson_levels(levels, mean) for mean in regimes.means)


def stationary(regimes: RegimesTable, demand: DemandTable) -> LevelDistribution:
    """Distribution of a level in the long run: every regime takes the same share of the slots."""
    each = regime_levels(regimes, demand.levels)
    columns = zip(*(one.exact_probabilities for one in each), strict=True)
    return LevelDistribution.of_weights([sum(column, Fraction(0)) for column in columns])
