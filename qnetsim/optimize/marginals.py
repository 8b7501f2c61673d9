"""Exact distribution of every fibre's load for fixed routes.

Expected on-demand use of a fibre depends on the distribution of that fibre's load alone, so
first stages and expectations for fixed routes need neither sampling nor the product Ω of
Eq (7): comonotone loads have one value for each level, independent ones are convolutions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.forecast import Forecast
from qnetsim.network import Network, RouteTable
from qnetsim.optimize.newsvendor import newsvendor

#: Possible loads in ascending order, and their probabilities.
Law = tuple[FloatArray, FloatArray]


@dataclass(frozen=True)
class Marginals:
    """Laws of the loads of each fibre: channels ρ and KM wavelengths."""

    channels: tuple[Law, ...]
    wavelengths: tuple[Law, ...]


def expected_excess(law: Law, reserved: float) -> float:
    """E (load − reserved)^+."""
    values, probabilities = law
    return float(np.maximum(values - reserved, 0.0) @ probabilities)


def expected_value(law: Law) -> float:
    """E load."""
    return float(law[0] @ law[1])


def marginal_loads(network: Network, forecast: Forecast, routes: RouteTable) -> Marginals:
    """Work out the law of every fibre's load for these routes."""
    if forecast.comonotone:
        levels = np.arange(forecast.level_count)[:, None]
        amounts, counts = forecast.channel_loads(network, routes).loads(levels)
        p = forecast.levels.probabilities
        return Marginals(
            tuple(_sorted_law(amounts[:, e], p) for e in range(network.fibres)),
            tuple(_sorted_law(counts[:, e], p) for e in range(network.fibres)),
        )
    rho = network.level_channels(forecast.level_count)
    crossing = routes.uses(network.fibres)[routes.choice]  # (requests, levels, fibres)
    return Marginals(
        tuple(_convolved(crossing[:, :, e] * rho[:, e], forecast) for e in range(network.fibres)),
        tuple(_convolved(crossing[:, :, e], forecast) for e in range(network.fibres)),
    )


def reservations(network: Network, marginals: Marginals) -> tuple[FloatArray, FloatArray]:
    """Newsvendor reservation of every fibre for fixed routes: channels, KM wavelengths."""
    c = network.costs
    channels = [
        newsvendor(*law, c.qkd_reserved[e], c.qkd_on_demand[e])
        for e, law in enumerate(marginals.channels)
    ]
    wavelengths = [
        newsvendor(*law, c.km_reserved[e], c.km_on_demand[e])
        for e, law in enumerate(marginals.wavelengths)
    ]
    return np.array(channels, dtype=np.float64), np.array(wavelengths, dtype=np.float64)


def _sorted_law(values: IntArray, probabilities: FloatArray) -> Law:
    order = np.argsort(values, kind="stable")
    distinct, where = np.unique(values[order], return_inverse=True)
    return distinct.astype(np.float64), _weighted(where, probabilities[order])


def _convolved(per_level: IntArray, forecast: Forecast) -> Law:
    """Law of a sum of independent requests; ``per_level[request, level]`` is what each adds."""
    kinds = Counter(tuple(row) for row in per_level.tolist() if any(row))
    total = np.ones(1)
    for kind, count in sorted(kinds.items()):
        total = np.convolve(total, _power(_density(kind, forecast), count))
    return np.arange(total.size, dtype=np.float64), total


def _density(values: Sequence[int], forecast: Forecast) -> FloatArray:
    return _weighted(np.array(values), forecast.levels.probabilities)


def _weighted(places: IntArray, weights: FloatArray) -> FloatArray:
    return np.bincount(places, weights).astype(np.float64)


def _power(density: FloatArray, count: int) -> FloatArray:
    result = np.ones(1)
    square = density
    while count:
        if count & 1:
            result = np.convolve(result, square)
        square = np.convolve(square, square) if count > 1 else square
        count >>= 1
    return result
