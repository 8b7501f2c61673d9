"""Perfect information: reserve exactly what the slot will need. Its cost is a bound."""

from __future__ import annotations

import numpy as np

from qnetsim.errors import PolicyError
from qnetsim.optimize import Plan, perfect_information
from qnetsim.policies.base import Decision, Observation, Policy, Setting


class PerfectInformation(Policy):
    """Wait-and-see: told the demand of each slot before deciding it."""

    sees_future = True

    def plan(self, setting: Setting) -> Plan:
        """Expected cost with every slot foreseen."""
        return perfect_information(setting.network, setting.forecast, setting.solver)

    def prepare(self, setting: Setting, plan: Plan | None) -> None:
        """Tabulate the loads of every level on the best routes for it."""
        if plan is None:
            raise PolicyError("PerfectInformation needs the plan that it made")
        costs = setting.network.costs
        self._routes = plan.routes
        self._loads = setting.forecast.channel_loads(setting.network, plan.routes)
        self._reserve_channels = costs.qkd_reserved <= costs.qkd_on_demand
        self._reserve_wavelengths = costs.km_reserved <= costs.km_on_demand

    def decide(self, observation: Observation) -> Decision:
        """Reserve the coming loads, each component only where reserving is cheaper."""
        if observation.future is None:
            raise PolicyError("PerfectInformation was not told the future")
        levels = observation.future.levels.astype(np.int64)
        channels, wavelengths = self._loads.loads(levels)
        return Decision(
            np.where(self._reserve_channels, channels, 0),
            np.where(self._reserve_wavelengths, wavelengths, 0),
            levels.shape[0],
            self._routes,
        )
