"""Loads of every fibre where each group of requests has a law of its own for the slot to come."""

from __future__ import annotations

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.network import RouteTable
from qnetsim.policies.base import Setting

#: What rounding of the transforms leaves of a probability.
ROUNDING = 1e-12


class SummedLoads:
    """Sums of levels that are independent of each other, given what is known.

    Parameters
    ----------
    setting : Setting
    routes : RouteTable
        One route for each request, at all levels.
    """

    def __init__(self, setting: Setting, routes: RouteTable) -> None:
        network, forecast = setting.network, setting.forecast
        rho = network.level_channels(forecast.level_count)  # (levels, fibres)
        uses = routes.uses(network.fibres)[routes.choice[:, 0]]  # (requests, fibres)
        times = np.zeros((forecast.groups, network.fibres), dtype=np.int64)
        np.add.at(times, forecast.group, uses.astype(np.int64))
        #: Channels that a group asks of a fibre at each level, shape (groups, levels, fibres).
        self._need = times[:, None, :] * rho[None]
        top = int(self._need[:, -1].sum(axis=0).max(initial=0))
        self._size = 1 << max(top, 1).bit_length()
        self._crossing = [np.flatnonzero(times[:, e]) for e in range(network.fibres)]
        # where each group has one request at most, fibres with the same ρ share transforms
        alike: dict[bytes, list[int]] = {}
        for e in range(network.fibres):
            shared = rho[:, e] if times.max(initial=0) <= 1 else self._need[:, :, e]
            alike.setdefault(shared.tobytes(), []).append(e)
        self._alike = [(self._need[:, :, fibres].max(axis=2), fibres) for fibres in alike.values()]
        costs = network.costs
        self._worth = costs.qkd_on_demand > costs.qkd_reserved
        self._reserved, self._on_demand = costs.qkd_reserved, costs.qkd_on_demand

    def critical(self, kept: FloatArray) -> FloatArray:
        """Quantile at which a newsvendor reserves on each fibre, (c^o − c^b) / (c^o − κ·c^b).

        Parameters
        ----------
        kept : ndarray of float64, shape (fibres,)
            κ, the share of what is left over that is worth its price.
        """
        dearer = np.where(self._worth, self._on_demand - self._reserved, 0.0)
        apart = np.where(self._worth, self._on_demand - kept * self._reserved, 1.0)
        return np.asarray(dearer / apart)

    def cumulative(self, laws: FloatArray) -> FloatArray:
        """Probability that a fibre's load is at most 0, 1, …; shape (fibres, loads).

        Parameters
        ----------
        laws : ndarray of float64, shape (groups, levels)
        """
        product = np.ones((len(self._crossing), self._size // 2 + 1), dtype=np.complex128)
        groups = np.arange(len(laws))[:, None]
        for need, fibres in self._alike:
            density = np.zeros((len(laws), self._size))
            np.add.at(density, (groups, need), laws)
            spectrum = np.fft.rfft(density, axis=1)
            for e in fibres:
                product[e] = np.multiply.reduce(spectrum[self._crossing[e]], axis=0)
        found = np.fft.irfft(product, self._size, axis=1)
        return np.asarray(np.cumsum(np.maximum(found, 0.0), axis=1))

    def quantile(
        self, cumulative: FloatArray, shares: FloatArray, fibres: IntArray | None = None
    ) -> IntArray:
        """Least load of each fibre that is not exceeded with this probability.

        Parameters
        ----------
        cumulative : ndarray of float64, shape (fibres, loads)
        shares : ndarray of float64, shape (fibres,)
        fibres : ndarray of int64, optional
            For which it is asked; all of them unless given.
        """
        worth = self._worth
        if fibres is not None:
            cumulative, shares, worth = cumulative[fibres], shares[fibres], worth[fibres]
        below = cumulative < (shares - ROUNDING)[:, None] * cumulative[:, -1:]
        return np.asarray(np.where(worth, below.sum(axis=1), 0), dtype=np.int64)

    def loads(self, levels: IntArray) -> IntArray:
        """Channels that realised levels ask of each fibre, shape (fibres,)."""
        asked = self._need[np.arange(len(levels)), levels]
        return np.asarray(asked.sum(axis=0), dtype=np.int64)
