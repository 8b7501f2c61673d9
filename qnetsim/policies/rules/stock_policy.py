"""What all rules share: they say what a slot shall begin with, and reserve what the pools lack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.optimize import marginal_loads, reservations
from qnetsim.optimize.marginals import state_loads
from qnetsim.optimize.state_routes import in_states
from qnetsim.policies.base import Decision, Observation, Policy, Setting

if TYPE_CHECKING:
    from qnetsim.optimize import Plan


class StockPolicy(Policy):
    """Reserve on every fibre what brings its two pools up to a stock of channel-slots.

    Requests take the shortest routes of a newsvendor plan, and KM wavelengths are reserved as that
    plan reserves them. Subclasses say the stock.
    """

    def prepare(self, setting: Setting, plan: Plan | None) -> None:
        """Work out what stays the same in all slots: routes and KM wavelengths."""
        network = setting.network
        self._routes = setting.shortest_routes()
        self._columns = in_states(self._routes, setting.forecast)
        stage = reservations(network, marginal_loads(network, setting.forecast, self._columns))
        self._newsvendor = stage.channels.astype(np.int64)
        self._wavelengths = stage.wavelengths.astype(np.int64)
        if network.max_wavelengths is not None:
            # more would be billed and never lit
            self._wavelengths = np.minimum(self._wavelengths, network.max_wavelengths)
        self._channel_bits = network.channel_bits
        self._most = network.max_channels

    def stock(self, observation: Observation) -> IntArray:
        """Channel-slots that each fibre shall have at the start of the slot, shape (fibres,)."""
        raise NotImplementedError

    def decide(self, observation: Observation) -> Decision:
        """Reserve what is missing; no more than the fibre's wavelengths can carry."""
        held = observation.reservation_pool_bits + observation.on_demand_pool_bits
        lacking = np.maximum(self.stock(observation) * self._channel_bits - held, 0)
        channels = -(-lacking // self._channel_bits)
        if self._most is not None:
            channels = np.minimum(channels, self._most)
        return Decision(channels, self._wavelengths, routes=self._routes)


class LevelLoads:
    """Loads of every fibre where all requests of a slot have one level.

    Parameters
    ----------
    setting : Setting
        Its forecast has one group of requests.

    Attributes
    ----------
    channels : ndarray of int64, shape (levels, fibres)
        Channels that the requests ask for at each level; they never fall with the level.
    """

    def __init__(self, setting: Setting) -> None:
        network = setting.network
        self.channels = state_loads(network, setting.forecast, setting.shortest_routes()).amounts
        costs = network.costs
        self._reserved = costs.qkd_reserved
        self._on_demand = costs.qkd_on_demand
        self._fibres = np.arange(network.fibres)

    def quantile(self, probabilities: FloatArray) -> IntArray:
        """Newsvendor reservation of every fibre, the quantile at 1 − c^b/c^o; shape (fibres,).

        Parameters
        ----------
        probabilities : ndarray of float64, shape (levels,)
            Of the level of the slot.
        """
        tail = 1.0 - np.cumsum(probabilities)
        tail[-1] = 0.0  # whatever rounding left
        level = (self._on_demand[:, None] * tail > self._reserved[:, None]).sum(axis=1)
        worth = self._on_demand > self._reserved
        return np.where(worth, self.channels[level * worth, self._fibres], 0)
