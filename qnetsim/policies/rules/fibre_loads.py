"""What the rules that count stored keys know of every fibre: its loads, prices and pools."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.network import RouteTable
from qnetsim.optimize import marginal_loads
from qnetsim.policies.base import Setting
from qnetsim.policies.rules.regime_filter import RegimeFilter
from qnetsim.policies.rules.stock_policy import LevelLoads

#: Price of a channel on demand, beside a reserved one that costs nothing.
FREE = 1e9


@dataclass(frozen=True, eq=False)
class FibreLoad:
    """One fibre by itself.

    Attributes
    ----------
    values : ndarray of float64, shape (loads,)
        Channels that a slot may ask for, ascending whole numbers.
    laws : ndarray of float64, shape (regimes, loads)
        Their probabilities in each regime.
    price : float
        c^o/c^b of a channel.
    cap : int
        Channel-slots that the reservation pool keeps from slot to slot.
    """

    values: FloatArray
    laws: FloatArray
    price: float
    cap: int


def fibre_loads(
    setting: Setting, regimes: RegimeFilter, routes: RouteTable
) -> tuple[FibreLoad, ...]:
    """Loads of every fibre; fibres that are alike share one object.

    Parameters
    ----------
    setting : Setting
    regimes : RegimeFilter
    routes : RouteTable
        With the columns of a plan.
    """
    costs = setting.network.costs
    known: dict[tuple[object, ...], FibreLoad] = {}
    found = []
    for fibre, (values, laws) in enumerate(_distributions(setting, regimes, routes)):
        reserved = float(costs.qkd_reserved[fibre])
        price = min(float(costs.qkd_on_demand[fibre]) / reserved, FREE) if reserved else FREE
        cap = _cap(setting, fibre)
        key = values.tobytes(), laws.tobytes(), price, cap
        found.append(known.setdefault(key, FibreLoad(values, laws, price, cap)))
    return tuple(found)


def _distributions(
    setting: Setting, regimes: RegimeFilter, routes: RouteTable
) -> list[tuple[FloatArray, FloatArray]]:
    """Possible loads of each fibre, and their probabilities in each regime."""
    if regimes.count == 1:
        loads = marginal_loads(setting.network, setting.forecast, routes).channels
        return [(load.values, load.probabilities[None, :]) for load in loads]
    found = []
    for column in LevelLoads(setting).channels.T:
        values, where = np.unique(column.astype(np.float64), return_inverse=True)
        laws = [np.bincount(where, law, values.size) for law in regimes.laws]
        found.append((values, np.array(laws, dtype=np.float64)))
    return found


def _cap(setting: Setting, fibre: int) -> int:
    keys = setting.key_management
    if keys is None or not keys.key_lifetime_slots:
        return 0
    return keys.store_bits // int(setting.network.channel_bits[fibre])
