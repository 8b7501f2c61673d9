"""Costs and rewards of reservations (Section V.A), fibre by fibre."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.case import Case
from qnetsim.network import RouteTable
from qnetsim.optimize import marginal_loads, reservations
from qnetsim.optimize.marginals import LoadDistribution, expected_excess
from qnetsim.optimize.state_routes import in_states
from qnetsim.policies.learned.features import Float32Array, Units


class ReservationCosts:
    """Expected and realised cost of every fibre, the least expected cost, and rewards.

    Parameters
    ----------
    case : Case
    units : Units
    routes : RouteTable

    Attributes
    ----------
    best : ndarray of float64, shape (fibres,)
        Expected cost C* of sip's reservation for these routes: the newsvendor's.
    """

    def __init__(self, case: Case, units: Units, routes: RouteTable) -> None:
        self._units = units
        self._table = case.scenario.learning
        self._prices = case.network.costs
        laws = marginal_loads(case.network, case.forecast, in_states(routes, case.forecast))
        prices = self._prices
        fibres = range(case.network.fibres)
        best = reservations(case.network, laws)
        self.best: FloatArray = np.array(
            [
                _expected(laws.channels[e], best.channels[e], *self._qkd(e))
                + _expected(laws.wavelengths[e], best.wavelengths[e], *self._km(e))
                for e in fibres
            ]
        )
        self._laws = laws
        self._cheapest = (
            np.minimum(prices.qkd_reserved, prices.qkd_on_demand),
            np.minimum(prices.km_reserved, prices.km_on_demand),
        )
        self._fibres = np.arange(case.network.fibres)

    @cached_property
    def _channels(self) -> FloatArray:
        """Expected cost by steps of channels, as far as each fibre has them."""
        units = self._units
        found = np.zeros((len(self._fibres), int(units.steps.max()) + 1))
        for e in range(len(found)):
            law, step = self._laws.channels[e], float(units.step[e])
            amounts = range(int(units.steps[e]) + 1)
            found[e, : len(amounts)] = [_expected(law, step * a, *self._qkd(e)) for a in amounts]
        return found

    @cached_property
    def _wavelengths(self) -> FloatArray:
        """Expected cost by KM wavelengths."""
        amounts = range(int(self._units.most_wavelengths.max()) + 1)
        return np.array(
            [
                [_expected(self._laws.wavelengths[e], float(x), *self._km(e)) for x in amounts]
                for e in range(len(self._fibres))
            ]
        )

    def _qkd(self, fibre: int) -> tuple[float, float]:
        p = self._prices
        return float(p.qkd_reserved[fibre]), float(p.qkd_on_demand[fibre])

    def _km(self, fibre: int) -> tuple[float, float]:
        p = self._prices
        return float(p.km_reserved[fibre]), float(p.km_on_demand[fibre])

    def expected(self, channels: IntArray, wavelengths: IntArray) -> FloatArray:
        """Expected cost of reservations made by ``Units``, shape (worlds, fibres)."""
        steps = channels // self._units.step
        found = self._channels[self._fibres, steps] + self._wavelengths[self._fibres, wavelengths]
        return np.asarray(found, dtype=np.float64)

    def realised(
        self, channels: IntArray, wavelengths: IntArray, lit: IntArray, extra: IntArray
    ) -> FloatArray:
        """Cost of a slot, Eq (21), shape (worlds, fibres)."""
        p = self._prices
        return np.asarray(
            channels * p.qkd_reserved
            + wavelengths * p.km_reserved
            + lit * p.qkd_on_demand
            + extra * p.km_on_demand,
            dtype=np.float64,
        )

    def reward(
        self, channels: IntArray, wavelengths: IntArray, cost: FloatArray, loads: IntArray
    ) -> Float32Array:
        """Rewards of all units, shape (worlds, units).

        Parameters
        ----------
        channels, wavelengths : ndarray of int64, shape (worlds, fibres)
            Reserved.
        cost : ndarray, shape (worlds, fibres)
            Realised.
        loads : ndarray of int64, shape (worlds, fibres)
            Channels that the demand needs.
        """
        expected = self._table.reward_cost == "expected"
        spent = self._scoped(self.expected(channels, wavelengths) if expected else cost)
        if self._table.reward == "negative_cost":
            return (-_ratio(spent, self._scoped(self.best[None]))).astype(np.float32)
        if expected:
            least = self._scoped(self.best[None])
        else:
            qkd, km = self._cheapest
            least = self._scoped(np.asarray(loads * qkd + self._units.requests * km, np.float64))
        return np.minimum(_ratio(least, spent), 1.0).astype(np.float32)

    def _scoped(self, cost: FloatArray) -> FloatArray:
        """Cost that enters a unit's reward, shape (worlds, units)."""
        if self._table.reward_scope == "own":
            return np.asarray(cost @ self._units.member)
        whole = cost.sum(axis=1, keepdims=True)
        return np.broadcast_to(whole, (len(cost), self._units.count))


def _ratio(a: FloatArray, b: FloatArray) -> FloatArray:
    """a/b, and 1 for 0/0."""
    return np.asarray(
        np.divide(a, b, out=np.ones(np.broadcast_shapes(a.shape, b.shape)), where=b > 0)
    )


def _expected(load: LoadDistribution, amount: float, reserved: float, on_demand: float) -> float:
    return reserved * amount + on_demand * expected_excess(load, amount)
