"""Risk aversion as a change of probabilities, fact 4 of the model.

The cost of a slot never falls when the demand rises, so for comonotone demand (1 − w)·E + w·CVaR_α
of the cost is its expectation under ``p'(u) = (1 − w)·p(u) + w·p(u)·1{u > α}/(1 − α)``. Levels
are quantiles of u, so every distribution is weighted alike; the level that α cuts is split.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from qnetsim.forecast.forecast import Forecast
from qnetsim.forecast.levels import LevelDistribution


def tail_weights(
    probabilities: Sequence[Fraction], alpha: Fraction, weight: Fraction
) -> tuple[Fraction, ...]:
    """Probabilities of ordered states with the tail above α weighted.

    Parameters
    ----------
    probabilities : sequence of Fraction
        Of states whose cost never falls.
    alpha : Fraction
        α, below 1.
    weight : Fraction
        w of CVaR_α; the expectation has 1 − w.
    """
    found = []
    below = Fraction(0)
    for p in probabilities:
        tail = max(below + p - max(below, alpha), Fraction(0))
        found.append((1 - weight) * p + weight * tail / (1 - alpha))
        below += p
    return tuple(found)


def weighted_forecast(forecast: Forecast, alpha: Fraction, weight: Fraction) -> Forecast:
    """Comonotone forecast under which an expected cost is (1 − w)·E + w·CVaR_α of the cost."""
    return forecast.with_levels(
        *(
            LevelDistribution(tail_weights(d.exact_probabilities, alpha, weight))
            for d in forecast.distributions
        )
    )
