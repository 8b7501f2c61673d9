"""Shortest routes under planning lengths ``c_km + w·c_qkd``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property

from qnetsim.forecast import Forecast, LevelDistribution
from qnetsim.network import LoadTable, Network, Route, RouteTable, shortest_routes
from qnetsim.network.routes import NodePair
from qnetsim.optimize.newsvendor import level_values


def newsvendor_weights(network: Network, levels: LevelDistribution) -> list[Fraction]:
    """Weight g of each fibre: expected channel cost of a request in units of c_qkd^b.

    One number on every fibre where the ratio c^o/c^b and the key rate are the same on all. A
    fibre whose channels cost nothing when reserved gets weight zero.
    """
    costs = network.costs
    rho = network.level_channels(levels.count)
    known: dict[tuple[Fraction, tuple[int, ...]], Fraction] = {}
    weights = []
    prices = zip(costs.exact_qkd_reserved, costs.exact_qkd_on_demand, strict=True)
    for fibre, (reserved, on_demand) in enumerate(prices):
        if reserved == 0:
            weights.append(Fraction(0))
            continue
        key = on_demand / reserved, tuple(rho[:, fibre].tolist())
        if key not in known:
            known[key] = level_values(levels, list(key[1]), key[0])[0]
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
    """Length ``c_km + g·c_qkd^b`` of each fibre; g is the mean over the requests.

    KM wavelengths count at their cheaper price, since every request needs them anyway.
    """
    each = _lengths_by_kind(network, forecast)
    if forecast.shared:
        return each[0]
    counts = Counter(forecast.kind.tolist())
    return [
        sum((counts[kind] * lengths[fibre] for kind, lengths in enumerate(each)), Fraction(0))
        / forecast.requests
        for fibre in range(network.fibres)
    ]


def _lengths_by_kind(network: Network, forecast: Forecast) -> list[list[Fraction]]:
    """Length ``c_km + g·c_qkd^b`` of each fibre for a request of each distribution."""
    costs = network.costs
    return [
        [
            km + weight * qkd
            for km, weight, qkd in zip(
                costs.exact_km_cheapest,
                newsvendor_weights(network, levels),
                costs.exact_qkd_reserved,
                strict=True,
            )
        ]
        for levels in forecast.distributions
    ]


def newsvendor_routes(network: Network, forecast: Forecast) -> dict[NodePair, Route]:
    """One route of each pair, the shortest by :func:`newsvendor_lengths`."""
    return shortest_routes(network.topology, newsvendor_lengths(network, forecast), forecast.pairs)


def newsvendor_table(network: Network, forecast: Forecast) -> RouteTable:
    """Routes that are best when each request keeps one route at all levels (w = its own g)."""
    found = [
        shortest_routes(
            network.topology,
            lengths,
            [pair for r, pair in enumerate(forecast.pairs) if forecast.kind[r] == kind],
        )
        for kind, lengths in enumerate(_lengths_by_kind(network, forecast))
    ]
    levels = forecast.level_count
    kinds = forecast.kind.tolist()
    return RouteTable.of(
        [[found[kind][pair]] * levels for kind, pair in zip(kinds, forecast.pairs, strict=True)]
    )


class ShortestRoutes:
    """Shortest routes by what a newsvendor pays, each part worked out when it is first asked for.

    Parameters
    ----------
    network : Network
    forecast : Forecast
    """

    def __init__(self, network: Network, forecast: Forecast) -> None:
        self._network = network
        self._forecast = forecast

    @cached_property
    def routes(self) -> RouteTable:
        """Route of each request, by its own weight g."""
        return newsvendor_table(self._network, self._forecast)

    @cached_property
    def loads(self) -> LoadTable:
        """What realised levels need on each fibre of these routes."""
        return self._forecast.channel_loads(self._network, self.routes)

    @cached_property
    def lengths(self) -> tuple[Fraction, ...]:
        """Length of each fibre, by the mean weight of the requests."""
        return tuple(newsvendor_lengths(self._network, self._forecast))


def by_level_weight(
    network: Network, pairs: Sequence[NodePair], weight: int | Fraction
) -> dict[NodePair, Route]:
    """Shortest routes under ``c_km^b + w·c_qkd^b``, one weight w on every fibre."""
    weights = [Fraction(weight)] * network.fibres
    return weighted_routes(network, pairs, weights, network.costs.exact_km_reserved)
