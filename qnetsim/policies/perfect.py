"""Perfect information: reserve exactly what the slot will need. Its cost is a bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.errors import PolicyError
from qnetsim.network import RouteTable
from qnetsim.network.loads import Loads
from qnetsim.optimize.state_routes import StateRoutes
from qnetsim.policies.base import Decision, Observation, Policy, Setting

if TYPE_CHECKING:
    from qnetsim.optimize import Plan


class PerfectInformation(Policy):
    """Wait-and-see: told the demand of each slot before deciding it."""

    sees_future = True

    def plan(self, setting: Setting) -> Plan:
        """Expected cost with every slot foreseen."""
        from qnetsim.optimize import perfect_information

        return perfect_information(setting.network, setting.forecast, setting.solver)

    def prepare(self, setting: Setting, plan: Plan | None) -> None:
        """Tabulate the loads of every level on the best routes for it."""
        from qnetsim.optimize.marginals import state_loads

        if plan is None:
            raise PolicyError("PerfectInformation needs the plan that it made")
        costs = setting.network.costs
        self._forecast = setting.forecast
        self._planned = StateRoutes(plan.routes, setting.forecast)
        self.reroutes = self._planned.joint
        self._loads = setting.forecast.channel_loads(setting.network, self._planned.table)
        self._by_state: Loads | None = None
        if self.reroutes:
            self._by_state = state_loads(setting.network, setting.forecast, plan.routes)
        self._reserve_channels = costs.qkd_reserved <= costs.qkd_on_demand
        self._reserve_wavelengths = costs.km_reserved <= costs.km_on_demand

    def decide(self, observation: Observation) -> Decision:
        """Reserve the coming loads, each component only where reserving is cheaper."""
        if observation.future is None:
            raise PolicyError("PerfectInformation was not told the future")
        levels = observation.future.levels.astype(np.int64)
        channels, wavelengths = self._loads_of(levels)
        return Decision(
            np.where(self._reserve_channels, channels, 0),
            np.where(self._reserve_wavelengths, wavelengths, 0),
            levels.shape[0],
            self._planned.table,
        )

    def _loads_of(self, levels: IntArray) -> Loads:
        if self._by_state is None:
            return self._loads.loads(levels)
        states = self._forecast.states_of(levels)
        return Loads(*(amounts[states] for amounts in self._by_state))

    def recourse(self, slot: int, levels: IntArray) -> RouteTable | None:
        """Routes for the joint state that came, where they depend on more than each level."""
        return self._planned.of(levels) if self._planned.joint else None
