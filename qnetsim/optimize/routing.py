"""Shortest routes under planning lengths ``c_km + w·c_qkd``."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from qnetsim.forecast import Forecast
from qnetsim.network import Network, Route, shortest_routes
from qnetsim.network.routes import NodePair
from qnetsim.optimize.newsvendor import level_values


def newsvendor_weights(network: Network, forecast: Forecast) -> list[Fraction]:
    """Weight g of each fibre: expected channel cost of one request in units of c_qkd^b.

    One number on every fibre where the ratio c^o/c^b and the key rate are the same on all. A
    fibre whose channels cost nothing when reserved gets weight zero.
    """
    costs = network.costs
    rho = network.level_channels(forecast.level_count)
    known: dict[tuple[Fraction, tuple[int, ...]], Fraction] = {}
    weights = []
    prices = zip(costs.exact_qkd_reserved, costs.exact_qkd_on_demand, strict=True)
    for fibre, (reserved, on_demand) in enumerate(prices):
        if reserved == 0:
            weights.append(Fraction(0))
            continue
        key = on_demand / reserved, tuple(rho[:, fibre].tolist())
        if key not in known:
            known[key] = level_values(forecast.levels, list(key[1]), key[0])[0]
        weights.append(known[key])
    return weights


def weighted_routes(
    network: Network,
    pairs: Sequence[NodePair],
    weights: Sequence[Fraction],
    wavelength_costs: Sequence[Fraction],
) -> dict[NodePair, Route]:
    """Shortest route of each pair under ``c_km + w·c_qkd^b``."""
    channels = network.costs.exact_qkd_reserved
    lengths = [km + w * qkd for km, w, qkd in zip(wavelength_costs, weights, channels, strict=True)]
    return shortest_routes(network.topology, lengths, pairs)


def newsvendor_lengths(network: Network, forecast: Forecast) -> list[Fraction]:
    """Length ``c_km + g·c_qkd^b`` of each fibre.

    KM wavelengths count at their cheaper price, since every request needs them anyway.
    """
    costs = network.costs
    parts = zip(
        costs.exact_km_cheapest,
        newsvendor_weights(network, forecast),
        costs.exact_qkd_reserved,
        strict=True,
    )
    return [km + weight * qkd for km, weight, qkd in parts]


def newsvendor_routes(network: Network, forecast: Forecast) -> dict[NodePair, Route]:
    """Routes that are best when a request keeps one route at all levels (w = g)."""
    return shortest_routes(network.topology, newsvendor_lengths(network, forecast), forecast.pairs)


def by_level_weight(
    network: Network, pairs: Sequence[NodePair], weight: int | Fraction
) -> dict[NodePair, Route]:
    """Shortest routes under ``c_km^b + w·c_qkd^b``, one weight w on every fibre."""
    weights = [Fraction(weight)] * network.fibres
    return weighted_routes(network, pairs, weights, network.costs.exact_km_reserved)
