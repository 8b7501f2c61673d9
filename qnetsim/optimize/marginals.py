"""Exact distribution of every fibre's load for fixed routes.

Expected on-demand use of a fibre depends on the distribution of that fibre's load alone, so
first stages and expectations for fixed routes need neither sampling nor the product Ω of
Eq (7): comonotone loads have one value for each level, independent ones are convolutions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.forecast import Forecast
from qnetsim.network import Network, RouteTable
from qnetsim.optimize.newsvendor import newsvendor
from qnetsim.optimize.stage import Stage


class LoadDistribution(NamedTuple):
    """Distribution of the load of one fibre.

    Attributes
    ----------
    values : ndarray of float64, shape (n,)
        Possible loads in ascending order, whole numbers.
    probabilities : ndarray of float64, shape (n,)
    """

    values: FloatArray
    probabilities: FloatArray


@dataclass(frozen=True)
class Marginals:
    """Distributions of the loads of each fibre.

    Attributes
    ----------
    channels, wavelengths : tuple of LoadDistribution, one for each fibre
        Of the QKD channels ρ and of the KM wavelengths in use.
    """

    channels: tuple[LoadDistribution, ...]
    wavelengths: tuple[LoadDistribution, ...]


def expected_excess(load: LoadDistribution, reserved: float) -> float:
    """E (load − reserved)^+."""
    return float(np.maximum(load.values - reserved, 0.0) @ load.probabilities)


def expected_value(load: LoadDistribution) -> float:
    """E load."""
    return float(load.values @ load.probabilities)


def marginal_loads(network: Network, forecast: Forecast, routes: RouteTable) -> Marginals:
    """Work out the distribution of every fibre's load for these routes."""
    if forecast.comonotone:
        levels = np.arange(forecast.level_count)[:, None]
        amounts, counts = forecast.channel_loads(network, routes).loads(levels)
        p = forecast.levels.probabilities
        return Marginals(
            tuple(_of_levels(amounts[:, e], p) for e in range(network.fibres)),
            tuple(_of_levels(counts[:, e], p) for e in range(network.fibres)),
        )
    rho = network.level_channels(forecast.level_count)
    crossing = routes.uses(network.fibres)[routes.choice]  # (requests, levels, fibres)
    return Marginals(
        tuple(_convolved(crossing[:, :, e] * rho[:, e], forecast) for e in range(network.fibres)),
        tuple(_convolved(crossing[:, :, e], forecast) for e in range(network.fibres)),
    )


def reservations(network: Network, marginals: Marginals) -> Stage:
    """Newsvendor reservation of every fibre for fixed routes."""
    c = network.costs
    channels = [
        newsvendor(load.values, load.probabilities, c.qkd_reserved[e], c.qkd_on_demand[e])
        for e, load in enumerate(marginals.channels)
    ]
    wavelengths = [
        newsvendor(load.values, load.probabilities, c.km_reserved[e], c.km_on_demand[e])
        for e, load in enumerate(marginals.wavelengths)
    ]
    return Stage(np.array(channels, dtype=np.float64), np.array(wavelengths, dtype=np.float64))


def _of_levels(values: IntArray, probabilities: FloatArray) -> LoadDistribution:
    """Distribution of a load that has one value at each level."""
    order = np.argsort(values, kind="stable")
    distinct, where = np.unique(values[order], return_inverse=True)
    return LoadDistribution(distinct.astype(np.float64), _weighted(where, probabilities[order]))


def _convolved(per_level: IntArray, forecast: Forecast) -> LoadDistribution:
    """Distribution of the sum of independent requests.

    Parameters
    ----------
    per_level : ndarray of int64, shape (requests, levels)
        What each request adds to the load at each level.
    forecast : Forecast
    """
    alike = Counter(tuple(row) for row in per_level.tolist() if any(row))
    total = np.ones(1)
    for row, count in sorted(alike.items()):
        total = np.convolve(total, _power(_density(row, forecast), count))
    return LoadDistribution(np.arange(total.size, dtype=np.float64), total)


def _density(values: Sequence[int], forecast: Forecast) -> FloatArray:
    """Probability of 0, 1, … of one request that has these values at the levels."""
    return _weighted(np.array(values), forecast.levels.probabilities)


def _weighted(places: IntArray, weights: FloatArray) -> FloatArray:
    return np.bincount(places, weights).astype(np.float64)


def _power(density: FloatArray, count: int) -> FloatArray:
    """Convolve a density ``count`` times with itself, by repeated squaring."""
    result = np.ones(1)
    square = density
    while count:
        if count & 1:
            result = np.convolve(result, square)
        square = np.convolve(square, square) if count > 1 else square
        count >>= 1
    return result
