"""Exact distribution of every fibre's load for fixed routes.

Expected on-demand use of a fibre depends on the distribution of that fibre's load alone, so
first stages and expectations for fixed routes need neither sampling nor the product Ω of
Eq (7): comonotone loads have one value for each joint state, independent ones are convolutions.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.forecast import Forecast
from qnetsim.forecast.copula import levels_given, normal_quadrature
from qnetsim.forecast.states import joint_states
from qnetsim.network import Network, RouteTable
from qnetsim.network.loads import Loads
from qnetsim.optimize.alike_requests import Addend, AlikeRequests
from qnetsim.optimize.densities import density_of_sum
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
    """Work out the distribution of every fibre's load for these routes.

    Exact for comonotone, grouped and independent demand; for a Gaussian copula to about 1e-9, by
    quadrature over what the requests have in common.

    Parameters
    ----------
    network : Network
    forecast : Forecast
    routes : RouteTable
        One column for each of ``forecast.state_count``.
    """
    if forecast.comonotone:
        amounts, counts = state_loads(network, forecast, routes)
        return Marginals(
            _of_states(amounts, forecast.joint.probabilities),
            _of_states(counts, forecast.joint.probabilities),
        )
    rho = network.level_channels(forecast.level_count)
    alike = AlikeRequests.of(forecast, routes)
    crossing = routes.uses(network.fibres)[alike.choice]  # (kinds, levels, fibres)
    copula = forecast.coupling == "copula"
    rule = _CopulaLoads(forecast, alike) if copula else _SummedLoads(forecast, alike)
    return Marginals(
        tuple(rule.load(crossing[:, :, e] * rho[:, e]) for e in range(network.fibres)),
        tuple(rule.load(crossing[:, :, e]) for e in range(network.fibres)),
    )


def state_loads(network: Network, forecast: Forecast, routes: RouteTable) -> Loads:
    """Channels and KM wavelengths in use on every fibre in each joint state of comonotone demand.

    Returns
    -------
    Loads
        Arrays of shape (states, fibres).
    """
    if forecast.shared:
        levels = np.arange(forecast.level_count)[:, None]
        return forecast.channel_loads(network, routes).loads(levels)
    rho = network.level_channels(forecast.level_count)
    uses = routes.uses(network.fibres)
    kinds = len(forecast.distributions)
    amounts = np.zeros((forecast.state_count, network.fibres), dtype=np.int64)
    counts = np.zeros_like(amounts)
    for state, choice in enumerate(routes.choice.T):
        if state == 0 or not np.array_equal(choice, routes.choice[:, state - 1]):
            on_route = np.bincount(
                forecast.kind * len(uses) + choice, minlength=kinds * len(uses)
            ).reshape(kinds, len(uses))
            crossing = on_route @ uses  # requests of each distribution on each fibre
        amounts[state] = (crossing * rho[forecast.joint.levels[:, state]]).sum(axis=0)
        counts[state] = crossing.sum(axis=0)
    return Loads(amounts, counts)


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


def _of_states(values: IntArray, probabilities: FloatArray) -> tuple[LoadDistribution, ...]:
    """Distribution of each fibre's load, which has one value in each state.

    Parameters
    ----------
    values : ndarray of int64, shape (states, fibres)
    probabilities : ndarray of float64, shape (states,)
    """
    order = np.argsort(values.T, axis=1, kind="stable")
    ascending = np.take_along_axis(values.T, order, axis=1)
    first = np.diff(ascending, axis=1, prepend=-1) > 0
    distinct = ascending[first].astype(np.float64)
    summed = _weighted(np.cumsum(first) - 1, probabilities[order].ravel())
    ends = np.cumsum(first.sum(axis=1)).tolist()
    # copies begin where arrays do, and products of both are summed up in one order
    return tuple(
        LoadDistribution(distinct[a:b].copy(), summed[a:b].copy()) for a, b in pairwise([0, *ends])
    )


class _SummedLoads:
    """Loads of grouped and independent demand: sums over uniform numbers that are independent.

    Requests that follow one number are comonotone; those of different numbers are convolved.
    """

    def __init__(self, forecast: Forecast, alike: AlikeRequests) -> None:
        self._forecast = forecast
        self._alike = alike

    def load(self, per_level: IntArray) -> LoadDistribution:
        """Distribution of the sum over all requests.

        Parameters
        ----------
        per_level : ndarray of int64, shape (kinds, levels)
            What a request of each kind adds to the load at each level.
        """
        by_bundle: defaultdict[int, Counter[Addend]] = defaultdict(Counter)
        for bundle, addend, count in self._alike.addends(per_level):
            by_bundle[bundle][addend] += count
        if self._forecast.bundles:
            equal = Counter(tuple(sorted(found.items())) for found in by_bundle.values())
            return _convolved((self._together(terms), n) for terms, n in sorted(equal.items()))
        return _convolved((self._density(*row), n) for row, n in sorted(by_bundle[0].items()))

    def _density(self, kind: int, values: Sequence[int]) -> FloatArray:
        """Probability of 0, 1, … of one request that has these values at the levels."""
        return _weighted(np.array(values), self._forecast.distributions[kind].probabilities)

    def _together(self, terms: Sequence[tuple[Addend, int]]) -> FloatArray:
        """Probability of 0, 1, … of the sum of comonotone requests; each addend with its number."""
        kinds = sorted({kind for (kind, _), _ in terms})
        states = joint_states([self._forecast.distributions[kind] for kind in kinds])
        total = np.zeros(states.count, dtype=np.int64)
        for (kind, values), count in terms:
            total += count * np.array(values)[states.levels[kinds.index(kind)]]
        return _weighted(total, states.probabilities)


class _CopulaLoads:
    """Loads under a Gaussian copula: given the common normal number, requests are independent."""

    def __init__(self, forecast: Forecast, alike: AlikeRequests) -> None:
        self._alike = alike
        common = normal_quadrature(forecast.correlation)
        self._weights = common.weights
        self._given = [
            levels_given(distribution, forecast.correlation, common.points)
            for distribution in forecast.distributions
        ]

    def load(self, per_level: IntArray) -> LoadDistribution:
        """Distribution of the sum over all requests; arguments as in :class:`_SummedLoads`."""
        rows: Counter[Addend] = Counter()
        for _, addend, count in self._alike.addends(per_level):
            rows[addend] += count
        size = 1 + sum(n * max(values) for (_, values), n in rows.items())
        # convolutions at all points of the common number at once, as products of transforms
        product = np.ones((self._weights.size, size // 2 + 1), dtype=np.complex128)
        for (kind, values), n in sorted(rows.items()):
            density = np.zeros((self._weights.size, size))
            for level, value in enumerate(values):
                density[:, value] += self._given[kind][:, level]
            product *= np.fft.rfft(density, axis=1) ** n
        found = np.maximum(np.fft.irfft(self._weights @ product, size), 0.0)
        return LoadDistribution(np.arange(size, dtype=np.float64), found / found.sum())


def _convolved(parts: Iterable[tuple[FloatArray, int]]) -> LoadDistribution:
    """Distribution of a sum of independent terms: densities of 0, 1, …, each so many times."""
    found = density_of_sum(parts)
    return LoadDistribution(np.arange(found.size, dtype=np.float64), found)


def _weighted(places: IntArray, weights: FloatArray) -> FloatArray:
    return np.bincount(places, weights).astype(np.float64)
